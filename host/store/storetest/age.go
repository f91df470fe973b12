package storetest

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/grow-platform/grow/host/store"
)

// listed is an object as Objects gives it.
func listed(t *testing.T, s store.Store, d store.Digest) store.Object {
	t.Helper()
	for o, err := range s.Objects(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if o.Digest == d {
			return o
		}
	}
	t.Fatalf("%s is not listed", d)
	return store.Object{}
}

func ages(t *testing.T, s store.Store) {
	_, err := s.Touch(t.Context(), store.DigestOf([]byte("a")))
	want(t, err, store.ErrNotFound)
	if err := s.RemoveUnchanged(t.Context(), store.Object{Digest: store.DigestOf([]byte("a"))}); err != nil {
		t.Errorf("what is not there: %v", err)
	}
	a := put(t, s, []byte("a"))
	for name, renew := range map[string]func(){
		"put": func() { put(t, s, []byte("a")) },
		"touched": func() {
			o, err := s.Touch(t.Context(), a.Digest)
			if err != nil || o.Digest != a.Digest || o.Size != 1 {
				t.Errorf("touch: %+v, %v", o, err)
			}
		},
	} {
		old := listed(t, s, a.Digest)
		renew()
		now := listed(t, s, a.Digest)
		if !now.Time.After(old.Time) {
			t.Errorf("%s at %v, and it was there since %v", name, now.Time, old.Time)
		}
		want(t, s.RemoveUnchanged(t.Context(), old), store.ErrConflict)
		if got := string(get(t, s, a.Digest)); got != "a" {
			t.Errorf("%s: %q", name, got)
		}
	}
	stat, err := s.Stat(t.Context(), a.Digest)
	if err != nil || !stat.Time.Equal(listed(t, s, a.Digest).Time) {
		t.Errorf("listed and looked at they differ: %+v, %v", stat, err)
	}
	for range 2 {
		if err := s.RemoveUnchanged(t.Context(), stat); err != nil {
			t.Error(err)
		}
	}
	_, err = s.Touch(t.Context(), a.Digest)
	want(t, err, store.ErrNotFound)
	if got := list(t, s); len(got) != 0 {
		t.Errorf("%v are still there", got)
	}
	put(t, s, []byte("a"))
	if got := string(get(t, s, a.Digest)); got != "a" {
		t.Errorf("put again: %q", got)
	}
	if _, err := s.Touch(t.Context(), "../../etc/passwd"); err == nil || errors.Is(err, store.ErrNotFound) {
		t.Errorf("touch: %v", err)
	}
	want(t, s.RemoveUnchanged(t.Context(), store.Object{Digest: "../../etc/passwd"}), store.ErrName)
}

// agesAtOnce has one renew what another removes: who was told that it is there finds it.
func agesAtOnce(t *testing.T, s store.Store) {
	for i := range 30 {
		old := put(t, s, []byte("a"))
		old = listed(t, s, old.Digest)
		var group sync.WaitGroup
		var renewed, removed error
		group.Go(func() { removed = s.RemoveUnchanged(t.Context(), old) })
		group.Go(func() {
			if i%2 == 0 {
				_, renewed = s.Touch(t.Context(), old.Digest)
			} else {
				_, renewed = s.Put(t.Context(), strings.NewReader("a"), 1)
			}
		})
		group.Wait()
		if removed != nil {
			want(t, removed, store.ErrConflict)
		}
		if renewed != nil {
			want(t, renewed, store.ErrNotFound)
			continue
		}
		if got := string(get(t, s, old.Digest)); got != "a" {
			t.Errorf("%q", got)
		}
	}
}
