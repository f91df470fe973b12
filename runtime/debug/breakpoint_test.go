package debug

import "testing"

// TestSetAgain: a breakpoint that is asked for again stays what it was, unless it has ended:
// then it is a new one.
func TestSetAgain(t *testing.T) {
	s := &Session{}
	s.points.lastID = 2
	old := []*point{{id: 1, data: 8, bytes: 4, stack: true, over: true}, {id: 2, data: 16, bytes: 4, hits: 3}}
	bound := make([]Bound, len(old))
	lie := s.lay(old, []*point{{data: 8, bytes: 4, stack: true}, {data: 16, bytes: 4}}, bound)
	if len(lie) != 2 || lie[0].over || bound[0].ID != 3 || lie[1] != old[1] || bound[1].ID != 2 {
		t.Errorf("%+v: %+v", bound, lie)
	}
}
