package shard

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/specs"
)

// answering is a guest that sends what it is given as another type.
func answering(as string) guest {
	return func(_ engine.Host, m *abi.Message) ([]sent, error) {
		return []sent{{typ: as, data: string(m.Data())}}, nil
	}
}

// TestBegunByHeldUp: what goes by the routes in force, since those that it came by know nothing of
// its type, is held up where these lead to a full mailbox.
func TestBegunByHeldUp(t *testing.T) {
	revision := func(more bool) (*specs.Service, map[string]guest) {
		s, guests := project(), map[string]guest{"a": answering("in")}
		s.Actors["a"] = def("a", func(a *specs.Actor) { a.Out = []string{"in"} })
		w := &specs.Workflow{Name: "w", In: []string{"in"}, Out: []string{"in"}}
		w.Nodes = []*specs.Node{{Name: "a", Actor: "a", Scale: specs.Scale{Max: 1, Mailbox: 5000}}}
		w.Routes = []*specs.Route{{From: specs.Input, To: []string{"a"}}, {From: "a", Type: "in", To: []string{specs.Output}}}
		if more {
			s.Actors["a"].Out = []string{"in", "out"}
			s.Actors["c"] = def("c", func(a *specs.Actor) { a.In, a.Out = []string{"out"}, []string{"in"} })
			w.Nodes = append(w.Nodes, &specs.Node{Name: "c", Actor: "c", Scale: specs.Scale{Max: 1, Mailbox: 4}})
			w.Routes = append(w.Routes, &specs.Route{From: "a", Type: "out", To: []string{"c"}}, &specs.Route{From: "c", To: []string{specs.Output}})
			guests["a"], guests["c"] = answering("out"), answering("in")
		}
		s.Workflows["w"] = w
		return s, guests
	}
	one, guests := revision(false)
	b := open(t, one, guests, nil)
	b.Govern(Modes{Service: Paused})
	b.send(t, "w", 3000)
	b.settled(t)
	two, more := revision(true)
	serve(t, b.Shard, two, more)
	b.Govern(Modes{Actors: map[string]Mode{"c": Paused}})
	b.settled(t)
	if list := b.DeadLetters(nil, 0); len(list) > 0 {
		t.Errorf("%d dead letters, one of them: %s", len(list), list[0].Reason)
	}
	b.Govern(Modes{})
	b.settled(t)
	for _, n := range b.Status() {
		if n.Handled != 3000 {
			t.Errorf("%s has handled %d", n.Node, n.Handled)
		}
	}
}

// TestBegunByAway: what is sent by a handling that other routes have overtaken goes by those in
// force when its own are kept no longer, or lead to a node that is gone and stopped.
func TestBegunByAway(t *testing.T) {
	for name, overtake := range map[string]func(t *testing.T, b *bench, slow guest){
		"forgotten": func(t *testing.T, b *bench, slow guest) {
			for i := range routesMax + 2 {
				other, more := hops(fmt.Sprint("x", i))
				more["n0"] = slow
				serve(t, b.Shard, other, more)
			}
			if b.way(0) != nil {
				t.Fatal("the first routes are kept")
			}
		},
		"stopped": func(t *testing.T, b *bench, slow guest) {
			other, more := hops("b")
			more["n0"] = slow
			serve(t, b.Shard, other, more)
			b.Govern(Modes{Actors: map[string]Mode{"n1a": Stopped}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			held, goOn := make(chan struct{}), make(chan struct{})
			a, guests := hops("a")
			first := guests["n0"]
			slow := func(h engine.Host, m *abi.Message) ([]sent, error) {
				if err := h.Sleep(1); err != nil {
					return nil, err
				}
				held <- struct{}{}
				<-goOn
				return first(h, m)
			}
			guests["n0"] = slow
			b := open(t, a, guests, nil)
			f := b.accept(t, hop("k"))
			<-held
			overtake(t, b, slow)
			goOn <- struct{}{}
			b.settled(t)
			select {
			case <-f.Done():
			default:
				t.Error("it waits")
			}
			for _, d := range b.DeadLetters(nil, 0) {
				t.Errorf("%s: %s %s", d.Node, d.Code, d.Reason)
			}
		})
	}
}

// waited has a hook called when the shard waits for the journal to take note of routes.
type waited struct {
	*manual
	hook func()
}

// AfterFunc implements Clock.
func (w *waited) AfterFunc(d time.Duration, f func()) func() bool {
	if hook := w.hook; hook != nil && d == routesWait {
		w.hook = nil
		hook()
	}
	return w.manual.AfterFunc(d, f)
}

// TestTrialComing: a trial that goes on after a restart goes on by what had begun, and is tried by the
// journal, even where its time runs out while the journal takes note of it.
func TestTrialComing(t *testing.T) {
	j := openJournal(t)
	a, guests := hops("a")
	other, more := hops("b")
	fails := true
	for name, g := range more {
		guests[name] = func(h engine.Host, m *abi.Message) ([]sent, error) {
			if fails && name == "n1b" {
				return nil, trap("not yet")
			}
			return g(h, m)
		}
	}
	life := func(f func(s *Shard, clock *waited)) {
		clock := &waited{manual: newManual()}
		s, err := Open(t.Context(), Options{Namespace: "main", Service: "test", Journal: j, Clock: clock, Lanes: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		serve(t, s, a, guests)
		f(s, clock)
	}
	try := func(s *Shard) {
		actors := actorsOf(t, s, other, guests)
		delete(actors, "w/n0")
		if err := s.Try(&Trial{Table: mustCompile(t, other), Actors: actors, Salt: "7", Share: 1}); err != nil {
			t.Fatal(err)
		}
	}
	settle := func(s *Shard) {
		if err := s.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	life(func(s *Shard, _ *waited) {
		try(s)
		r := hop("k")
		r.Idempotency, r.Kept = &journal.Idempotency{Scope: "s", Key: "k", Digest: []byte("d")}, true
		if _, err := s.Accept(context.Background(), r); err != nil {
			t.Fatal(err)
		}
		settle(s)
	})
	fails = false
	life(func(s *Shard, c *waited) {
		settle(s)               // its alarm is set
		c.pass(2 * time.Second) // the next attempt is due, and waits for the trial
		settle(s)
		c.hook = func() {
			c.pass(awaitTime)
			settle(s)
		}
		try(s)
		if c.hook != nil {
			t.Fatal("the journal was not waited for")
		}
		settle(s)
		for _, d := range s.DeadLetters(nil, 0) {
			t.Errorf("%s: %s %s", d.Node, d.Code, d.Reason)
		}
		w, _, err := recoverWorld(t.Context(), j, func(uint64, int64) {})
		if err != nil {
			t.Fatal(err)
		}
		tried := s.trial.Load().next.number
		for _, r := range w.Routes() {
			if r.Number == tried && r.Use != journal.RoutesTried {
				t.Error("a trial is under way, and its routes are withdrawn by the journal")
			}
		}
	})
}

// TestPassedAgain: after a restart no edges are counted of routes that were replaced.
func TestPassedAgain(t *testing.T) {
	j := openJournal(t)
	a, guests := hops("a")
	other, more := hops("b")
	want := len(mustCompile(t, other).Edges)
	for life := range 2 {
		s, err := Open(t.Context(), Options{Namespace: "main", Service: "test", Journal: j, Clock: newManual(), Lanes: 1})
		if err != nil {
			t.Fatal(err)
		}
		if life == 0 {
			serve(t, s, a, guests)
		}
		serve(t, s, other, more)
		if n := len(s.Passed()); n != want {
			t.Errorf("life %d: %d edges, want %d", life, n, want)
		}
		s.Close()
	}
}
