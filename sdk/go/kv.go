package grow

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// KV is a bucket with a grant of the actor: values by key, which it shares with others. A
// key has at most 256 bytes, a value 512 KiB.
//
// A write fails with a *[CallError] of code conflict when the key has not the revision
// that it is for. It is done once for the message, however often that is tried.
type KV struct {
	ctx *Context
	use string
}

// KV returns the bucket that the grant use covers.
func (c *Context) KV(use string) KV { return KV{c, use} }

// Entry is a value in a bucket.
type Entry struct {
	Data     []byte // nil when there is none
	Revision uint64 // grows with every write; 0 when there is none
}

// Get decodes the value of a key, which must be JSON, into the value into points to, and
// returns its revision. It returns 0, and leaves into as it is, when there is none.
func (k KV) Get(key string, into any) (uint64, error) {
	e, err := k.get(key)
	if err != nil || e.Revision == 0 {
		return 0, err
	}
	if err := json.Unmarshal(e.Data, into); err != nil {
		return 0, fmt.Errorf("decode %q: %w", key, err)
	}
	return e.Revision, nil
}

// Read returns the value of a key as it is kept.
func (k KV) Read(key string) (Entry, error) {
	e, err := k.get(key)
	if e.Data != nil {
		e.Data = append([]byte{}, e.Data...)
	}
	return e, err
}

func (k KV) get(key string) (Entry, error) {
	m, err := k.ctx.one("kv.get", k.use, nil, "key", key)
	var no *CallError
	if errors.As(err, &no) && no.Code == "not_found" {
		return Entry{}, nil
	}
	if err != nil {
		return Entry{}, err
	}
	text, _ := m.Attr("revision")
	n, err := number("kv.get", "revision", string(text))
	return Entry{Data: m.Data, Revision: n}, err
}

// number reads an attribute of an answer.
func number(op, name, text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: %s: %w", op, name, err)
	}
	return n, nil
}

// KVOption says more about a write.
type KVOption struct {
	name, value string
}

// IfRevision has a write fail with conflict unless the key has that revision, 0 for no value.
func IfRevision(n uint64) KVOption { return KVOption{"if_revision", strconv.FormatUint(n, 10)} }

// TTL has a value be removed after that time, rounded up to seconds.
func TTL(d time.Duration) KVOption { return KVOption{"ttl", milliseconds(d)} }

func attributes(key string, opts []KVOption) []string {
	attrs := []string{"key", key}
	for _, o := range opts {
		attrs = append(attrs, o.name, o.value)
	}
	return attrs
}

// Set makes v, encoded as JSON, the value of a key, and returns its revision.
func (k KV) Set(key string, v any, opts ...KVOption) (uint64, error) {
	data, err := k.ctx.marshal(v)
	if err != nil {
		return 0, fmt.Errorf("encode %q: %w", key, err)
	}
	return k.Write(key, data, opts...)
}

// Write makes data the value of a key, and returns its revision.
func (k KV) Write(key string, data []byte, opts ...KVOption) (uint64, error) {
	m, err := k.ctx.one("kv.set", k.use, data, attributes(key, opts)...)
	if err != nil {
		return 0, err
	}
	text, _ := m.Attr("revision")
	return number("kv.set", "revision", string(text))
}

// Delete removes the value of a key, if there is one.
func (k KV) Delete(key string, opts ...KVOption) error {
	_, err := k.ctx.one("kv.delete", k.use, nil, attributes(key, opts)...)
	return err
}

// listMax is how many keys the host tells at once.
const listMax = "1000"

// List returns all keys that begin with prefix, in order of their bytes.
func (k KV) List(prefix string) ([]string, error) {
	var all []string
	page, err := k.page("prefix", prefix, "limit", listMax)
	for err == nil && len(page) > 0 {
		all = append(all, page...)
		last := page[len(page)-1]
		page, err = k.page("prefix", prefix, "after", last, "limit", listMax)
		if len(page) > 0 && page[0] <= last {
			return all, fmt.Errorf("kv.list: the host listed %q twice", page[0])
		}
	}
	return all, err
}

// Page returns up to limit keys that begin with prefix and follow after, or the first ones
// when after is "". They are in order of their bytes; an empty page means that no more
// follow.
func (k KV) Page(prefix, after string, limit int) ([]string, error) {
	return k.page("prefix", prefix, "after", after, "limit", strconv.Itoa(limit))
}

func (k KV) page(attrs ...string) ([]string, error) {
	m, err := k.ctx.one("kv.list", k.use, nil, attrs...)
	if err != nil {
		return nil, err
	}
	var keys []string
	if err := json.Unmarshal(m.Data, &keys); err != nil {
		return nil, fmt.Errorf("kv.list: %w", err)
	}
	return keys, nil
}
