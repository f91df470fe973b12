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
	"github.com/nats-io/nats.go/jetstream"
)

// Limits of buckets besides those of package bucket.
const (
	entrySize     = 256 // bytes of a value besides its key and data, at most
	valuesWriters = 64  // writes at one time; others wait
)

// Headers of messages.
const (
	messageTTL = "Nats-TTL"
	operation  = "KV-Operation"
	removed    = "DEL"
	writtenFor = "Grow-Once"     // what a value was written for
	replaced   = "Grow-Replaced" // what it took the place of, that was written for something: see formers
	restoredAs = "Grow-Revision" // the revision that it had where it was copied from, or that its note has
	notedAt    = "Grow-Noted"    // when a note was written, where it was copied from: RFC 3339
)

// values is a bucket: a stream with the newest value of each key, as NATS's own key-value
// buckets have it, and with notes of former writes that were done for something.
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
	return v, v.measure(ctx)
}

func newValues(s *Store, n bucket.Name) *values {
	v := &values{name: bucketName(n)}
	replicas := s.options.Replicas
	v.area = newArea(s, "bucket "+v.name, bucket.SizeMax, valuesWriters, []trim{{v.done("*"), bucket.OnceKept}, {v.together("*"), bucket.OnceKept / formersMax}}, jetstream.StreamConfig{
		Name: "KV_" + v.name, Subjects: []string{v.subject(">"), v.done(">")}, Storage: jetstream.FileStorage, Replicas: replicas,
		MaxMsgsPerSubject: 1, Discard: jetstream.DiscardNew, Duplicates: 100 * time.Millisecond, MaxMsgSize: 1 << 20,
		AllowDirect: replicas == 1, AllowMsgTTL: true, AllowRollup: true, AllowAtomicPublish: s.folder != nil,
	})
	return v
}

// bucketName is what a bucket is called on the server. Namespaces and services have no _.
func bucketName(n bucket.Name) string {
	return fmt.Sprintf("GROW_%s_%s_%s", n.Namespace, n.Service, n.Bucket)
}

func (v *values) subject(key string) string { return "$KV." + v.name + "." + key }
func (v *values) done(once string) string   { return "$GROW.KV." + v.name + "." + once }

// together is the subject of a note of formersMax writes.
func (v *values) together(name string) string { return v.done("of." + name) }

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
		f, _, err = v.find(ctx, h, w, w.First)
		return err
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// change runs what writes to the bucket for w: notes, and size bytes of data with what
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
	if err := v.room(ctx, 2*(entrySize+formersSize)+3*len(w.Key)+size, w.Delete, bucket.ErrFull); err != nil {
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
