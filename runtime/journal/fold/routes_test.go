package fold

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/grow-platform/grow/runtime/journal"
)

// TestRoutes: of routes the world knows which are in force, which are tried, and of those
// that are neither any more the last.
func TestRoutes(t *testing.T) {
	w := New(Limits{Routes: 2})
	text := func(n uint32) []byte { return []byte{byte('a' + n)} }
	of := func(n uint32, use uint32, time int64) journal.Routes {
		return journal.Routes{Number: n, Text: text(n), Use: use, Time: time}
	}
	for i, e := range []journal.Routes{
		of(0, journal.RoutesInForce, 1), of(1, journal.RoutesTried, 2), {Number: 1, Use: journal.RoutesWithdrawn, Time: 3},
		of(1, journal.RoutesTried, 4), of(2, journal.RoutesInForce, 5), of(0, journal.RoutesInForce, 6), of(3, journal.RoutesInForce, 7), of(4, journal.RoutesTried, 8),
		of(5, journal.RoutesTried, 9),
	} {
		if err := w.apply(&e); err != nil {
			t.Fatalf("entry %d: %v", i, err)
		}
	}
	want := []journal.Routes{of(0, journal.RoutesWithdrawn, 7), of(3, journal.RoutesInForce, 7), of(4, journal.RoutesWithdrawn, 9), of(5, journal.RoutesTried, 9)}
	if d := cmp.Diff(want, w.Routes()); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}

// TestRoutesReplaced: those that were in force for long are forgotten after those that were
// tried meanwhile.
func TestRoutesReplaced(t *testing.T) {
	w := New(Limits{Routes: 8})
	do := func(n, use uint32) {
		if err := w.apply(&journal.Routes{Number: n, Text: []byte{byte('a' + n)}, Use: use, Time: int64(n + 1)}); err != nil {
			t.Fatal(err)
		}
	}
	do(0, journal.RoutesInForce)
	for n := uint32(1); n <= 8; n++ {
		do(n, journal.RoutesTried)
		do(n, journal.RoutesWithdrawn)
	}
	do(9, journal.RoutesInForce)
	var kept []uint32
	for _, r := range w.Routes() {
		kept = append(kept, r.Number)
	}
	if d := cmp.Diff([]uint32{2, 3, 4, 5, 6, 7, 8, 0, 9}, kept); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}
