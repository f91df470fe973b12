package grow

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
)

// blobPiece is how many bytes of an object are read or written at a time.
const blobPiece = 512 << 10

// Blob is a bucket of large objects with a grant of the actor, which it shares with others.
//
// A request fails with a *[CallError] of code not_found, and of code conflict when the object
// has not the revision that it is for. A write is done once for the message, however often
// that is tried.
type Blob struct {
	ctx *Context
	use string
}

// Blob returns the bucket of large objects that the grant use covers.
func (c *Context) Blob(use string) Blob { return Blob{c, use} }

// Object is what is known of an object in a bucket.
type Object struct {
	Key      string
	Size     int64     // bytes
	Revision string    // another one with every write; "" when there is none
	Digest   string    // sha256:<64 hex digits>; "" when the store does not know it
	Modified time.Time // zero when the store does not know it
	Damaged  bool      // in a list: it cannot be read what it is, and only its key is known
}

// NoObject is the revision of a key without an object.
const NoObject = "0"

// BlobOption says more about a write.
type BlobOption struct {
	name, value string
}

// IfObject has a write fail with conflict unless the object has that revision, [NoObject] for
// none.
func IfObject(revision string) BlobOption { return BlobOption{"if_revision", revision} }

func blobAttributes(key string, opts []BlobOption, more ...string) []string {
	attrs := append([]string{"key", key}, more...)
	for _, o := range opts {
		attrs = append(attrs, o.name, o.value)
	}
	return attrs
}

// ask makes a request, of which the answer's data is valid until the next one.
func (b Blob) ask(op, key string, data []byte, attrs ...string) (Object, []byte, error) {
	m, err := b.ctx.one(op, b.use, data, attrs...)
	if err != nil {
		return Object{}, nil, err
	}
	o := Object{Key: key}
	size, _ := m.Attr("size")
	if o.Size, err = strconv.ParseInt(string(size), 10, 64); err != nil {
		return Object{}, nil, fmt.Errorf("%s: size: %w", op, err)
	}
	revision, _ := m.Attr("revision")
	digest, _ := m.Attr("digest")
	o.Revision, o.Digest = string(revision), string(digest)
	if ms, ok := m.Attr("modified"); ok {
		n, err := strconv.ParseInt(string(ms), 10, 64)
		if err != nil {
			return Object{}, nil, fmt.Errorf("%s: modified: %w", op, err)
		}
		o.Modified = time.UnixMilli(n).UTC()
	}
	return o, m.Data, nil
}

// Stat says what is known of an object; one without a revision is not there.
func (b Blob) Stat(key string) (Object, error) {
	o, _, err := b.ask("blob.stat", key, nil, "key", key)
	var no *CallError
	if errors.As(err, &no) && no.Code == "not_found" {
		return Object{Key: key}, nil
	}
	return o, err
}

// Read returns the bytes of an object.
func (b Blob) Read(key string) ([]byte, error) {
	r, err := b.Open(key)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// Open returns the object as a file to read, as it is now: when another takes its place
// meanwhile, reading fails with conflict.
func (b Blob) Open(key string) (*BlobReader, error) {
	o, first, err := b.ask("blob.get", key, nil, "key", key, "range", piece(0, blobPiece))
	if err != nil {
		return nil, err
	}
	return &BlobReader{Object: o, blob: b, have: append([]byte{}, first...)}, nil
}

// piece is the range of n bytes from at.
func piece(at int64, n int) string {
	return strconv.FormatInt(at, 10) + "-" + strconv.FormatInt(at+int64(n)-1, 10)
}

// BlobReader reads an object. It is an [io.ReadSeeker] and an [io.ReaderAt], and is valid
// while the message is handled.
type BlobReader struct {
	Object
	blob Blob
	at   int64  // of the next byte
	from int64  // of have
	have []byte // what was read last
}

// Read implements io.Reader.
func (r *BlobReader) Read(p []byte) (int, error) {
	n, err := r.ReadAt(p[:min(len(p), blobPiece)], r.at)
	r.at += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

// ReadAt implements io.ReaderAt.
func (r *BlobReader) ReadAt(p []byte, at int64) (n int, err error) {
	for n < len(p) {
		if at < 0 || at >= r.Size {
			return n, io.EOF
		}
		if at < r.from || at >= r.from+int64(len(r.have)) {
			if err := r.fetch(at); err != nil {
				return n, err
			}
		}
		some := copy(p[n:], r.have[at-r.from:])
		n, at = n+some, at+int64(some)
	}
	return n, nil
}

// fetch reads the piece that begins at a byte.
func (r *BlobReader) fetch(at int64) error {
	_, data, err := r.blob.ask("blob.get", r.Key, nil, "key", r.Key, "range", piece(at, blobPiece), "if_revision", r.Revision)
	if err == nil && len(data) == 0 {
		err = fmt.Errorf("blob.get: the host gave no bytes at %d of %d: %w", at, r.Size, io.ErrUnexpectedEOF)
	}
	if err != nil {
		return err
	}
	r.from, r.have = at, append(r.have[:0], data...)
	return nil
}

// Seek implements io.Seeker.
func (r *BlobReader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.at
	case io.SeekEnd:
		offset += r.Size
	}
	if offset < 0 {
		return r.at, fmt.Errorf("seek to %d of %q: it is before the beginning", offset, r.Key)
	}
	r.at = offset
	return offset, nil
}

// Write makes data an object.
func (b Blob) Write(key string, data []byte, opts ...BlobOption) (Object, error) {
	w := b.Create(key, opts...)
	if _, err := w.Write(data); err != nil {
		return Object{}, err
	}
	err := w.Close()
	return w.Object, err
}

// Create returns a file to write an object, which is there, whole, when the file has been
// closed. One that is not closed is not written.
func (b Blob) Create(key string, opts ...BlobOption) *BlobWriter {
	return &BlobWriter{Object: Object{Key: key}, blob: b, opts: opts}
}

// BlobWriter writes an object. It is an [io.WriteCloser], and is valid while the message is
// handled.
type BlobWriter struct {
	Object // what is known of the object, once the file has been closed
	blob   Blob
	opts   []BlobOption
	rest   []byte // at most blobPiece
	parts  int
	upload string
	closed bool
	failed error
}

// errClosed is the error of a file that has been closed.
var errClosed = errors.New("the object has been closed")

// Write implements io.Writer.
func (w *BlobWriter) Write(p []byte) (n int, err error) {
	if w.closed {
		return 0, errClosed
	}
	for len(p) > 0 && w.failed == nil {
		if len(w.rest) == blobPiece {
			w.part()
			continue
		}
		some := min(len(p), blobPiece-len(w.rest))
		w.rest = append(w.rest, p[:some]...)
		n, p = n+some, p[some:]
	}
	return n, w.failed
}

// part sends what was written since the last one.
func (w *BlobWriter) part() {
	w.parts++
	attrs := []string{"key", w.Key, "part", strconv.Itoa(w.parts)}
	if w.upload != "" {
		attrs = append(attrs, "upload", w.upload)
	}
	m, err := w.blob.ctx.one("blob.put", w.blob.use, w.rest, attrs...)
	if w.failed = err; err == nil {
		upload, _ := m.Attr("upload")
		w.upload, w.rest = string(upload), w.rest[:0]
	}
}

// Close makes what was written the object. After an error there is none.
func (w *BlobWriter) Close() error {
	if w.closed {
		return w.failed
	}
	w.closed = true
	if w.parts > 0 && len(w.rest) > 0 && w.failed == nil {
		w.part()
	}
	if w.failed != nil {
		return w.failed
	}
	var more []string
	if w.parts > 0 {
		more = []string{"upload", w.upload, "parts", strconv.Itoa(w.parts)}
	}
	o, _, err := w.blob.ask("blob.put", w.Key, w.rest, blobAttributes(w.Key, w.opts, more...)...)
	if w.failed = err; err == nil {
		w.Object = o
	}
	return err
}

// Delete removes an object, if there is one.
func (b Blob) Delete(key string, opts ...BlobOption) error {
	_, err := b.ctx.one("blob.delete", b.use, nil, blobAttributes(key, opts)...)
	return err
}

// List returns all objects whose keys begin with prefix, in order of the keys' bytes.
func (b Blob) List(prefix string) ([]Object, error) {
	var all []Object
	page, err := b.Page(prefix, "", 1000)
	for err == nil && len(page) > 0 {
		all = append(all, page...)
		last := page[len(page)-1].Key
		if page, err = b.Page(prefix, last, 1000); len(page) > 0 && page[0].Key <= last {
			return all, fmt.Errorf("blob.list: the host listed %q twice", page[0].Key)
		}
	}
	return all, err
}

// Page returns up to limit objects whose keys begin with prefix and follow after, or the first
// ones when after is "". An empty page means that no more follow.
func (b Blob) Page(prefix, after string, limit int) ([]Object, error) {
	m, err := b.ctx.one("blob.list", b.use, nil, "prefix", prefix, "after", after, "limit", strconv.Itoa(limit))
	if err != nil {
		return nil, err
	}
	var listed []struct {
		Key, Revision, Digest string
		Size, Modified        int64
		Damaged               bool
	}
	if err := json.Unmarshal(m.Data, &listed); err != nil {
		return nil, fmt.Errorf("blob.list: %w", err)
	}
	list := make([]Object, len(listed))
	for i, o := range listed {
		list[i] = Object{Key: o.Key, Size: o.Size, Revision: o.Revision, Digest: o.Digest, Damaged: o.Damaged}
		if o.Modified != 0 {
			list[i].Modified = time.UnixMilli(o.Modified).UTC()
		}
	}
	return list, nil
}
