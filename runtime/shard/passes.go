package shard

import (
	"sync"
	"sync/atomic"

	"github.com/grow-platform/grow/runtime/router"
)

// passed counts the messages that went along each edge since the shard was made. It is
// safe for concurrent use.
type passed struct {
	mu sync.Mutex // guards by
	by map[router.Edge]*atomic.Uint64
}

// of are the counters of a table's edges, by their indexes. Edges that are not new go on
// with what they have counted; with only, those that are not in the table are forgotten.
func (p *passed) of(t *router.Table, only bool) []*atomic.Uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.by
	if only || before == nil {
		p.by = make(map[router.Edge]*atomic.Uint64, len(t.Edges))
	}
	list := make([]*atomic.Uint64, len(t.Edges))
	for i, e := range t.Edges {
		n := p.by[e]
		if n == nil {
			n = before[e]
		}
		if n == nil {
			n = new(atomic.Uint64)
		}
		p.by[e], list[i] = n, n
	}
	return list
}

// Passed counts the messages that went along each edge of the table in force, and of a
// trial's, since the shard was made. A message that is tried again is not counted again.
func (s *Shard) Passed() map[router.Edge]uint64 {
	s.passed.mu.Lock()
	defer s.passed.mu.Unlock()
	list := make(map[router.Edge]uint64, len(s.passed.by))
	for e, n := range s.passed.by {
		list[e] = n.Load()
	}
	return list
}

// passes are what a lane has counted of a plan's edges since it last added up.
type passes struct {
	plan *plan
	n    []uint64 // by index of the edge
	some []int32  // edges whose n is not 0
}

// pass counts a message that has gone along edges of a plan.
func (l *lane) pass(by *plan, edges []int32) {
	p := &l.passes
	if p.plan != by {
		p.addUp()
		p.plan = by
		if len(p.n) < len(by.passed) {
			p.n = make([]uint64, len(by.passed))
		}
	}
	for _, e := range edges {
		if p.n[e] == 0 {
			p.some = append(p.some, e)
		}
		p.n[e]++
	}
}

// addUp adds what was counted to the shard's counters.
func (p *passes) addUp() {
	for _, e := range p.some {
		p.plan.passed[e].Add(p.n[e])
		p.n[e] = 0
	}
	p.some = p.some[:0]
}
