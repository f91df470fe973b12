package simulation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/router"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/shape"
)

// revision is a service that may be in force.
type revision struct {
	name  string
	table *router.Table
}

// revisions are: all of it; the same again; one whose node alone is gone and
// whose node free does not try again; one with another route; one with a node more.
var revisions = []*revision{
	made("r1", nil),
	made("r2", nil),
	made("r3", func(s *specs.Service) {
		w := s.Workflows["w"]
		w.Nodes = w.Nodes[:3]
		w.Routes = w.Routes[:0]
		route(w, "input", "", "front")
		route(w, "front", "", "inner", "free")
		route(w, "inner", "late", "drop")
		route(w, "free", "late", "drop")
		route(w, "inner", "out", "output")
		route(w, "free", "out", "output")
		s.Actors["free"].Retry.Max = 0
	}),
	made("r4", func(s *specs.Service) {
		for _, r := range s.Workflows["w"].Routes {
			if r.From == "free" && r.Type == "late" {
				r.To = []string{"drop"}
			}
		}
	}),
	made("r5", func(s *specs.Service) {
		w := s.Workflows["w"]
		s.Actors["more"] = &specs.Actor{
			Name: "more", In: []string{"out"}, Out: []string{"out"}, Scale: specs.Scale{Max: 4, Mailbox: 1000}, Retry: specs.Retry{Max: 2, Backoff: time.Second, Factor: 2},
			Limits: specs.Limits{Output: abi.OutputBytesMax, Calls: 1000, Memory: abi.MemoryDefault}, Key: map[string]string{"": "data.k"}, State: s.Actors["free"].State,
		}
		w.Nodes = append(w.Nodes, &specs.Node{Name: "more", Actor: "more", Scale: specs.Scale{Max: 2, Mailbox: 1000}})
		for _, r := range w.Routes {
			if r.From == "free" && r.Type == "out" {
				r.To = []string{"more"}
			}
		}
		route(w, "more", "", "output")
	}),
}

// lesser is the index of the one that lacks a node.
const lesser = 2

func made(name string, change func(*specs.Service)) *revision {
	s := service()
	if change != nil {
		change(s)
	}
	table, err := router.Compile(s)
	if err != nil {
		panic(err)
	}
	return &revision{name, table}
}

// service does everything a shard has to keep: it fans out, has keys that hold
// and that do not, state, delays, a nested workflow, replies, refusals, dead
// letters, and one actor that changes something outside.
func service() *specs.Service {
	s := &specs.Service{Name: "test", Actors: map[string]*specs.Actor{}, Workflows: map[string]*specs.Workflow{}}
	add := func(name string, in, out []string, retry specs.Retry, key string) *specs.Actor {
		a := &specs.Actor{
			Name: name, In: in, Out: out, Scale: specs.Scale{Max: 4, Mailbox: 1000}, Retry: retry,
			Limits: specs.Limits{Output: abi.OutputBytesMax, Calls: 1000, Memory: abi.MemoryDefault},
		}
		if key != "" {
			a.Key = map[string]string{"": key}
		}
		s.Actors[name] = a
		return a
	}
	states := []specs.State{{}, {Pattern: "last"}, {Pattern: "note"}}
	works := []string{"out", "late", "unwanted", "lost"}
	add("front", []string{"in"}, []string{"work"}, specs.Retry{Max: 1, Backoff: time.Second, Factor: 1}, "")
	add("held", []string{"work"}, works, specs.Retry{Max: 2, Backoff: time.Second, Factor: 2, Hold: true}, "data.k").State = states
	add("free", []string{"work"}, works, specs.Retry{Max: 2, Backoff: time.Second, Factor: 2}, "data.k").State = states
	add("alone", []string{"late", "in"}, []string{"out"}, specs.Retry{Max: 1, Backoff: time.Second, Factor: 1, Hold: true}, "").State = states
	add("echo", []string{"in"}, []string{"out"}, specs.Retry{Max: 2, Backoff: time.Second, Factor: 2}, "")
	pay := add("pay", []string{"work"}, []string{"out"}, specs.Retry{Max: 3, Backoff: 100 * time.Millisecond, Factor: 3}, "data.k")
	pay.State, pay.Uses = states, []specs.Grant{{Name: "bank", Kind: "simulation.bank"}}
	node := func(name, actor, workflow string) *specs.Node {
		return &specs.Node{Name: name, Actor: actor, Workflow: workflow, Scale: specs.Scale{Max: 2, Mailbox: 1000}}
	}
	inner := &specs.Workflow{Name: "inner", In: []string{"work"}, Out: []string{"out", "late"}, Nodes: []*specs.Node{node("held", "held", "")}}
	route(inner, "input", "", "held")
	route(inner, "held", "unwanted", "deadletter")
	route(inner, "held", "out", "output")
	route(inner, "held", "late", "output")
	w := &specs.Workflow{
		Name: "w", In: []string{"in"}, Out: []string{"out"},
		Nodes: []*specs.Node{node("front", "front", ""), node("inner", "", "inner"), node("free", "free", ""), node("alone", "alone", "")},
	}
	w.Nodes[2].Scale.Mailbox = 6 // full at times
	w.Routes = append(w.Routes, &specs.Route{From: specs.Input, When: "data.k == 'both'", To: []string{"front", "alone", specs.DeadLetter}})
	route(w, "input", "", "front")
	route(w, "front", "", "inner", "free")
	route(w, "inner", "late", "alone")
	route(w, "free", "late", "alone", "drop")
	route(w, "inner", "out", "output")
	route(w, "free", "out", "output")
	route(w, "alone", "", "output")
	s.Workflows["inner"], s.Workflows["w"] = inner, w
	return s
}

func route(w *specs.Workflow, from, typ string, to ...string) {
	w.Routes = append(w.Routes, &specs.Route{From: from, Type: typ, To: to})
}

// actors are what runs at the nodes of a revision.
func (w *world) actors(l *life, r *revision) map[string]*actor.Actor {
	all := map[string]*actor.Actor{}
	for _, n := range r.table.Nodes {
		var types []*shape.Type
		for _, o := range n.Outs {
			types = append(types, o.Shape)
		}
		all[n.Path] = actor.New(actor.Options{
			Node: n.Path, Revision: r.name, Def: n.Actor, Scale: n.Scale, Module: &module{l, n.Actor.Name, n, r}, Context: l.shard.Context(), Pacer: l.options.Pacer, Types: types,
			Broker:   capability.Of(map[string]capability.Capability{"bank": &bank{l}}, 1000),
			Seed:     func(id string) (seed [32]byte) { copy(seed[:], id); return seed },
			RealTime: func() int64 { return w.now().UnixNano() },
		})
	}
	return all
}

// drawn is a number that looks random and is the same whenever it is asked for:
// what a guest does must not depend on how often it has to be done.
func (w *world) drawn(about ...any) int {
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, w.seed, about) // never fails
	return int(h.Sum64() >> 2)
}

// module runs a Go function behind the engine's contract.
type module struct {
	life  *life
	actor string
	node  *router.Node
	of    *revision
}

func (m *module) Info() engine.Info {
	info := engine.Info{Digest: "sha256:test"}
	if m.actor != "free" && m.actor != "front" { // these cannot sleep, so that who brings a message may handle it
		info.Imports = []string{"wasi_snapshot_preview1.poll_oneoff"}
	}
	return info
}

func (m *module) Instantiate(context.Context, engine.Host) (engine.Instance, error) {
	w := m.life.world
	if !m.life.dead() && w.faulty(w.plan.startFaults) {
		w.trace("an instance of %s does not start", m.actor)
		return nil, errors.New("no instance today")
	}
	return &instance{module: m}, nil
}

func (m *module) Close(context.Context) error { return nil }

type instance struct {
	module *module
	frame  []byte
	closed bool
}

func (*instance) Init(engine.Host, []byte) error { return nil }
func (*instance) MemorySize() int64              { return 0 }
func (i *instance) Close() error                 { i.closed = true; return nil }

// Handle implements engine.Instance.
func (i *instance) Handle(h engine.Host, in engine.Input) (engine.Answer, error) {
	if i.closed {
		i.module.life.world.violate("an instance of %s was used after it was closed", i.module.actor)
	}
	frame := make([]byte, in.Size())
	in.CopyTo(frame)
	m, err := abi.ParseMessage(frame)
	if err != nil {
		return engine.Answer{}, err
	}
	if l := i.module.life; !l.dead() {
		l.world.modes.begins(i.module.node, m.ID())
		defer l.trials.begins(l.world, i.module.node, i.module.of, m)()
	}
	out, err := i.module.handle(h, m)
	if err != nil {
		return engine.Answer{}, err
	}
	i.frame = abi.AppendCount(i.frame[:0], len(out))
	for _, s := range out {
		i.frame = abi.AppendAttrCount(i.frame, 1+len(s.attrs)/2)
		i.frame = abi.AppendAttr(i.frame, abi.Type, s.typ)
		for k := 0; k+1 < len(s.attrs); k += 2 {
			i.frame = abi.AppendAttr(i.frame, s.attrs[k], s.attrs[k+1])
		}
		i.frame = abi.AppendData(i.frame, []byte(s.data))
	}
	return engine.Answer{Frame: i.frame}, nil
}

type sent struct {
	typ, data string
	attrs     []string
}

// handle does what the number drawn for a message says.
func (m *module) handle(h engine.Host, in *abi.Message) ([]sent, error) {
	w, name, id := m.life.world, m.actor, in.ID()
	n := w.drawn(id, name)
	if n%13 == 0 && m.actor != "free" && m.actor != "front" {
		if err := h.Sleep(int64(n % 2_000_000)); err != nil {
			return nil, err
		}
		m.life.park(rankGuest, 0, "guest of "+id)
	}
	if name == "pay" {
		if failed, err := m.pay(h, in, n); failed || err != nil {
			return []sent{{typ: abi.TypeError, data: "no money", attrs: []string{"code", "money", "retry", "yes"}}}, err
		}
	}
	switch {
	case in.Attempt() == 1 && n%3 == 0:
		return []sent{{typ: abi.TypeError, data: "busy", attrs: []string{"code", "busy", "retry", "yes", "after", fmt.Sprint(1 + n%1500)}}}, nil
	case n%9 == 0:
		return nil, &engine.Error{Code: engine.CodeTrap, Reason: "dead"}
	case n%11 == 0:
		return []sent{{typ: abi.TypeError, data: "no", attrs: []string{"code", "no"}}}, nil
	}
	if name != "front" && name != "echo" {
		if err := remember(h, id, n%4 == 0); err != nil {
			return nil, err
		}
	}
	data := string(in.Data())
	switch {
	case name == "front":
		pad := strings.Repeat("p", []int{0, 100, 100, 1000}[n%4])
		if n%61 == 0 { // no record holds it: entries lie in blobs
			data = fmt.Sprintf(`%s,"pad":%q}`, strings.TrimSuffix(data, "}"), strings.Repeat("p", journal.InlineMax))
		}
		return []sent{{typ: "work", data: data, attrs: []string{"x.pad", pad}}, {typ: "work", data: data}}, nil
	case name == "alone" || name == "pay" || name == "echo" || name == "more" || n%5 == 0:
		return []sent{{typ: "out", data: data}}, nil
	case n%5 == 1:
		return []sent{{typ: "late", data: data, attrs: []string{abi.Delay, fmt.Sprint(n % 4000)}}}, nil
	case n%5 == 2:
		return []sent{{typ: "unwanted", data: data}, {typ: "lost", data: data}}, nil
	}
	return nil, nil
}

// remember adds a message to the list in its key's state, and notes it beside,
// or removes that note.
func remember(h engine.Host, id string, forget bool) error {
	have, err := ask(h, "", "type", "state.get", "name", "")
	if err != nil {
		return err
	}
	next, err := json.Marshal(append(idsOf(have.Data()), id))
	if err != nil {
		return err
	}
	if _, err := ask(h, string(next), "type", "state.set", "name", ""); err != nil {
		return err
	}
	if _, err := ask(h, fmt.Sprintf("%q", id), "type", "state.set", "name", "last"); err != nil || !forget {
		return err
	}
	_, err = ask(h, "", "type", "state.delete", "name", "last")
	return err
}

// idsOf is the list of ids that a state holds.
func idsOf(text []byte) (list []string) {
	if len(text) > 0 {
		if err := json.Unmarshal(text, &list); err != nil {
			panic(fmt.Sprintf("a state that is no list of ids: %s", text))
		}
	}
	return list
}

// ask makes one request of the host.
func ask(h engine.Host, data string, attrs ...string) (*abi.Message, error) {
	frame := abi.AppendAttrCount(abi.AppendCount(nil, 1), len(attrs)/2)
	for i := 0; i < len(attrs); i += 2 {
		frame = abi.AppendAttr(frame, attrs[i], attrs[i+1])
	}
	answer, err := h.Call(abi.AppendData(frame, []byte(data)))
	if err != nil {
		return nil, err
	}
	return abi.ParseMessage(append([]byte(nil), answer...))
}

// pay looks at something outside, and at the clocks, and changes something outside by
// what it saw, twice.
func (m *module) pay(h engine.Host, in *abi.Message, n int) (failed bool, err error) {
	what, when := in.ID(), ""
	if n%4 > 0 {
		rate, err := ask(h, "", "type", "bank.rate", "use", "bank")
		if err != nil || rate.Type() == abi.TypeError {
			return true, err
		}
		what += " for " + string(rate.Data())
	}
	if n%3 == 0 {
		when += fmt.Sprint(" ", h.Now())
	}
	if n%5 < 2 {
		now, err := ask(h, "", "type", "time.now")
		if err != nil {
			return false, err
		}
		real, _ := now.Attr("unix_ns")
		when += " " + real
	}
	if when != "" {
		what += fmt.Sprint(" at ", in.Attempt(), when)
	}
	for range 1 + n%2 {
		a, err := ask(h, what, "type", "bank.pay", "use", "bank")
		if err != nil {
			return false, err
		}
		failed = failed || a.Type() == abi.TypeError
	}
	return failed, nil
}

// bank is what is outside.
type bank struct{ life *life }

func (*bank) Close() error { return nil }
func (*bank) Operations() map[string]capability.Effect {
	return map[string]capability.Effect{"bank.pay": capability.Changes, "bank.rate": capability.Reads}
}

// Do implements capability.Capability.
func (b *bank) Do(_ context.Context, r *capability.Request) capability.Answer {
	l := b.life
	w := l.world
	if l.dead() {
		return capability.Fail(capability.Unavailable, "dead")
	}
	if r.Operation == "bank.pay" {
		w.model.effect(r.Stable, string(r.Data))
	}
	n := w.drawn(r.Stable, w.steps)
	l.sleep(time.Duration(n % int(50*time.Millisecond)))
	l.park(rankGuest, 0, "bank of "+r.Stable)
	if n%5 == 0 {
		return capability.Fail(capability.Unavailable, "closed")
	}
	if r.Operation == "bank.rate" { // another one whenever it is asked
		return capability.Answer{Data: fmt.Append(nil, n)}
	}
	return capability.Answer{Data: fmt.Appendf(nil, "%q", r.Stable)}
}
