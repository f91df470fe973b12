package supervisor

import (
	"context"
	"errors"
	"fmt"

	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/router"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/shape"
)

// Fork is a revision of one node that stands apart from all that runs: messages reach
// it by nobody but whoever made it. Nobody sees what it logs, and its grants are open
// without a connection to anybody: its [World] answers in their place.
type Fork struct {
	*actor.Actor
	live   *capability.Broker
	module *module
	beside
}

// World is what a fork has in place of the world.
type World interface {
	// Broker is asked in place of the one that is open for the fork's grants.
	Broker(live *capability.Broker) *capability.Broker
	// Seed is that of a task's random stream.
	Seed(task string) [32]byte
}

// Compiler is a World that compiles the module of its fork otherwise than what runs.
type Compiler interface {
	Compile(ctx context.Context, e engine.Engine, binary []byte, c engine.Config) (engine.Module, error)
}

// Fork makes one of a node of what is wanted, with at most so many instances; none runs
// yet. A module that runs already is not compiled again. What runs is not touched.
func (s *Supervisor) Fork(ctx context.Context, w Wanted, node string, instances int, world World) (*Fork, error) {
	table, err := router.Compile(w.Service)
	if err != nil {
		return nil, err
	}
	n, ok := table.Node(node)
	if !ok {
		return nil, fmt.Errorf("there is no node %s", node)
	}
	binary, ok := w.Modules[n.Actor.Name]
	if !ok {
		return nil, fmt.Errorf("actor %s has no module: build it first", n.Actor.Name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	apart := func(def *specs.Actor, instances int) engine.Config {
		c := s.config(w.Service, def, table)
		if c.Isolated {
			c.Instances, c.Name = instances, c.Name+" apart" // another process than that of what runs
		}
		return c
	}
	m, err := s.forked(ctx, binary, apart(n.Actor, instances), world)
	if err != nil {
		return nil, fmt.Errorf("actor %s: %w", n.Actor.Name, err)
	}
	beside, err := s.beside(ctx, w.Service, n, instances, true, silent, func(def *specs.Actor) (*module, error) {
		return s.module(ctx, w.Modules[def.Name], apart(def, max(lines(instances), def.Scale.Max)))
	})
	if err != nil {
		return nil, errors.Join(err, m.release())
	}
	live, err := capability.Open(ctx, n.Actor.Uses, n.Actor.Limits.Calls, s.environment(w.Service, n.Path, beside.providers, true))
	if err != nil {
		return nil, errors.Join(err, beside.close(), m.release())
	}
	live.LimitAnswers(n.Actor.Limits.Answers)
	types := make([]*shape.Type, len(n.Outs))
	for i, out := range n.Outs {
		types[i] = out.Shape
	}
	scale := n.Scale
	scale.Max = instances
	return &Fork{live: live, module: m, beside: beside, Actor: actor.New(actor.Options{
		Node: n.Path, Revision: revision(w.Service, n, binary.Digest, w.digest), Def: n.Actor, Config: n.Config, Types: types, Migrations: beside.migrators.actors(), Providers: beside.providers.actors(),
		Module: m.Module, Broker: world.Broker(live), Scale: scale, Context: s.opts.Shard.Context(), Log: silent, Secrets: s.opts.Secrets, Seed: world.Seed,
		Pacer: s.opts.Pacer, RealTime: realTime,
	})}, nil
}

// silent is where lines go that nobody sees.
func silent(actor.Line) {}

// forked is the module of a fork, used once.
func (s *Supervisor) forked(ctx context.Context, binary Binary, c engine.Config, world World) (*module, error) {
	own, ok := world.(Compiler)
	if !ok {
		return s.module(ctx, binary, c)
	}
	return s.moduleBy(ctx, own, binary, c)
}

// moduleBy is a module that somebody else compiles and nothing else runs, used once.
func (s *Supervisor) moduleBy(ctx context.Context, by Compiler, binary Binary, c engine.Config) (*module, error) {
	c.Seed = s.hashes(binary.Digest)
	wasm, err := binary.Bytes()
	if err != nil {
		return nil, err
	}
	if digestOf(wasm) != binary.Digest { // what is compiled may be made of it
		return nil, ErrChanged
	}
	compiled, err := by.Compile(ctx, s.opts.Engine, wasm, c)
	if err != nil {
		return nil, err
	}
	m := &module{Module: compiled, config: c}
	m.uses.Store(1)
	return m, nil
}

// Seed is that of the random stream of a message of what runs.
func (s *Supervisor) Seed(messageID string) [32]byte { return s.seed(messageID) }

// Close ends its instances. None may be in use.
func (f *Fork) Close() error {
	<-f.Actor.Close()
	return errors.Join(f.live.Close(), f.beside.close(), f.module.release())
}

// Revisions names what would run at each node, by node path, without compiling it.
func Revisions(w Wanted) (map[string]string, error) {
	table, err := router.Compile(w.Service)
	if err != nil {
		return nil, err
	}
	list := map[string]string{}
	for _, n := range table.Nodes {
		list[n.Path] = revision(w.Service, n, w.digest(n.Actor.Name), w.digest)
	}
	return list, nil
}

// digest is that of an actor's module.
func (w *Wanted) digest(actor string) string { return w.Modules[actor].Digest }
