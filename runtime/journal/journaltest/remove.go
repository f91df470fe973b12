package journaltest

import (
	"errors"
	"testing"

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
	for range 2 { // the second time it is the one that was made anew
		j := journalOf(t, s, name)
		same(t, "bounds of a new journal", bounds(t, j), [2]uint64{1, 0})
		mustAdd(t, j, 0, "a", "b")
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
		// A server may answer once more from what it is just removing.
		_, err = j.Blob(t.Context(), digest)
		for tries := 0; err == nil && tries < 1000; tries++ {
			_, err = j.Blob(t.Context(), digest)
		}
		if !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("its blob: %v", err)
		}
		if _, _, err := j.Snapshot(t.Context()); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("its snapshot pointer: %v", err)
		}
	}
	if err := r.Remove(t.Context(), journal.Name{Namespace: "main", Service: "nothing"}); err != nil {
		t.Errorf("one that is not there: %v", err)
	}
	same(t, "the neighbour", all(t, neighbour, 1), []string{"1:x"})
}
