// Package storetest holds what every store must do.
package storetest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/grow-platform/grow/host/store"
)

// Run runs the suite on stores that open returns. Each of its tests calls it for an empty
// store; again opens what a store that was closed has left.
func Run(t *testing.T, open func(t *testing.T) (s store.Store, again func() store.Store)) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, s store.Store)
	}{
		{"objects", objects}, {"objects refused", objectsRefused}, {"objects of any size", objectSizes}, {"objects put at one time", objectsAtOnce},
		{"refs", refs}, {"refs refused", refsRefused}, {"refs listed", refsListed}, {"refs changed at one time", refsAtOnce}, {"refs against a model", refsModel},
		{"ages", ages}, {"ages at one time", agesAtOnce}, {"ended contexts", ended},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := open(t)
			defer closed(t, s)
			c.run(t, s)
		})
	}
	t.Run("opened again", func(t *testing.T) {
		s, again := open(t)
		reopened(t, s, again)
	})
}

func closed(t *testing.T, s store.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func put(t *testing.T, s store.Store, b []byte) store.Object {
	t.Helper()
	o, err := s.Put(t.Context(), bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	if o.Digest != store.DigestOf(b) || o.Size != int64(len(b)) || o.Time.IsZero() {
		t.Fatalf("put %d bytes: %+v", len(b), o)
	}
	return o
}

func get(t *testing.T, s store.Store, d store.Digest) []byte {
	t.Helper()
	r, o, err := s.Get(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	if o.Size != int64(len(b)) || o.Digest != d {
		t.Fatalf("got %d bytes of %+v", len(b), o)
	}
	return b
}

func list(t *testing.T, s store.Store) []store.Digest {
	t.Helper()
	all := []store.Digest{}
	for o, err := range s.Objects(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, o.Digest)
	}
	slices.Sort(all)
	return all
}

// want fails unless err is the sentinel.
func want(t *testing.T, err, sentinel error) {
	t.Helper()
	if !errors.Is(err, sentinel) {
		t.Errorf("%v; want %v", err, sentinel)
	}
}

func objects(t *testing.T, s store.Store) {
	a, b := put(t, s, []byte("a")), put(t, s, []byte("b"))
	if again := put(t, s, []byte("a")); again.Digest != a.Digest {
		t.Errorf("put twice: %+v, %+v", a, again)
	}
	if got := string(get(t, s, a.Digest)); got != "a" {
		t.Errorf("%q", got)
	}
	if got, want := list(t, s), []store.Digest{min(a.Digest, b.Digest), max(a.Digest, b.Digest)}; !slices.Equal(got, want) {
		t.Errorf("%v; want %v", got, want)
	}
	for range 2 { // that it is not there is no error
		if err := s.Remove(t.Context(), a.Digest); err != nil {
			t.Error(err)
		}
	}
	_, err := s.Stat(t.Context(), a.Digest)
	want(t, err, store.ErrNotFound)
	_, _, err = s.Get(t.Context(), a.Digest)
	want(t, err, store.ErrNotFound)
	if got := list(t, s); !slices.Equal(got, []store.Digest{b.Digest}) {
		t.Errorf("%v; want %s", got, b.Digest)
	}
	put(t, s, []byte("a"))
	if got := string(get(t, s, a.Digest)); got != "a" {
		t.Errorf("put again: %q", got)
	}
	for range s.Objects(t.Context()) {
		break // who has seen enough may stop
	}
}

func objectsRefused(t *testing.T, s store.Store) {
	_, err := s.Put(t.Context(), strings.NewReader("four"), 3)
	want(t, err, store.ErrTooLarge)
	_, err = s.Put(t.Context(), bytes.NewReader(make([]byte, 3<<20)), 2<<20)
	want(t, err, store.ErrTooLarge)
	broken := errors.New("broken")
	_, err = s.Put(t.Context(), io.MultiReader(strings.NewReader(strings.Repeat("x", 1<<20)), iotest.ErrReader(broken)), 2<<20)
	want(t, err, broken)
	if got := list(t, s); len(got) != 0 {
		t.Errorf("something is there all the same: %v", got)
	}
	for _, d := range []store.Digest{"", "x", "../../etc/passwd", store.Digest(strings.Repeat("A", 64)), store.Digest(strings.Repeat("a", 63) + "/")} {
		if _, err := s.Stat(t.Context(), d); err == nil || errors.Is(err, store.ErrNotFound) {
			t.Errorf("stat %q: %v", d, err)
		}
		if _, _, err := s.Get(t.Context(), d); err == nil || errors.Is(err, store.ErrNotFound) {
			t.Errorf("get %q: %v", d, err)
		}
		if err := s.Remove(t.Context(), d); err == nil {
			t.Errorf("remove %q: no error", d)
		}
	}
}

func objectSizes(t *testing.T, s store.Store) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{0, 1, 4095, 128 << 10, 128<<10 + 1, 5<<20 - 1} {
		b := make([]byte, size)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		o := put(t, s, b)
		if !bytes.Equal(get(t, s, o.Digest), b) {
			t.Errorf("%d bytes come out otherwise", size)
		}
		r, _, err := s.Get(t.Context(), o.Digest)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(io.Discard, r, int64(size/2)); err != nil {
			t.Error(err)
		}
		if err := r.Close(); err != nil { // who has seen enough may stop
			t.Error(err)
		}
	}
}

func objectsAtOnce(t *testing.T, s store.Store) {
	var group sync.WaitGroup
	for i := range 16 {
		group.Go(func() {
			b := bytes.Repeat([]byte{byte(i % 4)}, 300<<10)
			if o, err := s.Put(t.Context(), iotest.HalfReader(bytes.NewReader(b)), 1<<20); err != nil || o.Digest != store.DigestOf(b) {
				t.Errorf("%+v, %v", o, err)
			}
		})
	}
	group.Wait()
	if got := list(t, s); len(got) != 4 {
		t.Errorf("%d objects; want 4", len(got))
	}
	for i := range 4 {
		get(t, s, store.DigestOf(bytes.Repeat([]byte{byte(i)}, 300<<10)))
	}
}

func set(t *testing.T, s store.Store, name, value string, seen uint64) uint64 {
	t.Helper()
	r, err := s.SetRef(t.Context(), name, []byte(value), seen)
	if err != nil {
		t.Fatal(err)
	}
	if r <= seen {
		t.Fatalf("revision %d follows %d", r, seen)
	}
	return r
}

func value(t *testing.T, s store.Store, name string) (string, uint64) {
	t.Helper()
	r, err := s.Ref(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	if r.Name != name || r.Time.IsZero() {
		t.Errorf("%+v", r)
	}
	return string(r.Value), r.Revision
}

func refs(t *testing.T, s store.Store) {
	_, err := s.Ref(t.Context(), "a")
	want(t, err, store.ErrNotFound)
	first := set(t, s, "a", "1", 0)
	second := set(t, s, "a", "", first)
	if v, r := value(t, s, "a"); v != "" || r != second {
		t.Errorf("%q at %d; want nothing at %d", v, r, second)
	}
	for _, seen := range []uint64{0, first, second + 1} {
		_, err = s.SetRef(t.Context(), "a", []byte("x"), seen)
		want(t, err, store.ErrConflict)
		want(t, s.RemoveRef(t.Context(), "a", seen), store.ErrConflict)
	}
	if err := s.RemoveRef(t.Context(), "a", second); err != nil {
		t.Fatal(err)
	}
	_, err = s.Ref(t.Context(), "a")
	want(t, err, store.ErrNotFound)
	want(t, s.RemoveRef(t.Context(), "a", second), store.ErrConflict)
	_, err = s.SetRef(t.Context(), "a", []byte("x"), second)
	want(t, err, store.ErrConflict)
	if third := set(t, s, "a", "2", 0); third <= second {
		t.Errorf("revision %d after %d and a removal", third, second)
	}
}

func refsRefused(t *testing.T, s store.Store) {
	_, err := s.SetRef(t.Context(), "a", make([]byte, store.RefMax+1), 0)
	want(t, err, store.ErrTooLarge)
	set(t, s, "a", strings.Repeat("\x00", store.RefMax), 0)
	for _, name := range []string{"", "/", "a/", "/a", "a//b", "..", "a/../b", ".a", "a.", "a..b", "a=b", "a b", "ä", "a*", "a>", "a\\b", strings.Repeat("a", store.PartMax+1), strings.Repeat("a/", store.RefNameMax) + "a"} {
		if _, err := s.SetRef(t.Context(), name, nil, 0); err == nil {
			t.Errorf("set %q: no error", name)
		}
		if _, err := s.Ref(t.Context(), name); err == nil || errors.Is(err, store.ErrNotFound) {
			t.Errorf("ref %q: %v", name, err)
		}
	}
}

func refsListed(t *testing.T, s store.Store) {
	for _, name := range []string{"b", "a/b/c", "a/b", "ab", "a", "a.b/c", "a/B_2-x"} {
		set(t, s, name, "of "+name, 0)
	}
	for prefix, want := range map[string][]string{
		"": {"a", "a.b/c", "a/B_2-x", "a/b", "a/b/c", "ab", "b"}, "a": {"a/B_2-x", "a/b", "a/b/c"}, "a/b": {"a/b/c"}, "b": nil, "c": nil, "a.b": {"a.b/c"},
	} {
		all, err := s.Refs(t.Context(), prefix)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range all {
			got = append(got, r.Name)
			if string(r.Value) != "of "+r.Name || r.Revision == 0 {
				t.Errorf("%+v", r)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("below %q: %v; want %v", prefix, got, want)
		}
	}
}

func refsAtOnce(t *testing.T, s store.Store) {
	const clients, each = 4, 20
	var group sync.WaitGroup
	for range clients {
		group.Go(func() {
			for done := 0; done < each; {
				r, err := s.Ref(t.Context(), "n")
				if err != nil && !errors.Is(err, store.ErrNotFound) {
					t.Error(err)
					return
				}
				seen, n := r.Revision, len(r.Value)
				if err != nil {
					seen, n = 0, 0
				}
				switch _, err := s.SetRef(t.Context(), "n", bytes.Repeat([]byte("x"), n+1), seen); {
				case err == nil:
					done++
				case !errors.Is(err, store.ErrConflict):
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	if v, _ := value(t, s, "n"); len(v) != clients*each {
		t.Errorf("%d changes of %d are there", len(v), clients*each)
	}
}

// refsModel holds random changes against a map.
func refsModel(t *testing.T, s store.Store) {
	random := rand.New(rand.NewPCG(3, 4))
	type entry struct {
		value    string
		revision uint64
	}
	model := map[string]entry{}
	for i := range 200 {
		name := fmt.Sprintf("k/%d", random.IntN(5))
		have := model[name]
		seen := cmp.Or(uint64(random.IntN(4))/3*(have.revision+1), have.revision) // now and then a wrong one
		if random.IntN(4) == 0 {
			err := s.RemoveRef(t.Context(), name, seen)
			if ok := seen == have.revision && seen != 0; ok != (err == nil) {
				t.Fatalf("step %d: remove %s at %d, which has %d: %v", i, name, seen, have.revision, err)
			} else if ok {
				delete(model, name)
			}
			continue
		}
		v := fmt.Sprint(i)
		r, err := s.SetRef(t.Context(), name, []byte(v), seen)
		if ok := seen == have.revision; ok != (err == nil) {
			t.Fatalf("step %d: set %s at %d, which has %d: %v", i, name, seen, have.revision, err)
		} else if ok {
			model[name] = entry{v, r}
		}
	}
	all, err := s.Refs(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != len(model) {
		t.Errorf("%d refs; want %d", len(all), len(model))
	}
	for _, r := range all {
		if m := model[r.Name]; m.value != string(r.Value) || m.revision != r.Revision {
			t.Errorf("%s is %q at %d; want %q at %d", r.Name, r.Value, r.Revision, m.value, m.revision)
		}
	}
}

func ended(t *testing.T, s store.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Put(ctx, strings.NewReader("a"), 1)
	want(t, err, context.Canceled)
	_, err = s.SetRef(ctx, "a", nil, 0)
	want(t, err, context.Canceled)
	for _, err := range s.Objects(ctx) {
		want(t, err, context.Canceled)
	}
	if got := list(t, s); len(got) != 0 {
		t.Errorf("something was put: %v", got)
	}
}

func reopened(t *testing.T, s store.Store, again func() store.Store) {
	o := put(t, s, []byte("kept"))
	first := set(t, s, "a/b", "1", 0)
	gone := set(t, s, "a/c", "2", 0)
	if err := s.RemoveRef(t.Context(), "a/c", gone); err != nil {
		t.Fatal(err)
	}
	closed(t, s)
	closed(t, s) // a second time does nothing
	_, err := s.Ref(t.Context(), "a/b")
	want(t, err, store.ErrClosed)
	_, err = s.Put(t.Context(), strings.NewReader("a"), 1)
	want(t, err, store.ErrClosed)
	s = again()
	defer closed(t, s)
	if got := string(get(t, s, o.Digest)); got != "kept" {
		t.Errorf("%q", got)
	}
	if v, r := value(t, s, "a/b"); v != "1" || r != first {
		t.Errorf("%q at %d; want 1 at %d", v, r, first)
	}
	if r := set(t, s, "a/c", "3", 0); r <= gone {
		t.Errorf("revision %d after %d", r, gone)
	}
}
