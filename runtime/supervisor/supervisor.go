// Package supervisor keeps what runs equal to what is wanted: it compiles
// modules, opens grants, starts actors, puts a routing table in force in one
// step, and retires what it replaced once its last message is done.
package supervisor

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/pace"
	"github.com/grow-platform/grow/runtime/router"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/shape"
	"golang.org/x/sync/errgroup"
)

// Options is what a supervisor works with. All of it is the caller's and must
// outlive the supervisor.
type Options struct {
	// Owner is whose modules they are, see engine.Config.
	Owner  string
	Engine engine.Engine
	Shard  *shard.Shard
	// Secret keys the random streams of messages. It must stay the same for
	// replays to be exact, and must not be known to guests.
	Secret []byte
	// Environment is offered to capabilities; Service, Node and Documents are filled in.
	Environment capability.Environment
	// Pacer is what guests that run for long take turns at, on the whole host;
	// nil: one of the supervisor's own.
	Pacer *pace.Pacer
	// Log takes the actors' log lines. It must not block.
	Log func(actor.Line)
	// Secrets are those that no text of an actor is cut within; nil: none.
	Secrets actor.Secrets
	// Logger takes the supervisor's own; nil: discarded.
	Logger *slog.Logger
}

// Wanted is what should run.
type Wanted struct {
	Service *specs.Service
	// Modules gives the binary of each actor by name.
	Modules map[string]Binary
}

// Supervisor is safe for concurrent use.
type Supervisor struct {
	opts Options

	mu      sync.Mutex    // held by Prepare, Apply and Close
	table   *router.Table // in force, or an empty one
	current generation
	tried   generation         // of a trial; nil: there is none
	leaving map[*part]bool     // of nodes that are gone, until what had begun there is done
	ready   map[string]*module // what Prepare compiled, for the next Apply
	// attached are what somebody looks at.
	attached map[*Attachment]bool
	retired  sync.WaitGroup
}

// generation is one set of everything that runs, by node path.
type generation map[string]*part

// part is what runs at one node. A generation takes it over from the one before
// while its revision stays the same: its instances go on as they are.
type part struct {
	actor  *actor.Actor
	broker *capability.Broker
	module *module
	beside // closed with the part
}

// module is a compiled module and the number of parts that run it, and of an
// Apply under way. Who brings uses to 0 closes it.
type module struct {
	engine.Module
	config engine.Config // that it was compiled with
	uses   atomic.Int64
}

func (m *module) release() error {
	if m.uses.Add(-1) > 0 {
		return nil
	}
	return m.Close(context.Background())
}

// New makes a supervisor; nothing runs yet.
func New(o Options) *Supervisor {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Pacer == nil {
		o.Pacer = &pace.Pacer{}
	}
	s := &Supervisor{opts: o, table: &router.Table{}, leaving: map[*part]bool{}}
	if o.Shard != nil {
		o.Shard.OnEnd(s.left)
	}
	return s
}

// Prepare compiles the modules that an Apply of the same would, so that it
// takes no longer than instances take to start. Nothing that runs changes.
func (s *Supervisor) Prepare(ctx context.Context, w Wanted) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	table, err := router.CompileAfter(w.Service, s.table)
	if err != nil {
		return err
	}
	modules, err := s.compile(ctx, w, table)
	s.release(s.ready)
	s.ready = modules
	return err
}

// release ends a use of each module.
func (s *Supervisor) release(modules map[string]*module) {
	for _, m := range modules {
		if err := m.release(); err != nil {
			s.opts.Logger.Warn("close module", "error", err)
		}
	}
}

// Apply makes what is wanted run: everything is compiled and started before
// anything changes, so that on an error what ran before goes on. Every node
// has one instance started, so that a module that cannot start is found here.
// Nodes whose revision stays the same keep their instances.
func (s *Supervisor) Apply(ctx context.Context, w Wanted) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	table, err := router.CompileAfter(w.Service, s.table)
	if err != nil {
		return err
	}
	next, err := s.prepare(ctx, w, table)
	s.release(s.ready)
	s.ready = nil
	if err != nil {
		return errors.Join(err, s.discard(next))
	}
	if err := s.opts.Shard.Apply(table, next.actors()); err != nil {
		return errors.Join(err, s.discard(next))
	}
	s.dismiss("another revision of the service has taken over")
	old, tried := s.current, s.tried
	s.table, s.current, s.tried = table, next, nil
	s.leave(old, tried)
	return nil
}

// leave retires what runs at no node any more, of some generations and of what was left
// before. What nodes that are gone finish stays until the shard says that it is done.
func (s *Supervisor) leave(generations ...generation) {
	for _, g := range generations {
		for _, p := range g {
			s.leaving[p] = true
		}
	}
	for _, g := range []generation{s.current, s.tried} {
		for _, p := range g {
			delete(s.leaving, p)
		}
	}
	used := s.opts.Shard.InUse()
	var over []*part
	for p := range s.leaving {
		if !used[p.actor] {
			over = append(over, p)
			delete(s.leaving, p)
		}
	}
	s.retireLater(over)
}

// left retires what nodes that are gone have finished with.
func (s *Supervisor) left() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leave()
}

// discard closes what was prepared in vain.
func (s *Supervisor) discard(next generation) error {
	var over []*part
	for path, p := range next {
		if s.current[path] != p && s.tried[path] != p && !s.leaving[p] {
			over = append(over, p)
		}
	}
	return retire(over)
}

// actors are those of a generation, by node path.
func (g generation) actors() map[string]*actor.Actor {
	list := map[string]*actor.Actor{}
	for path, p := range g {
		list[path] = p.actor
	}
	return list
}

// retireLater retires parts, each once its last message is done.
func (s *Supervisor) retireLater(over []*part) {
	if len(over) == 0 {
		return
	}
	s.retired.Go(func() {
		if err := retire(over); err != nil {
			s.opts.Logger.Warn("retire what was replaced", "error", err)
		}
	})
}

// Try has the nodes that are other revisions of what runs in what is wanted handle a
// share of their keys, from 0 to 1: see [shard.Trial]. As with Apply, everything is
// compiled and started first. An Apply of the same makes them handle all keys, any
// other, or Untry, ends the trial.
func (s *Supervisor) Try(ctx context.Context, w Wanted, salt string, share float64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tried != nil {
		return fmt.Errorf("%w: there is a trial already", shard.ErrTrial)
	}
	table, err := router.CompileAfter(w.Service, s.table)
	if err != nil {
		return err
	}
	next, err := s.prepare(ctx, w, table)
	s.release(s.ready)
	s.ready = nil
	if err != nil {
		return errors.Join(err, s.discard(next))
	}
	tried := generation{}
	for path, p := range next {
		if s.current[path] != p {
			tried[path] = p
		}
	}
	s.dismiss("another revision of the service is tried")
	if err := s.opts.Shard.Try(&shard.Trial{Table: table, Actors: tried.actors(), Salt: salt, Share: share}); err != nil {
		return errors.Join(err, s.discard(tried))
	}
	s.tried = tried
	s.leave()
	return nil
}

// Untry ends a trial: what ran before handles all keys again. Without one it does
// nothing.
func (s *Supervisor) Untry() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opts.Shard.Untry()
	tried := s.tried
	s.tried = nil
	s.leave(tried)
}

// prepare compiles and starts; what it returns is to be retired even on an error.
func (s *Supervisor) prepare(ctx context.Context, w Wanted, table *router.Table) (generation, error) {
	next := generation{}
	modules, err := s.compile(ctx, w, table)
	defer s.release(modules) // those go that no part runs
	if err != nil {
		return next, err
	}
	var made []*actor.Actor
	for _, n := range table.Nodes {
		m := modules[n.Actor.Name]
		name := revision(w.Service, n, m.Info().Digest, func(actor string) string { return modules[actor].Info().Digest })
		if now := s.runs(n.Path, name); now != nil {
			next[n.Path] = now
			continue
		}
		p, err := s.part(ctx, w.Service, n, modules, name)
		if err != nil {
			return next, fmt.Errorf("%s: %w", n.Path, err)
		}
		next[n.Path] = p
		made = append(made, p.actor)
	}
	return next, start(ctx, made)
}

// runs returns the part that runs a revision at a node, or is tried there, or finishes what
// had begun there; nil: none.
func (s *Supervisor) runs(path, revision string) *part {
	for _, g := range []generation{s.current, s.tried} {
		if p := g[path]; p != nil && p.actor.Revision == revision {
			return p
		}
	}
	for p := range s.leaving {
		if p.actor.Node == path && p.actor.Revision == revision {
			return p
		}
	}
	return nil
}

// part makes what runs at a node; no instance of it runs yet.
func (s *Supervisor) part(ctx context.Context, service *specs.Service, n *router.Node, modules map[string]*module, revision string) (*part, error) {
	module := func(def *specs.Actor) (*module, error) {
		m := modules[def.Name]
		m.uses.Add(1)
		return m, nil
	}
	beside, err := s.beside(ctx, service, n, n.Scale.Max, false, s.opts.Log, module)
	if err != nil {
		return nil, err
	}
	broker, err := capability.Open(ctx, n.Actor.Uses, n.Actor.Limits.Calls, s.environment(service, n.Path, beside.providers, false))
	if err != nil {
		return nil, errors.Join(err, beside.close())
	}
	broker.LimitAnswers(n.Actor.Limits.Answers)
	types := make([]*shape.Type, len(n.Outs))
	for i, out := range n.Outs {
		types[i] = out.Shape
	}
	m := modules[n.Actor.Name]
	m.uses.Add(1)
	return &part{broker: broker, module: m, beside: beside, actor: actor.New(actor.Options{
		Node: n.Path, Revision: revision, Def: n.Actor, Config: n.Config, Types: types, Migrations: beside.migrators.actors(), Providers: beside.providers.actors(),
		Module: m.Module, Broker: broker, Scale: n.Scale, Context: s.opts.Shard.Context(), Log: s.opts.Log, Secrets: s.opts.Secrets, Seed: s.seed,
		Pacer: s.opts.Pacer, RealTime: realTime,
	})}, nil
}

// compile compiles the module of every actor that some node needs, several at
// a time; one that runs already is not compiled again. Each of those returned
// is used once, by the caller.
func (s *Supervisor) compile(ctx context.Context, w Wanted, table *router.Table) (map[string]*module, error) {
	var mu sync.Mutex
	modules := map[string]*module{}
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
			return modules, errors.Join(fmt.Errorf("actor %s has no module: build it first", def.Name), group.Wait())
		}
		group.Go(func() error {
			m, err := s.module(ctx, binary, s.config(w.Service, def, table))
			if err != nil {
				return fmt.Errorf("actor %s: %w", def.Name, err)
			}
			mu.Lock()
			modules[def.Name] = m
			mu.Unlock()
			return nil
		})
	}
	return modules, group.Wait()
}

// config is how the module of an actor is to be compiled. Those that run in this
// process may be shared by actors that have the same; an isolated one is its
// actor's alone, and has all instances of its nodes.
func (s *Supervisor) config(service *specs.Service, def *specs.Actor, table *router.Table) engine.Config {
	c := engine.Config{MemoryMax: def.Limits.Memory, AnswerMax: abi.AnswerMax(def.Limits.Output)}
	if !def.Isolated {
		return c
	}
	c.Isolated, c.Name, c.Owner = true, def.Name, s.opts.Owner
	for _, n := range table.Nodes {
		if n.Actor.Name == def.Name {
			c.Instances += n.Scale.Max
		}
	}
	c.Instances += spareFor(service, def, table)
	return c
}

// module returns the compiled module of a binary, used once more.
func (s *Supervisor) module(ctx context.Context, b Binary, c engine.Config) (*module, error) {
	c.Seed = s.hashes(b.Digest)
	have := slices.Collect(maps.Values(s.ready))
	for _, g := range []generation{s.current, s.tried} {
		for _, p := range g {
			have = append(have, p.module)
		}
	}
	for p := range s.leaving {
		have = append(have, p.module)
	}
	for _, m := range have {
		if m.config == c && m.Info().Digest == b.Digest {
			m.uses.Add(1)
			return m, nil
		}
	}
	wasm, err := b.Bytes()
	if err != nil {
		return nil, err
	}
	compiled, err := s.opts.Engine.Compile(ctx, wasm, c)
	if err != nil {
		return nil, err
	}
	if compiled.Info().Digest != b.Digest {
		return nil, errors.Join(ErrChanged, compiled.Close(ctx))
	}
	m := &module{Module: compiled, config: c}
	m.uses.Store(1)
	return m, nil
}

func realTime() int64 { return time.Now().UnixNano() }

// start starts one instance of each actor, or as many as it wants at least.
func start(ctx context.Context, actors []*actor.Actor) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, a := range actors {
		group.Go(func() error { return a.Warm(ctx, max(1, a.Scale.Min)) })
	}
	return group.Wait()
}

// parts are those of a generation.
func (g generation) parts() []*part { return slices.Collect(maps.Values(g)) }

// retire closes parts, each once nothing uses it any more.
func retire(over []*part) error {
	for _, p := range over {
		p.actor.Close()
	}
	var errs []error
	for _, p := range over {
		<-p.actor.Close()
		errs = append(errs, p.broker.Close(), p.beside.close(), p.module.release())
	}
	return errors.Join(errs...)
}

// Close retires everything. The shard must have been closed before, so that
// no instance is in use.
func (s *Supervisor) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.release(s.ready)
	s.dismiss("the service stops")
	err := errors.Join(retire(s.current.parts()), retire(s.tried.parts()), retire(slices.Collect(maps.Keys(s.leaving))))
	s.current, s.tried, s.ready = nil, nil, nil
	clear(s.leaving)
	s.retired.Wait()
	return err
}

// seed derives the seed of a message's random stream.
func (s *Supervisor) seed(messageID string) [32]byte {
	mac := hmac.New(sha256.New, s.opts.Secret)
	mac.Write([]byte("grow random stream\x00" + messageID))
	return [32]byte(mac.Sum(nil))
}

// hashes derives what a language runtime makes its hashes with: the same whenever
// and wherever the service runs this code, and another for other code, so that
// nobody can have their keys collide.
func (s *Supervisor) hashes(digest string) uint32 {
	mac := hmac.New(sha256.New, s.opts.Secret)
	mac.Write([]byte("grow hashes\x00" + digest))
	return binary.LittleEndian.Uint32(mac.Sum(nil))
}

// revision names definition, types, config, code and granted documents of a node, and what
// its state is migrated by, whose code modules gives: 12 hex digits.
func revision(service *specs.Service, n *router.Node, digest string, modules func(actor string) string) string {
	def := n.Actor
	types := map[string]string{}
	for _, t := range slices.Concat(def.In, def.Out) {
		if kind := service.Types[t]; kind != nil {
			types[t] = kind.Fingerprint()
		}
	}
	var state []string
	for _, st := range def.State {
		state = append(state, st.Pattern, st.Name, st.Type.Fingerprint())
	}
	all := []any{digest, def.Name, def.In, def.Out, types, def.Key, state, grants(def.Uses), def.Limits, def.Isolated, def.Retry, n.Scale, n.Config}
	if list := migrations(def, modules); list != nil {
		all = append(all, list)
	}
	if list := asked(service, def, modules); list != nil {
		all = append(all, list)
	}
	for _, g := range def.Uses {
		if print := capability.Print(g, service.Dir); print != "" {
			all = append(all, print)
		}
	}
	b, err := json.Marshal(all)
	if err != nil {
		b = []byte(digest) // a grant's parameters come from YAML, so they always encode
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:6])
}

// grants are what a definition asks for, wherever in the file it does.
func grants(list []specs.Grant) []specs.Grant {
	list = slices.Clone(list)
	for i := range list {
		list[i].At = specs.Position{}
	}
	return list
}
