package nats

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/grow-platform/grow/runtime/bucket"
)

// TestForetold: a write of a value that goes by itself is done once, at whichever moment the
// process ended, and also when its value was gone before anybody looked again.
func TestForetold(t *testing.T) {
	s, n := open(t, Options{Dir: t.TempDir()}), bucket.Carried{Kind: bucket.Values, Name: bucket.Name{Namespace: "main", Bucket: "carts"}}
	defer s.Close()
	b, err := s.Bucket(t.Context(), n.Name)
	if err != nil {
		t.Fatal(err)
	}
	v := b.(*values)
	h := v.handle.Load()
	write := func(b bucket.Bucket, w *bucket.Write) uint64 {
		t.Helper()
		revision, err := b.Write(t.Context(), w)
		if err != nil {
			t.Fatal(err)
		}
		return revision
	}
	value := func(key string) string {
		t.Helper()
		e, err := b.Get(t.Context(), key)
		if err != nil && !errors.Is(err, bucket.ErrNotFound) {
			t.Fatal(err)
		}
		return string(e.Data)
	}
	// crashed is a write of which the process saw the note, and the value if it was written.
	crashed := func(key string, ttl time.Duration, written bool) (w *bucket.Write, noted uint64) {
		t.Helper()
		w = &bucket.Write{Key: key, Data: []byte("mine"), TTL: ttl, Once: key}
		noted, err := v.foretell(t.Context(), h, w, &finding{})
		if err == nil && written {
			_, err = v.publish(t.Context(), h, w, &finding{}, noted)
		}
		if err != nil {
			t.Fatal(err)
		}
		return w, noted
	}
	// A note alone: it is still to be done, whatever others have written before or since.
	w, noted := crashed("note", time.Hour, false)
	if got := write(b, w); got <= noted || value("note") != "mine" {
		t.Errorf("after its note: revision %d, noted %d, value %q", got, noted, value("note"))
	}
	write(b, &bucket.Write{Key: "old", Data: []byte("old")})
	w, _ = crashed("old", bucket.TTLMin, false)
	write(b, w)
	w, _ = crashed("other", time.Hour, false)
	write(b, &bucket.Write{Key: "other", Data: []byte("other")})
	if write(b, w); value("other") != "mine" {
		t.Errorf("after another's value: %q", value("other"))
	}
	// A value that is there is known by itself, and one that was replaced by its note.
	w, noted = crashed("there", time.Hour, true)
	if e, err := b.Get(t.Context(), "there"); err != nil || e.Revision != noted || write(b, w) != noted {
		t.Errorf("%+v %v, noted %d", e, err, noted)
	}
	write(b, &bucket.Write{Key: "there", Data: []byte("other"), If: &noted})
	if write(b, w) != noted || value("there") != "other" {
		t.Errorf("it was done again: %q", value("there"))
	}
	// One that is gone is not written again, also over what came since, or in a copy.
	w, noted = crashed("gone", bucket.TTLMin, true)
	taken, since := crashed("taken", bucket.TTLMin, true)
	eventually(t, "the values are gone", func() error {
		if value("gone")+value("taken") != "" {
			return errors.New("they are there")
		}
		return nil
	})
	if got := write(b, w); got != noted || value("gone") != "" {
		t.Errorf("its value came back: revision %d, want %d, value %q", got, noted, value("gone"))
	}
	write(b, &bucket.Write{Key: "taken", Data: []byte("other")})
	if got := write(b, taken); got != since || value("taken") != "other" {
		t.Errorf("another's value was taken: revision %d, want %d, value %q", got, since, value("taken"))
	}
	var items []*bucket.Item
	x, err := s.CopyBucket(t.Context(), n, func(i *bucket.Item) error { items = append(items, i); return nil })
	if err != nil {
		t.Fatal(err)
	}
	copied := open(t, Options{Dir: t.TempDir()})
	defer copied.Close()
	err = copied.MakeBucket(t.Context(), n, x, func(visit func(*bucket.Item) error) error {
		for _, i := range items {
			if err := visit(i); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if b, err = copied.Bucket(t.Context(), n.Name); err != nil {
		t.Fatal(err)
	}
	if got := write(b, w); got != noted || value("gone") != "" {
		t.Errorf("in a copy: revision %d, want %d, value %q", got, noted, value("gone"))
	}
}

// TestForetoldRefused: a write of a value that goes by itself and that was refused is not
// taken for done when its time would be over.
func TestForetoldRefused(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir()})
	defer s.Close()
	b, err := s.Bucket(t.Context(), bucket.Name{Namespace: "main", Bucket: "locks"})
	if err != nil {
		t.Fatal(err)
	}
	write := func(w *bucket.Write, want error) {
		t.Helper()
		if _, err := b.Write(t.Context(), w); !errors.Is(err, want) {
			t.Fatalf("%+v: %v, want %v", w, err, want)
		}
	}
	w := &bucket.Write{Key: "lock", Data: []byte("mine"), TTL: bucket.TTLMin, If: new(uint64), Once: "m1"}
	if w.Prepared, err = b.(bucket.Preparer).Prepare(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	write(&bucket.Write{Key: "lock", Data: []byte("other"), If: new(uint64), Once: "m2"}, nil)
	write(w, bucket.ErrConflict)
	write(&bucket.Write{Key: "clock", TTL: bucket.TTLMin, Once: "m3"}, nil)
	eventually(t, "a lock would be over", func() error {
		if _, err := b.Get(t.Context(), "clock"); !errors.Is(err, bucket.ErrNotFound) {
			return fmt.Errorf("the clock is there: %w", err)
		}
		return nil
	})
	write(&bucket.Write{Key: "lock", Delete: true, Once: "m4"}, nil)
	w.Prepared = nil
	write(w, nil)
	if e, err := b.Get(t.Context(), "lock"); err != nil || string(e.Data) != "mine" {
		t.Errorf("the lock is of %q: %v", e.Data, err)
	}
}
