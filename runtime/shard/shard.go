package shard

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/pace"
	"github.com/grow-platform/grow/runtime/router"
)

// Options is what a shard is opened with.
type Options struct {
	Namespace string
	Service   string
	Journal   journal.Journal // the shard's own until Close; not closed by it
	Owner     string          // name of this host, for the journal's epoch
	Clock     Clock           // nil: RealClock
	Lanes     int             // 0: one a processor of Go's but one, at most 64
	Pacer     *pace.Pacer     // what lanes that are busy for long take turns at; nil: one of the shard's own
	KeepBytes int64           // of the journal; 0: KeepBytes
	KeepTime  time.Duration   // of the journal where there are snapshots; 0: as KeepBytes says
	Snapshots Snapshots       // zero: none are taken, and everything is in memory
	Ahead     int             // messages of a node that waited when the journal ended, and are read ahead; 0: Ahead
	Log       *slog.Logger    // nil: discarded
	Scheduler Scheduler       // nil: Go's

	// State gives what the state of a key begins with; nil, or an empty map:
	// nothing. It is called when the first message of a node and key comes,
	// again when one comes to a key that has lost its state, and must not block.
	State func(node, key string) map[string]capability.Value
	// ID makes the ids of messages from outside; nil: ULIDs.
	ID func() string
	// KeepIdle keeps instances that have been idle for long.
	KeepIdle bool
}

// Shard is safe for concurrent use.
type Shard struct {
	opts      Options
	clock     Clock
	log       *slog.Logger
	lanes     []*lane
	second    second
	next      atomic.Uint32 // lane for the next message without a home
	plan      atomic.Pointer[plan]
	committer committer
	flows     flows
	promises  idempotency
	most      bounds
	dead      deadLetters

	swapping  sync.Mutex // held by Apply, Try and Untry, while the journal takes note, too; taken before applying
	applying  sync.Mutex // held by them while something changes
	nodes     map[string]*node
	trial     atomic.Pointer[trial] // nil: there is none
	passed    passed
	routes    routes
	attached  map[*node]*attachment // guarded by applying
	modes     Modes
	mode      atomic.Uint32 // the service's, a Mode
	recovered *recovered    // what waits for the first Apply; nil afterwards
	backlog   atomic.Pointer[backlog]
	states    states
	keeper    *keeper // nil: no snapshots are taken

	closing  sync.Once
	over     chan struct{} // closed at the end of Close
	stopping atomic.Bool
	failed   atomic.Pointer[error] // why nothing more is ever accepted
	sick     atomic.Pointer[error] // why nothing is at the moment
	active   atomic.Int64          // lanes at work, handlings elsewhere, commits under way, timers firing
	watched  atomic.Int32          // calls that wait for active to fall to 0
	quiet    chan struct{}         // gets a token when it does
	workers  sync.WaitGroup
	context  context.Context
	cancel   context.CancelFunc
	sweep    func() bool
}

// Open opens the shard of a journal: it works out what the journal holds and
// appends an epoch, after which no other owner's records are taken. What waits
// to be handled goes on when the first table is applied.
func Open(ctx context.Context, o Options) (*Shard, error) {
	if o.Clock == nil {
		o.Clock = RealClock{}
	}
	if o.Lanes == 0 {
		o.Lanes = max(1, runtime.GOMAXPROCS(0)-1)
	}
	if o.Pacer == nil {
		o.Pacer = &pace.Pacer{}
	}
	o.Lanes = min(o.Lanes, 64) // lanes are bits of a word in node
	if o.KeepBytes == 0 {
		o.KeepBytes = KeepBytes
	}
	if o.Ahead == 0 {
		o.Ahead = Ahead
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	brief(&o)
	s := &Shard{opts: o, clock: o.Clock, log: o.Log, nodes: map[string]*node{}, most: standard, quiet: make(chan struct{}, 1), over: make(chan struct{})}
	s.context, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	s.plan.Store(&plan{number: noRoutes, table: &router.Table{}})
	for i := range o.Lanes {
		s.lanes = append(s.lanes, newLane(s, i))
	}
	s.committer.shard = s
	last, err := s.recover(ctx)
	if err == nil {
		err = s.committer.open(ctx, s, last)
	}
	if err != nil {
		s.cancel()
		return nil, fmt.Errorf("open shard of %s: %w", o.Service, err)
	}
	if s.keeper != nil {
		s.start(s.keeper.run)
	}
	s.sweep = func() bool { return true }
	if !o.KeepIdle {
		s.sweepLater()
	}
	return s, nil
}

// Apply puts a table in force: actors gives what runs at each of its nodes, by
// path. It ends a trial. What comes of messages that were accepted before goes on by the
// routes that they were accepted under, for as long as those are kept, and nodes that are
// gone finish it: see InUse. What waits there afterwards becomes dead letters. What ran before
// goes on with the messages it is handling; the caller closes it. It fails with ErrJournal
// when the journal does not take note of other routes.
func (s *Shard) Apply(t *router.Table, actors map[string]*actor.Actor) error {
	s.swapping.Lock()
	defer s.swapping.Unlock()
	for _, spec := range t.Nodes {
		if actors[spec.Path] == nil {
			return fmt.Errorf("apply table: nothing runs at %s", spec.Path)
		}
	}
	defer s.routes.coming.Store(0)
	number, err := s.enforce(t)
	if err != nil {
		return fmt.Errorf("apply table: %w", err)
	}
	s.applying.Lock()
	defer s.applying.Unlock()
	// Nodes that are new run before the table leads to them, and no node runs
	// anything new before it is in force: whatever a lane comes upon, the plan it
	// can load then knows the nodes that it sends to.
	s.routes.coming.Store(0)
	p := s.planned(t, number, true)
	runs := make([]*running, len(t.Nodes))
	kept := map[*node]bool{}
	for i, spec := range t.Nodes {
		runs[i] = s.running(p, i, actors[spec.Path])
		kept[p.nodes[i]] = true
		if r := p.nodes[i].run.Load(); r == nil || r.actor == nil {
			p.nodes[i].run.Store(runs[i])
		}
		p.nodes[i].mode.Store(uint32(s.modes.of(spec.Actor.Name)))
	}
	if err := s.restore(p); err != nil {
		return fmt.Errorf("apply table: %w", err)
	}
	s.replace(p)
	s.attached = nil
	for i, n := range p.nodes {
		n.run.Store(runs[i])
	}
	for _, n := range s.nodes {
		if r := n.run.Load(); !kept[n] && r != nil && r.next != nil {
			n.run.Store(r.spare())
		}
	}
	s.settleFormer(s.clock.Now().UnixNano(), s.idle())
	s.feedAll()
	s.readBacklog()
	return nil
}

// running makes what runs an actor at a node of a plan.
func (s *Shard) running(p *plan, index int, a *actor.Actor) *running {
	spec := p.table.Nodes[index]
	return &running{
		spec: spec, plan: p, outs: spec.Outs, state: spec.Actor.State,
		actor: a, capacity: int64(spec.Scale.Mailbox), bytes: s.most.mailbox, waits: a.Waits(),
	}
}

func (s *Shard) node(path string) *node {
	n := s.nodes[path]
	if n == nil {
		n = &node{path: path, slot: len(s.nodes), lane: spread(path, len(s.lanes))}
		s.nodes[path] = n
	}
	return n
}

// Accept takes a message from outside. Its data must have been checked against
// its type. When it returns without an error the message will be handled,
// whatever becomes of the caller. ctx bounds the wait for the journal when
// r.Kept is set, nothing else.
func (s *Shard) Accept(ctx context.Context, r *Request) (*Flow, error) {
	f, err := s.accept(r)
	if err != nil {
		return nil, err
	}
	if r.Kept {
		if err := f.await(ctx, s.over); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// accept is Accept without waiting for the journal.
func (s *Shard) accept(r *Request) (*Flow, error) {
	s.begin() // before it is looked whether the shard ends, so that it does not before lanes have the message
	defer s.finish()
	if s.stopping.Load() {
		return nil, ErrStopping
	}
	if s.failed.Load() != nil || s.sick.Load() != nil {
		return nil, ErrJournal
	}
	p := s.plan.Load()
	a, err := s.reserved(p, r)
	for err == nil && !a.stands(p) {
		a.release()
		p = s.plan.Load()
		a, err = s.reserved(p, r)
	}
	if err != nil {
		return nil, err
	}
	if r.Idempotency != nil {
		earlier, err := s.promises.join(r.Idempotency, a.flow, s.clock.Now())
		if err != nil {
			a.release()
			return nil, err
		}
		if earlier != nil {
			a.release()
			return &Flow{flow: earlier, repeated: true}, nil
		}
		s.flows.add(a.flow)
	}
	for _, e := range a.along {
		a.by.passed[e].Add(1)
	}
	a.post()
	if a.flow.kept != nil {
		s.flows.add(a.flow)
	}
	return &a.flow.handle, nil
}

// reserved finds out where a request goes by a plan, and takes room there.
func (s *Shard) reserved(p *plan, r *Request) (*admission, error) {
	entry, err := p.entry(r.To, r.Type)
	if err != nil {
		return nil, err
	}
	if err := s.most.check(r); err != nil {
		return nil, err
	}
	if m := Mode(s.mode.Load()); m&Drained != 0 {
		return nil, &shutError{"the service", m}
	}
	a := s.admit(p, entry, r)
	return a, a.reserve()
}

// Takes reports by its error, ErrUnknownTarget or ErrNotTaken, what Accept
// would say of a target and a type.
func (s *Shard) Takes(to, messageType string) error {
	_, err := s.plan.Load().entry(to, messageType)
	return err
}

// Keep remembers a flow for Lookup, in this life of the shard and the next.
func (s *Shard) Keep(f *Flow) {
	s.flows.add(f.flow)
	if !f.asked && !f.direct && f.late.CompareAndSwap(false, true) {
		s.lanes[0].post(event{note: noteAsked{f.flow}})
	}
}

// Lookup tells what has become of a flow that was kept, by id.
func (s *Shard) Lookup(id string) (Answer, bool) {
	f, ok := s.flows.get(id)
	if !ok {
		return Answer{}, false
	}
	return f.result(), true
}

// Stop ends the shard in order: nothing more is accepted, what was accepted is
// handled to its end. It returns the delayed messages and retries that the
// memory of this process cannot keep. When ctx ends first, nothing more is
// handled; it returns ctx's error, and with the others the messages that were
// waiting or being handled. Call Close afterwards.
func (s *Shard) Stop(ctx context.Context) ([]Waiting, error) {
	s.stopping.Store(true)
	err := s.Settle(ctx)
	if err != nil {
		err = fmt.Errorf("stop shard of %s: %w", s.opts.Service, err)
	}
	var list []Waiting
	if b := s.backlog.Load(); b != nil {
		list = b.left()
	}
	answer := make(chan []Waiting, len(s.lanes))
	for _, l := range s.lanes {
		l.post(event{note: noteWaiting{answer}})
	}
	limit := time.NewTimer(waitingTime) // a lane inside a guest that does not return has nothing to say
	defer limit.Stop()
	for range s.lanes {
		select {
		case w := <-answer:
			list = append(list, w...)
		case <-limit.C:
			err = errors.Join(err, fmt.Errorf("stop shard of %s: a guest did not return within %v", s.opts.Service, waitingTime))
			return sorted(list), err
		}
	}
	return sorted(list), err
}

// Settle returns when nothing is left to do until time passes or another
// message comes, or with ctx's error.
func (s *Shard) Settle(ctx context.Context) error {
	s.watched.Add(1)
	defer s.watched.Add(-1)
	for s.active.Load() != 0 {
		select {
		case <-s.quiet:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.wake() // whoever else waits
	return nil
}

func (s *Shard) wake() {
	select {
	case s.quiet <- struct{}{}:
	default:
	}
}

// sorted orders messages by the time they are due.
func sorted(list []Waiting) []Waiting {
	sort.SliceStable(list, func(i, j int) bool { return list[i].Due.Before(list[j].Due) })
	return list
}

// Close ends the shard at once: timers are dropped, handlings that wait for
// the outside are cancelled, and it returns when no goroutine of it runs. The
// actors' instances are given back; the journal is the caller's again. Closing
// again does nothing.
func (s *Shard) Close() {
	s.closing.Do(func() {
		s.stopping.Store(true)
		s.cancel()
		s.applying.Lock() // whoever looks at former plans has done so, or sees that it is over
		s.sweep()
		s.applying.Unlock()
		never := context.Background()
		_ = s.tell(never, func(done chan struct{}) note { return noteEnd{done} })
		_ = s.Settle(never)
		s.workers.Add(1) // until no lane can start another goroutine
		_ = s.tell(never, func(done chan struct{}) note { return noteClose{done} })
		_ = s.Settle(never) // what came between the two is in the journal, or refused
		s.workers.Done()
		s.workers.Wait()
		close(s.over)
	})
}

// tell posts a note to every lane and waits until each has taken it, or for ctx.
func (s *Shard) tell(ctx context.Context, of func(done chan struct{}) note) error {
	for _, l := range s.lanes {
		done := make(chan struct{})
		l.post(event{note: of(done)})
		select {
		case <-done:
			s.resume(ctx, "tell")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Context ends when the shard is closed; instances are started under it.
func (s *Shard) Context() context.Context { return s.context }

// begin and finish bracket everything that Settle waits for.
func (s *Shard) begin() { s.active.Add(1) }

func (s *Shard) finish() {
	if s.active.Add(-1) == 0 && s.watched.Load() > 0 {
		s.wake()
	}
}

// enter is begin for what people ask for, unless the shard ends or its journal takes nothing. It
// begins before it looks, so that the shard does not end before lanes have what is posted then.
func (s *Shard) enter() error {
	s.begin()
	err := s.Err()
	if s.stopping.Load() {
		err = ErrStopping
	}
	if err != nil {
		s.finish()
	}
	return err
}

// fail stops the shard: the journal does not take records, so nothing more may
// be promised to anybody.
func (s *Shard) fail(err error) {
	if s.failed.CompareAndSwap(nil, &err) {
		s.log.Error("journal failed; nothing more is accepted", "error", err)
	}
}

// unhealthy has nothing more be accepted until the journal takes records again.
func (s *Shard) unhealthy(err error) {
	if s.sick.Swap(&err) == nil {
		s.log.Error("journal takes no records; nothing more is accepted until it does", "error", err)
	}
}

// healthy ends what unhealthy began.
func (s *Shard) healthy() {
	if s.sick.Swap(nil) != nil {
		s.log.Info("journal takes records again")
	}
}

// Err is why the shard accepts nothing more at the moment, nil while it does.
func (s *Shard) Err() error {
	for _, why := range [...]*atomic.Pointer[error]{&s.failed, &s.sick} {
		if err := why.Load(); err != nil {
			return fmt.Errorf("%w: %w", ErrJournal, *err)
		}
	}
	return nil
}

// sweepLater closes instances that have been idle for a while, again and again.
func (s *Shard) sweepLater() {
	var free map[*actor.Actor]int
	var arm func()
	var mu sync.Mutex
	var stop func() bool
	arm = func() {
		stop = s.clock.AfterFunc(idleInstances, func() {
			mu.Lock()
			defer mu.Unlock()
			if s.stopping.Load() {
				return
			}
			now := map[*actor.Actor]int{}
			shrink := func(a *actor.Actor) (closed int) {
				idle := a.Free()
				if before := min(idle, free[a]); before > 0 {
					closed = a.Shrink(before)
				}
				now[a] = idle - closed
				return closed
			}
			for n, r := range s.runs() {
				if shrink(r.actor) > 0 {
					s.feed(n) // while one was being closed, its place was not free
				}
				for _, a := range r.actor.Migrations {
					shrink(a)
				}
				for _, a := range r.actor.Providers {
					shrink(a)
				}
			}
			free = now
			arm()
		})
	}
	mu.Lock()
	arm()
	mu.Unlock()
	s.sweep = func() bool {
		mu.Lock()
		defer mu.Unlock()
		return stop()
	}
}
