package nats

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/grow-platform/grow/runtime/journal"
	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A blob is kept as pieces <digest>.<n> and, once these are there, as
// <digest>.all, which makes it a blob. Subjects come from the digest, so what a
// crash leaves of a blob is taken up by the next try.
const (
	pieceSize   = 512 << 10 // bytes
	pieceFlight = 4         // pieces under way
	allToken    = "all"
)

// digestPrefix is what a digest begins with.
const digestPrefix = "sha256:"

// whole is what <digest>.all says.
type whole struct {
	Size   int    `json:"size"`
	Pieces int    `json:"pieces"`
	Format string `json:"format"`
}

// PutBlob implements journal.Blobs.
func (l *log) PutBlob(ctx context.Context, data []byte) (string, error) {
	if len(data) > journal.BlobMax {
		return "", fmt.Errorf("put a blob of %d bytes: %w: at most %d are possible", len(data), journal.ErrTooLarge, journal.BlobMax)
	}
	sum := sha256.Sum256(data)
	subject := hex.EncodeToString(sum[:])
	switch _, err := l.whole(ctx, subject); {
	case err == nil:
		return digestPrefix + subject, nil
	case !errors.Is(err, journal.ErrNotFound):
		return "", err
	}
	if err := l.store.room(len(data)); err != nil {
		return "", fmt.Errorf("put a blob of %d bytes: %w", len(data), err)
	}
	failpoint("blob.before")
	pieces, err := l.putPieces(ctx, subject, data)
	if err == nil {
		var all []byte
		if all, err = json.Marshal(whole{len(data), pieces, l.format}); err == nil {
			failpoint("blob.pieces")
			err = l.put(ctx, subject+"."+allToken, all)
			failpoint("blob.whole")
		}
	}
	if err != nil {
		return "", fmt.Errorf("put a blob of %d bytes: %w", len(data), err)
	}
	return digestPrefix + subject, nil
}

// putPieces puts the pieces of a blob, several at a time, and returns their number.
func (l *log) putPieces(ctx context.Context, subject string, data []byte) (int, error) {
	free := make(chan error, pieceFlight)
	for range pieceFlight {
		free <- nil
	}
	n := 0
	var failed error
	for ; len(data) > 0 && failed == nil; n++ {
		if failed = <-free; failed != nil {
			free <- nil
			break
		}
		piece := data[:min(len(data), pieceSize)]
		data = data[len(piece):]
		l.send(fmt.Sprintf("%s.%d", subject, n), piece, func(err error) {
			failpoint("blob.piece")
			free <- err
		})
		failed = ctx.Err()
	}
	for range pieceFlight {
		failed = errors.Join(failed, <-free)
	}
	if failed != nil {
		return 0, l.blobError(ctx, failed)
	}
	return n, nil
}

func (l *log) put(ctx context.Context, subject string, data []byte) error {
	done := make(chan error, 1)
	l.send(subject, data, func(err error) { done <- err })
	return l.blobError(ctx, <-done) // which comes: messages have a time limit
}

func (l *log) send(subject string, data []byte, done func(error)) {
	if err := l.store.usable(); err != nil {
		done(err)
		return
	}
	header := client.Header{headerFormat: {l.format}}
	l.store.session.Load().publish(l.blob+subject, header, data, l.store.options.CallTimeout, func(_ uint64, err error) { done(err) })
}

// blobError names the failure of a piece.
func (l *log) blobError(ctx context.Context, err error) error {
	var no *refused
	switch {
	case err == nil:
		return nil
	case errors.As(err, &no) && (full(no.Description) || no.ErrorCode == noResources):
		err = fmt.Errorf("%w: %w", journal.ErrFull, err)
		l.store.keeper.fail(err, true)
	case errors.As(err, &no) && no.ErrorCode == storeFailed:
		l.store.keeper.fail(err, true)
	}
	return l.store.callError(ctx, err)
}

// whole finds out what a blob consists of.
func (l *log) whole(ctx context.Context, subject string) (whole, error) {
	var w whole
	b, err := l.piece(ctx, subject+"."+allToken)
	if err != nil {
		return w, err
	}
	if err := json.Unmarshal(b, &w); err != nil || w.Size < 0 || w.Size > journal.BlobMax || w.Pieces != (w.Size+pieceSize-1)/pieceSize {
		return w, fmt.Errorf("%w: what blob %s consists of cannot be read", journal.ErrDamaged, subject)
	}
	return w, nil
}

// piece reads the last message of a subject.
func (l *log) piece(ctx context.Context, subject string) (b []byte, err error) {
	err = l.store.call(ctx, "read blob "+subject, func(ctx context.Context, s *session) error {
		stream, err := s.js.Stream(ctx, l.blobs)
		if err != nil {
			return err
		}
		m, err := stream.GetLastMsgForSubject(ctx, l.blob+subject)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return journal.ErrNotFound
		}
		if err != nil {
			return err
		}
		b = m.Data
		return nil
	})
	return b, err
}

// Blob implements journal.Blobs.
func (l *log) Blob(ctx context.Context, digest string) ([]byte, error) {
	subject, err := blobSubject(digest)
	if err != nil {
		return nil, err
	}
	w, err := l.whole(ctx, subject)
	if err != nil {
		return nil, err
	}
	data := make([]byte, 0, w.Size)
	for n := range w.Pieces {
		b, err := l.piece(ctx, fmt.Sprintf("%s.%d", subject, n))
		if errors.Is(err, journal.ErrNotFound) {
			if _, gone := l.whole(ctx, subject); errors.Is(gone, journal.ErrNotFound) {
				return nil, gone // deleted meanwhile
			}
			return nil, fmt.Errorf("%w: piece %d of blob %s is missing", journal.ErrDamaged, n, digest)
		}
		if err != nil {
			return nil, err
		}
		data = append(data, b...)
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != subject {
		return nil, fmt.Errorf("%w: blob %s is not what was put", journal.ErrDamaged, digest)
	}
	return data, nil
}

// DeleteBlob implements journal.Blobs. What makes it a blob goes first.
func (l *log) DeleteBlob(ctx context.Context, digest string) error {
	subject, err := blobSubject(digest)
	if err != nil {
		return err
	}
	failpoint("delete.before")
	if err := l.purge(ctx, l.blobs, jetstream.WithPurgeSubject(l.blob+subject+"."+allToken)); err != nil {
		return err
	}
	failpoint("delete.whole")
	err = l.purge(ctx, l.blobs, jetstream.WithPurgeSubject(l.blob+subject+".>"))
	failpoint("delete.pieces")
	return err
}

// blobSubject checks a digest: it becomes part of a subject.
func blobSubject(digest string) (string, error) {
	subject, ok := strings.CutPrefix(digest, digestPrefix)
	if b, err := hex.DecodeString(subject); !ok || err != nil || len(b) != sha256.Size || strings.ToLower(subject) != subject {
		return "", fmt.Errorf("blob %q: %w: it is no digest", digest, journal.ErrNotFound)
	}
	return subject, nil
}
