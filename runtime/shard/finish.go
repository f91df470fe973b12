package shard

import (
	"fmt"
	"strings"
	"time"

	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/journal"
)

// finish settles the handling that a worker has done, on the lane. Afterwards
// w.instance is nil if the instance was discarded.
func (l *lane) finish(w *worker) {
	c, r := w.cell, w.result
	c.busy--
	t := l.counted(c.local)
	t.ignored += uint64(r.Ignored)
	t.fuel += r.Fuel
	t.fuelMax = max(t.fuelMax, r.Fuel)
	if f := w.item.flow; f != nil {
		f.fuel.Add(r.Fuel)
	}
	w.weigh()
	w.run.arm.count(w.item, r, w.took)
	w.item.by.count(w.item, r, w.took)
	switch r.Outcome {
	case actor.Handled:
		l.succeeded(w, t)
	case actor.Refused:
		t.refused++
		l.refused(w)
	default:
		t.failed++
		l.unsuccessful(w)
	}
	if r.Broken {
		if c.local.instance == w.instance {
			c.local.instance = nil
		}
		w.instance.Actor().Discard(w.instance)
		w.instance = nil
		l.feed(c.local.node)
	}
	if len(l.acts) > 0 {
		l.attend(c)
	}
	l.list(c)
	if len(c.local.cells) > cellsIdle || l.shard.keeper != nil {
		l.tidy(c)
	}
	l.reuse()
}

// Bytes of what a handling leaves in the journal.
const (
	entryMax    = journal.BlobMax - 1<<20 // of the entry, which lies in a blob when it is large
	outputBytes = 1 << 10                 // of an output besides its data and its own attributes, at most
)

// weigh fails a message that leaves more behind than the journal can hold in one
// piece: each alone keeps to the limits, but all of them together, with a copy of
// an output for each of its receivers, do not.
func (w *worker) weigh() {
	r := w.result
	if r.Outcome != actor.Handled {
		return
	}
	size := w.item.msg.Size()
	for k := range r.Outputs {
		o := &r.Outputs[k]
		size += (len(o.Data) + len(o.View.Encoded()) + outputBytes) * w.most(w.run.outs[o.Index])
	}
	for k := range r.Recorded {
		size += len(r.Recorded[k].Frame)
	}
	if w.task.State != nil {
		for _, c := range w.state.Changes() {
			size += len(c.Name) + len(c.Data)
		}
	}
	if size > entryMax {
		r.Outcome, r.Code, r.Outputs = actor.Failed, actor.CodeOutputs, nil
		r.Text = fmt.Sprintf("outputs, with a copy for each receiver, writes of state and answers of capabilities have %d bytes together; at most %d are allowed", size, entryMax)
	}
}

// tidy forgets a key that has neither messages nor state, unless there are few:
// the next message of such a key often comes soon.
func (l *lane) tidy(c *cell) {
	if len(c.local.cells) > cellsIdle && len(c.state) == 0 && c.idle() && len(l.acts[c]) == 0 && (l.shard.keeper == nil || c.safe(l.safe())) {
		l.forget(c.local, c.key, c)
	}
	if l.shard.keeper != nil {
		l.evict()
	}
}

// succeeded applies state changes, sends the outputs on and writes the entry.
func (l *lane) succeeded(w *worker, t *tally) {
	t.handled++
	it, r := w.item, w.result
	if (it.routes != w.run.plan.number || w.late) && l.shard.way(it.routes) == nil {
		it.routes = l.shard.ways()[0].number // those in force: those that it came by are kept no longer
	}
	h := &l.handled
	h.Outputs = h.Outputs[:0]
	branches := 0
	for k := range r.Outputs {
		t.outputs++
		branches += l.send(w, &r.Outputs[k], k+1, t)
	}
	if w.task.State != nil {
		l.change(w.cell, &w.state)
	}
	if !it.direct {
		l.entry(w, journal.OutcomeHandled)
		if w.cell.kept != nil && len(h.State) > 0 {
			w.cell.kept.changed = l.batch.number
		}
	}
	l.settle(it, branches)
	l.recycle(it)
}

// change makes a message's writes the state of its key.
func (l *lane) change(c *cell, s *capability.State) {
	if c.kept != nil {
		l.resident += s.Size() - c.size
	}
	c.size = s.Size()
	for _, ch := range s.Changes() {
		if ch.Data == nil {
			delete(c.state, ch.Name)
			continue
		}
		if c.state == nil {
			c.state = map[string]capability.Value{}
		}
		c.state[ch.Name] = capability.Value{Data: ch.Data, Revision: ch.Revision, Type: ch.Type}
	}
}

// entry writes what became of a message; outputs are in l.handled already.
func (l *lane) entry(w *worker, outcome journal.Outcome) {
	h, it, r := &l.handled, w.item, w.result
	h.ID, h.Node, h.Key = w.task.ID, w.cell.local.node.path, w.cell.key
	h.Message, h.Time, h.Seed, h.Attempt = &it.msg, w.time, r.Seed, uint32(it.attempt)
	h.Revision, h.Outcome, h.Fuel = w.run.actor.Revision, outcome, r.Fuel
	h.Settles, h.Idempotency, h.Asked, h.Code, h.Reason, h.Routes = it.kept, nil, nil, "", "", it.routes
	if r := it.asked(); r != nil {
		h.Idempotency, h.Asked = r.Idempotency, it.flow.question()
	}
	if outcome == journal.OutcomeRefused {
		h.Code, h.Reason = r.Code, r.Text
	}
	h.State = h.State[:0]
	if w.task.State != nil && outcome == journal.OutcomeHandled {
		for _, c := range w.state.Changes() {
			h.State = append(h.State, journal.StateChange{Name: c.Name, Value: c.Data, Deleted: c.Data == nil, Revision: c.Revision, Type: c.Type})
		}
	}
	h.Duration = l.now - w.since // as far as the lane's clock tells: 0 unless it was for long
	h.Answers = h.Answers[:0]
	for i := range r.Recorded {
		h.Answers = append(h.Answers, answerOfRecorded(&r.Recorded[i]))
	}
	l.openBatch()
	if !l.record.writer.AddHandled(h) {
		l.write(h)
	}
}

// lasting are the answers that another attempt is given.
func lasting(recorded []capability.Recorded) (list []journal.Answer) {
	for i := range recorded {
		if r := &recorded[i]; r.Lasts() {
			list = append(list, answerOfRecorded(r))
		}
	}
	return list
}

// settle counts a message that is done and caused branches more.
func (l *lane) settle(it *parcel, branches int) {
	f := it.flow
	if f == nil || branches == 1 {
		return
	}
	if f.pending.Add(int32(branches-1)) == 0 && f.claim() {
		l.answer(f, f.end())
	}
}

// end settles a message that caused nothing more, and takes its parcel back.
func (l *lane) end(it *parcel) {
	l.settle(it, 0)
	l.recycle(it)
}

// answer publishes once everything before it is committed: it goes with the
// batch that ends this turn, since the entry it comes from may not have been
// written yet.
func (l *lane) answer(f *flow, a Answer) { l.answers = append(l.answers, answered{f, a}) }

// refused ends a message that the actor does not want: a dead letter, or an
// answer when who sent it is waiting for one.
func (l *lane) refused(w *worker) {
	it, r := w.item, w.result
	w.cell.local.node.says(r.Code)
	fault := Answer{Outcome: Refused, Code: r.Code, Text: r.Text, Node: w.cell.local.node.path, Fuel: r.Fuel}
	if it.first && it.flow != nil && it.flow.waits {
		l.handled.Outputs = l.handled.Outputs[:0]
		if !it.direct {
			l.entry(w, journal.OutcomeRefused)
		}
		it.flow.blame(fault)
		l.end(it)
		return
	}
	l.giveUp(it, w.cell, w.run, fault)
}

// unsuccessful tries a message again by its policy, or gives up on it.
func (l *lane) unsuccessful(w *worker) {
	it, r, c := w.item, w.result, w.cell
	c.local.node.says(r.Code)
	policy := &w.run.spec.Actor.Retry
	if int(it.attempt) > policy.Max {
		l.giveUp(it, c, w.run, Answer{Outcome: Failed, Code: r.Code, Text: r.Text, Node: c.local.node.path, Fuel: r.Fuel})
		return
	}
	pause := r.After
	if pause == 0 {
		pause = backoff(policy.Backoff, policy.Factor, int(it.attempt))
	}
	l.retry(it, c, policy.Hold, pause, r, w.run.actor.Revision)
}

// backoff is the wait before the attempt after the nth.
func backoff(first time.Duration, factor float64, n int) time.Duration {
	d := float64(first)
	for range n - 1 {
		d *= factor
		if d >= float64(backoffMax) {
			return backoffMax
		}
	}
	return min(time.Duration(d), backoffMax)
}

// retry has a message wait for its next attempt.
func (l *lane) retry(it *parcel, c *cell, hold bool, pause time.Duration, r *actor.Result, revision string) {
	t := l.counted(c.local)
	t.retried++
	if !it.direct && !it.kept {
		l.accepted(it)
	}
	hold = hold && (c != &c.local.open || l.alone(c))
	due := l.now + int64(pause)
	l.shard.log.Warn("message is tried again", "message", it.msg.Clone().ID(), "node", c.local.node.path, "code", r.Code, "reason", r.Text,
		"attempt", it.attempt, "after", pause, "fuel", r.Fuel)
	if !it.direct {
		l.write(&journal.AttemptMade{
			ID: it.msg.ID(), Node: c.local.node.path, Key: c.key, Attempt: uint32(it.attempt), Due: due,
			Code: r.Code, Reason: r.Text, Answers: lasting(r.Recorded), Hold: hold, Time: l.now, Fuel: r.Fuel, Revision: revision,
		})
	}
	it.remember(r.Recorded)
	it.attempt++
	it.msg.SetAttempt(int(it.attempt))
	again := timer{due: due, item: it}
	if hold {
		c.parked = true
		again.cell = c
	}
	l.timers.add(l, again)
	c.local.node.waiting.Add(1)
}

// alone reports whether an unkeyed cell is handled one message at a time.
func (l *lane) alone(c *cell) bool {
	r := c.local.node.run.Load()
	return r != nil && r.spec.Exclusive()
}

// startFailed counts a failed start of an instance as an attempt of the
// message that would have been handled next.
func (l *lane) startFailed(c *cell, r *running, err error) {
	it := c.queue.pop()
	t := l.counted(c.local)
	t.left(it)
	t.failed++
	w := l.hire()
	w.cell, w.run, w.item, w.time = c, r, it, l.now
	w.result = &actor.Result{Outcome: actor.Failed, Code: actor.StartCode(err), Text: err.Error()}
	r.arm.count(it, w.result, 0)
	it.by.count(it, w.result, 0)
	l.unsuccessful(w)
	*w = worker{lane: l, task: w.task, state: w.state}
	l.workers = append(l.workers, w)
}

// accepted writes the entry that keeps a message which has to wait.
func (l *lane) accepted(it *parcel) {
	request := it.asked()
	it.kept = true
	e := &journal.Accepted{Source: it.msg.Source(), ID: it.msg.ID(), Key: it.msg.Key(), Input: it.msg.Frame(), Time: l.now, Routes: it.routes}
	if it.node != nil {
		e.Node = it.node.path
	}
	if request != nil {
		e.Idempotency, e.Asked = request.Idempotency, it.flow.question()
	}
	l.write(e)
}

// giveUp makes a dead letter of a message that an actor did not handle.
func (l *lane) giveUp(it *parcel, c *cell, r *running, fault Answer) {
	l.counted(c.local).dead++
	if it.flow != nil {
		it.flow.blame(fault)
	}
	l.deadLetter(it, c.local.node.path, r.actor.Revision, &fault)
	l.end(it)
}

// bury makes a dead letter of a message that goes nowhere, or lets it go.
func (l *lane) bury(it *parcel) {
	if it.grave == nil { // drop, or an output with nothing in between
		l.leave(it)
		l.end(it)
		return
	}
	it.by.bury()
	path := strings.Clone(it.msg.Source()) // which outlives the message
	if it.node != nil {
		path = it.node.path
		t := l.counted(l.local(it.node))
		t.dead++
		t.left(it)
	}
	fault := Answer{Outcome: Failed, Code: it.grave.code, Text: it.grave.reason, Node: path}
	if it.flow != nil {
		it.flow.blame(fault)
	}
	l.deadLetter(it, path, "", &fault)
	l.end(it)
}

// deadLetter makes a dead letter of a message, with an entry for it.
func (l *lane) deadLetter(it *parcel, path, revision string, why *Answer) {
	if it.direct {
		l.lament(it, path, why)
		return
	}
	if it.asked() != nil && it.flow.asked { // so that a repeat finds what came of it
		l.accepted(it)
	}
	d := l.lament(it, path, why)
	l.write(&journal.Dead{
		ID: d.ID, Node: path, Key: d.Key, Code: d.Code, Reason: d.Reason, Attempt: uint32(it.attempt), Time: l.now,
		Input: d.Message.Frame(), Revision: revision, Settles: it.kept, Fuel: d.Fuel, Refused: why.Outcome == Refused,
	})
}

// lament keeps a dead letter and says so.
func (l *lane) lament(it *parcel, path string, why *Answer) *DeadLetter {
	kept := it.msg.Clone()
	d := &DeadLetter{
		ID: kept.ID(), Node: path, Key: kept.Key(), Type: kept.Type(), Code: why.Code, Reason: why.Text,
		Attempt: int(it.attempt), Fuel: why.Fuel, Time: time.Unix(0, l.now), Message: kept,
	}
	l.shard.dead.add(d)
	l.shard.log.Error("message was given up on", "message", d.ID, "node", path, "code", d.Code, "reason", d.Reason, "attempt", d.Attempt, "fuel", d.Fuel)
	return d
}

// clear buries everything in a cell whose node is no more.
func (l *lane) clear(c *cell) {
	for c.queue.len() > 0 {
		it := c.queue.pop()
		it.grave = &grave{CodeGone, c.local.node.path + " is no longer part of the service"}
		l.bury(it)
	}
}

// leave ends a message that goes out: it answers its flow, if that waits for one
// of its type. It returns whether it does.
func (l *lane) leave(it *parcel) bool {
	if f := it.flow; f != nil && it.out && f.wants(it.msg.Type()) && f.claim() {
		l.answer(f, Answer{Outcome: Replied, Reply: it.msg.CloneTo(&f.reply)})
		return true
	} else if it.from != nil {
		l.counted(it.from).dropped++
	}
	return false
}
