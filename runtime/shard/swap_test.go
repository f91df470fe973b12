package shard

import (
	"context"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/shape"
)

func cueType(t testing.TB, def string) *shape.Type {
	t.Helper()
	s, err := shape.FromCUE(cuecontext.New().CompileString("m: " + def).LookupPath(cue.ParsePath("m")))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ordered is a service of two actors: first sends work, second is keyed by a
// field of it and says its key. Revisions differ in the order of work's fields.
func ordered(t testing.TB, work string) *specs.Service {
	t.Helper()
	first := def("first", func(a *specs.Actor) { a.Out = []string{"work"} })
	second := def("second", func(a *specs.Actor) {
		a.In, a.Out = []string{"work"}, []string{"out"}
		a.Key = map[string]string{"work": "data.k"}
	})
	s := project(first, second)
	s.Types = map[string]*shape.Type{"work": cueType(t, work)}
	node := func(name, actor string) *specs.Node {
		return &specs.Node{Name: name, Actor: actor, Scale: specs.Scale{Max: 8, Mailbox: 100}}
	}
	s.Workflows["w"] = &specs.Workflow{
		Name: "w", In: []string{"in"}, Out: []string{"out"}, Nodes: []*specs.Node{node("one", "first"), node("two", "second")},
		Routes: []*specs.Route{{From: "input", To: []string{"one"}}, {From: "one", To: []string{"two"}}, {From: "two", To: []string{"output"}}},
	}
	return s
}

func revisions(t testing.TB) (old, next *specs.Service) {
	t.Helper()
	return ordered(t, `{a: string, k: string}`), ordered(t, `{k: string, a: string}`)
}

func sayKey(_ engine.Host, m *abi.Message) ([]sent, error) {
	return []sent{{typ: "out", data: m.Key()}}, nil
}

var work = []sent{{typ: "work", data: `{"a":"wrong","k":"right"}`}}

// TestSwapWhileAway: a handling waits while the table is replaced. Its output is
// checked by the old type, its key read by the new one.
func TestSwapWhileAway(t *testing.T) {
	waiting, goOn := make(chan struct{}), make(chan struct{})
	guests := map[string]guest{"second": sayKey, "first": func(h engine.Host, _ *abi.Message) ([]sent, error) {
		if err := h.Sleep(1); err != nil {
			return nil, err
		}
		close(waiting)
		<-goOn
		return work, nil
	}}
	old, next := revisions(t)
	b := open(t, old, guests, nil)
	f := b.accept(t, &Request{To: "w", AnyReply: true})
	<-waiting
	serve(t, b.Shard, next, guests)
	close(goOn)
	if got := answered1(t, f); got != "replied out right" {
		t.Error(got)
	}
}

// TestSwapInTurn: the table is replaced in the middle of a lane's turn, which
// goes on with the old one, while what runs is new.
func TestSwapInTurn(t *testing.T) {
	old, next := revisions(t)
	for i, got := range swapInTurn(t, old, next) {
		if got != "replied out right" {
			t.Errorf("message %d: %s", i, got)
		}
	}
}

// TestSwapAddsNode: the same, when what is new sends to a node that the table of
// the turn does not have: both messages were accepted before, and end as they began.
func TestSwapAddsNode(t *testing.T) {
	old, next := revisions(t)
	w := old.Workflows["w"]
	w.Nodes, w.Out = w.Nodes[:1], []string{"work"}
	w.Routes = []*specs.Route{w.Routes[0], {From: "one", To: []string{"output"}}}
	got := swapInTurn(t, old, next)
	if want := "replied work " + work[0].data; got[0] != want || got[1] != want {
		t.Errorf("%q", got)
	}
}

// swapInTurn has two messages handled in one turn of a lane, while the first of
// which the table is replaced, and returns their answers.
func swapInTurn(t *testing.T, old, next *specs.Service) (answers []string) {
	t.Helper()
	old.Version, next.Version = quick, quick
	swap := func() {}
	guests := map[string]guest{"second": sayKey, "first": func(engine.Host, *abi.Message) ([]sent, error) {
		swap()
		return work, nil
	}}
	b := open(t, old, guests, nil)
	await(t, "rest", func() bool { return b.active.Load() == 0 })
	table, actors := mustCompile(t, next), actorsOf(t, b.Shard, next, guests)
	for _, a := range actors { // an instance that must be started ends the turn
		if err := a.Warm(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
	}
	swap = func() {
		swap = func() {}
		if err := b.Apply(table, actors); err != nil {
			t.Error(err)
		}
	}
	for _, f := range b.oneTurn(t) {
		answers = append(answers, answered1(t, f))
	}
	return answers
}

// oneTurn brings two messages into a lane's inbox before it runs.
func (b *bench) oneTurn(t *testing.T) (flows []*Flow) {
	t.Helper()
	l, p := b.lanes[0], b.plan.Load()
	entry, err := p.entry("w", "in")
	if err != nil {
		t.Fatal(err)
	}
	l.mu.Lock()
	l.clockAfter = clockMax // both by one look at clock and plan
	for range 2 {
		a := b.admit(p, entry, &Request{To: "w", Type: "in", AnyReply: true})
		if err := a.reserve(); err != nil {
			t.Fatal(err)
		}
		l.inbox = append(l.inbox, event{parcel: a.parcels[0]})
		flows = append(flows, &a.flow.handle)
	}
	if l.wake() {
		l.shard.workers.Go(l.work)
	}
	return flows
}

// TestSwapBeforeAccept: a request is checked by the endpoint of one revision and
// accepted under the next.
func TestSwapBeforeAccept(t *testing.T) {
	old, next := revisions(t)
	r := &Request{To: "w/two", Type: "work", AnyReply: true, Data: []byte(work[0].data)}
	if err := old.Types["work"].CheckPlaces(r.Data, &r.Places); err != nil {
		t.Fatal(err)
	}
	b := open(t, next, map[string]guest{"first": echo, "second": sayKey}, nil)
	f, err := b.Accept(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	if got := answered1(t, f); got != "replied out right" {
		t.Error(got)
	}
}

// TestParcelsComeHome: of a burst only so much is kept as a lane needs, and a
// parcel that is let go holds no message, though its slab may be kept.
func TestParcelsComeHome(t *testing.T) {
	s := &Shard{opts: Options{Lanes: 2}}
	s.lanes = []*lane{newLane(s, 0), newLane(s, 1)}
	home, away := s.lanes[0], s.lanes[1]
	parent := abi.NewMessage(nil, abi.ID, "p", abi.Correlation, "c")
	for _, by := range []*lane{home, away} {
		var burst []*parcel
		for range 4 * freeMax {
			p := home.parcel()
			p.msg.StartChild(parent, 1, nil, nil, 5000)
			p.msg.Finish(make([]byte, 5000))
			burst = append(burst, p)
		}
		for _, p := range burst {
			by.recycle(p)
		}
		by.reuse()
		by.giveAway()
		kept := map[*parcel]bool{}
		for _, p := range append(home.free, home.returned...) {
			kept[p] = true
		}
		if len(kept) == 0 || len(kept) > 2*freeMax || len(away.free) > 0 {
			t.Errorf("%d parcels are kept at home, %d away", len(kept), len(away.free))
		}
		for _, p := range burst {
			if !kept[p] && p.msg.Cap() > 0 {
				t.Fatal("a parcel that is not kept holds its message")
			}
		}
		for _, p := range by.trash[:cap(by.trash)] {
			if p != nil {
				t.Fatal("what was taken back is still referred to")
			}
		}
	}
}
