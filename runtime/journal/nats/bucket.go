package nats

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/journal"
	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Limits of buckets besides those of package bucket.
const (
	entrySize = 256 // bytes of a value besides its key and data, at most
)

// Headers of messages.
const (
	messageTTL = "Nats-TTL"
	operation  = "KV-Operation"
	removed    = "DEL"
	writtenFor = "Grow-Once"     // what a value was written for
	restoredAs = "Grow-Revision" // the revision that it had where it was copied from, or that its note has
	notedAt    = "Grow-Noted"    // when a note was written, where it was copied from: RFC 3339
)

// values is a bucket: a stream with the newest value of each key, as NATS's own key-value
// buckets have it, and with a note of each former write that was done for something.
type values struct {
	*area
	name string // of the bucket on the server
}

// Bucket implements bucket.Store.
func (s *Store) Bucket(ctx context.Context, n bucket.Name) (bucket.Bucket, error) {
	if err := n.Check(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	v := s.buckets[n]
	if v == nil {
		v = newValues(s, n)
		s.buckets[n] = v
	}
	s.mu.Unlock()
	err := v.call(ctx, "open", func(context.Context, *handle) error { return nil })
	return v, err
}

func newValues(s *Store, n bucket.Name) *values {
	v := &values{name: bucketName(n)}
	replicas := s.options.Replicas
	v.area = newArea(s, "bucket "+v.name, bucket.SizeMax, v.done(">"), bucket.OnceKept, jetstream.StreamConfig{
		Name: "KV_" + v.name, Subjects: []string{v.subject(">"), v.done(">")}, Storage: jetstream.FileStorage, Replicas: replicas,
		MaxMsgsPerSubject: 1, Discard: jetstream.DiscardNew, Duplicates: 100 * time.Millisecond, MaxMsgSize: 1 << 20,
		AllowDirect: replicas == 1, AllowMsgTTL: true, AllowRollup: true,
	})
	return v
}

// bucketName is what a bucket is called on the server. Namespaces and services have no _.
func bucketName(n bucket.Name) string {
	return fmt.Sprintf("GROW_%s_%s_%s", n.Namespace, n.Service, n.Bucket)
}

func (v *values) subject(key string) string { return "$KV." + v.name + "." + key }
func (v *values) done(once string) string   { return "$GROW.KV." + v.name + "." + once }

// Get implements bucket.Bucket.
func (v *values) Get(ctx context.Context, key string) (e bucket.Entry, err error) {
	if err := bucket.CheckKey(key); err != nil {
		return e, err
	}
	err = v.call(ctx, "get", func(ctx context.Context, h *handle) error {
		m, err := v.last(ctx, h, v.subject(encodeKey(key)))
		if err != nil {
			return err
		}
		if m == nil || m.Header.Get(operation) != "" {
			return bucket.ErrNotFound
		}
		e = bucket.Entry{Data: m.Data, Revision: revisionOf(m)}
		return nil
	})
	return e, err
}

// Write implements bucket.Bucket.
func (v *values) Write(ctx context.Context, w *bucket.Write) (revision uint64, err error) {
	err = v.change(ctx, w, len(w.Data), func(ctx context.Context, h *handle) error {
		revision, err = v.write(ctx, h, w)
		return err
	})
	return revision, err
}

// Prepare implements bucket.Preparer.
func (v *values) Prepare(ctx context.Context, w *bucket.Write) (any, error) {
	var f *finding
	err := v.change(ctx, w, 0, func(ctx context.Context, h *handle) (err error) {
		f, err = v.find(ctx, h, w, w.First)
		return err
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// change runs what writes to the bucket for w: a note, and size bytes of data with what
// belongs to them.
func (v *values) change(ctx context.Context, w *bucket.Write, size int, f func(ctx context.Context, h *handle) error) error {
	if err := w.Check(); err != nil {
		return err
	}
	leave, err := v.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	if err := v.room(ctx, 2*entrySize+3*len(w.Key)+size, w.Delete, bucket.ErrFull); err != nil {
		return err
	}
	return v.call(ctx, "write", f)
}

// Exists implements bucket.Store. A bucket that was set aside is one that there is.
func (s *Store) Exists(ctx context.Context, n bucket.Name) (there bool, err error) {
	if err := n.Check(); err != nil {
		return false, err
	}
	name := "KV_" + bucketName(n)
	if s.folder != nil && s.folder.isAside(name) {
		return true, nil
	}
	err = s.call(ctx, "look for bucket "+n.String(), func(ctx context.Context, s *session) error {
		_, err := s.js.Stream(ctx, name)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			return nil
		}
		there = err == nil
		return err
	})
	return there, err
}

// revisionOf is the revision that a value was written with, here or where it was copied from,
// or that a note of one that goes by itself says.
func revisionOf(m *jetstream.RawStreamMsg) uint64 {
	if n, err := strconv.ParseUint(m.Header.Get(restoredAs), 10, 64); err == nil {
		return n
	}
	return m.Sequence
}

// writeTries is how often a write is tried that others get into the way of.
const writeTries = 100

// finding is what was there of a key when a write of it was looked for.
type finding struct {
	done   uint64 // the revision that the write made when it was done before; 0: it was not
	there  uint64 // the revision of the value; 0: there is none
	expect uint64 // the sequence of the value, or of what is left of one; 0: nothing is
}

// find looks a write up, unless it is the first. If it was not done before, what the value is for
// that it takes the place of is noted, so that a write is known by its value or by a note.
func (v *values) find(ctx context.Context, h *handle, w *bucket.Write, first bool) (*finding, error) {
	m, err := v.last(ctx, h, v.subject(encodeKey(w.Key)))
	if err != nil {
		return nil, err
	}
	f := &finding{}
	if !first {
		f.done, err = v.known(ctx, h, w, m)
	}
	if f.done != 0 || err != nil || m == nil {
		return f, err
	}
	if f.expect = m.Sequence; m.Header.Get(operation) == "" {
		f.there = revisionOf(m)
	}
	return f, v.note(ctx, h, m.Header.Get(writtenFor), revisionOf(m))
}

// write does a write that was not done before. What was prepared may be no longer so: then
// it is in conflict with what is there, and looked up again.
func (v *values) write(ctx context.Context, h *handle, w *bucket.Write) (revision uint64, err error) {
	f, _ := w.Prepared.(*finding)
	for try := 1; ; try++ {
		if f == nil {
			if f, err = v.find(ctx, h, w, w.First && try == 1); err != nil {
				return 0, err
			}
		}
		if f.done != 0 {
			return f.done, nil
		}
		if w.If != nil && *w.If != f.there {
			if w.Prepared != nil && try == 1 {
				f = nil
				continue
			}
			return 0, bucket.ErrConflict
		}
		noted, err := v.foretell(ctx, h, w)
		if err != nil {
			return 0, err
		}
		revision, err = v.publish(ctx, h, w, f.expect, noted)
		if noted > 0 && (errors.Is(err, bucket.ErrConflict) || errors.Is(err, bucket.ErrFull)) {
			err = errors.Join(err, v.withdraw(ctx, h, w, noted))
		}
		if err == nil && w.Delete { // it goes, and is not noted then
			err = v.note(ctx, h, w.Once, revision)
		}
		if err == nil && w.Delete {
			err = v.unmark(ctx, h, w.Key, revision)
		}
		if !errors.Is(err, bucket.ErrConflict) || try == writeTries {
			return revision, err
		}
		f = nil
	}
}

// unmark removes what says that a key was removed, now that there is a note of it. What a
// crash leaves of it stays, so that the removal is known, until the key is written.
func (v *values) unmark(ctx context.Context, h *handle, key string, revision uint64) error {
	return h.stream.Purge(ctx, jetstream.WithPurgeSubject(v.subject(encodeKey(key))), jetstream.WithPurgeSequence(revision+1))
}

// known is the revision of a write that was done before; 0: it was not. m is what is there
// of its key, if anything.
func (v *values) known(ctx context.Context, h *handle, w *bucket.Write, m *jetstream.RawStreamMsg) (uint64, error) {
	if w.Once == "" {
		return 0, nil
	}
	if m != nil && m.Header.Get(writtenFor) == w.Once {
		return revisionOf(m), nil
	}
	note, err := noted(ctx, h, v.done(w.Once))
	if note == nil || err != nil {
		return 0, err
	}
	if text, ok := strings.CutPrefix(string(note.Data), goesAfter); ok {
		return v.gone(ctx, h, note, text, m)
	}
	return strconv.ParseUint(string(note.Data), 10, 64)
}

// goesAfter begins a note of a value that goes by itself, and the time that it has follows. It
// is written before the value, which may be gone before anybody could note that it was there;
// the value has the revision of the note.
const goesAfter = "goes after "

// foretell notes a write whose value goes by itself, before it is done, and returns the
// revision that the value shall have; 0: what the server gives it.
func (v *values) foretell(ctx context.Context, h *handle, w *bucket.Write) (uint64, error) {
	if w.Once == "" || w.TTL == 0 || w.Delete {
		return 0, nil
	}
	m := client.NewMsg(v.done(w.Once))
	m.Data = []byte(goesAfter + w.TTL.String())
	return send(ctx, h, m, bucket.ErrConflict, bucket.ErrFull)
}

// withdraw removes the note of a write that the server has refused, which would say later that
// it was done. One that was done is in its own way when it is sent once more.
func (v *values) withdraw(ctx context.Context, h *handle, w *bucket.Write, noted uint64) error {
	m, err := v.last(ctx, h, v.subject(encodeKey(w.Key)))
	if err != nil || m != nil && m.Header.Get(writtenFor) == w.Once {
		return err
	}
	return h.stream.Purge(ctx, jetstream.WithPurgeSubject(v.done(w.Once)), jetstream.WithPurgeSequence(noted+1))
}

// gone is the revision of a value that was foretold and is not there, if its time is over. m is
// what is there instead. Had the value been there when that was written, a note would say so;
// and one whose time is over by the server's clock may as well have been there.
func (v *values) gone(ctx context.Context, h *handle, note *jetstream.RawStreamMsg, after string, m *jetstream.RawStreamMsg) (uint64, error) {
	ttl, err := time.ParseDuration(after)
	if err != nil {
		return 0, fmt.Errorf("%w: %w: a note of %s cannot be read: %w", journal.ErrDamaged, bucket.ErrDamaged, v.title, err)
	}
	began := note.Time
	if at, err := time.Parse(time.RFC3339Nano, note.Header.Get(notedAt)); err == nil {
		began = at
	}
	var now time.Time
	if m != nil {
		now = m.Time
	} else {
		info, err := h.stream.Info(ctx)
		if err != nil {
			return 0, err
		}
		now = info.TimeStamp
	}
	if m != nil && m.Sequence < note.Sequence || now.Before(began.Add(ttl)) {
		return 0, nil
	}
	return revisionOf(note), nil
}

// note keeps what a write was for, and the revision that it made.
func (v *values) note(ctx context.Context, h *handle, once string, revision uint64) error {
	if once == "" {
		return nil
	}
	m := client.NewMsg(v.done(once))
	m.Data = strconv.AppendUint(nil, revision, 10)
	_, err := send(ctx, h, m, bucket.ErrConflict, bucket.ErrFull)
	return err
}

// publish sends a write, for what has the sequence expected, and returns its revision: as, or
// what the server gives it when that is 0.
func (v *values) publish(ctx context.Context, h *handle, w *bucket.Write, expect, as uint64) (uint64, error) {
	m := client.NewMsg(v.subject(encodeKey(w.Key)))
	m.Data = w.Data
	if w.TTL > 0 {
		m.Header.Set(messageTTL, w.TTL.String())
	}
	if w.Delete {
		m.Data = nil
		m.Header.Set(operation, removed)
	}
	if w.Once != "" {
		m.Header.Set(writtenFor, w.Once)
	}
	if as > 0 {
		m.Header.Set(restoredAs, strconv.FormatUint(as, 10))
	}
	m.Header.Set(jetstream.ExpectedLastSubjSeqHeader, strconv.FormatUint(expect, 10))
	sequence, err := send(ctx, h, m, bucket.ErrConflict, bucket.ErrFull)
	if err != nil || as == 0 {
		return sequence, err
	}
	return as, nil
}

// encodeKey makes a key of a NATS bucket: what such a key cannot have is written =XX.
func encodeKey(key string) string {
	var b strings.Builder
	for i := range len(key) {
		c := key[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '/', c == '-',
			c == '.' && i > 0 && i < len(key)-1 && key[i-1] != '.':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "=%02X", c)
		}
	}
	return b.String()
}

// decodeKey is the inverse of encodeKey; false: it did not come from there.
func decodeKey(text string) (string, bool) {
	var b []byte
	for i := 0; i < len(text); i++ {
		if text[i] != '=' {
			b = append(b, text[i])
			continue
		}
		if i+2 >= len(text) {
			return "", false
		}
		n, err := strconv.ParseUint(text[i+1:i+3], 16, 8)
		if err != nil {
			return "", false
		}
		b, i = append(b, byte(n)), i+2
	}
	return string(b), encodeKey(string(b)) == text
}

// IsBucket reports whether a stream is that of a bucket, and not of journals.
func IsBucket(stream string) bool {
	kind, rest, ok := strings.Cut(stream, "_GROW_")
	return ok && (kind == "KV" || kind == "OBJ") && strings.Count(rest, "_") >= 2
}

// carryBuckets copies the streams of buckets from one folder of a server to another, neither
// of which a server has open, but those to leave.
func carryBuckets(from, to string, leave func(stream string) bool) error {
	const streams = "$G/streams"
	list, err := os.ReadDir(filepath.Join(from, streams))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(to, streams), 0o700); err != nil {
		return err
	}
	for _, e := range list {
		if !e.IsDir() || !IsBucket(e.Name()) || leave(e.Name()) {
			continue
		}
		if err := os.CopyFS(filepath.Join(to, streams, e.Name()), os.DirFS(filepath.Join(from, streams, e.Name()))); err != nil {
			return err
		}
		if err := syncTree(filepath.Join(to, streams, e.Name())); err != nil {
			return err
		}
	}
	return syncDir(filepath.Join(to, streams))
}

// syncTree has all of a folder be on the disk.
func syncTree(path string) error {
	return filepath.WalkDir(path, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return syncDir(path) // which works with files, too
	})
}
