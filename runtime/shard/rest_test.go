package shard

import (
	"bytes"
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/mem"
	"github.com/grow-platform/grow/specs"
)

// full is a journal that has so much to do after its next append that lanes rest.
type full struct {
	journal.Journal
	next atomic.Pointer[Shard]
}

func (f *full) Append(record []byte, last uint64, done func(uint64, error)) {
	if s := f.next.Swap(nil); s != nil {
		s.committer.jammed.Store(true)
	}
	f.Journal.Append(record, last, done)
}

// TestRestWhileHelped: a lane that rests for the journal in the very turn that who brought a
// message has left to others goes on with it afterwards.
func TestRestWhileHelped(t *testing.T) {
	a := def("a", nil)
	service := project(a)
	service.Workflows["w"] = &specs.Workflow{
		Name: "w", In: []string{"in"}, Out: []string{"out"},
		Nodes: []*specs.Node{{Name: "one", Actor: "a", Scale: a.Scale}, {Name: "two", Actor: "a", Scale: a.Scale}},
		Routes: []*specs.Route{
			{From: specs.Input, To: []string{"one", "two"}}, {From: "one", To: []string{specs.Output}}, {From: "two", To: []string{specs.Drop}},
		},
	}
	j := &full{Journal: openJournal(t)}
	s, err := Open(context.Background(), Options{Namespace: "main", Service: "test", Journal: j, Clock: newManual(), Lanes: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	serve(t, s, service, map[string]guest{"a": echo})
	if err := s.Settle(t.Context()); err != nil { // so that who brings a message finds the lane asleep
		t.Fatal(err)
	}
	j.next.Store(s)
	f, err := s.Accept(context.Background(), &Request{To: "w", Type: "in", AnyReply: true}) // two copies: it is written as a whole before
	if err != nil {
		t.Fatal(err)
	}
	if !s.committer.jammed.Load() || f.Answer().Outcome != Pending {
		t.Fatalf("the lane does not rest: %s", f.Answer().text())
	}
	s.committer.jammed.Store(false)
	s.lanes[0].post(event{note: noteRoom{}})
	if got := answered1(t, f); got != "replied out " {
		t.Error(got)
	}
}

// TestRestUntilLost: lanes that rest for the journal go on when it is lost, so that everybody
// who waits is told.
func TestRestUntilLost(t *testing.T) {
	var lost atomic.Bool
	fault := func(uint64) mem.Fault {
		if lost.Load() {
			return mem.Fenced
		}
		return mem.None
	}
	guests := map[string]guest{"a": func(engine.Host, *abi.Message) ([]sent, error) { return []sent{{typ: "out"}}, nil }}
	simulated(t, fault, project(def("a", nil)), guests, func(t *testing.T, s *Shard, g *gated) {
		s.Govern(Modes{Service: Paused}) // until all of them wait
		g.close(0)
		var flows []*Flow
		data := bytes.Repeat([]byte("x"), journal.RecordMax/4)
		for range 3 * jamBytes / len(data) {
			f, err := s.Accept(context.Background(), &Request{To: "a", Type: "in", AnyReply: true, Data: data})
			if err != nil {
				t.Fatal(err)
			}
			flows = append(flows, f)
		}
		s.Govern(Modes{})
		synctest.Wait()
		if !s.committer.jammed.Load() {
			t.Fatal("no lane rests")
		}
		lost.Store(true)
		g.open()
		told := 0
		for _, f := range flows {
			<-f.Done()
			if got := f.Answer().text(); strings.HasPrefix(got, "failed journal.unavailable") {
				told++
			}
		}
		if told == 0 {
			t.Error("nobody was told that the journal is lost")
		}
	})
}
