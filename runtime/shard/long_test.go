package shard

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/pace"
	"github.com/grow-platform/grow/specs"
)

// TestLongLeavesLane: a guest that runs for long does not hold up the messages
// of other actors; those of its own wait, and their order stays.
func TestLongLeavesLane(t *testing.T) {
	var release atomic.Bool
	long := func(h engine.Host, m *abi.Message) ([]sent, error) {
		var used uint64
		for string(m.Data()) == "long" && !release.Load() {
			grant, err := h.Slice(used)
			if err != nil {
				return nil, err
			}
			used += grant
		}
		return []sent{{typ: "out", data: string(m.Data())}}, nil
	}
	alone := def("alone", func(a *specs.Actor) { a.Limits.Fuel, a.Limits.Time = 1<<62, time.Hour; a.State = []specs.State{{}} })
	b := open(t, project(alone, def("other", nil)), map[string]guest{"alone": long, "other": echo}, nil)
	held := b.accept(t, &Request{To: "alone", Data: []byte("long"), Replies: []string{"out"}})
	await(t, "the long message", func() bool { return b.status(t, "alone").Mailbox == 0 })
	behind := b.accept(t, &Request{To: "alone", Data: []byte("behind"), Replies: []string{"out"}})
	for i := range 20 {
		if got := answered1(t, b.accept(t, &Request{To: "other", Data: fmt.Appendf(nil, "%d", i), Replies: []string{"out"}})); got != fmt.Sprintf("replied out %d", i) {
			t.Errorf("message %d: %s", i, got)
		}
	}
	if held.Answer().Outcome != Pending || behind.Answer().Outcome != Pending {
		t.Error("a message of the same actor overtook")
	}
	release.Store(true)
	if first, second := answered1(t, held), answered1(t, behind); first != "replied out long" || second != "replied out behind" {
		t.Errorf("then %s, %s", first, second)
	}
}

// TestBusyLaneTakesTurns: a lane that is busy for long waits for its turn with
// those that run long, and goes on when it has come.
func TestBusyLaneTakesTurns(t *testing.T) {
	p := &pace.Pacer{Processors: 1}
	clock := newManual()
	s, err := Open(t.Context(), Options{Namespace: "main", Service: "test", Journal: openJournal(t), Clock: clock, Lanes: 1, Pacer: p})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	var stop atomic.Bool
	a := def("a", func(a *specs.Actor) { a.Out = []string{"in"} })
	service := project(a)
	service.Workflows["w"] = &specs.Workflow{
		Name: "w", In: []string{"in"}, Nodes: []*specs.Node{{Name: "a", Actor: "a", Scale: a.Scale}},
		Routes: []*specs.Route{{From: specs.Input, To: []string{"a"}}, {From: "a", To: []string{"a"}}},
	}
	serve(t, s, service, map[string]guest{"a": func(engine.Host, *abi.Message) ([]sent, error) {
		if stop.Load() {
			return nil, nil
		}
		clock.pass(aloneMax / 4)
		return []sent{{typ: "in"}}, nil
	}})
	var other pace.Turn
	other.Begin(p, &pace.Share{})
	b := &bench{Shard: s, clock: clock}
	b.accept(t, &Request{To: "w"})
	await(t, "the lane's wait", func() bool { return p.Waiting() == 1 })
	before := b.status(t, "w/a").Handled
	other.End()
	await(t, "more", func() bool { return b.status(t, "w/a").Handled > before+1000 })
	stop.Store(true)
	await(t, "the end of the lane's turn", func() bool {
		other.Begin(p, &pace.Share{})
		other.End()
		return b.status(t, "w/a").Mailbox == 0
	})
}

// TestLongBeginsAway: once a message has run for long, the next at its node
// waits for a turn before it begins, and not on the lane; after many that were
// short they begin there again.
func TestLongBeginsAway(t *testing.T) {
	b := open(t, project(def("a", nil), def("other", nil)), map[string]guest{"other": echo, "a": func(h engine.Host, m *abi.Message) ([]sent, error) {
		used := uint64(0)
		for string(m.Data()) == "long" && used < 3*engine.SliceFuel {
			grant, err := h.Slice(used)
			if err != nil {
				return nil, err
			}
			used += grant
		}
		return []sent{{typ: "out"}}, nil
	}}, nil)
	r := b.Shard.node("a").run.Load()
	send := func(to, data string) *Flow {
		return b.accept(t, &Request{To: to, Data: []byte(data), Replies: []string{"out"}})
	}
	answered1(t, send("a", "short"))
	if n := r.long.Load(); n != 0 {
		t.Errorf("after a short message %d are expected to be long", n)
	}
	answered1(t, send("a", "long"))
	turns := make([]pace.Turn, max(1, runtime.GOMAXPROCS(0)-1)) // all there are
	for k := range turns {
		turns[k].Begin(r.actor.Pacer, &pace.Share{})
	}
	waits := send("a", "short")
	await(t, "the wait for a turn", func() bool { return r.actor.Pacer.Waiting() == 1 })
	for range 20 {
		answered1(t, send("other", "x"))
	}
	for k := range turns {
		turns[k].End()
	}
	answered1(t, waits)
	for range longMax {
		answered1(t, send("a", "short"))
	}
	if n := r.long.Load(); n != 0 {
		t.Errorf("after %d short messages %d are expected to be long", longMax, n)
	}
}

// TestLanesTellOfMessages: work that nobody waits for learns when messages were handled.
func TestLanesTellOfMessages(t *testing.T) {
	b := open(t, project(def("a", nil)), map[string]guest{"a": func(engine.Host, *abi.Message) ([]sent, error) {
		return []sent{{typ: "out"}}, nil
	}}, nil)
	p := b.Shard.opts.Pacer
	if p.Waited() {
		t.Error("before any message")
	}
	answered1(t, b.accept(t, &Request{To: "a", Replies: []string{"out"}}))
	if !p.Waited() {
		t.Error("not told of a message that was handled")
	}
}
