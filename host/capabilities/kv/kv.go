// Package kv is the capability of kind kv: values by key, in buckets that actors share.
//
//	uses:
//	  carts: {kind: kv, bucket: carts, access: write}
//
// The operations, with the attribute key:
//
//	kv.get     the value, with its revision; not_found when there is none
//	kv.set     keeps the data, answers the revision
//	kv.delete  removes the value; that there is none is no error
//	kv.list    the keys as a JSON list; prefix, after and limit pick some of them
//
// With if_revision, kv.set and kv.delete are done when the key has that revision, 0 for no
// value, and fail with conflict otherwise. ttl, in milliseconds, is how long kv.set keeps
// the value. A write is done once for each request of a message, however often it is tried.
package kv

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/grow-platform/grow/host/capabilities/grants"
	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/specs"
)

// The operations.
const (
	Get    = "kv.get"
	Set    = "kv.set"
	Delete = "kv.delete"
	List   = "kv.list"
)

// listDefault is how many keys a list has at most when nothing else is said.
const listDefault = 100

func init() { capability.Register(kind{form}) }

type kind struct{ *grants.Form[grant] }

// grant is what grant.cue describes.
type grant struct {
	Bucket string `json:"bucket"`
	Access string `json:"access"`
	Of     string `json:"of"`
	Prefix string `json:"prefix"`
}

//go:embed grant.cue
var definition string

var form = grants.New[grant]("kv", definition, nil)

// Open implements capability.Kind.
func (kind) Open(ctx context.Context, g specs.Grant, env capability.Environment) (capability.Capability, error) {
	read, err := form.Read(g.Params)
	if err != nil {
		return nil, err
	}
	if env.Buckets == nil {
		return nil, fmt.Errorf("bucket %s: the host has no buckets", read.Bucket)
	}
	n := bucket.Name{Namespace: env.Namespace, Service: env.Service, Bucket: read.Bucket}
	if read.Of == "namespace" {
		n.Service = ""
	}
	b, err := env.Buckets.Bucket(ctx, n)
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", read.Bucket, err)
	}
	return &opened{grant: read, bucket: b}, nil
}

// opened serves one grant.
type opened struct {
	*grant
	bucket bucket.Bucket
}

// Operations implements capability.Capability.
func (*opened) Operations() map[string]capability.Effect {
	return map[string]capability.Effect{Get: capability.Reads, List: capability.Reads, Set: capability.Changes, Delete: capability.Changes}
}

// Close implements capability.Capability. The bucket stays open with its store.
func (*opened) Close() error { return nil }

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
	key, no, err := o.key(r)
	if no.Code != "" || err != nil {
		return no, err
	}
	if r.Operation == Get {
		e, err := o.bucket.Get(ctx, key)
		if err != nil {
			return a, err
		}
		return capability.Answer{Data: e.Data, Attrs: []string{"revision", strconv.FormatUint(e.Revision, 10)}}, nil
	}
	w, err := write(key, r)
	if err != nil {
		return a, err
	}
	w.Prepared = r.Prepared
	revision, err := o.bucket.Write(ctx, w)
	if err == nil && !w.Delete {
		a.Attrs = []string{"revision", strconv.FormatUint(revision, 10)}
	}
	return a, err
}

// Prepare implements capability.Preparer. What fails here fails again, and is told then.
func (o *opened) Prepare(ctx context.Context, r *capability.Request) any {
	p, ok := o.bucket.(bucket.Preparer)
	if !ok {
		return nil
	}
	key, no, err := o.key(r)
	if no.Code != "" || err != nil {
		return nil
	}
	w, err := write(key, r)
	if err != nil {
		return nil
	}
	prepared, err := p.Prepare(ctx, w)
	if err != nil {
		return nil
	}
	return prepared
}

// key is the one that a request is about. no: the grant does not allow the request.
func (o *opened) key(r *capability.Request) (key string, no capability.Answer, err error) {
	key, ok := r.Attr("key")
	switch {
	case !ok:
		return "", no, wrong("%s needs the attribute key", r.Operation)
	case !strings.HasPrefix(key, o.Prefix):
		return "", capability.Fail(capability.Denied, "the grant reaches keys that begin with %q", o.Prefix), nil
	case r.Operation != Get && o.Access != "write":
		return "", capability.Fail(capability.Denied, "the grant is to read %s: it needs access: write", o.Bucket), nil
	}
	return key, no, nil
}

// write is what kv.set and kv.delete ask for.
func write(key string, r *capability.Request) (*bucket.Write, error) {
	w := &bucket.Write{Key: key, Delete: r.Operation == Delete}
	if !w.Delete {
		w.Data = r.Data
	}
	expected, ok := r.Attr("if_revision")
	if ok {
		n, err := strconv.ParseUint(expected, 10, 64)
		if err != nil {
			return nil, wrong("if_revision %.40q is not a revision: it is a number, 0 for no value", expected)
		}
		w.If = &n
	}
	ttl, ok := r.Attr("ttl")
	if ok && !w.Delete {
		ms, err := strconv.ParseUint(ttl, 10, 63)
		if err != nil || ms == 0 || ms > math.MaxInt64/uint64(time.Millisecond)-999 {
			return nil, wrong("ttl %.40q is not a time to live: it is a number of milliseconds", ttl)
		}
		w.TTL = time.Duration((ms+999)/1000) * time.Second
	}
	w.Once, w.First = once(w, r.Stable, ttl), r.First
	return w, nil
}

// once names what a write is done for. A later attempt at a message that sets another value
// by the same number has not been answered; but one with if_revision has: what it sets now
// comes from a value that its own first attempt has changed.
func once(w *bucket.Write, stable, ttl string) string {
	of := fmt.Appendf(nil, "%q %t %q", stable, w.Delete, w.Key)
	if w.If == nil {
		of = fmt.Appendf(of, " %q %s", ttl, w.Data)
	} else {
		of = append(of, " if"...)
	}
	sum := sha256.Sum256(of)
	return hex.EncodeToString(sum[:])
}

func (o *opened) list(ctx context.Context, r *capability.Request) (a capability.Answer, err error) {
	prefix, _ := r.Attr("prefix")
	after, _ := r.Attr("after")
	limit := listDefault
	if text, ok := r.Attr("limit"); ok {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > bucket.PageMax {
			return a, wrong("limit %.40q is not a number from 1 to %d", text, bucket.PageMax)
		}
	}
	if !strings.HasPrefix(prefix, o.Prefix) {
		if !strings.HasPrefix(o.Prefix, prefix) {
			return capability.Fail(capability.Denied, "the grant reaches keys that begin with %q", o.Prefix), nil
		}
		prefix = o.Prefix
	}
	keys, err := o.bucket.List(ctx, prefix, after, limit)
	if err != nil {
		return a, err
	}
	if keys == nil {
		keys = []string{}
	}
	a.Data, err = json.Marshal(keys)
	return a, err
}

// wrong is a request that nobody can serve.
func wrong(format string, args ...any) error {
	return grants.Worded(bucket.ErrInvalid, format, args...)
}

// failed is what an error means to an actor. What the server says of itself is left out.
func (o *opened) failed(err error) capability.Answer {
	switch {
	case errors.Is(err, bucket.ErrNotFound):
		return capability.Fail(capability.NotFound, "bucket %s has no such key", o.Bucket)
	case errors.Is(err, bucket.ErrConflict):
		return capability.Fail(capability.Conflict, "the key has another revision in bucket %s: get it, and set it with that revision", o.Bucket)
	case errors.Is(err, bucket.ErrInvalid):
		return capability.Fail(capability.Invalid, "%v", err)
	case errors.Is(err, bucket.ErrTooLarge):
		return capability.Fail(capability.Limit, "%v", err)
	case errors.Is(err, bucket.ErrFull):
		return capability.Fail(capability.Limit, "bucket %s is full: %d bytes are allowed", o.Bucket, bucket.SizeMax)
	case errors.Is(err, bucket.ErrDamaged):
		return capability.Fail(capability.Damaged, "bucket %s has the values, and what is kept of it cannot be read: see grow fsck", o.Bucket)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return capability.Fail(capability.Timeout, "bucket %s did not answer in time", o.Bucket)
	}
	return capability.Fail(capability.Unavailable, "bucket %s does not answer", o.Bucket)
}
