package kv

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/specs"
)

// open opens a grant; more are its parameters besides the bucket.
func open(t *testing.T, store bucket.Store, service string, more map[string]any) capability.Capability {
	t.Helper()
	params := map[string]any{"bucket": "carts"}
	for name, v := range more {
		params[name] = v
	}
	c, err := kind{}.Open(t.Context(), specs.Grant{Name: "g", Kind: "kv", Params: params}, capability.Environment{Namespace: "main", Service: service, Buckets: store})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

var writes = map[string]any{"access": "write"}

// ask makes a request of attributes name, value, name, value, and says what came of it:
// the revision's place is R.
func ask(ctx context.Context, c capability.Capability, stable, op, data string, attrs ...string) string {
	a := c.Do(ctx, &capability.Request{Operation: op, Data: []byte(data), Stable: stable, Attr: func(name string) (string, bool) {
		for i := 0; i < len(attrs); i += 2 {
			if attrs[i] == name {
				return attrs[i+1], true
			}
		}
		return "", false
	}})
	if a.Code != "" {
		return a.Code + ": " + a.Text
	}
	return strings.Join(append(a.Attrs, string(a.Data)), " ")
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		params map[string]any
		says   string // "": fine
	}{
		{map[string]any{"bucket": "carts"}, ""},
		{map[string]any{"bucket": "carts", "access": "write", "of": "namespace", "prefix": "a."}, ""},
		{map[string]any{}, "bucket"},
		{map[string]any{"bucket": "../carts"}, "bucket"},
		{map[string]any{"bucket": "grow_schedules"}, "bucket"},
		{map[string]any{"bucket": "a", "access": "all"}, "access"},
		{map[string]any{"bucket": "a", "of": "world"}, "of"},
		{map[string]any{"bucket": "a", "prefix": 1}, "prefix"},
		{map[string]any{"bucket": "a", "size": 1}, "size"},
	} {
		err := capability.CheckGrant(specs.Grant{Kind: "kv", Params: c.params})
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v: %v, want %q", c.params, err, c.says)
		}
	}
	if _, err := (kind{}).Open(t.Context(), specs.Grant{Params: map[string]any{"bucket": "a"}}, capability.Environment{}); err == nil || !strings.Contains(err.Error(), "no buckets") {
		t.Errorf("a host without buckets: %v", err)
	}
}

// TestOperations: what each request answers, one after the other.
func TestOperations(t *testing.T) {
	store := &bucket.Memory{}
	c := open(t, store, "shop", writes)
	for i, step := range []struct {
		op, data string
		attrs    []string
		want     string
	}{
		{Get, "", []string{"key", "a"}, "not_found: bucket carts has no such key"},
		{Set, "1", []string{"key", "a"}, "revision 1 "},
		{Get, "", []string{"key", "a"}, "revision 1 1"},
		{Set, "2", []string{"key", "a", "if_revision", "0"}, "conflict: the key has another revision in bucket carts: get it, and set it with that revision"},
		{Set, "2", []string{"key", "a", "if_revision", "1"}, "revision 2 "},
		{Set, "3", []string{"key", "b", "if_revision", "0"}, "revision 3 "},
		{List, "", nil, `["a","b"]`},
		{List, "", []string{"limit", "1"}, `["a"]`},
		{List, "", []string{"prefix", "", "after", "a"}, `["b"]`},
		{List, "", []string{"prefix", "c"}, `[]`},
		{List, "", []string{"limit", "1001"}, `invalid: limit "1001" is not a number from 1 to 1000`},
		{Delete, "", []string{"key", "a", "if_revision", "1"}, "conflict: the key has another revision in bucket carts: get it, and set it with that revision"},
		{Delete, "", []string{"key", "a", "if_revision", "2"}, ""},
		{Delete, "", []string{"key", "a"}, ""},
		{Get, "", nil, "invalid: kv.get needs the attribute key"},
		{Set, "", []string{"key", ""}, `invalid: the key "" cannot be kept: it is UTF-8 of 1 to 256 bytes`},
		{Set, "", []string{"key", "a", "if_revision", "x"}, `invalid: if_revision "x" is not a revision: it is a number, 0 for no value`},
		{Set, "", []string{"key", "a", "ttl", "0"}, `invalid: ttl "0" is not a time to live: it is a number of milliseconds`},
		{Set, "", []string{"key", "a", "ttl", "99999999999999999"}, `invalid: ttl "99999999999999999" is not a time to live: it is a number of milliseconds`},
		{Set, strings.Repeat("x", bucket.ValueMax+1), []string{"key", "a"}, "limit: the value is too large: it has 524289 bytes, 524288 are allowed"},
	} {
		if got := ask(t.Context(), c, "m/"+string(rune('a'+i)), step.op, step.data, step.attrs...); got != step.want {
			t.Errorf("%d %s %v: %s\nwant %s", i, step.op, step.attrs, got, step.want)
		}
	}
}

// TestTTL: part of a second counts as a whole one.
func TestTTL(t *testing.T) {
	now := time.Unix(0, 0)
	store := &bucket.Memory{Now: func() time.Time { return now }}
	c := open(t, store, "shop", writes)
	ask(t.Context(), c, "m/1", Set, "1", "key", "a", "ttl", "1001")
	for _, want := range []string{"revision 1 1", "revision 1 1", "not_found: bucket carts has no such key"} {
		if got := ask(t.Context(), c, "m/2", Get, "", "key", "a"); got != want {
			t.Errorf("after %v: %s, want %s", now.Sub(time.Unix(0, 0)), got, want)
		}
		now = now.Add(time.Second)
	}
}

// TestOnce: a request that is repeated changes nothing, and another by the same number
// is done, unless both are for a revision.
func TestOnce(t *testing.T) {
	c := open(t, &bucket.Memory{}, "shop", writes)
	for i, step := range []struct{ stable, op, data, revision, want string }{
		{"m1/1", Set, "1", "0", "revision 1 "},
		{"m2/1", Set, "2", "1", "revision 2 "},
		{"m1/1", Set, "1", "0", "revision 1 "}, // handled again
		{"m2/1", Set, "3", "2", "revision 2 "}, // from what it wrote itself
		{"m2/2", Set, "3", "2", "revision 3 "}, // its next one
		{"m3/1", Set, "4", "", "revision 4 "},
		{"m2/2", Set, "3", "2", "revision 3 "},
		{"m3/1", Set, "5", "", "revision 5 "}, // by other code
		{"m3/1", Delete, "", "", ""},
		{"m3/1", Set, "5", "", "revision 5 "},
		{"m4/1", Get, "", "", "not_found: bucket carts has no such key"},
	} {
		attrs := []string{"key", "a"}
		if step.revision != "" {
			attrs = append(attrs, "if_revision", step.revision)
		}
		if got := ask(t.Context(), c, step.stable, step.op, step.data, attrs...); got != step.want {
			t.Errorf("%d: %s, want %s", i, got, step.want)
		}
	}
}

// TestGrants: what each grant reaches.
func TestGrants(t *testing.T) {
	store := &bucket.Memory{}
	shop := open(t, store, "shop", writes)
	all := open(t, store, "shop", map[string]any{"access": "write", "of": "namespace"})
	few := open(t, store, "shop", map[string]any{"access": "write", "prefix": "eu."})
	ask(t.Context(), shop, "m1/1", Set, "s", "key", "a")
	ask(t.Context(), all, "m1/2", Set, "n", "key", "a")
	ask(t.Context(), few, "m1/3", Set, "f", "key", "eu.1")
	ask(t.Context(), shop, "m1/4", Set, "u", "key", "us.1")
	denied := `denied: the grant reaches keys that begin with "eu."`
	for i, step := range []struct {
		c     capability.Capability
		op    string
		attrs []string
		want  string
	}{
		{open(t, store, "shop", nil), Get, []string{"key", "a"}, "revision 1 s"},
		{open(t, store, "shop", nil), Set, []string{"key", "a"}, "denied: the grant is to read carts: it needs access: write"},
		{open(t, store, "shop", nil), Delete, []string{"key", "a"}, "denied: the grant is to read carts: it needs access: write"},
		{open(t, store, "other", nil), Get, []string{"key", "a"}, "not_found: bucket carts has no such key"},
		{open(t, store, "other", map[string]any{"of": "namespace"}), Get, []string{"key", "a"}, "revision 1 n"},
		{few, Get, []string{"key", "us.1"}, denied},
		{few, Set, []string{"key", "a"}, denied},
		{few, List, nil, `["eu.1"]`},
		{few, List, []string{"prefix", "e"}, `["eu.1"]`},
		{few, List, []string{"prefix", "eu.1"}, `["eu.1"]`},
		{few, List, []string{"prefix", "u"}, denied},
	} {
		if got := ask(t.Context(), step.c, "m2/1", step.op, "", step.attrs...); got != step.want {
			t.Errorf("%d %s %v: %s, want %s", i, step.op, step.attrs, got, step.want)
		}
	}
}

// broken is a bucket whose server says something.
type broken struct{ err error }

func (b broken) Bucket(context.Context, bucket.Name) (bucket.Bucket, error) { return b, nil }
func (b broken) Exists(context.Context, bucket.Name) (bool, error)          { return true, nil }
func (b broken) Get(context.Context, string) (bucket.Entry, error)          { return bucket.Entry{}, b.err }
func (b broken) Write(context.Context, *bucket.Write) (uint64, error)       { return 0, b.err }
func (b broken) List(context.Context, string, string, int) ([]string, error) {
	return nil, b.err
}

// TestFailures: what a server says reaches no actor, but what it means does.
func TestFailures(t *testing.T) {
	for err, want := range map[error]string{
		errors.New("nats://hidden:4222: lost"): "unavailable: bucket carts does not answer",
		context.DeadlineExceeded:               "timeout: bucket carts did not answer in time",
		bucket.ErrFull:                         "limit: bucket carts is full: 1073741824 bytes are allowed",
	} {
		c := open(t, broken{err}, "shop", writes)
		for _, op := range []string{Get, Set, Delete, List} {
			if got := ask(t.Context(), c, "m/1", op, "", "key", "a"); got != want {
				t.Errorf("%s with %v: %s, want %s", op, err, got, want)
			}
		}
	}
}
