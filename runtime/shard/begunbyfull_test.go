package shard

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/specs"
)

// lined is a service in which messages pass nodes of some names in their order, each of
// which has room for few.
func lined(room int, names ...string) (*specs.Service, map[string]guest) {
	s := project()
	guests := map[string]guest{}
	w := &specs.Workflow{Name: "w", In: []string{"in"}, Out: []string{"in"}}
	from := specs.Input
	for _, n := range names {
		s.Actors[n] = def(n, func(a *specs.Actor) { a.Out = []string{"in"} })
		w.Nodes = append(w.Nodes, &specs.Node{Name: n, Actor: n, Scale: specs.Scale{Max: 1, Mailbox: room}})
		w.Routes = append(w.Routes, &specs.Route{From: from, To: []string{n}})
		from = n
		guests[n] = func(_ engine.Host, m *abi.Message) ([]sent, error) {
			return []sent{{typ: "in", data: string(m.Data())}}, nil
		}
	}
	w.Routes = append(w.Routes, &specs.Route{From: from, To: []string{specs.Output}})
	s.Workflows["w"] = w
	return s, guests
}

// TestBegunByFull: two nodes that change places, and are full then of what goes the one way
// and the other, do not wait for each other.
func TestBegunByFull(t *testing.T) {
	one, guests := lined(2, "a", "b")
	other, _ := lined(2, "b", "a")
	b := open(t, one, guests, nil)
	b.Govern(Modes{Service: Paused})
	flows := b.send(t, "w", 2)
	serve(t, b.Shard, other, guests)
	flows = append(flows, b.send(t, "w", 2)...)
	b.settled(t)
	b.Govern(Modes{})
	b.settled(t)
	for i, f := range flows {
		select {
		case <-f.Done():
		default:
			t.Errorf("message %d waits: %+v", i, b.Status())
		}
	}
}

// TestBegunByFullLoad: messages go on while two nodes change places again and again.
func TestBegunByFullLoad(t *testing.T) {
	one, guests := lined(4, "a", "b")
	other, _ := lined(4, "b", "a")
	b := open(t, one, guests, nil)
	stop := make(chan struct{})
	var wait sync.WaitGroup
	var done atomic.Int64
	for i := range 16 {
		wait.Go(func() {
			for {
				f, err := b.Accept(context.Background(), &Request{To: "w", Type: "in", Data: fmt.Append(nil, i), AnyReply: true})
				switch {
				case err == nil:
					select {
					case <-f.Done():
						done.Add(1)
					case <-stop:
						return
					}
				case !errors.Is(err, ErrFull):
					t.Error(err)
					return
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	defer wait.Wait()
	defer close(stop)
	for i := range 60 {
		before := done.Load()
		serve(t, b.Shard, []*specs.Service{other, one}[i%2], guests)
		await(t, fmt.Sprint("what is handled after swap ", i), func() bool { return done.Load() >= before+20 })
	}
}

// TestBegunByStopped: what the routes no longer lead to holds up nobody when it is paused or
// takes nothing; what was to go there goes by the routes in force. When the whole service is
// paused it goes there all the same.
func TestBegunByStopped(t *testing.T) {
	for _, mode := range []Mode{Stopped, Paused, Drained} {
		service, guests := chain()
		service.Workflows["w"].Nodes[1].Scale.Mailbox = 4
		b := open(t, service, guests, nil)
		b.Govern(Modes{Actors: map[string]Mode{"first": Paused, "second": mode}})
		flows := b.send(t, "w", 8)
		b.settled(t)
		without, more := chain()
		delete(without.Actors, "second")
		without.Actors["third"] = def("third", nil)
		without.Workflows["w"].Nodes[1] = &specs.Node{Name: "three", Actor: "third", Scale: specs.Scale{Max: 8, Mailbox: 10_000}}
		without.Workflows["w"].Routes[1].To, without.Workflows["w"].Routes[2].From = []string{"three"}, "three"
		more["third"] = more["second"]
		serve(t, b.Shard, without, more)
		b.Govern(Modes{Actors: map[string]Mode{"second": mode}})
		holdReplies(t, flows)
		holdReplies(t, b.send(t, "w", 1))
	}
	held, goOn := make(chan struct{}), make(chan struct{})
	a, guests := hops("a")
	first := guests["n0"]
	guests["n0"] = func(h engine.Host, m *abi.Message) ([]sent, error) {
		if err := h.Sleep(1); err != nil {
			return nil, err
		}
		held <- struct{}{}
		<-goOn
		return first(h, m)
	}
	b := open(t, a, guests, nil)
	f := b.accept(t, hop("k"))
	<-held
	other, more := hops("b")
	more["n0"] = guests["n0"]
	serve(t, b.Shard, other, more)
	b.Govern(Modes{Service: Paused})
	goOn <- struct{}{}
	b.settled(t)
	b.Govern(Modes{})
	<-f.Done()
	if way := went(t, f.Answer()); way != "a" {
		t.Errorf("it began by a, and ended by %q", way)
	}
}
