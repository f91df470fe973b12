//go:build !wasip1

package grow_test

import (
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	grow "github.com/grow-platform/grow/sdk/go"
	"github.com/grow-platform/grow/sdk/go/growtest"
)

// askBucket is what the handler of kv.ask does.
var askBucket func(grow.KV)

func init() {
	grow.OnMessage("kv.ask", func(ctx *grow.Context, _ grow.Message) error {
		askBucket(ctx.KV("carts"))
		return nil
	})
}

// TestKV: what is asked of a bucket, and what is made of its answers.
func TestKV(t *testing.T) {
	var asked []string
	h := growtest.New(growtest.Options{Config: config{"EUR"}, Double: func(r growtest.Request) growtest.Answer {
		var attrs []string
		for name, v := range r.Attrs {
			attrs = append(attrs, name+"="+v)
		}
		sort.Strings(attrs)
		asked = append(asked, strings.Join(append([]string{r.Op, r.Use, string(r.Data)}, attrs...), " "))
		switch {
		case r.Attrs["key"] == "none":
			return growtest.Answer{Code: "not_found"}
		case r.Attrs["if_revision"] == "1":
			return growtest.Answer{Code: "conflict", Data: []byte("another")}
		case r.Op == "kv.list" && r.Attrs["after"] == "":
			return growtest.Answer{Data: []byte(`["a","b"]`)}
		case r.Op == "kv.list":
			return growtest.Answer{Data: []byte(`[]`)}
		}
		return growtest.Answer{Data: []byte(`{"n":7}`), Attrs: map[string]string{"revision": "3"}}
	}})
	askBucket = func(kv grow.KV) {
		var v struct{ N int }
		if n, err := kv.Get("a", &v); err != nil || n != 3 || v.N != 7 {
			t.Errorf("%d %v %+v", n, err, v)
		}
		if n, err := kv.Get("none", &v); err != nil || n != 0 || v.N != 7 {
			t.Errorf("%d %v %+v", n, err, v)
		}
		if e, err := kv.Read("a"); err != nil || string(e.Data) != `{"n":7}` || e.Revision != 3 {
			t.Errorf("%+v %v", e, err)
		}
		if e, err := kv.Read("none"); err != nil || e.Data != nil || e.Revision != 0 {
			t.Errorf("%+v %v", e, err)
		}
		if n, err := kv.Set("a", []int{1}, grow.IfRevision(3), grow.TTL(time.Minute+1)); err != nil || n != 3 {
			t.Errorf("%d %v", n, err)
		}
		if _, err := kv.Write("a", []byte("x"), grow.IfRevision(1)); err == nil || err.Error() != "kv.set: conflict: another" {
			t.Error(err)
		}
		if err := kv.Delete("a"); err != nil {
			t.Error(err)
		}
		if keys, err := kv.List("p"); err != nil || !slices.Equal(keys, []string{"a", "b"}) {
			t.Errorf("%q %v", keys, err)
		}
		if keys, err := kv.Page("p", "a", 5); err != nil || len(keys) != 0 {
			t.Errorf("%q %v", keys, err)
		}
		if _, err := kv.Set("a", func() {}); err == nil {
			t.Error("a function was set")
		}
	}
	if got := h.Send("kv.ask", 0); got.Outcome != growtest.Handled {
		t.Fatalf("%+v", got)
	}
	want := []string{
		"kv.get carts  key=a", "kv.get carts  key=none", "kv.get carts  key=a", "kv.get carts  key=none",
		"kv.set carts [1] if_revision=3 key=a ttl=60001", "kv.set carts x if_revision=1 key=a", "kv.delete carts  key=a",
		"kv.list carts  limit=1000 prefix=p", "kv.list carts  after=b limit=1000 prefix=p", "kv.list carts  after=a limit=5 prefix=p",
	}
	if !slices.Equal(asked, want) {
		t.Errorf("asked\n%s", strings.Join(asked, "\n"))
	}
}
