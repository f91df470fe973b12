package http

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/object"
)

// kept is what the keys of answers begin with that are kept as objects.
const kept = "http/"

// openBucket opens the bucket of a grant that has one for large bodies.
func (c *client) openBucket(ctx context.Context, env capability.Environment) error {
	if c.grant.Bucket == "" {
		return nil
	}
	if env.Objects == nil {
		return fmt.Errorf("bucket %s: the host has no buckets of objects", c.grant.Bucket)
	}
	b, err := env.Objects.Objects(ctx, bucket.Name{Namespace: env.Namespace, Service: env.Service, Bucket: c.grant.Bucket})
	if err != nil {
		return fmt.Errorf("open bucket %s: %w", c.grant.Bucket, err)
	}
	c.bucket = b
	return nil
}

// keep makes the body of an answer, of which first has been read, an object: part by part, so
// that one is in memory. The answer says which object it is. A request that is made again
// writes the same object: nothing when it is answered the same, and that object is there for a while yet, which
// the note of a former write does not tell. Parts of what was broken off,
// and of what was there already, go with their upload's age.
func (c *client) keep(ctx context.Context, r *capability.Request, resp *http.Response, first []byte) (*capability.Answer, error) {
	if len(first) > c.Size {
		return nil, &largeError{"answer", c.Size}
	}
	name := sha256.Sum256([]byte("http " + r.Stable))
	id := rand.Text() // parts of two attempts, which may differ, are not mixed
	body := &streamed{ctx: ctx, client: c, resp: resp, left: c.Size - len(first), most: c.Size, held: first}
	w := &object.Write{Key: kept + hex.EncodeToString(name[:16]), Upload: id, Most: int64(c.Size)}
	sum := sha256.New()
	part := make([]byte, object.PartMax)
	for {
		n, err := io.ReadFull(body, part)
		if n > 0 {
			w.Parts++
			_, _ = sum.Write(part[:n]) // never fails
			if err := c.bucket.Part(ctx, &object.Part{Key: w.Key, Upload: id, Number: w.Parts, Data: part[:n]}); err != nil {
				return nil, c.stored(err)
			}
		}
		if err != nil && errors.Is(body.err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	once := sha256.Sum256(fmt.Appendf(nil, "%s %x", r.Stable, sum.Sum(nil)))
	w.Once = hex.EncodeToString(once[:])
	info, err := c.bucket.Write(ctx, w)
	if err == nil && !c.lasts(ctx, info) {
		w.Once = id
		if anew, fault := c.bucket.Write(ctx, w); !errors.Is(fault, object.ErrNoUpload) { // else it was made of these parts just now, by another clock
			info, err = anew, fault
		}
	}
	if err != nil {
		return nil, c.stored(err)
	}
	a := c.head(resp, 4)
	a.Attrs = append(a.Attrs, "blob", w.Key, "size", strconv.FormatInt(info.Size, 10), "digest", "sha256:"+hex.EncodeToString(sum.Sum(nil)), "revision", info.Revision)
	return a, nil
}

// lasts reports whether an object that was written is there, and not about to expire.
func (c *client) lasts(ctx context.Context, written object.Info) bool {
	now, err := c.bucket.Stat(ctx, written.Key)
	return err == nil && now.Revision == written.Revision && time.Since(now.Modified) < c.grant.keep/2
}

// stored is what a fault of the bucket means to an actor.
func (c *client) stored(err error) error {
	fail := func(code, format string, args ...any) error {
		return &capability.Failure{Answer: capability.Fail(code, format, args...)}
	}
	switch {
	case errors.Is(err, object.ErrNotFound):
		return fail(capability.NotFound, "bucket %s has no such object", c.grant.Bucket)
	case errors.Is(err, object.ErrConflict):
		return fail(capability.Conflict, "the object has another revision in bucket %s", c.grant.Bucket)
	case errors.Is(err, object.ErrInvalid):
		return fail(capability.Invalid, "%v", err)
	case errors.Is(err, object.ErrFull):
		return fail(capability.Limit, "bucket %s is full", c.grant.Bucket)
	case errors.Is(err, object.ErrTooLarge):
		return fail(capability.Limit, "%v", err)
	case errors.Is(err, bucket.ErrDamaged):
		return fail(capability.Damaged, "bucket %s cannot be read: see grow fsck", c.grant.Bucket)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return fail(capability.Timeout, "bucket %s did not answer in time", c.grant.Bucket)
	}
	return fail(capability.Unavailable, "bucket %s does not answer", c.grant.Bucket)
}

// carry makes an object of the bucket the body of a request: that of the key, as it is when it
// is looked at. It can be sent again.
func (c *client) carry(ctx context.Context, q *http.Request, key string, r *capability.Request) error {
	fail := func(code, format string, args ...any) error {
		return &capability.Failure{Answer: capability.Fail(code, format, args...)}
	}
	switch {
	case c.bucket == nil:
		return fail(capability.Denied, "a body that is an object needs a bucket in the grant")
	case len(r.Data) > 0:
		return fail(capability.Invalid, "data and blob are two bodies")
	}
	info, err := c.bucket.Stat(ctx, key)
	if revision, ok := r.Attr("revision"); err == nil && ok && revision != info.Revision {
		err = object.ErrConflict
	}
	if err != nil {
		return c.stored(err)
	}
	if info.Size > int64(c.Size) {
		return fail(capability.Limit, "the object has %d bytes, and a body has at most %d", info.Size, c.Size)
	}
	if info.Size == 0 { // which a reader that gives nothing does not say: it would be sent without a length
		return nil
	}
	q.ContentLength = info.Size
	q.GetBody = func() (io.ReadCloser, error) {
		return io.NopCloser(&carried{ctx: ctx, client: c, info: info}), nil
	}
	q.Body, err = q.GetBody()
	return err
}

// carried reads an object, a part at a time. It belongs to one goroutine.
type carried struct {
	ctx    context.Context
	client *client
	info   object.Info
	at     int64  // of the byte after rest
	rest   []byte // of the part that was read last
}

// Read implements io.Reader.
func (b *carried) Read(p []byte) (int, error) {
	if len(b.rest) == 0 {
		if b.at >= b.info.Size {
			return 0, io.EOF
		}
		_, data, err := b.client.bucket.Read(b.ctx, b.info.Key, b.info.Revision, object.Range{From: b.at, Length: object.PartMax})
		if err == nil && len(data) == 0 {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return 0, b.client.stored(err)
		}
		b.rest, b.at = data, b.at+int64(len(data))
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}
