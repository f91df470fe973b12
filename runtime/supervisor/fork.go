package supervisor

import (
	"context"
	"errors"
	"fmt"

	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/router"
	"github.com/grow-platform/grow/specs/shape"
)

// Fork is a revision of one node that stands apart from all that runs: messages reach
// it by nobody but whoever made it. Nobody sees what it logs.
type Fork struct {
	*actor.Actor
	live   *capability.Broker
	module *module
}

// World is what a fork has in place of the world.
type World interface {
	// Broker is asked in place of the one that is open for the fork's grants.
	Broker(live *capability.Broker) *capability.Broker
	// Seed is that of a task's random stream.
	Seed(task string) [32]byte
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
	c := s.config(n.Actor, table)
	if c.Isolated {
		c.Instances, c.Name = instances, c.Name+" apart" // another process than that of what runs
	}
	m, err := s.module(ctx, binary, c)
	if err != nil {
		return nil, fmt.Errorf("actor %s: %w", n.Actor.Name, err)
	}
	env := s.opts.Environment
	env.Service, env.Node, env.Documents = w.Service.Name, n.Path, w.Service.Dir
	live, err := capability.Open(ctx, n.Actor.Uses, n.Actor.Limits.Calls, env)
	if err != nil {
		return nil, errors.Join(err, m.release())
	}
	types := make([]*shape.Type, len(n.Outs))
	for i, out := range n.Outs {
		types[i] = out.Shape
	}
	scale := n.Scale
	scale.Max = instances
	return &Fork{live: live, module: m, Actor: actor.New(actor.Options{
		Node: n.Path, Revision: revision(w.Service, n, m.Info().Digest), Def: n.Actor, Config: n.Config, Types: types,
		Module: m.Module, Broker: world.Broker(live), Scale: scale, Context: s.opts.Shard.Context(), Log: func(actor.Line) {}, Seed: world.Seed,
		Pacer: s.opts.Pacer, RealTime: realTime,
	})}, nil
}

// Close ends its instances. None may be in use.
func (f *Fork) Close() error {
	<-f.Actor.Close()
	return errors.Join(f.live.Close(), f.module.release())
}

// Revisions names what would run at each node, by node path, without compiling it.
func Revisions(w Wanted) (map[string]string, error) {
	table, err := router.Compile(w.Service)
	if err != nil {
		return nil, err
	}
	list, digests := map[string]string{}, map[string]string{}
	for _, n := range table.Nodes {
		name := n.Actor.Name
		if digests[name] == "" {
			digests[name] = digestOf(w.Modules[name])
		}
		list[n.Path] = revision(w.Service, n, digests[name])
	}
	return list, nil
}
