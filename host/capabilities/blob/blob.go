// Package blob is the capability of kind blob: large objects by key, in buckets that actors
// share.
//
//	uses:
//	  photos: {kind: blob, bucket: photos, access: write}
//
// The operations, with the attribute key:
//
//	blob.stat    what is known of an object, and not_found when there is none
//	blob.get     its bytes, or those of the attribute range: 0-99, 100-, -100
//	blob.put     makes the data the object
//	blob.delete  removes it; that there is none is no error
//	blob.list    objects as a JSON list; prefix, after and limit pick some of them
//
// What is larger than a message of a request is put in parts: blob.put with the attribute
// part, from 1, answers with upload, which goes along with each further part; and with upload
// and parts, the number of them, makes them the object. Until then nobody sees them.
//
// With if_revision, an operation is done when the object has that revision, 0 for none, and
// fails with conflict otherwise. A write is done once for each request of a message.
package blob

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/grow-platform/grow/host/capabilities/grants"
	"github.com/grow-platform/grow/host/outside/s3"
	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/object"
	"github.com/grow-platform/grow/specs"
)

// The operations.
const (
	Stat   = "blob.stat"
	Get    = "blob.get"
	Put    = "blob.put"
	Delete = "blob.delete"
	List   = "blob.list"
)

func init() { capability.Register(kind{form}) }

type kind struct{ *grants.Form[grant] }

// grant is what grant.cue describes.
type grant struct {
	Bucket string `json:"bucket"`
	Server string `json:"server"` // "": the host
	Access string `json:"access"`
	Of     string `json:"of"`
	Prefix string `json:"prefix"`
	Size   int64  `json:"size"`
}

//go:embed grant.cue
var definition string

var form = grants.New[grant]("blob", definition, nil)

// Open implements capability.Kind.
func (kind) Open(ctx context.Context, g specs.Grant, env capability.Environment) (capability.Capability, error) {
	read, err := form.Read(g.Params)
	if err != nil {
		return nil, err
	}
	store, closes := env.Objects, io.Closer(nil)
	if read.Server != "" {
		outside, err := s3.Open(read.Server, env.Secret)
		if err != nil {
			return nil, fmt.Errorf("bucket %s: %w", read.Bucket, err)
		}
		store, closes = outside, outside
	}
	if store == nil {
		return nil, fmt.Errorf("bucket %s: the host has no buckets of objects", read.Bucket)
	}
	n := bucket.Name{Namespace: env.Namespace, Service: env.Service, Bucket: read.Bucket}
	if read.Of == "namespace" {
		n.Service = ""
	}
	b, err := store.Objects(ctx, n)
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", read.Bucket, err)
	}
	o := &opened{grant: read, bucket: b, closes: closes}
	if left, ok := b.(tidier); ok && read.Access == "write" && !env.Apart {
		var ctx context.Context
		ctx, o.end = context.WithCancel(context.Background()) // Close ends it
		o.tidying.Go(func() { tidy(ctx, left) })
	}
	return o, nil
}

// tidyEvery is how often a bucket outside is looked through for what uploads have left.
const tidyEvery = time.Hour

// tidier is a bucket in which uploads that were broken off leave something.
type tidier interface {
	Tidy(ctx context.Context) (removed int, err error)
}

// tidy removes what uploads have left, now and then until ctx ends. What fails is tried again.
func tidy(ctx context.Context, left tidier) {
	for {
		_, _ = left.Tidy(ctx) // the next one removes it
		select {
		case <-ctx.Done():
			return
		case <-time.After(tidyEvery):
		}
	}
}

// opened serves one grant.
type opened struct {
	*grant
	bucket  object.Bucket
	closes  io.Closer // the store; nil: it is the host's and stays
	end     func()    // of tidying; nil: nothing does
	tidying sync.WaitGroup
}

// Operations implements capability.Capability.
func (*opened) Operations() map[string]capability.Effect {
	return map[string]capability.Effect{
		Stat: capability.Reads, Get: capability.Reads, List: capability.Reads, Put: capability.Changes, Delete: capability.Changes,
	}
}

// Close implements capability.Capability. A bucket of the host stays open with its store.
func (o *opened) Close() error {
	if o.end != nil {
		o.end()
		o.tidying.Wait()
	}
	if o.closes == nil {
		return nil
	}
	return o.closes.Close()
}

// Do implements capability.Capability.
func (o *opened) Do(ctx context.Context, r *capability.Request) capability.Answer {
	a, err := o.do(ctx, r)
	if err != nil {
		return o.failed(err)
	}
	return a
}

func (o *opened) do(ctx context.Context, r *capability.Request) (a capability.Answer, err error) {
	if r.Operation == List {
		return o.list(ctx, r)
	}
	key, ok := r.Attr("key")
	switch {
	case !ok:
		return a, wrong("%s needs the attribute key", r.Operation)
	case !strings.HasPrefix(key, o.Prefix):
		return o.beyond(), nil
	case r.Operation == Get:
		return o.get(ctx, key, r)
	case r.Operation == Stat:
		info, err := o.bucket.Stat(ctx, key)
		return capability.Answer{Attrs: attributes(&info)}, err
	case o.Access != "write":
		return capability.Fail(capability.Denied, "the grant is to read %s: it needs access: write", o.Bucket), nil
	}
	part, ok := r.Attr("part")
	if ok && r.Operation == Put {
		return o.part(ctx, key, part, r)
	}
	w, err := o.write(key, r)
	if err != nil {
		return a, err
	}
	info, err := o.bucket.Write(ctx, w)
	if err == nil && !w.Delete {
		a.Attrs = attributes(&info)
	}
	return a, err
}

// beyond is the answer to what the grant's prefix leaves out.
func (o *opened) beyond() capability.Answer {
	return capability.Fail(capability.Denied, "the grant reaches keys that begin with %q", o.Prefix)
}

// attributes are what an answer says of an object.
func attributes(i *object.Info) []string {
	list := []string{"size", strconv.FormatInt(i.Size, 10), "revision", i.Revision}
	if i.Digest != "" {
		list = append(list, "digest", i.Digest)
	}
	if !i.Modified.IsZero() {
		list = append(list, "modified", strconv.FormatInt(i.Modified.UnixMilli(), 10))
	}
	return list
}

func (o *opened) get(ctx context.Context, key string, r *capability.Request) (a capability.Answer, err error) {
	within := object.Range{Length: object.PartMax}
	text, ranged := r.Attr("range")
	if ranged {
		if within, err = readRange(text); err != nil {
			return a, err
		}
	}
	revision, _ := r.Attr("if_revision")
	info, data, err := o.bucket.Read(ctx, key, revision, within)
	if err != nil {
		return a, err
	}
	if !ranged && info.Size > int64(len(data)) {
		return a, fmt.Errorf("the object has %d bytes, and %d are given at a time: %w: ask by range", info.Size, object.PartMax, object.ErrTooLarge)
	}
	return capability.Answer{Data: data, Attrs: attributes(&info)}, nil
}

// readRange reads a range as HTTP has it, without the unit: first and last byte, the first
// one only, or how many before the end.
func readRange(text string) (r object.Range, err error) {
	first, last, ok := strings.Cut(text, "-")
	number := func(text string) (n int64) {
		if err == nil {
			n, err = strconv.ParseInt(text, 10, 63)
		}
		return n
	}
	switch {
	case !ok || first == "" && last == "":
		err = strconv.ErrSyntax
	case first == "":
		r.Length = number(last)
		r.From = -r.Length
	case last == "":
		r.From, r.Length = number(first), object.PartMax
	default:
		r.From = number(first)
		r.Length = number(last) - r.From + 1
	}
	if err != nil || r.Length < 0 || strings.ContainsAny(text, "+ ") || strings.Count(text, "-") != 1 {
		return r, wrong("the range %.40q is none: it is first-last, first- or -count", text)
	}
	return r, nil
}

func (o *opened) list(ctx context.Context, r *capability.Request) (a capability.Answer, err error) {
	prefix, _ := r.Attr("prefix")
	after, _ := r.Attr("after")
	limit := listDefault
	if text, ok := r.Attr("limit"); ok {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > object.PageMax {
			return a, wrong("limit %.40q is not a number from 1 to %d", text, object.PageMax)
		}
	}
	if !strings.HasPrefix(prefix, o.Prefix) {
		if !strings.HasPrefix(o.Prefix, prefix) {
			return o.beyond(), nil
		}
		prefix = o.Prefix
	}
	found, err := o.bucket.List(ctx, prefix, after, limit)
	if err != nil {
		return a, err
	}
	a.Data, err = page(found)
	return a, err
}

// wrong is a request that nobody can serve.
func wrong(format string, args ...any) error {
	return grants.Worded(object.ErrInvalid, format, args...)
}

// failed is what an error means to an actor. What the server says of itself is left out.
func (o *opened) failed(err error) capability.Answer {
	switch {
	case errors.Is(err, object.ErrNotFound):
		return capability.Fail(capability.NotFound, "bucket %s has no such object", o.Bucket)
	case errors.Is(err, object.ErrNoUpload):
		return capability.Fail(capability.NotFound, "bucket %s has not all parts of the upload, which wait for %v, or has made them an object before", o.Bucket, object.UploadAge)
	case errors.Is(err, object.ErrConflict):
		return capability.Fail(capability.Conflict, "the object has another revision in bucket %s", o.Bucket)
	case errors.Is(err, object.ErrInvalid):
		return capability.Fail(capability.Invalid, "%v", err)
	case errors.Is(err, object.ErrTooLarge):
		return capability.Fail(capability.Limit, "%v", err)
	case errors.Is(err, object.ErrFull):
		return capability.Fail(capability.Limit, "bucket %s is full", o.Bucket)
	case errors.Is(err, object.ErrDenied):
		return capability.Fail(capability.Denied, "the server of bucket %s does not let the host in: see key and secret in %s", o.Bucket, s3.Secret(o.Server))
	case errors.Is(err, bucket.ErrDamaged):
		return capability.Fail(capability.Damaged, "bucket %s has the objects, and what is kept of it cannot be read: see grow fsck", o.Bucket)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return capability.Fail(capability.Timeout, "bucket %s did not answer in time", o.Bucket)
	}
	return capability.Fail(capability.Unavailable, "bucket %s does not answer", o.Bucket)
}
