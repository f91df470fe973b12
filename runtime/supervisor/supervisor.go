// Package supervisor keeps what runs equal to what is wanted: it compiles
// modules, opens grants, starts actors, puts a routing table in force in one
// step, and retires what it replaced once its last message is done.
package supervisor

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sort"
	"sync"
	"time"

	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/router"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/shape"
	"golang.org/x/sync/errgroup"
)

// Options is what a supervisor works with. All of it is the caller's and must
// outlive the supervisor.
type Options struct {
	Engine engine.Engine
	Shard  *shard.Shard
	// Secret keys the random streams of messages. It must stay the same for
	// replays to be exact, and must not be known to guests.
	Secret []byte
	// Environment is offered to capabilities; Node is filled in.
	Environment capability.Environment
	// Log takes the actors' log lines. It must not block.
	Log func(actor.Line)
	// Logger takes the supervisor's own; nil: discarded.
	Logger *slog.Logger
}

// Wanted is what should run.
type Wanted struct {
	Service *specs.Service
	// Modules gives the binary of each actor by name.
	Modules map[string][]byte
}

// Supervisor is safe for concurrent use.
type Supervisor struct {
	opts Options

	mu      sync.Mutex // held by Apply and Close
	current *generation
	retired sync.WaitGroup
}

// generation is one set of everything that runs.
type generation struct {
	modules map[string]engine.Module
	actors  map[string]*actor.Actor // by node path
	brokers map[string]*capability.Broker
}

// New makes a supervisor; nothing runs yet.
func New(o Options) *Supervisor {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Supervisor{opts: o}
}

// Apply makes what is wanted run: everything is compiled and started before
// anything changes, so that on an error what ran before goes on. Every node
// has one instance started, so that a module that cannot start is found here.
func (s *Supervisor) Apply(ctx context.Context, w Wanted) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	table, err := router.Compile(w.Service)
	if err != nil {
		return err
	}
	next, err := s.prepare(ctx, w, table)
	if err != nil {
		return errors.Join(err, s.retire(next))
	}
	if err := s.opts.Shard.Apply(table, next.actors); err != nil {
		return errors.Join(err, s.retire(next))
	}
	old := s.current
	s.current = next
	if old != nil {
		s.retired.Go(func() {
			if err := s.retire(old); err != nil {
				s.opts.Logger.Warn("retire what was replaced", "error", err)
			}
		})
	}
	return nil
}

// prepare compiles and starts; what it returns is to be retired even on an error.
func (s *Supervisor) prepare(ctx context.Context, w Wanted, table *router.Table) (*generation, error) {
	g := &generation{
		modules: map[string]engine.Module{}, actors: map[string]*actor.Actor{}, brokers: map[string]*capability.Broker{},
	}
	if err := s.compile(ctx, w, table, g); err != nil {
		return g, err
	}
	for _, n := range table.Nodes {
		env := s.opts.Environment
		env.Service, env.Node = w.Service.Name, n.Path
		broker, err := capability.Open(ctx, n.Actor.Uses, n.Actor.Limits.Calls, env)
		if err != nil {
			return g, fmt.Errorf("%s: %w", n.Path, err)
		}
		g.brokers[n.Path] = broker
		module := g.modules[n.Actor.Name]
		types := make([]*shape.Type, len(n.Outs))
		for i, out := range n.Outs {
			types[i] = out.Shape
		}
		g.actors[n.Path] = actor.New(actor.Options{
			Node: n.Path, Revision: revision(n, module.Info().Digest), Def: n.Actor, Config: n.Config, Types: types,
			Module: module, Broker: broker, Scale: n.Scale, Context: s.opts.Shard.Context(), Log: s.opts.Log, Seed: s.seed,
			RealTime: func() int64 { return time.Now().UnixNano() },
		})
	}
	return g, s.start(ctx, g)
}

// compile compiles the module of every actor that some node needs, several at
// a time.
func (s *Supervisor) compile(ctx context.Context, w Wanted, table *router.Table, g *generation) error {
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	seen := map[string]bool{}
	for _, n := range table.Nodes {
		def := n.Actor
		if seen[def.Name] {
			continue
		}
		seen[def.Name] = true
		binary, ok := w.Modules[def.Name]
		if !ok {
			return fmt.Errorf("actor %s has no module: build it first", def.Name)
		}
		group.Go(func() error {
			m, err := s.opts.Engine.Compile(ctx, binary, engine.Config{MemoryMax: def.Limits.Memory})
			if err != nil {
				return fmt.Errorf("actor %s: %w", def.Name, err)
			}
			mu.Lock()
			g.modules[def.Name] = m
			mu.Unlock()
			return nil
		})
	}
	return group.Wait()
}

// start starts one instance of each actor, or as many as it wants at least.
func (s *Supervisor) start(ctx context.Context, g *generation) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, path := range sorted(g.actors) {
		a := g.actors[path]
		group.Go(func() error { return a.Warm(ctx, max(1, a.Scale.Min)) })
	}
	return group.Wait()
}

func sorted[T any](m map[string]T) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// retire closes a generation once nothing uses it any more.
func (s *Supervisor) retire(g *generation) error {
	if g == nil {
		return nil
	}
	var errs []error
	for _, a := range g.actors {
		<-a.Close()
	}
	for _, b := range g.brokers {
		errs = append(errs, b.Close())
	}
	for _, m := range g.modules {
		errs = append(errs, m.Close(context.Background()))
	}
	return errors.Join(errs...)
}

// Close retires everything. The shard must have been closed before, so that
// no instance is in use.
func (s *Supervisor) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.retire(s.current)
	s.current = nil
	s.retired.Wait()
	return err
}

// seed derives the seed of a message's random stream.
func (s *Supervisor) seed(messageID string) [32]byte {
	mac := hmac.New(sha256.New, s.opts.Secret)
	mac.Write([]byte("grow random stream\x00" + messageID))
	return [32]byte(mac.Sum(nil))
}

// revision names definition, config and code of a node: 12 hex digits.
func revision(n *router.Node, digest string) string {
	def := n.Actor
	var state []string
	for _, st := range def.State {
		state = append(state, st.Pattern, st.Name)
	}
	b, err := json.Marshal([]any{digest, def.Name, def.In, def.Out, def.Key, state, def.Uses, def.Limits, def.Retry, n.Scale, n.Config})
	if err != nil {
		b = []byte(digest) // a grant's parameters come from YAML, so they always encode
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:6])
}
