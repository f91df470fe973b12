package shard

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/router"
)

// Trial is another revision of some nodes, which handles a share of their keys beside
// the one that runs.
type Trial struct {
	// Table is what would be in force if the trial's actors had all keys. Nodes that it
	// lacks stay until then. Where its routes are others, messages from outside go by them, with
	// all that comes of them, if their keys at the first node that has some are of the share.
	Table *router.Table
	// Actors are what is tried, by node path, and what runs at the nodes that only Table has
	// and its routes lead to: only messages that go by those come there. All other nodes are
	// left alone.
	Actors map[string]*actor.Actor
	// Salt decides which keys come first: with the same one it is always the same keys.
	Salt string
	// Share is the part of the keys that it handles, from 0 to 1.
	Share float64
}

// ErrTrial is returned by Try while there is a trial, and for one that cannot be made.
var ErrTrial = errors.New("cannot be tried")

// trial is a Trial under way.
type trial struct {
	salt  uint64
	below atomic.Uint64 // keys whose hash is less are handled by what is tried
	nodes map[*node]*tried
	plan  *plan // in force
	next  *plan // of the same number: its routes are the same
	// What differs in routes, and of it where messages come in, by the workflows' names; and
	// where requests come in of which the answers may differ.
	routes           []*rerouted
	entries, answers map[string]*rerouted
}

// tried is a node in a trial.
type tried struct {
	old, next *running // nil: only its routes differ
	arms      *[2]*arm // of those
}

// arm counts what a revision did during a trial. Its methods may be called concurrently,
// and on nil, which counts nothing.
type arm struct {
	handled, refused, failed atomic.Uint64
	mu                       sync.Mutex // guards those below
	seen                     uint64
	samples                  []Sample
	random                   *rand.Rand // which samples are kept
}

// SamplesMax is how many handlings of an arm are kept: picked at random from all, each
// as likely as any other (reservoir sampling; Vitter 1985, algorithm R).
const SamplesMax = 2048

// Sample is what one handling, or one request, took.
type Sample struct {
	Time time.Duration
	Fuel uint64
}

// Arm is what one revision of a node did during a trial.
type Arm struct {
	Revision string
	// Handled are messages, Refused those that the actor did not want, Failed those whose
	// first attempt failed.
	Handled, Refused, Failed uint64
	Samples                  []Sample // of Handled; at most SamplesMax
}

func (a *Arm) all() uint64 { return a.Handled + a.Refused + a.Failed }

// TrialNode is a node in a trial.
type TrialNode struct {
	Node, Actor string
	// Routes says that it stands for where messages go other ways, and for all that they
	// lead to: both sides need not have been handled by the same actors.
	Routes bool
	// Answers says that it stands for requests, by where they come in: Handled were replied to,
	// or ended as they should, Samples are from when they came until then, since the share changed.
	Answers  bool
	Old, New Arm
}

func newArm(salt uint64) *arm {
	return &arm{random: rand.New(rand.NewPCG(salt, salt))} //nolint:gosec // which samples are kept is no secret
}

// count adds a handling. A message counts by its first attempt, so that one which nobody
// can handle does not count as often as its policy has it tried.
func (a *arm) count(it *parcel, r *actor.Result, took time.Duration) {
	if a == nil || it.attempt > 1 {
		return
	}
	switch r.Outcome {
	case actor.Refused:
		a.refused.Add(1)
		return
	case actor.Handled:
		a.handled.Add(1)
	default:
		a.failed.Add(1)
		return
	}
	a.sample(Sample{took, r.Fuel})
}

// sample keeps one of those of which SamplesMax are picked.
func (a *arm) sample(s Sample) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seen++
	if len(a.samples) < SamplesMax {
		a.samples = append(a.samples, s)
	} else if i := a.random.Uint64N(a.seen); i < SamplesMax {
		a.samples[i] = s
	}
}

func (a *arm) report(revision string) Arm {
	r := Arm{Revision: revision, Handled: a.handled.Load(), Refused: a.refused.Load(), Failed: a.failed.Load()}
	a.mu.Lock()
	defer a.mu.Unlock()
	r.Samples = slices.Clone(a.samples)
	return r
}

// spare returns what runs, as a copy that can be put in force by itself.
func (r *running) spare() *running {
	return &running{spec: r.spec, plan: r.plan, outs: r.outs, state: r.state, actor: r.actor, capacity: r.capacity, bytes: r.bytes, waits: r.waits}
}

// Try begins a trial; there is at most one. What it tries handles messages of its keys
// from now on, once what the old revision is handling of the same key has ended. The
// trial ends with Untry, or when a table is applied. The caller closes its actors then, but
// for those in use: see InUse. It fails with ErrTrial, ErrAttached, or ErrJournal as Apply does.
func (s *Shard) Try(t *Trial) error {
	s.swapping.Lock()
	defer s.swapping.Unlock()
	if s.trial.Load() != nil {
		return fmt.Errorf("%w: there is a trial already", ErrTrial)
	}
	p := s.plan.Load()
	nodes, workflows := p.table.Rerouted(t.Table)
	if err := tryable(p.table, t, len(nodes)+len(workflows) > 0); err != nil {
		return err
	}
	if err := enterable(p.table, t.Table, workflows); err != nil {
		return err
	}
	if err := s.unattended(); err != nil {
		return err
	}
	number, known := s.numbered(t.Table)
	defer s.routes.coming.Store(0)
	if number != p.number {
		if err := s.journalled(t.Table, number, journal.RoutesTried); err != nil {
			if !known {
				s.unnumber(t.Table)
			}
			return fmt.Errorf("try: %w", err)
		}
	}
	s.applying.Lock()
	defer s.applying.Unlock()
	if len(s.attached) > 0 { // meanwhile
		if number != p.number {
			s.note(t.Table.Routes(), number, journal.RoutesWithdrawn, make(chan error, 1))
		}
		if !known {
			delete(s.routes.numbers, string(t.Table.Routes()))
		}
		return fmt.Errorf("%w: somebody is attached", ErrTrial)
	}
	s.routes.numbers[string(t.Table.Routes())] = number
	x := &trial{salt: hash(fnvBasis, t.Salt), nodes: map[*node]*tried{}, plan: p, next: s.planned(t.Table, number, false)}
	x.grow(t.Share)
	x.enter(workflows)
	reached := t.Table.Reached()
	for i, spec := range t.Table.Nodes {
		n, a := x.next.nodes[i], t.Actors[spec.Path]
		if _, ok := p.table.Node(spec.Path); ok {
			if other := slices.Contains(nodes, spec.Path); other || a != nil {
				s.tryNode(x, i, a, other)
			}
		} else if reached[spec.Path] {
			n.run.Store(s.running(x.next, i, a)) // before it may run: what waited there for this, had nothing to
			n.mode.Store(uint32(s.modes.of(spec.Actor.Name)))
		}
	}
	x.answering(nodes, workflows)
	s.routes.coming.Store(0)
	s.awaitNone(number)
	s.publish(p, x.next)
	s.trial.Store(x)
	for n, node := range x.nodes {
		n.run.Store(node.old)
	}
	s.settleFormer(s.clock.Now().UnixNano(), false)
	s.feedAll()
	return nil
}

// unattended reports whether somebody is attached.
func (s *Shard) unattended() error {
	s.applying.Lock()
	defer s.applying.Unlock()
	if len(s.attached) > 0 {
		return fmt.Errorf("%w: somebody is attached", ErrTrial)
	}
	return nil
}

// tryNode adds a node to a trial, with another actor, nil: the same, or other routes, or both.
func (s *Shard) tryNode(x *trial, index int, a *actor.Actor, other bool) {
	n, spec := x.next.nodes[index], x.next.table.Nodes[index]
	old := n.run.Load().spare()
	node := &tried{old: old}
	revision := old.actor.Revision
	if a != nil {
		revision = a.Revision
		node.next, node.arms = s.running(x.next, index, a), &[2]*arm{newArm(x.salt), newArm(x.salt)}
		old.arm, node.next.arm = node.arms[0], node.arms[1]
		old.trial, old.next = x, node.next
	}
	if other {
		old.sends = x.rerouted(spec.Path, spec.Actor.Name, revision)
		if node.next != nil {
			node.next.sends = old.sends
		}
	}
	x.nodes[n] = node
}

// tryable reports what of a trial does not fit to the table in force.
func tryable(now *router.Table, t *Trial, rerouted bool) error {
	changes, reached := rerouted, t.Table.Reached()
	for _, spec := range t.Table.Nodes { // which says more than that nodes are new, as those of migrations are
		if old, ok := now.Node(spec.Path); ok && t.Actors[spec.Path] != nil && !old.Actor.Shares(spec.Actor) {
			return fmt.Errorf("%w: the state of %s is of another type than before, and keys must be able to go both ways: "+
				"each of the two definitions has to migrate what the other keeps, by state: {type, from}", ErrTrial, spec.Path)
		}
	}
	for _, spec := range t.Table.Nodes {
		old, ok := now.Node(spec.Path)
		changes = changes || ok && t.Actors[spec.Path] != nil
		switch {
		case !ok && reached[spec.Path] && t.Actors[spec.Path] == nil:
			return fmt.Errorf("%w: nothing runs at %s, which is new", ErrTrial, spec.Path)
		case !ok, t.Actors[spec.Path] == nil:
		case old.Keyed() != spec.Keyed() || old.Exclusive() != spec.Exclusive():
			return fmt.Errorf("%w: the keys of %s are others than before", ErrTrial, spec.Path)
		case slices.ContainsFunc(spec.Actor.In, func(t string) bool { return spec.Takes(t) && !old.Takes(t) }):
			return fmt.Errorf("%w: %s takes other messages than before", ErrTrial, spec.Path)
		}
	}
	for path := range t.Actors {
		if _, ok := t.Table.Node(path); !ok {
			return fmt.Errorf("%w: there is no node %s", ErrTrial, path)
		}
	}
	if !changes {
		return fmt.Errorf("%w: it is what runs already, but for nodes that are new or gone", ErrTrial)
	}
	return nil
}

// Share sets which part of the keys, from 0 to 1, is handled by what is tried. Keys that
// it handles stay with it while the share grows.
func (s *Shard) Share(share float64) error {
	s.applying.Lock()
	defer s.applying.Unlock()
	x := s.trial.Load()
	if x == nil {
		return fmt.Errorf("%w: there is no trial", ErrTrial)
	}
	x.grow(share)
	x.again()
	return nil
}

// Untry ends a trial: the old revision handles all keys again, and new messages go by the
// routes in force. What has begun by those that were tried is finished by them, and by the
// nodes that only they have, as Apply says of what it replaces. It reports whether there was
// a trial. Without one, what would have waited for one of an earlier life to go on does not.
func (s *Shard) Untry() bool {
	s.swapping.Lock()
	defer s.swapping.Unlock()
	s.applying.Lock()
	defer s.applying.Unlock()
	now := s.clock.Now().UnixNano()
	x := s.trial.Load()
	if x == nil {
		s.awaitNone(noRoutes)
		s.feedAll()
		return false
	}
	if x.next.number != x.plan.number {
		s.routes.keep(x.next, now)
		s.publish(x.plan, nil)
	}
	s.trial.Store(nil)
	for n, t := range x.nodes {
		n.run.Store(t.old.spare())
	}
	s.passed.of(x.plan.table, true) // what only the trial had is forgotten
	s.settleFormer(now, s.idle())
	s.withdraw(x.next, x.plan.number)
	s.feedAll()
	return true
}

// Trial reports what the two revisions of each node in the trial have done since it
// began, ordered by path, then what became of messages where routes differ, and of requests
// that may get there; nil: there is none.
func (s *Shard) Trial() []TrialNode {
	x := s.trial.Load()
	if x == nil {
		return nil
	}
	list := make([]TrialNode, 0, len(x.nodes))
	for _, n := range slices.SortedFunc(maps.Keys(x.nodes), byPath) {
		t := x.nodes[n]
		if t.arms == nil {
			continue
		}
		list = append(list, TrialNode{
			Node: n.path, Actor: t.old.spec.Actor.Name,
			Old: t.arms[0].report(t.old.actor.Revision), New: t.arms[1].report(t.next.actor.Revision),
		})
	}
	for _, r := range x.routes {
		if n := r.report(); !n.Answers || n.Old.all()+n.New.all() > 0 { // hardly any entry has requests
			list = append(list, n)
		}
	}
	return list
}

func (x *trial) grow(share float64) {
	switch {
	case !(share > 0): // NaN too
		x.below.Store(0)
	case share >= 1:
		x.below.Store(math.MaxUint64)
	default:
		x.below.Store(uint64(share * (1 << 63) * 2))
	}
}

// pick returns what handles the next message of a cell, where there are two. In a trial a
// key's is always the same, and where there are no keys a message's is, whichever attempt
// at it.
func (r *running) pick(c *cell) *running {
	if x := r.attached; x != nil {
		if x.takes(c) {
			return r.next
		}
		return r
	}
	what := c.key
	if !r.spec.Exclusive() || planted == flapKeys {
		what = (*c.queue.at(0)).msg.ID()
	}
	if r.trial.takes(what) {
		return r.next
	}
	return r
}

// takes reports whether a key is one of the share that is tried.
func (x *trial) takes(key string) bool { return mix(hash(x.salt, key)) < x.below.Load() }

// picked is the actor that handles the next message of a cell; nil: none does.
func (c *cell) picked() *actor.Actor {
	r := c.local.node.run.Load()
	if r != nil && r.next != nil && c.queue.len() > 0 {
		r = r.pick(c)
	}
	if r == nil {
		return nil
	}
	return r.actor
}

// mix has every bit of a hash depend on all others (the finalizer of MurmurHash3;
// Appleby): those of FNV that count here hardly depend on the last letters.
func mix(h uint64) uint64 {
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
