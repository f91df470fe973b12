package shard

import (
	"errors"
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/specs"
)

// flat is a service without workflows.
func flat(names ...string) (*specs.Service, map[string]guest) {
	s, guests := project(), map[string]guest{}
	for _, n := range names {
		s.Actors[n] = def(n, nil)
		guests[n] = func(_ engine.Host, m *abi.Message) ([]sent, error) {
			return []sent{{typ: "out", data: string(m.Data())}}, nil
		}
	}
	return s, guests
}

// TestBegunByFlat: nodes that go one after the other, of a service without workflows, finish
// what they have, and the number of its routes is kept as long as one of them is.
func TestBegunByFlat(t *testing.T) {
	service, guests := flat("a", "b", "c")
	b := open(t, service, guests, nil)
	b.Govern(Modes{Service: Paused})
	var flows []*Flow
	for _, n := range []string{"b", "c"} {
		flows = append(flows, b.accept(t, &Request{To: n, Data: []byte("1"), AnyReply: true}))
	}
	for _, names := range [][]string{{"a", "c"}, {"a"}} {
		service, _ := flat(names...)
		serve(t, b.Shard, service, guests)
	}
	with, more := hops("a")
	serve(t, b.Shard, with, more)
	b.applying.Lock()
	b.routes.former = append(b.routes.former, former{plan: b.routes.former[0].plan}) // long ago
	b.settleFormer(b.clock.Now().UnixNano(), false)
	if _, ok := b.routes.numbers[""]; !ok {
		t.Error("the number of routes that are kept is forgotten")
	}
	b.applying.Unlock()
	b.Govern(Modes{})
	for _, f := range flows {
		if got := answered1(t, f); got != "replied out 1" {
			t.Error(got)
		}
	}
}

// TestApplySick: while the journal takes nothing, a table of other routes is refused at once.
func TestApplySick(t *testing.T) {
	a, guests := hops("a")
	b := open(t, a, guests, nil)
	other, more := hops("b")
	b.unhealthy(errors.New("disk full"))
	if err := b.Apply(mustCompile(t, other), actorsOf(t, b.Shard, other, more)); !errors.Is(err, ErrJournal) {
		t.Errorf("%v", err)
	}
	b.healthy()
	serve(t, b.Shard, other, more)
}

// TestTrialNoted: when a trial has ended by a table whose routes are in force, or by a restart after
// which nothing waits for it, the journal says so; and what waited is handed over once it is known by which routes it goes.
func TestTrialNoted(t *testing.T) {
	j := openJournal(t)
	a, guests := hops("a")
	other, more := hops("b")
	for name, g := range more {
		guests[name] = g
	}
	tried := func(want bool) {
		t.Helper()
		w, _, err := recoverWorld(t.Context(), j, func(uint64, int64) {})
		if err != nil {
			t.Fatal(err)
		}
		got := false
		for _, r := range w.Routes() {
			got = got || r.Use == journal.RoutesTried
		}
		if got != want {
			t.Errorf("routes are tried by the journal: %v, want %v", got, want)
		}
	}
	life := func(f func(s *Shard)) {
		clock := &hooked{manual: newManual()}
		s, err := Open(t.Context(), Options{Namespace: "main", Service: "test", Journal: j, Clock: clock, Lanes: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		clock.hook = func() {
			if len(s.ways()) == 0 {
				t.Error("what waits is handed over before it is known by which routes it goes")
			}
		}
		serve(t, s, a, guests)
		clock.called(t)
		f(s)
	}
	try := func(s *Shard) {
		actors := actorsOf(t, s, other, guests)
		delete(actors, "w/n0")
		if err := s.Try(&Trial{Table: mustCompile(t, other), Actors: actors, Salt: "7", Share: 1}); err != nil {
			t.Fatal(err)
		}
	}
	settle := func(s *Shard, want bool) {
		t.Helper()
		if err := s.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		tried(want)
	}
	life(func(s *Shard) {
		try(s)
		serve(t, s, a, guests)
		settle(s, false)
		try(s)
	})
	life(func(s *Shard) {
		serve(t, s, other, guests)
		settle(s, false)
		serve(t, s, a, guests)
		try(s)
	})
	tried(true)
	life(func(s *Shard) { // nothing waits for it
		s.clock.(*hooked).pass(routesLook)
		settle(s, false)
	})
}
