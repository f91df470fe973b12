package actortest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/router"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/shape"
)

// The limits of one test.
const (
	LinesMax   = 1000    // log lines that are kept
	HandledMax = 100_000 // messages that are handled, attempts counted one by one
)

var errCircle = fmt.Errorf("the test had more than %d messages handled: do they go round in a circle?", HandledMax)

// stage is where one test is played. play and what it calls run on the test's
// goroutine; tape is written by the shard's.
type stage struct {
	test    *specs.Test
	opts    *Options
	service *specs.Service // as far as the test needs it
	clock   *clock
	store   journal.Store
	journal journal.Journal
	shard   *shard.Shard
	actors  map[string]*actor.Actor // by node path
	doubles map[string]*doubles     // by node path
	desk    *desk                   // of tests of endpoints
	ids     int
	waiting []shard.Waiting
	busy    time.Duration           // that steps took
	fault   string                  // that ended the play
	end     context.CancelCauseFunc // ends the test

	tape tape
}

// tape is what the stage has seen.
type tape struct {
	sync.Mutex
	handlings []handling
	unstarted map[string]error // why instances did not start, the first time, by node
	lines     []actor.Line
	state     map[place]map[string]capability.Value
	first     map[string]*string // first key of each node
	asked     []place            // in the order in which they were asked for
	seeds     []specs.KeyState
}

// unstart notes that an instance did not start, unless it was the test that ended.
func (t *tape) unstart(node string, err error) {
	t.Lock()
	defer t.Unlock()
	if t.unstarted[node] != nil || errors.Is(err, context.Canceled) {
		return
	}
	if t.unstarted == nil {
		t.unstarted = map[string]error{}
	}
	t.unstarted[node] = err
}

// notStarted are the nodes of which an instance did not start, with the reasons.
func (t *tape) notStarted() map[string]error {
	t.Lock()
	defer t.Unlock()
	return maps.Clone(t.unstarted)
}

func (t *tape) full() bool {
	t.Lock()
	defer t.Unlock()
	return len(t.handlings) >= HandledMax
}

// place is where state belongs.
type place struct{ node, key string }

// handling is one attempt at one message.
type handling struct {
	node, id, typ string
	outcome       actor.Outcome
	code, text    string
	after         time.Duration
	outputs       []Message
	fuel          uint64
}

// stage makes everything ready for a test.
func (r *Runner) stage(ctx context.Context, t *specs.Test, end context.CancelCauseFunc) (s *stage, err error) {
	s = &stage{
		test: t, opts: &r.opts, end: end, clock: &clock{now: t.Now}, actors: map[string]*actor.Actor{}, doubles: map[string]*doubles{},
		tape: tape{state: map[place]map[string]capability.Value{}, first: map[string]*string{}, seeds: t.State},
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	s.service = excerpt(r.opts.Service, t)
	table, err := router.Compile(s.service)
	if err != nil {
		return s, err
	}
	s.store = r.opts.Store()
	if s.journal, err = s.store.Open(ctx, journal.Name{Namespace: "test", Service: s.service.Name}); err != nil {
		return s, fmt.Errorf("open journal: %w", err)
	}
	s.shard, err = shard.Open(ctx, shard.Options{
		Namespace: "test", Service: s.service.Name, Journal: s.journal, Owner: "test", Clock: s.clock, Lanes: 1, State: s.initial, ID: s.id, KeepIdle: true,
	})
	if err != nil {
		return s, err
	}
	for _, n := range table.Nodes {
		s.actors[n.Path] = s.actor(ctx, r, n)
	}
	if err := s.shard.Apply(table, s.actors); err != nil {
		return s, err
	}
	if t.Of == specs.OfService {
		s.desk, err = newDesk(s)
	}
	return s, err
}

// id makes the ids of a test's messages: the same each time it is run.
func (s *stage) id() string {
	s.ids++
	return fmt.Sprintf("test-%d", s.ids)
}

// local is a node as the test names it: "" is the actor that is tested.
func (s *stage) local(path string) string {
	switch s.test.Of {
	case specs.OfActor:
		return ""
	case specs.OfWorkflow:
		return strings.TrimPrefix(path, s.test.Subject+"/")
	}
	return path
}

// actor makes what runs at a node: the actor itself, or its double.
func (s *stage) actor(ctx context.Context, r *Runner, n *router.Node) *actor.Actor {
	list := s.test.Doubles[s.local(n.Path)]
	d := newDoubles(n.Path, list, s.test.Ordered)
	s.doubles[n.Path] = d
	var module engine.Module = nodeModule{d}
	if len(list) == 0 || list[0].Instead == nil {
		built, err := r.module(ctx, n.Actor)
		if module = built; err != nil {
			module = missing{err} // which matters if a message gets there
		}
	}
	grants := map[string]capability.Capability{}
	for _, g := range n.Actor.Uses {
		grants[g.Name] = grant{g.Name, d}
	}
	types := make([]*shape.Type, len(n.Outs))
	for i, out := range n.Outs {
		types[i] = out.Shape
	}
	broker := capability.Of(grants, n.Actor.Limits.Calls)
	broker.LimitAnswers(n.Actor.Limits.Answers)
	return actor.New(actor.Options{
		Node: n.Path, Revision: "test", Def: n.Actor, Config: n.Config, Types: types, Module: module,
		Broker: broker, Scale: specs.Scale{Max: 1, Mailbox: n.Scale.Mailbox},
		Context: s.shard.Context(), Log: s.line, Seed: seed, RealTime: func() int64 { return s.clock.Now().UnixNano() },
		Observe:   func(t *actor.Task, r *actor.Result) { s.observe(n.Path, t, r) },
		Unstarted: func(err error) { s.tape.unstart(n.Path, err) },
	})
}

// seed is of the random stream of a message, the same each time a test is run.
func seed(id string) [32]byte { return sha256.Sum256([]byte("grow test\x00" + id)) }

// excerpt is the part of a service that a test needs, with its configs.
func excerpt(s *specs.Service, t *specs.Test) *specs.Service {
	part := &specs.Service{Dir: s.Dir, Name: s.Name, Version: s.Version, Types: s.Types, Actors: map[string]*specs.Actor{}, Workflows: map[string]*specs.Workflow{}}
	switch t.Of {
	case specs.OfActor:
		a := *s.Actors[t.Subject]
		if c, ok := t.Config[""]; ok {
			a.ConfigDefault = c
		}
		part.Actors[a.Name] = &a
	case specs.OfWorkflow:
		take(part, s, t.Subject)
	case specs.OfService:
		part.Endpoints, part.Actors, part.Workflows = s.Endpoints, maps.Clone(s.Actors), maps.Clone(s.Workflows)
	}
	for node, c := range t.Config {
		if t.Of == specs.OfWorkflow {
			node = t.Subject + "/" + node
		}
		if node != "" {
			configure(part, strings.Split(node, "/"), c)
		}
	}
	return part
}

// take copies a workflow with everything inside of it.
func take(part, s *specs.Service, name string) {
	if w := s.Workflows[name]; w != nil {
		part.Workflows[name] = w
		for _, n := range w.Nodes {
			take(part, s, n.Actor+n.Workflow)
		}
	} else {
		part.Actors[name] = s.Actors[name]
	}
}

// configure sets the config of a node. Workflows on the way to it become copies
// under names of their own, so that no other use of them is touched.
func configure(part *specs.Service, steps []string, config []byte) {
	if len(steps) == 1 { // an actor that endpoints name
		if a := part.Actors[steps[0]]; a != nil {
			b := *a
			b.ConfigDefault = config
			part.Actors[steps[0]] = &b
		}
		return
	}
	name := steps[0]
	for depth, step := range steps[1:] {
		w := *part.Workflows[name]
		w.Nodes = append([]*specs.Node(nil), w.Nodes...)
		part.Workflows[name] = &w
		for i, n := range w.Nodes {
			if n.Name != step {
				continue
			}
			b := *n
			w.Nodes[i] = &b
			if n.Workflow == "" {
				b.Config = config
				return
			}
			own := strings.Join(steps[:depth+2], "/") // no workflow is called so
			if _, done := part.Workflows[own]; !done {
				inner := *part.Workflows[n.Workflow]
				inner.Name = own
				part.Workflows[own] = &inner
			}
			b.Workflow = own
			name = own
			break
		}
	}
}

// initial gives a key the state that the test says it has. It is called by the
// shard's goroutine.
func (s *stage) initial(node, key string) map[string]capability.Value {
	s.tape.Lock()
	defer s.tape.Unlock()
	if s.tape.first[node] == nil {
		s.tape.first[node] = &key
	}
	at := place{node, key}
	if known, ok := s.tape.state[at]; ok {
		return maps.Clone(known)
	}
	values := map[string]capability.Value{}
	for _, seed := range s.tape.seeds {
		of := seed.Key
		if of == nil {
			of = s.tape.first[node]
		}
		if seed.Node == s.local(node) && *of == key && seed.Data != nil {
			values[seed.Name] = capability.Value{Data: seed.Data, Revision: 1}
		}
	}
	s.tape.state[at] = values
	s.tape.asked = append(s.tape.asked, at)
	return maps.Clone(values)
}

func (s *stage) line(l actor.Line) {
	s.tape.Lock()
	defer s.tape.Unlock()
	if len(s.tape.lines) < LinesMax {
		s.tape.lines = append(s.tape.lines, l)
	}
}

// observe notes what became of a message, once for each attempt.
func (s *stage) observe(node string, t *actor.Task, r *actor.Result) {
	if s.tape.full() {
		s.end(errCircle)
		return
	}
	h := handling{node: node, id: strings.Clone(t.ID), typ: strings.Clone(t.Message.Type()), outcome: r.Outcome, code: r.Code, text: r.Text, after: r.After, fuel: r.Fuel}
	for i := range r.Outputs {
		h.outputs = append(h.outputs, message(s.actors[node].Def, &r.Outputs[i]))
	}
	key := strings.Clone(t.Message.Key())
	s.tape.Lock()
	defer s.tape.Unlock()
	s.tape.handlings = append(s.tape.handlings, h)
	if t.State == nil || r.Outcome != actor.Handled {
		return
	}
	values := s.tape.state[place{node, key}]
	for _, c := range t.State.Changes() {
		if c.Data == nil {
			delete(values, c.Name)
		} else {
			values[c.Name] = capability.Value{Data: c.Data, Revision: c.Revision}
		}
	}
}

// message copies what an actor sends.
func message(def *specs.Actor, o *actor.Output) Message {
	m := Message{Type: def.Out[o.Index], Data: append([]byte{}, o.Data...)}
	for name, value := range o.View.All() {
		if string(name) != abi.Type {
			m.Attrs = append(m.Attrs, string(name), string(value))
		}
	}
	return m
}

func (s *stage) logs() []actor.Line {
	s.tape.Lock()
	defer s.tape.Unlock()
	return s.tape.lines
}

// close takes the stage down.
// attempts is how often messages were handled.
func (s *stage) attempts() (n uint64) {
	for _, node := range s.shard.Status() {
		n += node.Handled + node.Refused + node.Failed
	}
	return n
}

func (s *stage) close() error {
	if s.desk != nil {
		s.desk.close()
	}
	if s.shard != nil {
		s.shard.Close()
	}
	for _, a := range s.actors {
		if a != nil {
			<-a.Close()
		}
	}
	if s.store != nil {
		return s.store.Close()
	}
	return nil
}
