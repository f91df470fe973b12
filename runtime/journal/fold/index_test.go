package fold

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"unsafe"

	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/testdata/property"
	"pgregory.net/rapid"
)

// TestIndex holds the table against a map, through growing and shrinking.
func TestIndex(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		var x index
		var s slab
		model := map[string]*Wait{}
		for range rapid.IntRange(1, 8).Draw(t, "rounds") {
			from := rapid.IntRange(0, 400).Draw(t, "from")
			to := from + rapid.IntRange(0, 400).Draw(t, "many")
			add := rapid.Bool().Draw(t, "add")
			for i := from; i < to; i++ {
				id := fmt.Sprint("01JD", i)
				switch m := model[id]; {
				case m == nil && add:
					m = &Wait{text: s.text([]byte(id), "key"), placeID: uint64(len(id)), key: 3}
					model[id] = m
					x.add(m)
				case m != nil && !add:
					delete(model, id)
					x.remove(m)
				}
			}
			if x.n != len(model) {
				t.Fatalf("%d messages; want %d", x.n, len(model))
			}
			for i := range 900 {
				id := fmt.Sprint("01JD", i)
				if got := x.get(id); got != model[id] {
					t.Fatalf("%s is %v; want %v", id, got, model[id])
				}
			}
			all := slices.Collect(x.all())
			if len(all) != len(model) {
				t.Fatalf("%d messages are visited; want %d", len(all), len(model))
			}
			for _, m := range all {
				if model[m.messageID()] != m {
					t.Fatalf("%s is visited and not there", m.messageID())
				}
			}
			if len(x.slots) > slotsMin && x.n < len(x.slots)/16 {
				t.Fatalf("%d slots for %d messages", len(x.slots), x.n)
			}
		}
	})
}

// TestWaitIsSmall: a million messages may wait, and each takes no more than it did.
func TestWaitIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(Wait{}); size > 56 {
		t.Errorf("%d bytes", size)
	}
}

// TestTwoInOne: what shares a number with another keeps its own.
func TestTwoInOne(t *testing.T) {
	var s slab
	for _, order := range []uint64{0, 1, firstMax} {
		m := &Wait{text: s.text([]byte("01JD"), "key"), placeID: 4, key: 3}
		if err := m.setOrder(order); err != nil || m.order() != order || m.messageID() != "01JD" || m.words() != "01JDkey" {
			t.Errorf("order %d: %d, %q, %v", order, m.order(), m.words(), err)
		}
		if err := m.setOrder(firstMax + 1); !errors.Is(err, journal.ErrDamaged) || m.order() != order {
			t.Errorf("too large: %v, %d", err, m.order())
		}
	}
}
