package shard

import (
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/specs"
)

// TestWeigh: what is within every limit and is still more than the journal holds in
// one piece fails its message, not the shard. A copy for each receiver counts.
func TestWeigh(t *testing.T) {
	for _, c := range []struct {
		receivers []string
		outputs   int
		code      string
	}{{[]string{specs.Output}, 30, ""}, {[]string{"x", "y", "z"}, 15, ""}, {[]string{"x", "y", "z"}, 30, actor.CodeOutputs}} {
		a := def("a", func(a *specs.Actor) { a.Out = []string{"in"}; a.Limits.Output = 32 << 20; a.Retry.Max = 0 })
		s := project(a, def("x", nil), def("y", nil), def("z", nil))
		w := &specs.Workflow{Name: "w", In: []string{"in"}, Out: []string{"in", "out"}, Nodes: []*specs.Node{{Name: "a", Actor: "a", Scale: a.Scale}}}
		w.Routes = []*specs.Route{{From: specs.Input, To: []string{"a"}}, {From: "a", To: c.receivers}}
		quiet := func(engine.Host, *abi.Message) ([]sent, error) { return nil, nil }
		guests := map[string]guest{"a": func(_ engine.Host, m *abi.Message) ([]sent, error) {
			if string(m.Data()) == "1" {
				return nil, nil
			}
			var list []sent
			for range c.outputs {
				list = append(list, sent{typ: "in", data: string(make([]byte, abi.DataMax))})
			}
			return list, nil
		}}
		for _, name := range []string{"x", "y", "z"} {
			guests[name] = quiet
			w.Nodes = append(w.Nodes, &specs.Node{Name: name, Actor: name, Scale: a.Scale})
			w.Routes = append(w.Routes, &specs.Route{From: name, To: []string{specs.Output}})
		}
		s.Workflows["w"] = w
		b := open(t, s, guests, nil)
		say := func(data string) Answer {
			f := b.accept(t, &Request{To: "w", AnyReply: true, Kept: true, Data: []byte(data)})
			<-f.Done()
			return f.Answer()
		}
		if got := say("2"); got.Code != c.code {
			t.Errorf("%d outputs to %v: %q %s, want %q", c.outputs, c.receivers, got.Code, got.Text, c.code)
		}
		if got := say("1"); got.Code != "" || b.Err() != nil {
			t.Errorf("afterwards: %q %s, %v", got.Code, got.Text, b.Err())
		}
	}
}
