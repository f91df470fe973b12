package blob

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/object"
	"github.com/grow-platform/grow/specs"
)

// open opens a grant; more are its parameters besides the bucket.
func open(t *testing.T, store object.Store, service string, more map[string]any) capability.Capability {
	t.Helper()
	params := map[string]any{"bucket": "photos"}
	for name, v := range more {
		params[name] = v
	}
	c, err := kind{}.Open(t.Context(), specs.Grant{Name: "g", Kind: "blob", Params: params}, capability.Environment{Namespace: "main", Service: service, Objects: store})
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

// answered makes a request of attributes name, value, name, value.
func answered(ctx context.Context, c capability.Capability, stable, op, data string, attrs ...string) capability.Answer {
	return c.Do(ctx, &capability.Request{Operation: op, Data: []byte(data), Stable: stable, Attr: func(name string) (string, bool) {
		for i := 0; i < len(attrs); i += 2 {
			if attrs[i] == name {
				return attrs[i+1], true
			}
		}
		return "", false
	}})
}

var changing = regexp.MustCompile(`sha256:[0-9a-f]{64}`)

// ask says what came of a request: the digest's place is D.
func ask(ctx context.Context, c capability.Capability, stable, op, data string, attrs ...string) string {
	a := answered(ctx, c, stable, op, data, attrs...)
	if a.Code != "" {
		return a.Code + ": " + a.Text
	}
	return changing.ReplaceAllString(strings.Join(append(a.Attrs, string(a.Data)), " "), "D")
}

func at(t *testing.T) *object.Memory {
	t.Helper()
	return &object.Memory{Now: func() time.Time { return time.UnixMilli(7) }}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		params map[string]any
		says   string // "": fine
	}{
		{map[string]any{"bucket": "photos"}, ""},
		{map[string]any{"bucket": "photos", "access": "write", "of": "namespace", "prefix": "a/", "size": 1 << 30}, ""},
		{map[string]any{}, "bucket"},
		{map[string]any{"bucket": "../photos"}, "bucket"},
		{map[string]any{"bucket": "grow_x"}, "bucket"},
		{map[string]any{"bucket": "a", "access": "all"}, "access"},
		{map[string]any{"bucket": "a", "of": "world"}, "of"},
		{map[string]any{"bucket": "a", "size": 0}, "size"},
		{map[string]any{"bucket": "a", "size": 1<<30 + 1}, "size"},
		{map[string]any{"bucket": "a", "address": "s3://x"}, "address"},
	} {
		err := capability.CheckGrant(specs.Grant{Kind: "blob", Params: c.params})
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
	c := open(t, at(t), "shop", map[string]any{"access": "write", "size": 20})
	conflict := "conflict: the object has another revision in bucket photos"
	none := "not_found: bucket photos has no such object"
	for i, step := range []struct {
		op, data string
		attrs    []string
		want     string
	}{
		{Get, "", []string{"key", "a"}, none},
		{Stat, "", []string{"key", "a"}, none},
		{Put, "0123456789", []string{"key", "a"}, "size 10 revision 1 digest D modified 7 "},
		{Stat, "", []string{"key", "a"}, "size 10 revision 1 digest D modified 7 "},
		{Get, "", []string{"key", "a"}, "size 10 revision 1 digest D modified 7 0123456789"},
		{Get, "", []string{"key", "a", "range", "2-4", "if_revision", "1"}, "size 10 revision 1 digest D modified 7 234"},
		{Get, "", []string{"key", "a", "range", "8-"}, "size 10 revision 1 digest D modified 7 89"},
		{Get, "", []string{"key", "a", "range", "-3"}, "size 10 revision 1 digest D modified 7 789"},
		{Get, "", []string{"key", "a", "range", "50-60"}, "size 10 revision 1 digest D modified 7 "},
		{Get, "", []string{"key", "a", "if_revision", "2"}, conflict},
		{Put, "b", []string{"key", "a", "if_revision", "0"}, conflict},
		{Put, "b", []string{"key", "b/1", "if_revision", "0"}, "size 1 revision 2 digest D modified 7 "},
		{List, "", nil, `[{"key":"a","size":10,"revision":"1","digest":"D","modified":7},{"key":"b/1","size":1,"revision":"2","digest":"D","modified":7}]`},
		{List, "", []string{"limit", "1", "prefix", "b"}, `[{"key":"b/1","size":1,"revision":"2","digest":"D","modified":7}]`},
		{List, "", []string{"after", "b/1"}, `[]`},
		{List, "", []string{"limit", "0"}, `invalid: limit "0" is not a number from 1 to 1000`},
		{Put, strings.Repeat("x", 21), []string{"key", "a"}, "limit: it is too large: it has 21 bytes, 20 are allowed"},
		{Delete, "", []string{"key", "a", "if_revision", "2"}, conflict},
		{Delete, "", []string{"key", "a", "if_revision", "1"}, ""},
		{Delete, "", []string{"key", "a"}, ""},
		{Get, "", nil, "invalid: blob.get needs the attribute key"},
		{Put, "x", []string{"key", "../a"}, `invalid: the key "../a" cannot be done: a part between two / is empty, . or .., which none may be`},
		{Put, "x", []string{"key", "a", "part", "x"}, `invalid: part "x" is not a number`},
		{Put, "x", []string{"key", "a", "upload", "u"}, "invalid: an upload ends with upload and parts, the number of them"},
		{Put, "", []string{"key", "a", "upload", "u", "parts", "1"}, "not_found: bucket photos has not all parts of the upload, which wait for 24h0m0s, or has made them an object before"},
	} {
		if got := ask(t.Context(), c, "m/"+string(rune('a'+i)), step.op, step.data, step.attrs...); got != step.want {
			t.Errorf("%d %s %v: %s\nwant %s", i, step.op, step.attrs, got, step.want)
		}
	}
}

// TestLarge: what is larger than an answer is given by range only.
func TestLarge(t *testing.T) {
	c := open(t, at(t), "shop", writes)
	part := strings.Repeat("x", object.PartMax)
	a := answered(t.Context(), c, "m/1", Put, part, "key", "a", "part", "1")
	if a.Code != "" || len(a.Attrs) != 2 || a.Attrs[0] != "upload" {
		t.Fatalf("%+v", a)
	}
	upload := a.Attrs[1]
	if got := ask(t.Context(), c, "m/2", Put, "yz", "key", "a", "part", "2", "upload", upload); got != "upload "+upload+" " {
		t.Error(got)
	}
	if got := ask(t.Context(), c, "m/3", Put, "", "key", "a", "upload", upload, "parts", "2"); got != "size 1048578 revision 1 digest D modified 7 " {
		t.Error(got)
	}
	if got := ask(t.Context(), c, "m/4", Get, "", "key", "a"); !strings.HasPrefix(got, "limit: the object has 1048578 bytes") {
		t.Error(got)
	}
	if got := ask(t.Context(), c, "m/5", Get, "", "key", "a", "range", "1048575-"); got != "size 1048578 revision 1 digest D modified 7 xyz" {
		t.Error(got)
	}
}

// TestOnce: a request that is repeated changes nothing, and another by the same number is
// done, unless both are for a revision.
func TestOnce(t *testing.T) {
	c := open(t, at(t), "shop", writes)
	is := func(n string) string { return "size 1 revision " + n + " digest D modified 7 " }
	for i, step := range []struct{ stable, op, data, revision, want string }{
		{"m1/1", Put, "1", "0", is("1")},
		{"m2/1", Put, "2", "1", is("2")},
		{"m1/1", Put, "1", "0", is("1")}, // handled again
		{"m2/1", Put, "3", "2", is("2")}, // from what it wrote itself
		{"m2/2", Put, "3", "2", is("3")},
		{"m3/1", Put, "4", "", is("4")},
		{"m2/2", Put, "3", "2", is("3")},
		{"m3/1", Put, "5", "", is("5")}, // by other code
		{"m3/1", Delete, "", "", ""},
		{"m4/1", Get, "", "", "not_found: bucket photos has no such object"},
	} {
		attrs := []string{"key", "a"}
		if step.revision != "" {
			attrs = append(attrs, "if_revision", step.revision)
		}
		if got := ask(t.Context(), c, step.stable, step.op, step.data, attrs...); got != step.want {
			t.Errorf("%d: %s, want %s", i, got, step.want)
		}
	}
	if uploadOf("m1/1", "a") == uploadOf("m1/2", "a") || uploadOf("m1/1", "a") == uploadOf("m1/1", "b") {
		t.Error("uploads have the names of others")
	}
}

// TestGrants: what each grant reaches.
func TestGrants(t *testing.T) {
	store := at(t)
	shop := open(t, store, "shop", writes)
	all := open(t, store, "shop", map[string]any{"access": "write", "of": "namespace"})
	few := open(t, store, "shop", map[string]any{"access": "write", "prefix": "eu/"})
	ask(t.Context(), shop, "m1/1", Put, "s", "key", "a")
	ask(t.Context(), all, "m1/2", Put, "n", "key", "a")
	ask(t.Context(), few, "m1/3", Put, "f", "key", "eu/1")
	denied, toRead := `denied: the grant reaches keys that begin with "eu/"`, "denied: the grant is to read photos: it needs access: write"
	for i, step := range []struct {
		c     capability.Capability
		op    string
		attrs []string
		want  string
	}{
		{open(t, store, "shop", nil), Get, []string{"key", "a"}, "size 1 revision 1 digest D modified 7 s"},
		{open(t, store, "shop", nil), Put, []string{"key", "a"}, toRead},
		{open(t, store, "shop", nil), Put, []string{"key", "a", "part", "1"}, toRead},
		{open(t, store, "shop", nil), Delete, []string{"key", "a"}, toRead},
		{open(t, store, "other", nil), Get, []string{"key", "a"}, "not_found: bucket photos has no such object"},
		{open(t, store, "other", map[string]any{"of": "namespace"}), Get, []string{"key", "a"}, "size 1 revision 1 digest D modified 7 n"},
		{few, Get, []string{"key", "us/1"}, denied},
		{few, Stat, []string{"key", "us/1"}, denied},
		{few, Put, []string{"key", "a"}, denied},
		{few, Put, []string{"key", "a", "part", "1"}, denied},
		{few, List, []string{"prefix", "e"}, `[{"key":"eu/1","size":1,"revision":"2","digest":"D","modified":7}]`},
		{few, List, []string{"prefix", "u"}, denied},
	} {
		if got := ask(t.Context(), step.c, "m2/1", step.op, "", step.attrs...); got != step.want {
			t.Errorf("%d %s %v: %s, want %s", i, step.op, step.attrs, got, step.want)
		}
	}
}

// TestFailures: what a server says reaches no actor, but what it means does.
func TestFailures(t *testing.T) {
	for err, want := range map[error]string{
		errors.New("nats://hidden:4222: lost"): "unavailable: bucket photos does not answer",
		context.DeadlineExceeded:               "timeout: bucket photos did not answer in time",
		object.ErrFull:                         "limit: bucket photos is full",
	} {
		c := open(t, broken{err}, "shop", writes)
		for _, op := range []string{Stat, Get, Put, Delete, List} {
			if got := ask(t.Context(), c, "m/1", op, "x", "key", "a"); got != want {
				t.Errorf("%s with %v: %s, want %s", op, err, got, want)
			}
		}
	}
}

// TestPage: a list ends where an answer has no more room.
func TestPage(t *testing.T) {
	many := make([]object.Info, object.PageMax)
	for i := range many {
		many[i] = object.Info{Key: strings.Repeat("\u2028", object.KeyMax/3), Revision: strings.Repeat("r", 200)}
	}
	data, err := page(many)
	if err != nil || len(data) > listMax+1 || len(data) < listMax/2 {
		t.Errorf("%d bytes, %v", len(data), err)
	}
	data, err = page([]object.Info{{Key: "a", Damaged: true}})
	if want := `[{"key":"a","size":0,"revision":"","damaged":true}]`; err != nil || string(data) != want {
		t.Errorf("of a damaged object: %s, want %s, %v", data, want, err)
	}
}

func FuzzRange(f *testing.F) {
	for _, text := range []string{"0-9", "5-", "-5", "-", "", "9-0", "1--1", "+1-2", "99999999999999999999-", "0-9223372036854775807"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := readRange(text)
		if err != nil {
			return
		}
		if from, to := r.Within(100); from < 0 || to < from || to > 100 {
			t.Errorf("%q of 100 bytes is %d to %d", text, from, to)
		}
	})
}
