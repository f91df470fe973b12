package http

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/object"
	"github.com/grow-platform/grow/specs"
)

// TestLives: a bucket keeps answers for as long as the grant says that does so longest.
func TestLives(t *testing.T) {
	uses := func(kind string, params map[string]any) specs.Grant {
		if kind == "http" {
			params["hosts"] = []any{"example.com"}
		}
		return specs.Grant{Kind: kind, Params: params}
	}
	got := Lives(&specs.Service{Actors: map[string]*specs.Actor{
		"a": {Uses: []specs.Grant{
			uses("http", map[string]any{"bucket": "short", "keep": "48h"}), uses("http", map[string]any{"bucket": "both", "keep": "72h"}), uses("http", map[string]any{}),
			uses("blob", map[string]any{"bucket": "theirs", "server": "main"}), uses("blob", map[string]any{"bucket": "all", "of": "namespace"}), uses("kv", map[string]any{"bucket": "values"}),
		}},
		"b": {Uses: []specs.Grant{uses("http", map[string]any{"bucket": "both", "keep": "240h"}), uses("blob", map[string]any{"bucket": "former"}), uses("http", map[string]any{"bucket": "plain"})}},
	}})
	want := map[string]time.Duration{"short": 48 * time.Hour, "both": 240 * time.Hour, "former": KeepDefault, "plain": KeepDefault}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
	for _, keep := range []string{"47h", "1d", "0h", "99999h", ""} {
		if err := form.Check(map[string]any{"hosts": []any{"example.com"}, "bucket": "a", "keep": keep}); err == nil {
			t.Errorf("keep: %q is taken", keep)
		}
	}
}

// TestExpire: of kept answers those go that are over their time and that nothing names, and no
// other object.
func TestExpire(t *testing.T) {
	now := time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)
	store := &object.Memory{Now: func() time.Time { return now }}
	b, err := store.Objects(t.Context(), bucket.Name{Namespace: "main", Service: "shop", Bucket: "pages"})
	if err != nil {
		t.Fatal(err)
	}
	digits := func(n int) string { return fmt.Sprintf("%032x", n) }
	put := func(key string) {
		t.Helper()
		if _, err := b.Write(t.Context(), &object.Write{Key: key, Data: []byte("12345")}); err != nil {
			t.Fatal(err)
		}
	}
	const many = object.PageMax + 5
	for n := range many {
		put("http/" + digits(n))
	}
	for _, key := range []string{"other", "http/short", "http/" + digits(1) + "/below", "https/" + digits(1)} {
		put(key)
	}
	now = now.Add(time.Hour)
	put("http/" + digits(many))
	looked := 0
	holds := func(visit func([]byte)) error {
		looked++
		visit([]byte(`{"body":"http\/` + digits(3) + `"}`))
		visit([]byte("http/" + digits(4) + digits(5))) // where 0x40 stands across, too
		visit([]byte("x" + strings.Repeat("0", 40)))
		if _, err := b.Write(t.Context(), &object.Write{Key: "http/" + digits(7), Data: []byte("anew")}); err != nil {
			return err
		}
		return nil
	}
	broken := errors.New("broken")
	if e, err := Expire(t.Context(), b, now, func(func([]byte)) error { return broken }); !errors.Is(err, broken) || e.Removed != 0 {
		t.Errorf("%+v, %v", e, err)
	}
	e, err := Expire(t.Context(), b, now, holds)
	if want := (Expired{Removed: many - 6, Bytes: 5 * (many - 6), Held: 5}); err != nil || e != want {
		t.Errorf("%+v, %v, want %+v", e, err, want)
	}
	list, err := b.List(t.Context(), "", "", object.PageMax)
	var left []string
	for _, o := range list {
		left = append(left, o.Key)
	}
	want := []string{"http/" + digits(0), "http/" + digits(1) + "/below", "http/" + digits(3), "http/" + digits(4), "http/" + digits(5), "http/" + digits(7), "http/" + digits(0x40), "http/" + digits(many), "http/short", "https/" + digits(1), "other"}
	if err != nil || !slices.Equal(left, want) {
		t.Errorf("left are %q, %v", left, err)
	}
	if e, err := Expire(t.Context(), b, now.Add(-2*time.Hour), holds); err != nil || e != (Expired{}) || looked != 1 {
		t.Errorf("without old ones: %+v, %v, looked %d times", e, err, looked)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Expire(ctx, b, now, holds); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

// TestExpiredAnywhere: wherever one begins, each body comes once.
func TestExpiredAnywhere(t *testing.T) {
	store := &object.Memory{}
	b, err := store.Objects(t.Context(), bucket.Name{Namespace: "main", Service: "shop", Bucket: "pages"})
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for n := range 40 {
		keys = append(keys, fmt.Sprintf("http/%02x%030x", n*6, n))
		if _, err := b.Write(t.Context(), &object.Write{Key: keys[n], Data: []byte("1")}); err != nil {
			t.Fatal(err)
		}
	}
	for _, from := range append([]string{"http/00000000", "http/0b000000", "http/ffffffff"}, keys...) {
		seen := map[string]int{}
		for _, r := range [][2]string{{from, ""}, {"", from}} {
			list, err := expired(t.Context(), b, time.Now().Add(time.Hour), r[0], r[1])
			if err != nil {
				t.Fatal(err)
			}
			for digits := range list {
				seen[digits]++
			}
		}
		for _, key := range keys {
			if n := seen[strings.TrimPrefix(key, "http/")]; n != 1 {
				t.Errorf("from %s: %s comes %d times", from, key, n)
			}
		}
	}
}

// unreadable is a bucket in which it cannot be read what one object is.
type unreadable struct{ object.Bucket }

// List implements object.Bucket.
func (unreadable) List(context.Context, string, string, int) ([]object.Info, error) {
	return []object.Info{
		{Key: kept + strings.Repeat("a", 32), Damaged: true},
		{Key: kept + strings.Repeat("b", 32), Revision: "1", Modified: time.Unix(1, 0)},
	}, nil
}

// TestExpireDamaged: of an answer of which it cannot be read what it is nobody knows how old it is.
func TestExpireDamaged(t *testing.T) {
	old, err := expired(t.Context(), unreadable{}, time.Unix(2, 0), "", "")
	if _, ok := old[strings.Repeat("b", 32)]; err != nil || len(old) != 1 || !ok {
		t.Errorf("%v, %v", old, err)
	}
}
