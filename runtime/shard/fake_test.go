package shard

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/router"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/shape"
)

// guest is what an actor of a test does with a message: a Go function in place
// of a module. It returns the messages it sends, each type and data.
type guest func(h engine.Host, m *abi.Message) ([]sent, error)

type sent struct {
	typ, data string
	attrs     []string
}

// goModule runs a guest behind the engine's contract.
type goModule struct {
	guest guest
	quick bool // the module cannot sleep, so that who brings a message may handle it
}

const quick = "quick" // version of a service whose modules cannot

func (m goModule) Info() engine.Info {
	info := engine.Info{Digest: "sha256:test"}
	if !m.quick {
		info.Imports = []string{"wasi_snapshot_preview1.poll_oneoff"}
	}
	return info
}

func (m goModule) Instantiate(context.Context, engine.Host) (engine.Instance, error) {
	if m.guest == nil {
		return nil, errors.New("nothing is there to start")
	}
	return &goInstance{guest: m.guest}, nil
}

func (m goModule) Close(context.Context) error { return nil }

type goInstance struct {
	guest  guest
	frame  []byte
	closed bool
}

func (i *goInstance) Init(engine.Host, []byte) error { return nil }

func (i *goInstance) Handle(h engine.Host, in engine.Input) (engine.Answer, error) {
	if i.closed {
		return engine.Answer{}, errors.New("instance was used after it was closed")
	}
	frame := make([]byte, in.Size())
	in.CopyTo(frame)
	m, err := abi.ParseMessage(frame)
	if err != nil {
		return engine.Answer{}, err
	}
	out, err := i.guest(h, m)
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

func (i *goInstance) MemorySize() int64 { return 0 }
func (i *goInstance) Close() error      { i.closed = true; return nil }

// trap is what a guest returns to fail as a module does.
func trap(reason string) error { return &engine.Error{Code: engine.CodeTrap, Reason: reason} }

// serve puts a service in force whose actors are Go functions.
func serve(t testing.TB, s *Shard, service *specs.Service, guests map[string]guest) {
	t.Helper()
	if err := s.Apply(mustCompile(t, service), actorsOf(t, s, service, guests)); err != nil {
		t.Fatal(err)
	}
}

func mustCompile(t testing.TB, service *specs.Service) *router.Table {
	t.Helper()
	table, err := router.Compile(service)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func actorsOf(t testing.TB, s *Shard, service *specs.Service, guests map[string]guest) map[string]*actor.Actor {
	t.Helper()
	actors := map[string]*actor.Actor{}
	for _, n := range mustCompile(t, service).Nodes {
		g, ok := guests[n.Actor.Name]
		if !ok {
			t.Fatalf("no guest for actor %s", n.Actor.Name)
		}
		broker, err := capability.Open(context.Background(), n.Actor.Uses, 1000, capability.Environment{})
		if err != nil {
			t.Fatal(err)
		}
		a := actor.New(actor.Options{
			Migrations: migrationsOf(t, s, service, n, guests, broker),
			Node:       n.Path, Revision: "r1", Def: n.Actor, Scale: n.Scale, Module: goModule{g, service.Version == quick}, Broker: broker, Context: s.Context(),
			Types:    shapes(n),
			Seed:     func(id string) (seed [32]byte) { copy(seed[:], id); return seed },
			RealTime: func() int64 { return s.clock.Now().UnixNano() },
		})
		t.Cleanup(func() { a.Close() })
		actors[n.Path] = a
	}
	return actors
}

// migrationsOf are the guests that a node's values are migrated by.
func migrationsOf(t testing.TB, s *Shard, service *specs.Service, n *router.Node, guests map[string]guest, broker *capability.Broker) map[string]*actor.Actor {
	list := map[string]*actor.Actor{}
	for i := range n.Actor.State {
		for _, m := range n.Actor.State[i].From {
			a := actor.New(actor.Options{
				Node: n.Path, Def: m.Actor, Scale: n.Scale, Module: goModule{guests[m.Actor.Name], service.Version == quick}, Broker: broker, Context: s.Context(),
				Types: make([]*shape.Type, len(m.Actor.Out)), RealTime: func() int64 { return 0 },
			})
			t.Cleanup(func() { a.Close() })
			list[m.Actor.Name] = a
		}
	}
	return list
}

// def is a definition with the defaults that specs fills in.
func def(name string, change func(*specs.Actor)) *specs.Actor {
	a := &specs.Actor{
		Name: name, In: []string{"in"}, Out: []string{"out"},
		Scale:  specs.Scale{Max: 8, Mailbox: 10_000},
		Limits: specs.Limits{Output: abi.OutputBytesMax, Calls: 1000, Memory: abi.MemoryDefault},
		Retry:  specs.Retry{Max: 0},
	}
	if change != nil {
		change(a)
	}
	return a
}

// project is a service of actors that messages are sent to directly.
func project(actors ...*specs.Actor) *specs.Service {
	s := &specs.Service{Name: "test", Actors: map[string]*specs.Actor{}, Workflows: map[string]*specs.Workflow{}}
	for _, a := range actors {
		s.Actors[a.Name] = a
	}
	return s
}

// text makes a one-line description of an answer.
func (a Answer) text() string {
	if a.Outcome == Replied {
		return fmt.Sprintf("replied %s %s", a.Reply.Type(), a.Reply.Data())
	}
	if a.Code != "" {
		return fmt.Sprintf("%s %s %s", a.Outcome, a.Code, a.Text)
	}
	return a.Outcome.String()
}

// shapes are the types that a node's outputs are checked by; nil: they are not.
func shapes(n *router.Node) (types []*shape.Type) {
	for _, o := range n.Outs {
		types = append(types, o.Shape)
	}
	return types
}
