// Package fold works out what a journal leaves behind: the state of every key,
// the messages that wait and in which order, dead letters, and what clients may
// ask about. It does no input or output and knows no clock: the same records
// always leave the same world, whoever folds them and however often. Messages
// that wait are not kept themselves, only where they lie: see [Fetch].
//
// An entry that cannot be true of the world it comes to is an error that names
// the record, never a guess: see [ErrContradicts].
package fold

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/journal"
)

// ErrContradicts: an entry cannot be true of what the entries before it left.
var ErrContradicts = errors.New("journal contradicts itself")

// Limits bound what is remembered of what is over.
type Limits struct {
	Flows     int           // flows whose answer may be asked for
	FlowBytes int           // bytes of replies of those
	Dead      int           // dead letters
	DeadBytes int           // bytes of those
	KeyLife   time.Duration // of an idempotency key
	Routes    int           // that no new message goes by

	// Of each schedule and subscription the newest keys are remembered, apart from others.
	SourceKeys int
	SourceLife time.Duration
}

// life is how long a key of a scope is remembered.
func (l *Limits) life(scope string) time.Duration {
	if journal.OfSource(scope) {
		return l.SourceLife
	}
	return l.KeyLife
}

// Cell is a key at a node. What has no key has the empty one.
type Cell struct{ Node, Key string }

// Value is one value of a cell's state.
type Value struct {
	Data     []byte
	Revision uint64
	Type     uint64 // as in journal.StateChange
}

// Dead is a message that was given up on.
type Dead struct {
	place[*Dead]
	Cell
	ID       string
	Code     string
	Reason   string
	Attempt  uint32
	Fuel     uint64
	Time     int64
	Revision string
	Frame    []byte
}

// size is what counts against Limits.DeadBytes.
func (d *Dead) size() int { return len(d.Frame) + len(d.Reason) }

// World is what the records up to one of them leave. It belongs to one goroutine.
type World struct {
	limits   Limits
	sequence uint64 // of the last record
	folded   int    // entries of the next record that have been, before one could not be unpacked
	epoch    uint64
	now      int64  // the latest time that an entry names
	order    uint64 // of the last message added
	states   states
	pending  index
	nodes    []string // that messages ever waited at
	nodeOf   map[string]uint32
	slab     slab
	nth      uint16 // messages that the record at hand has added
	flows    flows
	dead     []*Dead // oldest first
	deadSize int
	deadEver uint64
	routes   []journal.Routes // those last come into use, or out of it, last

	waiting   shelf[*Wait] // pending as snapshots have it
	letters   shelf[*Dead] // dead, likewise
	snapshots [2]written   // the last two, the newer one last

	cursor journal.Cursor
}

// New returns the world before the first record.
func New(l Limits) *World {
	return &World{
		limits: l, states: states{[]*page{{changes: map[Cell]map[string]change{}}}}, nodeOf: map[string]uint32{},
		flows: flows{byID: map[string]*Flow{}, promises: map[[2]string]*Promise{}, sources: map[string][]*Promise{}},
	}
}

// itemSize is about what an item takes in a page besides its message, in bytes.
const itemSize = 64

// Sequence is that of the last record folded.
func (w *World) Sequence() uint64 { return w.sequence }

// Whole reports whether no record has been folded in part only. Otherwise no
// snapshot may be taken.
func (w *World) Whole() bool { return w.folded == 0 }

// Epoch is the one in force.
func (w *World) Epoch() uint64 { return w.epoch }

// Dead lists the dead letters that are kept, oldest first, and says how many there ever were.
func (w *World) Dead() (kept []*Dead, ever uint64) { return w.dead, w.deadEver }

// Record folds the next record and returns how many entries it has, not counting
// those that only tell of a snapshot. unpack gives the entry that a packed one
// stands for. After an error of unpack the same record may be given again, and
// is folded from where that was; after any other the world is of no more use.
func (w *World) Record(seq uint64, record []byte, unpack func(*journal.Packed) (journal.Entry, error)) (entries int, err error) {
	if seq != w.sequence+1 {
		return 0, fmt.Errorf("fold record %d: %w: record %d should follow", seq, ErrContradicts, w.sequence+1)
	}
	r, err := journal.Parse(record)
	if err == nil {
		entries, err = w.record(r, unpack)
	}
	if err != nil {
		return 0, fmt.Errorf("fold record %d: %w", seq, err)
	}
	w.sequence, w.folded = seq, 0
	w.flows.expire(w.now)
	w.flows.bound(&w.limits)
	return entries, nil
}

func (w *World) record(r journal.Record, unpack func(*journal.Packed) (journal.Entry, error)) (entries int, err error) {
	w.cursor.Reset(r)
	if w.folded == 0 {
		w.nth = 0
	}
	for at := 0; ; at++ {
		e, err := w.cursor.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, err
		}
		if at >= w.folded {
			if p, ok := e.(*journal.Packed); ok {
				if e, err = unpack(p); err != nil {
					w.folded = at
					return 0, err
				}
			}
			if err := w.apply(e); err != nil {
				return 0, err
			}
		}
		if _, ok := e.(*journal.SnapshotTaken); !ok {
			entries++
		}
	}
	if r.Epoch != w.epoch {
		return 0, fmt.Errorf("%w: it is of epoch %d; epoch %d is in force", ErrContradicts, r.Epoch, w.epoch)
	}
	return entries, nil
}

// apply folds one entry, which it does not keep.
func (w *World) apply(e journal.Entry) error {
	switch e := e.(type) {
	case *journal.Epoch:
		if e.Number <= w.epoch {
			return fmt.Errorf("%w: epoch %d begins after epoch %d", ErrContradicts, e.Number, w.epoch)
		}
		w.epoch = e.Number
	case *journal.Accepted:
		return w.accepted(e)
	case *journal.Handled:
		return w.handled(e)
	case *journal.Dead:
		return w.died(e)
	case *journal.AttemptMade:
		return w.attempt(e)
	case *journal.Begun:
		return w.begun(e)
	case *journal.Asked:
		return w.asked(e)
	case *journal.Action:
		return w.action(e)
	case *journal.Routes:
		w.routed(e)
	case *journal.Revision, *journal.SnapshotTaken:
	default:
		return fmt.Errorf("%w: an entry %T, which nothing of this version writes", journal.ErrDamaged, e)
	}
	return nil
}

func (w *World) accepted(e *journal.Accepted) error {
	w.now = max(w.now, e.Time)
	w.promise(e.Idempotency, e.Asked, e.Time)
	if e.Node != "" {
		if err := w.add(e.Node, e.Key, e.Input, 0, way{e.Routes, firstFlag}); err != nil {
			return err
		}
	}
	flow := ""
	if e.Asked != nil {
		flow = e.Asked.Flow
	}
	for i := range e.Copies {
		if err := w.output(&e.Copies[i], flow, e.Source, e.Time, way{e.Routes, firstFlag}); err != nil {
			return err
		}
	}
	w.flows.settle(flow)
	return nil
}

// promise remembers that a request is one with those of its idempotency key,
// and may be asked about.
func (w *World) promise(i *journal.Idempotency, a *journal.Asked, now int64) {
	if a == nil {
		return
	}
	f := w.flows.add(a)
	if i != nil {
		w.flows.promise(i, f, now+int64(w.limits.life(i.Scope)))
		w.flows.few(i.Scope, w.limits.SourceKeys)
	}
}

func (w *World) handled(e *journal.Handled) error {
	w.now = max(w.now, e.Time)
	flow := ""
	if e.Asked != nil {
		flow = e.Asked.Flow
	}
	m, err := w.take(e.ID, e.Node, e.Settles, e.Attempt)
	if err != nil {
		return err
	}
	along := way{routes: e.Routes}
	if m != nil {
		flow, along.flags = m.flowID(), m.flags&apartFlag
	}
	w.promise(e.Idempotency, e.Asked, e.Time)
	if err := w.states.change(Cell{e.Node, e.Key}, e.State); err != nil {
		return err
	}
	for i := range e.Outputs {
		if err := w.output(&e.Outputs[i], flow, e.Node, e.Time, along); err != nil {
			return err
		}
	}
	if e.Outcome == journal.OutcomeRefused {
		w.flows.blame(flow, Answer{Outcome: Refused, Code: e.Code, Text: e.Reason, Node: e.Node})
	}
	w.flows.settle(flow)
	return nil
}

// take removes the message that an entry settles. It returns nil for one that
// was handled without ever having waited here.
func (w *World) take(id, node string, settles bool, attempt uint32) (*Wait, error) {
	m := w.pending.get(id)
	switch {
	case m == nil && settles:
		return nil, fmt.Errorf("%w: message %s is settled at %s and does not wait", ErrContradicts, id, node)
	case m == nil:
		return nil, nil
	case !settles:
		return nil, fmt.Errorf("%w: message %s waits at %s and came to %s anew", ErrContradicts, id, w.nodes[m.node], node)
	case w.nodes[m.node] != node || m.attempt != attempt:
		return nil, fmt.Errorf("%w: attempt %d of message %s is settled at %s; attempt %d waits at %s", ErrContradicts, attempt, id, node, m.attempt, w.nodes[m.node])
	}
	w.pending.remove(m)
	remove(m)
	w.flows.count(m.flowID(), -1)
	return m, nil
}

// The places that an output may go to instead of a node.
const (
	toOutput     = "output"
	toDrop       = "drop"
	toDeadLetter = "deadletter"
)

// output folds what a message or a request leads to.
func (w *World) output(o *journal.Output, flow, from string, now int64, along way) error {
	switch o.To {
	case toOutput:
		if o.Answers {
			w.flows.answer(flow, Answer{Outcome: Replied, Reply: slices.Clone(o.Frame)})
		}
	case toDrop:
	case toDeadLetter:
		m, err := abi.ParseMessage(slices.Clone(o.Frame))
		if err != nil {
			return fmt.Errorf("%w: a dead letter from %s: %w", journal.ErrDamaged, from, err)
		}
		d := &Dead{ID: m.ID(), Cell: Cell{from, m.Key()}, Attempt: 1, Time: now, Frame: slices.Clone(o.Frame)}
		if o.Grave != nil {
			d.Node, d.Code, d.Reason = strings.Clone(o.Grave.Node), strings.Clone(o.Grave.Code), strings.Clone(o.Grave.Reason)
		}
		w.bury(d)
		w.flows.blame(flow, Answer{Outcome: Failed, Code: d.Code, Text: d.Reason, Node: d.Node})
	default:
		return w.add(o.To, o.Key, o.Frame, o.Due, along)
	}
	return nil
}

func (w *World) died(e *journal.Dead) error {
	w.now = max(w.now, e.Time)
	m, err := w.take(e.ID, e.Node, e.Settles, e.Attempt)
	if err != nil {
		return err
	}
	w.bury(&Dead{
		ID: strings.Clone(e.ID), Cell: Cell{strings.Clone(e.Node), strings.Clone(e.Key)}, Code: strings.Clone(e.Code), Reason: strings.Clone(e.Reason),
		Attempt: e.Attempt, Fuel: e.Fuel, Time: e.Time, Revision: strings.Clone(e.Revision), Frame: slices.Clone(e.Input),
	})
	if m != nil {
		fault := Answer{Outcome: Failed, Code: e.Code, Text: e.Reason, Node: e.Node}
		if e.Refused {
			fault.Outcome = Refused
		}
		w.flows.blame(m.flowID(), fault)
		w.flows.settle(m.flowID())
	}
	return nil
}

// bury adds a dead letter; the oldest go when there are too many.
func (w *World) bury(d *Dead) {
	w.dead = append(w.dead, d)
	w.letters.add(d, d.size()+itemSize)
	w.deadSize += d.size()
	w.deadEver++
	n := 0
	for len(w.dead)-n > w.limits.Dead || w.deadSize > w.limits.DeadBytes && len(w.dead)-n > 1 {
		w.deadSize -= w.dead[n].size()
		remove(w.dead[n])
		n++
	}
	w.dead = slices.Delete(w.dead, 0, n)
}

// attempted is the message that an attempt is at, which waits for that one.
func (w *World) attempted(id, node string, attempt uint32) (*Wait, error) {
	m := w.pending.get(id)
	switch {
	case m == nil:
		return nil, fmt.Errorf("%w: attempt %d of message %s, which does not wait", ErrContradicts, attempt, id)
	case w.nodes[m.node] != node || m.attempt != attempt:
		return nil, fmt.Errorf("%w: attempt %d of message %s at %s; attempt %d waits at %s", ErrContradicts, attempt, id, node, m.attempt, w.nodes[m.node])
	}
	return m, nil
}

func (w *World) attempt(e *journal.AttemptMade) error {
	w.now = max(w.now, e.Time)
	m, err := w.attempted(e.ID, e.Node, e.Attempt)
	if err != nil {
		return err
	}
	m.attempt++
	x := m.extra()
	// It may have failed before it asked for them again: what it did outside follows from them.
	x.answers = merged(merged(x.answers, lasting(x.given)), e.Answers)
	x.due, x.held, x.clock, x.given = e.Due, e.Hold, 0, nil
	touch(m)
	return nil
}

// lasting are the answers of an attempt that the next is given too: those that a grant's
// capability made, and that will not be others another time.
func lasting(given []journal.Answer) (list []journal.Answer) {
	for i := range given {
		if a := &given[i]; a.Use != "" && !a.Passing {
			list = append(list, *a)
		}
	}
	return list
}

// begun folds what an attempt has been told that is about to change something outside.
// Until it ends the message waits for nothing: it is the first of its key to go on.
func (w *World) begun(e *journal.Begun) error {
	w.now = max(w.now, e.Time)
	m, err := w.attempted(e.ID, e.Node, e.Attempt)
	if err != nil {
		return err
	}
	x := m.extra()
	x.due, x.held, x.clock = 0, false, e.Time
	touch(m)
	x.given = merged(x.given, e.Answers)
	return nil
}

// streams is how the operations of streams begin. Their answers are given to nobody.
const streams = "stream."

// merged adds copies of answers to those of other requests, which are in order.
func merged(list, more []journal.Answer) []journal.Answer {
	for k := range more {
		if strings.HasPrefix(more[k].Operation, streams) {
			continue
		}
		a := cloned(&more[k])
		i, found := slices.BinarySearchFunc(list, a.Call, func(b journal.Answer, call uint32) int { return int(b.Call) - int(call) })
		if found {
			list[i] = a
		} else {
			list = slices.Insert(list, i, a)
		}
	}
	return list
}
