package shard

import (
	"context"
	"testing"

	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/mem"
)

// openJournal returns an empty journal that ends with the test.
func openJournal(t testing.TB) journal.Journal { return openFaulty(t, nil) }

// openFaulty is openJournal with faults.
func openFaulty(t testing.TB, fault func(n uint64) mem.Fault) journal.Journal {
	t.Helper()
	store := mem.New(mem.Options{Fault: fault})
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	j, err := store.Open(context.Background(), journal.Name{Namespace: "main", Service: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return j
}
