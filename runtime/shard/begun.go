package shard

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/fold"
)

// errNotKept ends a handling whose message the journal did not take.
var errNotKept = errors.New("journal did not take the message before its outside effect")

// effect is called before something outside is changed: what was accepted and handled so
// far must be in the journal first, and what the guest was told, which decides on what it
// asks for.
func (w *worker) effect() error {
	w.wait()
	done := make(chan error, 1)
	given, clock := w.instance.Known()
	note := noteBarrier{worker: w, done: done, answers: unkept(given), clock: clock && !w.begun}
	w.begun = w.begun || clock
	w.lane.post(event{note: note})
	select {
	case err := <-done:
		w.lane.shard.resume(w.lane.shard.context, "effect of "+w.task.ID)
		if err != nil {
			return fmt.Errorf("%w: %w", errNotKept, err)
		}
		return nil
	case <-w.lane.shard.context.Done():
		return w.lane.shard.context.Err()
	}
}

// unkept are the answers that the journal does not have yet; from now on it has them, or
// the attempt fails. Those of streams, which end with the attempt, are given to nobody.
func unkept(given []capability.Recorded) (list []journal.Answer) {
	for i := range given {
		if !given[i].Kept && !capability.IsStream(given[i].Operation) {
			given[i].Kept = true
			list = append(list, answerOfRecorded(&given[i]))
		}
	}
	return list
}

// noteBarrier commits what there is, with an accepted entry for the message, and what its
// attempt was told.
type noteBarrier struct {
	worker  *worker
	done    chan error
	answers []journal.Answer // that the journal does not have
	clock   bool             // nor that the guest has seen its clock
}

func (n noteBarrier) run(l *lane) {
	w, it := n.worker, n.worker.item
	if !it.direct {
		// What waited for another attempt, or was not in the journal, had its turn by
		// an order that the journal does not tell: what others would do to the state
		// before it, after a restart, must not come first.
		turn := w.task.State != nil && (!it.kept || it.attempt > 1)
		if !it.kept {
			l.accepted(it)
		}
		if len(n.answers) > 0 || n.clock || turn {
			l.write(&journal.Begun{
				ID: it.msg.ID(), Node: w.cell.local.node.path, Key: w.cell.key, Attempt: uint32(it.attempt), Time: w.time, Answers: n.answers,
			})
		}
	}
	b := l.openBatch()
	b.barriers = append(b.barriers, n.done)
	l.flush()
}

// remember keeps the answers that an attempt was given and that last, for the next, and
// forgets what was only for that attempt.
func (it *parcel) remember(recorded []capability.Recorded) {
	next := &past{}
	if it.past != nil {
		*next = *it.past // which a flow may hold for longer
		next.answers, next.clock = nil, 0
		for _, r := range it.past.answers {
			next.keep(r)
		}
	}
	for i := range recorded {
		recorded[i].Digest() // the message may wait for long
		next.keep(recorded[i])
	}
	if it.past != nil || next.answers != nil {
		it.past = next
	}
}

// keep adds an answer that is good for other attempts.
func (a *past) keep(r capability.Recorded) {
	if r.Lasts() {
		r.Kept = true // with the attempt
		a.add(r)
	}
}

// add keeps an answer in place of one to the same request.
func (a *past) add(r capability.Recorded) {
	for i := range a.answers {
		if a.answers[i].Call == r.Call {
			a.answers[i] = r
			return
		}
	}
	a.answers = append(a.answers, r)
}

// pastOf is what a message brings along that waited when the journal ended; nil: nothing.
func pastOf(m *fold.Message) *past {
	if planted == forgetBegun {
		m.Clock, m.Given = 0, nil
	}
	if len(m.Answers) == 0 && m.Clock == 0 {
		return nil
	}
	p := &past{clock: m.Clock}
	for i := range m.Answers {
		p.add(recordedOf(&m.Answers[i]))
	}
	for i := range m.Given {
		p.add(recordedOf(&m.Given[i]))
	}
	return p
}

// begunFirst has those messages go first that were being handled when the process ended,
// and may have changed something outside; the others stay in their order.
func begunFirst(list []*fold.Wait) []*fold.Wait {
	if !slices.ContainsFunc(list, (*fold.Wait).Begun) {
		return list
	}
	first := make([]*fold.Wait, 0, len(list))
	for _, w := range list {
		if w.Begun() {
			first = append(first, w)
		}
	}
	for _, w := range list {
		if !w.Begun() {
			first = append(first, w)
		}
	}
	return first
}

// recordedOf is an answer that the journal has, as a ledger takes it.
func recordedOf(a *journal.Answer) capability.Recorded {
	return capability.Recorded{
		Call: int(a.Call), Operation: a.Operation, Use: a.Use, Sum: a.Request, Frame: a.Frame, Duration: time.Duration(a.Duration),
		Passing: a.Passing, Kept: true,
	}
}

// answerOfRecorded is an answer as the journal has it.
func answerOfRecorded(r *capability.Recorded) journal.Answer {
	return journal.Answer{
		Call: uint32(r.Call), Operation: r.Operation, Use: r.Use, Request: r.Digest(), Frame: r.Frame, Duration: int64(r.Duration), Passing: r.Passing,
	}
}
