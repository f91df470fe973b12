package supervisor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/object"
	"github.com/grow-platform/grow/runtime/router"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/shape"
)

// providers are the actors whose operations a node asks for, and those that these ask, by
// name: instances of their own beside the node, which end with it. So an operation never
// waits in a mailbox behind messages, of which one may wait for the operation; and since no
// actor asks itself in the end, whoever holds an instance waits only for others that are
// held by somebody who gets on.
type providers map[string]*provider

// provider serves the operations of one actor; see capability.Provider.
type provider struct {
	*part
	node       string // who asks
	operations map[string]operation
	slots      chan struct{} // as many as there may be instances
}

// operation is one that an actor provides.
type operation struct {
	specs.Provision
	takes *shape.Type // nil: anything
}

// providersOf are the definitions of the actors that an actor asks, and of those that they
// ask, each once and behind those that it asks itself.
func providersOf(service *specs.Service, def *specs.Actor) (list []*specs.Actor) {
	var follow func(def *specs.Actor)
	follow = func(def *specs.Actor) {
		for _, g := range def.Uses {
			if p := service.Provider(g); p != nil && !slices.Contains(list, p) {
				follow(p)
				list = append(list, p)
			}
		}
	}
	follow(def)
	return list
}

// providers makes those of a node; no instance of them runs yet.
func (s *Supervisor) providers(ctx context.Context, service *specs.Service, n *router.Node, apart bool, log func(actor.Line), module func(def *specs.Actor) (*module, error)) (providers, error) {
	list := providers{}
	for _, def := range providersOf(service, n.Actor) {
		m, err := module(def)
		if err != nil {
			return list, fmt.Errorf("provider %s: %w", def.Name, err)
		}
		env := s.environment(service, n.Path, list, apart)
		broker, err := capability.Open(ctx, def.Uses, def.Limits.Calls, env)
		if err != nil {
			return list, errors.Join(fmt.Errorf("provider %s: %w", def.Name, err), m.release())
		}
		broker.LimitAnswers(def.Limits.Answers)
		p := &provider{node: n.Path, operations: map[string]operation{}, slots: make(chan struct{}, def.Scale.Max)}
		var types []*shape.Type
		for _, t := range def.Out {
			types = append(types, service.Types[t])
		}
		for _, op := range def.Provides {
			p.operations[op.Takes] = operation{op, service.Types[op.Takes]}
		}
		p.part = &part{broker: broker, module: m, actor: actor.New(actor.Options{
			Node: def.Name, Revision: m.Info().Digest, Def: def, Config: def.ConfigDefault, Types: types, Module: m.Module, Broker: broker,
			Scale: specs.Scale{Max: def.Scale.Max}, Context: s.opts.Shard.Context(), Log: log, Secrets: s.opts.Secrets, Seed: s.seed, Pacer: s.opts.Pacer, RealTime: realTime,
		})}
		list[def.Name] = p
	}
	return list, nil
}

// beside is what runs beside a node, for it alone.
type beside struct {
	migrators migrators
	providers providers
}

// beside makes what runs beside a node of so many instances, or beside a copy of it that
// stands apart; no instance of it runs yet.
func (s *Supervisor) beside(ctx context.Context, service *specs.Service, n *router.Node, instances int, apart bool, log func(actor.Line), module func(def *specs.Actor) (*module, error)) (b beside, err error) {
	if b.migrators, err = s.migrators(ctx, service, n, instances, log, module); err == nil {
		b.providers, err = s.providers(ctx, service, n, apart, log, module)
	}
	if err != nil {
		return b, errors.Join(err, b.close())
	}
	return b, nil
}

// close ends it, once the node has ended.
func (b beside) close() error { return errors.Join(b.migrators.close(), b.providers.close()) }

// environment is what capabilities of a node are offered, or of a copy that stands apart:
// it has buckets of its own, of which nobody knows.
func (s *Supervisor) environment(service *specs.Service, node string, list providers, apart bool) capability.Environment {
	env := s.opts.Environment
	if env.Apart = apart; apart {
		env.Buckets, env.Objects = &bucket.Memory{}, &object.Memory{}
	}
	env.Service, env.Node, env.Documents = service.Name, node, service.Dir
	env.Actors = map[string]capability.Provider{}
	for name, p := range list {
		env.Actors[name] = p
	}
	return env
}

// actors are what runs of them.
func (list providers) actors() []*actor.Actor {
	var all []*actor.Actor
	for _, p := range list {
		all = append(all, p.actor)
	}
	return all
}

// close ends them, once the node they are of has ended.
func (list providers) close() error {
	g := generation{}
	for name, p := range list {
		g[name] = p.part
	}
	return retire(g.parts())
}

// Operations implements capability.Provider.
func (p *provider) Operations() map[string]capability.Effect {
	list := map[string]capability.Effect{}
	for name, op := range p.operations {
		list[name] = capability.Reads
		if op.Changes {
			list[name] = capability.Changes
		}
	}
	return list
}

// Do implements capability.Provider.
func (p *provider) Do(ctx context.Context, r *capability.Request) capability.Answer {
	name, op := p.actor.Def.Name, p.operations[r.Operation]
	if op.takes != nil {
		if err := op.takes.Check(r.Data); err != nil {
			return capability.Fail(capability.Invalid, "the request is no %s: %v", op.Takes, err)
		}
	}
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-ctx.Done():
		return capability.Fail(capability.Timeout, "all instances of the actor %s are busy", name)
	}
	var a capability.Answer
	err := p.actor.Run(ctx, p.task(ctx, r, &op), func(result *actor.Result) { a = p.answer(&op, result) })
	if err != nil {
		return capability.Fail(capability.Unavailable, "the actor %s does not start: %v", name, err)
	}
	return a
}

// task is the message that a request is to the actor. What the actor asks for itself goes by
// the id of the request, which is the same at every attempt.
func (p *provider) task(ctx context.Context, r *capability.Request, op *operation) *actor.Task {
	now := realTime()
	t := &actor.Task{ID: r.Stable, First: r.First, Now: now, Context: ctx, Message: abi.NewMessage(r.Data, abi.ID, r.Stable, abi.Source, p.node, abi.Type, op.Takes,
		abi.ContentType, abi.ContentJSON, abi.Time, time.Unix(0, now).UTC().Format(time.RFC3339Nano))}
	if !op.Changes {
		t.Effect = func() error {
			return fmt.Errorf("the operation %s says that it only reads: write effect: changes where it is provided", op.Takes)
		}
	}
	return t
}

// answer is what came of a request.
func (p *provider) answer(op *operation, r *actor.Result) (a capability.Answer) {
	name := p.actor.Def.Name
	switch r.Outcome {
	case actor.Refused, actor.Later:
		a = capability.Fail(r.Code, "%s", r.Text)
		a.Retry = r.Outcome == actor.Later
	case actor.Failed:
		a = capability.Fail(capability.Unavailable, "the actor %s failed: %s: %s", name, r.Code, r.Text)
	default:
		if len(r.Outputs) != 1 || p.actor.Def.Out[r.Outputs[0].Index] != op.Gives || r.Outputs[0].Delay > 0 {
			a = capability.Fail(capability.Unavailable, "the actor %s did not answer with one %s", name, op.Gives)
			break
		}
		a.Data = slices.Clone(r.Outputs[0].Data)
	}
	a.Fuel = r.Fuel
	return a
}

// asked names the actors that a node asks; nil: none. Another one makes another revision of the node.
func asked(service *specs.Service, def *specs.Actor, digest func(actor string) string) (list []any) {
	for _, p := range providersOf(service, def) {
		list = append(list, p.Name, digest(p.Name), p.Provides, grants(p.Uses), p.Limits, p.Scale.Max, string(p.ConfigDefault), p.Isolated)
		for _, g := range p.Uses {
			list = append(list, capability.Print(g, service.Dir))
		}
		for _, op := range p.Provides {
			for _, name := range []string{op.Takes, op.Gives} {
				if t := service.Types[name]; t != nil {
					list = append(list, t.Fingerprint())
				}
			}
		}
	}
	return list
}
