package shard

import (
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/router"
	"github.com/grow-platform/grow/specs"
)

// node is a node path for as long as the shard lives; what runs there changes.
type node struct {
	path string
	slot int // index in lane.locals
	lane int // of messages that have no key and are handled one at a time
	run  atomic.Pointer[running]
	mode atomic.Uint32 // a Mode
	gone atomic.Bool   // neither the plan in force nor a trial's has it

	_          apart         // what is read for every message from what many write
	depth      atomic.Int64  // messages waiting, on their way to it included
	bytes      atomic.Int64  // of those
	waiting    atomic.Int64  // delayed messages and retries
	unread     atomic.Int64  // of depth, what is not in memory yet; see backlog
	ahead      atomic.Int64  // of depth, what was read from there
	aheadBytes atomic.Int64  // of those
	hungry     atomic.Uint64 // lanes that wait for an instance, a bit each
	held       atomic.Uint64 // lanes that wait until there is room here, a bit each
	_          apart
	counters   counters
	lastCode   atomic.Pointer[string] // of what was refused or failed
	_          apart
}

// apart keeps fields out of each other's cache lines, and of the neighbour's
// that processors fetch along.
type apart [128]byte

// running is what runs at a node: replaced whole.
type running struct {
	spec     *router.Node
	plan     *plan         // that spec is of
	outs     []*router.Out // of spec
	state    []specs.State // of its actor
	actor    *actor.Actor  // nil: none yet, see former.awaited
	capacity int64
	bytes    int64 // that may wait
	waits    bool  // a handling may wait for something outside
	// long is how many handlings, at most, are expected to run for long because
	// one did: they leave the lane before they begin, and who has a client of its
	// own does not take part.
	long atomic.Int32
	// While there is a trial, next is what is tried here, and arm counts. While
	// somebody is attached, next is what they look at.
	trial    *trial
	attached *attachment
	next     *running
	arm      *arm
	sends    *rerouted // counts what becomes of the messages that it sends; nil: nothing does
}

// entry is where messages of a type come in by a name.
func (p *plan) entry(to, messageType string) (*router.Entry, error) {
	e, ok := p.table.Entry(to)
	switch {
	case !ok:
		return nil, fmt.Errorf("%w: %q", ErrUnknownTarget, to)
	case !e.Takes(messageType):
		return nil, fmt.Errorf("%w: %s by %s", ErrNotTaken, messageType, to)
	}
	return e, nil
}

// counters are added to by lanes at the end of a turn and read by anybody.
type counters struct {
	handled, refused, failed, retried, dead, outputs, dropped, ruleFault, ignored, fuel, fuelMax atomic.Uint64
	busy                                                                                         atomic.Int64
}

// tally is what one lane has counted since it last added up.
type tally struct {
	handled, refused, failed, retried, dead, outputs, dropped, ruleFault, ignored, fuel, fuelMax uint64
	busy, depth, bytes, ahead, aheadBytes                                                        int64
}

func (n *node) add(t *tally) {
	c := &n.counters
	for _, x := range [...]struct {
		to *atomic.Uint64
		by uint64
	}{
		{&c.handled, t.handled}, {&c.refused, t.refused}, {&c.failed, t.failed}, {&c.retried, t.retried}, {&c.dead, t.dead},
		{&c.outputs, t.outputs}, {&c.dropped, t.dropped}, {&c.ruleFault, t.ruleFault}, {&c.ignored, t.ignored}, {&c.fuel, t.fuel},
	} {
		if x.by != 0 {
			x.to.Add(x.by)
		}
	}
	for most := c.fuelMax.Load(); t.fuelMax > most && !c.fuelMax.CompareAndSwap(most, t.fuelMax); most = c.fuelMax.Load() {
	}
	c.busy.Add(t.busy)
	n.shift(t.depth, t.bytes)
	if t.ahead != 0 {
		n.ahead.Add(t.ahead)
		n.aheadBytes.Add(t.aheadBytes)
	}
	*t = tally{}
}

// left counts a message that has left its mailbox.
func (t *tally) left(it *parcel) {
	size := int64(it.msg.Size())
	t.depth--
	t.bytes -= size
	if it.old {
		it.old = false
		t.ahead--
		t.aheadBytes -= size
	}
}

// says notes the code of what was refused or failed.
func (n *node) says(code string) { n.lastCode.Store(&code) }

func (n *node) lastSaid() string {
	if code := n.lastCode.Load(); code != nil {
		return *code
	}
	return ""
}

// shift changes what is waiting.
func (n *node) shift(messages, bytes int64) {
	if messages != 0 {
		n.depth.Add(messages)
	}
	if bytes != 0 {
		n.bytes.Add(bytes)
	}
}

// full reports whether the mailbox takes nothing more: it has reached its limit, or
// the actor is drained.
func (n *node) full(r *running) bool {
	return n.depth.Load() >= r.capacity || n.bytes.Load() >= r.bytes || n.shut()
}

// fnvBasis is what FNV-1a begins with.
const fnvBasis = 14695981039346656037

// hash goes on with a hash over text (FNV-1a; Fowler, Noll, Vo).
func hash(h uint64, text string) uint64 {
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * 1099511628211
	}
	return h
}

// spread hashes text to one of n.
func spread(text string, n int) int {
	h := hash(fnvBasis, text)
	h ^= h >> 32 // FNV's low bits mix poorly
	return int(h % uint64(n))
}

func byPath(a, b *node) int { return strings.Compare(a.path, b.path) }

// Status lists what every node of the table in force is doing.
func (s *Shard) Status() []NodeStatus {
	p := s.plan.Load()
	list := make([]NodeStatus, 0, len(p.nodes))
	for _, n := range p.nodes {
		if r := n.run.Load(); r != nil {
			list = append(list, n.status(r))
		}
	}
	return list
}

// status is what the node is doing, where r runs.
func (n *node) status(r *running) NodeStatus {
	c := &n.counters
	return NodeStatus{
		Node: n.path, Actor: r.spec.Actor.Name, Revision: r.actor.Revision,
		Mailbox: max(0, n.depth.Load()), Capacity: int(r.capacity), Instances: r.actor.Instances(), Waiting: n.waiting.Load(),
		Handled: c.handled.Load(), Refused: c.refused.Load(), Failed: c.failed.Load(), Retried: c.retried.Load(),
		Dead: c.dead.Load(), Outputs: c.outputs.Load(), Dropped: c.dropped.Load(),
		RuleFault: c.ruleFault.Load(), Ignored: c.ignored.Load(), Busy: c.busy.Load(),
		Fuel: c.fuel.Load(), FuelMax: c.fuelMax.Load(), Memory: r.actor.Memory(),
		LastCode: n.lastSaid(), Mode: Mode(n.mode.Load()),
	}
}
