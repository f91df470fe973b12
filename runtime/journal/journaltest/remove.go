package journaltest

import (
	"errors"
	"testing"

	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/journal"
)

// removed: a journal that was removed is gone with all that belongs to it, and its
// neighbour is not. A store that cannot remove journals passes.
func removed(t *testing.T, s journal.Store, _ *Clock) {
	r, ok := s.(journal.Remover)
	if !ok {
		return
	}
	next := journal.Name{Namespace: "main", Service: "shop-2"}
	neighbour := journalOf(t, s, next)
	mustAdd(t, neighbour, 0, "x")
	buckets, ok := s.(bucket.Store)
	if !ok {
		t.Fatal("what can remove journals has buckets, which go with them")
	}
	write(t, buckets, next, "x")
	for range 2 { // the second time it is the one that was made anew
		j := journalOf(t, s, name)
		same(t, "bounds of a new journal", bounds(t, j), [2]uint64{1, 0})
		mustAdd(t, j, 0, "a", "b")
		write(t, buckets, name, "a")
		digest, err := j.PutBlob(t.Context(), []byte("blob"))
		if err == nil {
			_, err = j.SetSnapshot(t.Context(), []byte("pointer"), 0)
		}
		if err == nil {
			err = r.Remove(t.Context(), name)
		}
		if err != nil {
			t.Fatal(err)
		}
		j = journalOf(t, s, name)
		same(t, "bounds", bounds(t, j), [2]uint64{1, 0})
		if _, err := j.Blob(t.Context(), digest); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("its blob: %v", err)
		}
		same(t, "its bucket", read(t, buckets, name), "")
		if _, _, err := j.Snapshot(t.Context()); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("its snapshot pointer: %v", err)
		}
	}
	if err := r.Remove(t.Context(), journal.Name{Namespace: "main", Service: "nothing"}); err != nil {
		t.Errorf("one that is not there: %v", err)
	}
	same(t, "the neighbour", all(t, neighbour, 1), []string{"1:x"})
	same(t, "the neighbour's bucket", read(t, buckets, next), "x")
}

func bucketOf(t *testing.T, s bucket.Store, n journal.Name) bucket.Bucket {
	t.Helper()
	b, err := s.Bucket(t.Context(), bucket.Name{Namespace: n.Namespace, Service: n.Service, Bucket: "carts"})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// write sets a value of a service's bucket.
func write(t *testing.T, s bucket.Store, n journal.Name, value string) {
	t.Helper()
	if _, err := bucketOf(t, s, n).Write(t.Context(), &bucket.Write{Key: "k", Data: []byte(value)}); err != nil {
		t.Fatal(err)
	}
}

// read is the value that write set; "": there is none.
func read(t *testing.T, s bucket.Store, n journal.Name) string {
	t.Helper()
	e, err := bucketOf(t, s, n).Get(t.Context(), "k")
	if err != nil && !errors.Is(err, bucket.ErrNotFound) {
		t.Fatal(err)
	}
	return string(e.Data)
}
