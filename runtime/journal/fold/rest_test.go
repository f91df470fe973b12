package fold

import (
	"slices"
	"testing"

	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/testdata/property"
	"pgregory.net/rapid"
)

// valuesText is each value of each cell in words.
func valuesText(t *rapid.T, w *World, load func(string) (Cells, error)) (list []string) {
	cells, err := w.Cells(load)
	if err != nil {
		t.Fatal(err)
	}
	for c, values := range cells {
		for name, v := range values {
			list = append(list, valueText(c, name, v))
		}
	}
	return list
}

// TestRest takes records out of histories. What is folded without them leaves each
// value as it was at some moment, and goes on: a snapshot of it can be loaded, with
// every message that waits.
func TestRest(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		m, records := history(t)
		first := m.draw("lost", len(records))
		lost := m.draw("several", 3) + first
		store := &kept{blobs{}, records}
		w := New(bounds)
		for i, r := range records[:first] {
			if _, err := w.Record(uint64(i+1), r, unpack); err != nil {
				t.Fatal(err)
			}
		}
		if m.draw("snapshot", 2) == 1 {
			s, err := w.Snapshot(store)
			if err != nil {
				t.Fatal(err)
			}
			if w, err = Load(bounds, s.Root, store.get); err != nil {
				t.Fatal(err)
			}
		}
		left := 0
		rest := w.Rest(store.Page)
		for i := lost + 1; i < len(records); i++ {
			if err := rest.Record(uint64(i+1), records[i], unpack, func(journal.Entry, error) { left++ }); err != nil {
				t.Fatal(err)
			}
		}
		rest.End(uint64(len(records)))
		for _, text := range valuesText(t, w, store.Page) {
			if !slices.Contains(m.ever, text) {
				t.Errorf("there is %s, which never was", text)
			}
		}
		if first == len(records)-1 && left > 0 {
			t.Errorf("%d entries are left out after the last record", left)
		}
		s, err := w.Snapshot(store)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Load(bounds, s.Root, store.get)
		if err != nil {
			t.Fatal(err)
		}
		if a, b := w.text(t, store.Page), again.text(t, store.Page); a != b {
			t.Errorf("the snapshot has\n%s\nand not\n%s", b, a)
		}
		store.fetched(t, again)
	})
}
