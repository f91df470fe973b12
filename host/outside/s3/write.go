package s3

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/grow-platform/grow/runtime/object"
	"github.com/minio/minio-go/v7"
)

const noteMax = 4 << 10 // bytes of a note

// note is what came of a write.
type note struct {
	Info object.Info `json:"info"`
	// What a removal is about to remove: while that is there, it is not done.
	Removes  string    `json:"removes,omitempty"` // its revision
	Modified time.Time `json:"modified,omitzero"`
}

// Write implements object.Bucket. A write is known by its object, which says what it is for;
// what is replaced has its note first, and a removal has it before it is done. The server
// takes a write only while what was looked at is there, and of those at the same time one.
func (o *objects) Write(ctx context.Context, w *object.Write) (object.Info, error) {
	if err := w.Check(); err != nil {
		return object.Info{}, err
	}
	var c *content
	for try := 1; ; try++ {
		have, err := o.look(ctx, w.Key)
		if err != nil {
			return object.Info{}, err
		}
		if info, ok, err := o.known(ctx, w.Once, &have); ok || err != nil {
			return info, err
		}
		if !w.Expects(have.revision()) {
			return object.Info{}, object.ErrConflict
		}
		if c == nil && !w.Delete {
			if c, err = o.content(ctx, w); err != nil {
				return object.Info{}, err
			}
		}
		now, err := o.replace(ctx, w, c, &have)
		if err == nil && c != nil {
			o.forget(ctx, c.parts)
		}
		if !errors.Is(err, object.ErrConflict) || try == changedMost {
			return now, err
		}
	}
}

// known is what came of a write that was done before; false: it was not.
func (o *objects) known(ctx context.Context, once string, have *found) (object.Info, bool, error) {
	if once == "" {
		return object.Info{}, false, nil
	}
	if have.once == once {
		return have.Info, true, nil
	}
	n, err := o.noted(ctx, once)
	if n == nil || err != nil {
		return object.Info{}, false, err
	}
	undone := n.Removes != "" && n.Removes == have.Revision && n.Modified.Equal(have.Modified)
	return n.Info, !undone, nil
}

// noted reads a note; nil: there is none.
func (o *objects) noted(ctx context.Context, once string) (*note, error) {
	ctx, cancel := context.WithTimeout(ctx, callMax)
	defer cancel()
	body, _, _, err := o.core.GetObject(ctx, o.bucket, o.notes+once, minio.GetObjectOptions{})
	if err := meaning("read a note", err); err != nil {
		if errors.Is(err, object.ErrNotFound) {
			return nil, nil
		}
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(body, noteMax))
	_ = body.Close() // all that it should say is read
	if err != nil {
		return nil, meaning("read a note", err)
	}
	n := &note{}
	if json.Unmarshal(data, n) != nil {
		return nil, meaning("read a note", errLying)
	}
	return n, nil
}

// note keeps what came of a write.
func (o *objects) note(ctx context.Context, once string, n note) error {
	if once == "" {
		return nil
	}
	data, err := json.Marshal(n)
	if err != nil {
		return err
	}
	_, err = o.put(ctx, o.notes+once, bytes.NewReader(data), int64(len(data)), sumOf(data), minio.PutObjectOptions{})
	return err
}

// replace puts an object in the place of what is there, or removes it. It is ErrConflict when
// that is there no more.
func (o *objects) replace(ctx context.Context, w *object.Write, c *content, have *found) (object.Info, error) {
	if err := o.note(ctx, have.once, note{Info: have.Info}); err != nil {
		return object.Info{}, err
	}
	if w.Delete {
		return object.Info{}, o.remove(ctx, w, have)
	}
	options := minio.PutObjectOptions{UserMetadata: map[string]string{digested: c.digest}}
	if w.Once != "" {
		options.UserMetadata[writtenFor] = w.Once
	}
	if have.Revision != "" {
		options.SetMatchETag(have.Revision)
	} else {
		options.SetMatchETagExcept("*")
	}
	var etag string
	var err error
	if c.size > o.large {
		etag, err = o.uploadPieces(ctx, w.Key, c, options)
	} else {
		etag, err = o.put(ctx, o.objects+w.Key, c.open(ctx), c.size, c.digest, options)
	}
	if errors.Is(err, object.ErrNotFound) { // that is what some say of a condition
		err = object.ErrConflict
	}
	if err != nil {
		return object.Info{}, err
	}
	return object.Info{Key: w.Key, Size: c.size, Digest: c.digest, Revision: etag}, nil
}

// remove removes what is there. A server that knows no condition of a removal removes what
// has been written since it was looked at, too.
func (o *objects) remove(ctx context.Context, w *object.Write, have *found) error {
	if have.Revision == "" {
		return o.note(ctx, w.Once, note{})
	}
	if err := o.note(ctx, w.Once, note{Removes: have.Revision, Modified: have.Modified}); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, callMax)
	defer cancel()
	err := o.core.RemoveObject(ifMatch(ctx, have.Revision), o.bucket, o.objects+w.Key, minio.RemoveObjectOptions{})
	err = meaning("remove", err)
	if errors.Is(err, object.ErrNotFound) {
		err = object.ErrConflict
	}
	return err
}

// put writes an object of S3 in one request, which the server checks against the digest.
func (o *objects) put(ctx context.Context, at string, data io.Reader, size int64, digest string, options minio.PutObjectOptions) (etag string, err error) {
	timeout := callMax
	if size > object.PartMax {
		timeout = makeMax
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	options.DisableContentSha256 = true // that of chunks: the digest of all is signed
	i, err := o.core.PutObject(ctx, o.bucket, at, data, size, "", strings.TrimPrefix(digest, digestPrefix), options)
	if err == nil && i.ETag == "" {
		err = errLying
	}
	return i.ETag, meaning("write", err)
}
