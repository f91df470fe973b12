package shard

import (
	"maps"
	"slices"
	"testing"

	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/router"
	"github.com/grow-platform/grow/specs"
)

// counted are the edges that something went along.
func counted(s *Shard) map[router.Edge]uint64 {
	all := s.Passed()
	maps.DeleteFunc(all, func(_ router.Edge, n uint64) bool { return n == 0 })
	return all
}

// TestPassed: each message counts once for every edge that it goes along, whatever lane
// it is handled on, and a swap keeps what was counted of the edges that stay.
func TestPassed(t *testing.T) {
	service, guests := flowService()
	b := open(t, service, guests, nil)
	const n = 50
	for range n {
		b.accept(t, &Request{To: "outer", Replies: []string{"out"}, Data: []byte("work unwanted")})
	}
	want := map[router.Edge]uint64{
		{From: "outer/input", To: "outer/first", Type: "in"}:            n,
		{From: "outer/first", To: "outer/inner/input", Type: "work"}:    n,
		{From: "outer/first", To: "outer/audit", Type: "work"}:          n,
		{From: "outer/first", To: "outer/deadletter", Type: "unwanted"}: n,
		{From: "outer/inner/input", To: "outer/inner/w", Type: "work"}:  n,
		{From: "outer/inner/w", To: "outer/inner/output", Type: "out"}:  n,
		{From: "outer/inner/output", To: "outer/output", Type: "out"}:   n,
		{From: "outer/audit", To: "outer/drop", Type: "noted"}:          n,
	}
	await(t, "every message", func() bool { return maps.Equal(counted(b.Shard), want) })
	if all := b.Passed(); len(all) <= len(want) {
		t.Errorf("%d edges: those that nothing went along are missing", len(all))
	}
	other, _ := flowService()
	routes := other.Workflows["outer"].Routes
	routes[1].To, routes[2].When = []string{"inner"}, "data == 'late'" // what goes to audit is another edge, or gone
	serve(t, b.Shard, other, guests)
	delete(want, router.Edge{From: "outer/first", To: "outer/audit", Type: "work"})
	b.accept(t, &Request{To: "outer", Replies: []string{"out"}, Data: []byte("unwanted")})
	want[router.Edge{From: "outer/input", To: "outer/first", Type: "in"}]++
	want[router.Edge{From: "outer/first", To: "outer/deadletter", Type: "unwanted"}]++
	await(t, "one more", func() bool { return maps.Equal(counted(b.Shard), want) })
	// What is refused goes nowhere.
	b.stopping.Store(true)
	if _, err := b.Accept(t.Context(), &Request{To: "outer", Type: "in"}); err == nil {
		t.Error("a shard that stops has taken a message")
	}
	if got := counted(b.Shard); !maps.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

// TestPassedUntry: edges that only a trial had are not told of once it has ended.
func TestPassedUntry(t *testing.T) {
	service, guests := flowService()
	b := open(t, service, guests, nil)
	before := slices.Collect(maps.Keys(b.Passed()))
	other, _ := flowService()
	other.Workflows["outer"].Routes[1].To = []string{"inner"}
	other.Workflows["outer"].Routes[2].To = []string{"audit", specs.Output}
	actors := actorsOf(t, b.Shard, other, guests)
	maps.DeleteFunc(actors, func(path string, _ *actor.Actor) bool { return path != "outer/audit" })
	if err := b.Try(&Trial{Table: mustCompile(t, other), Actors: actors, Salt: "7", Share: 1}); err != nil {
		t.Fatal(err)
	}
	if now := b.Passed(); len(now) <= len(before) {
		t.Fatalf("the trial has no edge of its own: %v", now)
	}
	b.Untry()
	now := b.Passed()
	if len(now) != len(before) {
		t.Errorf("%d edges, there were %d", len(now), len(before))
	}
	for _, e := range before {
		if _, ok := now[e]; !ok {
			t.Errorf("%v is gone", e)
		}
	}
}
