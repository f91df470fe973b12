package shard

import (
	"fmt"
	"strings"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/router"
	"github.com/grow-platform/grow/specs"
)

// send builds the nth output of a handling, from 1, and delivers it wherever
// the routes say. It returns how many of its copies are still on their way.
func (l *lane) send(w *worker, o *actor.Output, n int, t *tally) (branches int) {
	out := w.run.outs[o.Index]
	it := l.parcel()
	m := &it.msg
	if l.moment == nil {
		l.moment = l.shard.second.moment(l.now)
	}
	if o.ContentType == nil {
		m.StartChild(&w.item.msg, n, out.SenderJSON, l.moment, len(o.Data))
	} else {
		m.StartChild(&w.item.msg, n, out.Sender, l.moment, len(o.Data))
		m.AddBytes(abi.ContentType, o.ContentType)
	}
	if o.Extra {
		copyExtra(m, o.View)
	}
	m.Finish(o.Data)
	it.places = o.Places
	by := w.run.plan
	if (w.item.routes != by.number || w.late || w.cell.local.node.gone.Load()) && planted != unpinFlows {
		by, out = l.begunBy(w, it, out)
	}
	if to := out.Only(); to != nil {
		l.pass(by, out.Along())
		return l.deliver(w, it, by, to, o.Delay, t)
	}
	l.way = router.Way{Targets: l.way.Targets[:0], Edges: l.way.Edges[:0]}
	out.Next(m, &it.places, &l.way)
	l.pass(by, l.way.Edges)
	if l.way.Faults > 0 {
		t.ruleFault += uint64(l.way.Faults)
		w.cell.local.fault = l.way.Last
	}
	targets := l.way.Targets
	for k := len(targets) - 1; k >= 0; k-- {
		copied := it
		if k > 0 {
			copied = l.parcel()
			m.Fork(&copied.msg, k+1)
			copied.places = it.places
		}
		branches += l.deliver(w, copied, by, &targets[k], o.Delay, t)
	}
	return branches
}

// copyExtra copies the attributes that an output may say besides its type.
func copyExtra(m *abi.Message, v *abi.View) {
	for name, value := range v.All() {
		n := string(name)
		if m.Attrs() < abi.AttrsMax-1 && (strings.HasPrefix(n, abi.OwnPrefix) || n == abi.HTTPStatus || strings.HasPrefix(n, abi.HTTPHeaderPrefix)) {
			m.AddBytes(n, value)
		}
	}
}

// deliver brings one message to one target of a plan and notes it for the entry. It
// returns 1 when the message is still on its way, 0 when it has ended.
func (l *lane) deliver(w *worker, it *parcel, by *plan, to *router.Target, delay time.Duration, t *tally) int {
	it.flow, it.direct, it.from, it.routes = w.item.flow, w.item.direct, w.cell.local, w.item.routes
	it.attempt, it.kept, it.first, it.out, it.by = 1, true, false, false, w.item.by // it is what one that is counted has led to
	if a := w.run.sends.arm(it.routes); a != nil {
		it.by = a
	}
	switch to.Place {
	case router.ToNode:
		return l.forward(it, by, to.Node, delay)
	case router.ToOutput:
		it.out = true
		if o := l.note(it, specs.Output, 0); l.leave(it) && o != nil {
			o.Answers = it.flow.asked || it.flow.late.Load()
		}
		l.recycle(it)
		return 0
	case router.ToDrop:
		t.dropped++
		l.note(it, specs.Drop, 0)
		l.recycle(it)
		return 0
	}
	it.aim(l.plan, l.plan, *to)
	t.dead++
	l.stillborn(it, w.cell.local.node.path, l.note(it, specs.DeadLetter, 0))
	l.recycle(it)
	return 0
}

// stillborn makes a dead letter of a message that goes nowhere from the start.
// The entry that would have sent it on says so in place of one of its own; o is
// its part there, nil: there is none.
func (l *lane) stillborn(it *parcel, path string, o *journal.Output) {
	it.by.bury()
	fault := Answer{Outcome: Failed, Code: it.grave.code, Text: it.grave.reason, Node: path}
	if o != nil {
		o.Grave = &journal.Grave{Node: path, Code: fault.Code, Reason: fault.Text}
	}
	if it.flow != nil {
		it.flow.blame(fault)
	}
	l.lament(it, path, &fault)
}

// forward puts a message into the mailbox of a node of a plan, which may be another
// lane's, or has it wait for its time.
func (l *lane) forward(it *parcel, by *plan, spec *router.Node, delay time.Duration) int {
	it.node = by.nodes[spec.Index]
	r := it.node.run.Load()
	if by != l.plan { // it was replaced in this turn, or while the message was being handled
		l.plan = l.shard.plan.Load()
		spec = l.plan.specOf(by, spec, r)
	}
	if spec.Keyed() {
		it.grave = it.key(spec.Key(it.msg.Type()), spec.Path)
	}
	due := int64(0)
	if delay > 0 {
		due = l.now + int64(delay)
	}
	if it.grave != nil {
		r = nil
	}
	if r == nil || due == 0 && l.overflows(it, r) {
		l.strand(it, spec.Path, r)
		return 0
	}
	if !it.direct {
		l.note(it, spec.Path, due)
	}
	home := l.shard.home(it, r, l)
	switch {
	case due > 0:
		l.timers.add(l, timer{due: due, item: it})
		it.node.waiting.Add(1)
	case home == l:
		local := l.local(it.node)
		t := l.counted(local)
		t.depth++
		t.bytes += int64(it.msg.Size())
		l.enqueue(it, local, r)
	default:
		it.node.shift(1, int64(it.msg.Size()))
		l.dispatch(home, it)
	}
	return 1
}

// strand ends a message that was on its way to a node where it cannot go.
func (l *lane) strand(it *parcel, to string, r *running) {
	switch {
	case it.grave != nil:
	case r == nil:
		it.grave = &grave{CodeGone, to + " is no longer part of the service"}
	default:
		it.grave = &grave{CodeOverflow, fmt.Sprintf("mailbox of %s holds %d times its capacity: the cycle produces more than it handles", to, overflow)}
	}
	path := strings.Clone(it.msg.Source()) // which outlives the message
	if it.node != nil {
		path = it.node.path
		l.counted(l.local(it.node)).dead++
	}
	l.stillborn(it, path, l.note(it, specs.DeadLetter, 0))
	l.recycle(it)
}

// overflows reports whether a node's mailbox holds so much that not even a
// message of its own cycle finds room.
func (l *lane) overflows(it *parcel, r *running) bool {
	limit := overflow*r.capacity + abi.OutputsMax
	return it.node.depth.Load()+l.local(it.node).tally.depth > limit || it.node.bytes.Load() > overflow*r.bytes
}

// dispatch has a parcel leave for another lane at the end of the turn.
func (l *lane) dispatch(home *lane, it *parcel) {
	l.cross[home.index] = append(l.cross[home.index], event{parcel: it})
	l.fill++
}

// note adds a delivery to the entry being made, and returns it: valid until the
// next; nil when there is no entry.
func (l *lane) note(it *parcel, to string, due int64) *journal.Output {
	if it.direct {
		return nil
	}
	h := &l.handled
	h.Outputs = append(h.Outputs, journal.Output{To: to, Key: it.msg.Key(), Due: due, Message: &it.msg})
	return &h.Outputs[len(h.Outputs)-1]
}

// stalled has a cell wait while a mailbox it may send to is full.
func (l *lane) stalled(c *cell, r *running) bool {
	if it := *c.queue.at(0); it.routes != r.plan.number || c.local.node.gone.Load() {
		for _, p := range [...]*plan{l.shard.way(it.routes), l.shard.plan.Load()} { // see begunBy
			if p != nil && l.stalledBy(c, p.holds(r)) {
				return true
			}
		}
	}
	return l.stalledBy(c, r.plan.holds(r))
}

// stalledBy has a cell wait while one of some mailboxes is full.
func (l *lane) stalledBy(c *cell, list []*node) bool {
	for _, below := range list {
		to := below.run.Load()
		if to == nil || !below.full(to) || l.shard.idles(below, to) {
			continue
		}
		below.held.Or(1 << l.index)
		if !below.full(to) { // it has been relieved since
			continue
		}
		c.listed = true
		l.stalls = append(l.stalls, c)
		return true
	}
	return false
}

// relieve wakes the lanes that wait for room at a node, if there is some.
func (s *Shard) relieve(n *node) {
	if n.held.Load() == 0 {
		return
	}
	r := n.run.Load()
	if r != nil && n.full(r) {
		return
	}
	lanes := n.held.Swap(0)
	for i, l := range s.lanes {
		if lanes&(1<<i) != 0 {
			l.post(event{note: noteRoom{}})
		}
	}
}

// noteRoom says that a mailbox has room again.
type noteRoom struct{}

func (noteRoom) run(l *lane) { l.room = true }

// resume lists the stalled cells again when there may be room.
func (l *lane) resume() {
	if !l.room {
		return
	}
	l.room = false
	stalls := l.stalls
	l.stalls = nil
	for _, c := range stalls {
		c.listed = false
		l.list(c)
	}
}
