package shard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/specs"
)

// chain is a workflow w of two actors: first passes on what second answers.
func chain() (*specs.Service, map[string]guest) {
	first := def("first", func(a *specs.Actor) { a.Out = []string{"in"} })
	second := def("second", nil)
	s := project(first, second)
	s.Workflows["w"] = &specs.Workflow{
		Name: "w", In: []string{"in"}, Out: []string{"out"},
		Nodes: []*specs.Node{{Name: "one", Actor: "first", Scale: first.Scale}, {Name: "two", Actor: "second", Scale: second.Scale}},
		Routes: []*specs.Route{
			{From: specs.Input, To: []string{"one"}}, {From: "one", To: []string{"two"}}, {From: "two", To: []string{specs.Output}},
		},
	}
	return s, map[string]guest{
		"first": func(_ engine.Host, m *abi.Message) ([]sent, error) {
			return []sent{{typ: "in", data: string(m.Data())}}, nil
		},
		"second": func(_ engine.Host, m *abi.Message) ([]sent, error) {
			return []sent{{typ: "out", data: string(m.Data())}}, nil
		},
	}
}

func (b *bench) settled(t *testing.T) {
	t.Helper()
	if err := b.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// send accepts n messages whose data are their numbers.
func (b *bench) send(t *testing.T, to string, n int) (flows []*Flow) {
	t.Helper()
	for i := range n {
		flows = append(flows, b.accept(t, &Request{To: to, Data: fmt.Append(nil, i), AnyReply: true}))
	}
	return flows
}

// holdReplies holds that each flow has its reply.
func holdReplies(t *testing.T, flows []*Flow) {
	t.Helper()
	for i, f := range flows {
		if got, want := answered1(t, f), fmt.Sprintf("replied out %d", i); got != want {
			t.Errorf("message %d: %s; want %s", i, got, want)
		}
	}
}

// TestPaused: messages for who is paused are taken and wait, those in front of it too,
// until it runs again.
func TestPaused(t *testing.T) {
	service, guests := chain()
	b := open(t, service, guests, nil)
	b.Govern(Modes{Actors: map[string]Mode{"second": Paused}})
	flows := b.send(t, "w", 20)
	b.settled(t)
	if one, two := b.status(t, "w/one"), b.status(t, "w/two"); one.Handled != 20 || one.Mode != Running || two.Mailbox != 20 || two.Handled != 0 || two.Mode != Paused {
		t.Errorf("one: %+v; two: %+v", one, two)
	}
	b.Govern(Modes{})
	holdReplies(t, flows)
	if got := b.status(t, "w/two"); got.Mailbox != 0 || got.Mode != Running {
		t.Errorf("%+v", got)
	}
}

// TestDrained: who is drained takes nothing more, and handles what waits; what another
// has for it waits there.
func TestDrained(t *testing.T) {
	service, guests := chain()
	b := open(t, service, guests, nil)
	b.Govern(Modes{Actors: map[string]Mode{"second": Paused}})
	waiting := b.send(t, "w", 5)
	b.settled(t)
	b.Govern(Modes{Actors: map[string]Mode{"second": Drained}})
	holdReplies(t, waiting)
	_, err := b.Accept(context.Background(), &Request{To: "w/two", Type: "in"})
	if !errors.Is(err, ErrShut) || !errors.Is(err, ErrFull) || err.Error() != "w/two takes no messages: it is drained" {
		t.Errorf("a message from outside: %v", err)
	}
	behind := b.send(t, "w", 5)
	b.settled(t)
	if one, two := b.status(t, "w/one"), b.status(t, "w/two"); one.Mailbox != 5 || two.Mailbox != 0 || two.Handled != 5 {
		t.Errorf("one: %+v; two: %+v", one, two)
	}
	b.Govern(Modes{Actors: map[string]Mode{"second": Stopped}})
	b.settled(t)
	if got := b.status(t, "w/two"); got.Handled != 5 || got.Mailbox != 0 {
		t.Errorf("stopped: %+v", got)
	}
	b.Govern(Modes{})
	holdReplies(t, behind)
}

// TestDrainedCycle: what is in a cycle goes round until it ends, although everybody in
// it is drained.
func TestDrainedCycle(t *testing.T) {
	a := def("a", func(a *specs.Actor) { a.Out = []string{"in", "out"} })
	s := project(a)
	s.Workflows["w"] = &specs.Workflow{
		Name: "w", In: []string{"in"}, Out: []string{"out"}, Nodes: []*specs.Node{{Name: "n", Actor: "a", Scale: a.Scale}},
		Routes: []*specs.Route{{From: specs.Input, To: []string{"n"}}, {From: "n", Type: "in", To: []string{"n"}}, {From: "n", Type: "out", To: []string{specs.Output}}},
	}
	b := open(t, s, map[string]guest{"a": func(_ engine.Host, m *abi.Message) ([]sent, error) {
		if data := string(m.Data()); len(data) < 5 {
			return []sent{{typ: "in", data: data + "x"}}, nil
		}
		return []sent{{typ: "out", data: string(m.Data())}}, nil
	}}, nil)
	b.Govern(Modes{Actors: map[string]Mode{"a": Paused}})
	f := b.accept(t, &Request{To: "w", AnyReply: true})
	b.settled(t)
	b.Govern(Modes{Actors: map[string]Mode{"a": Drained}})
	if got := answered1(t, f); got != "replied out xxxxx" {
		t.Error(got)
	}
}

// TestServiceModes: a whole service is paused, or drained: then what is in it is handled
// from actor to actor.
func TestServiceModes(t *testing.T) {
	service, guests := chain()
	b := open(t, service, guests, nil)
	b.Govern(Modes{Service: Paused})
	flows := b.send(t, "w", 5)
	b.settled(t)
	if got := b.status(t, "w/one"); got.Mailbox != 5 || got.Mode != Paused {
		t.Errorf("paused: %+v", got)
	}
	b.Govern(Modes{Service: Drained})
	holdReplies(t, flows)
	if _, err := b.Accept(context.Background(), &Request{To: "w", Type: "in"}); !errors.Is(err, ErrShut) {
		t.Errorf("drained: %v", err)
	}
}

// TestModesStay: what was governed holds for the next table, and for messages that
// wait when the shard is opened again: they are handled once it runs.
func TestModesStay(t *testing.T) {
	service, guests := chain()
	b := open(t, service, guests, nil)
	b.Govern(Modes{Actors: map[string]Mode{"second": Paused, "first": Paused}})
	serve(t, b.Shard, service, guests)
	for range 3 {
		b.accept(t, &Request{To: "w", Data: []byte("1"), Kept: true})
	}
	b.settled(t)
	if got := b.status(t, "w/one"); got.Mailbox != 3 {
		t.Errorf("after another table: %+v", got)
	}
	left, err := b.Stop(t.Context())
	if err != nil || len(left) != 3 {
		t.Errorf("stopped with %d messages, %v", len(left), err)
	}
	b.Close()
	next, err := Open(context.Background(), Options{Namespace: "main", Service: "test", Journal: b.journal, Clock: b.clock, Lanes: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(next.Close)
	b.Shard = next
	next.Govern(Modes{Actors: map[string]Mode{"first": Paused}})
	serve(t, next, service, guests)
	b.settled(t)
	if got := b.status(t, "w/one"); got.Mailbox != 3 || got.Handled != 0 {
		t.Errorf("opened again: %+v", got)
	}
	next.Govern(Modes{})
	b.settled(t)
	if got := b.status(t, "w/two"); got.Handled != 3 {
		t.Errorf("running again: %+v", got)
	}
}

func TestModeText(t *testing.T) {
	want := Modes{Service: Drained, Actors: map[string]Mode{"a": Stopped, "b": Paused}}
	b, err := json.Marshal(want)
	if err != nil || string(b) != `{"service":"drained","actors":{"a":"stopped","b":"paused"}}` {
		t.Errorf("%s, %v", b, err)
	}
	var got Modes
	if err := json.Unmarshal(b, &got); err != nil || got.Service != Drained || got.Actors["a"] != Stopped {
		t.Errorf("%+v, %v", got, err)
	}
	if err := json.Unmarshal([]byte(`{"service":"asleep"}`), &got); err == nil || !strings.Contains(err.Error(), "there are running, paused, drained and stopped") {
		t.Error(err)
	}
}
