package supervisor

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/router"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/shape"
)

// migrators are the actors by which a node's values of older types are migrated, by name:
// instances of their own beside the node, which end with it.
type migrators map[string]*part

// migrationsOf are the definitions of the actors that an actor's state is migrated by, each once.
func migrationsOf(def *specs.Actor) []*specs.Actor {
	var list []*specs.Actor
	seen := map[string]bool{}
	for i := range def.State {
		for _, m := range def.State[i].From {
			if !seen[m.Actor.Name] {
				seen[m.Actor.Name] = true
				list = append(list, m.Actor)
			}
		}
	}
	return list
}

// lines is how many instances of a migrator there may be beside so many of the node: one
// more, since one that is idle may be closing while all instances of the node migrate.
func lines(instances int) int { return instances + 1 }

// migrators makes those of a node that has at most so many instances; no instance of them
// runs yet. What they are told follows from the value alone: so does their random stream,
// and their clock stands.
func (s *Supervisor) migrators(ctx context.Context, service *specs.Service, n *router.Node, instances int, log func(actor.Line), module func(def *specs.Actor) (*module, error)) (migrators, error) {
	list := migrators{}
	for _, def := range migrationsOf(n.Actor) {
		m, err := module(def)
		if err != nil {
			return list, fmt.Errorf("migration %s: %w", def.Name, err)
		}
		env := s.opts.Environment
		env.Service, env.Node = service.Name, n.Path
		broker, err := capability.Open(ctx, nil, def.Limits.Calls, env)
		if err != nil {
			return list, errors.Join(err, m.release())
		}
		var types []*shape.Type
		for _, t := range def.Out {
			types = append(types, service.Types[t])
		}
		list[def.Name] = &part{broker: broker, module: m, actor: actor.New(actor.Options{
			Node: n.Path, Revision: m.Info().Digest, Def: def, Config: def.ConfigDefault, Types: types, Module: m.Module, Broker: broker,
			Scale: specs.Scale{Max: lines(instances)}, Context: s.opts.Shard.Context(), Log: log, Secrets: s.opts.Secrets, Seed: s.seed,
			Pacer: s.opts.Pacer, RealTime: func() int64 { return 0 },
		})}
	}
	return list, nil
}

// actors are what runs of them, by name.
func (m migrators) actors() map[string]*actor.Actor { return generation(m).actors() }

// close ends them, once the node they are of has ended.
func (m migrators) close() error { return retire(generation(m).parts()) }

// sides is how many revisions of a node there are at a time at most: a canary's two.
const sides = 2

// spareFor is what an isolated actor needs besides its own nodes: instances for the values
// that it migrates at others, and for the operations that it provides to them, in all
// revisions of those.
func spareFor(service *specs.Service, def *specs.Actor, table *router.Table) (instances int) {
	for _, n := range table.Nodes {
		if slices.Contains(providersOf(service, n.Actor), def) {
			instances += sides * def.Scale.Max
		}
		for _, m := range migrationsOf(n.Actor) {
			if m.Name == def.Name {
				instances += sides * lines(n.Scale.Max)
			}
		}
	}
	return instances
}

// migrations names what a node's values are migrated by; nil: nothing.
func migrations(def *specs.Actor, digest func(actor string) string) (list []any) {
	for i := range def.State {
		s := &def.State[i]
		for _, m := range s.From {
			list = append(list, s.Pattern, m.Type.Fingerprint(), m.Actor.Name, digest(m.Actor.Name), string(m.Actor.ConfigDefault), m.Actor.Limits, m.Actor.Isolated)
		}
	}
	return list
}
