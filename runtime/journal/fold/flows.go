package fold

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/grow-platform/grow/runtime/journal"
)

// Outcome is how a flow ended, numbered as in [journal.Asked].
type Outcome uint32

// The ways a flow ends.
const (
	Pending Outcome = iota
	Replied
	Ended
	Refused
	Failed
)

// Answer is what came of a request.
type Answer struct {
	Outcome Outcome
	Reply   []byte // frame of the message, when Replied
	Code    string // when Refused or Failed
	Text    string
	Node    string
}

func (a Answer) clone() *Answer {
	return &Answer{a.Outcome, slices.Clone(a.Reply), strings.Clone(a.Code), strings.Clone(a.Text), strings.Clone(a.Node)}
}

// Flow is a request that somebody may ask about, and all it causes.
type Flow struct {
	place[*Flow]
	ID      string
	Replies []string
	Any     bool
	Waits   bool
	Left    int      // messages that wait
	Fault   *Answer  // the first, which is the answer if no reply comes
	Answer  *Answer  // nil: none yet
	Promise *Promise // that repeats of the request share it; nil: none
	listed  bool
}

// Promise is a client's idempotency key.
type Promise struct {
	Scope, Key string
	Digest     []byte
	Until      int64 // nanoseconds since 1970
	Flow       *Flow
}

// flows are those that may be asked about.
type flows struct {
	byID     map[string]*Flow
	order    []*Flow // oldest first
	bytes    int     // of the replies of those
	promises map[[2]string]*Promise
	until    []*Promise            // those that end first, first
	sources  map[string][]*Promise // of schedules and subscriptions, by scope, oldest first
	shelf    shelf[*Flow]
}

// Flows lists the flows that may be asked about, oldest first, and the promises, likewise.
func (w *World) Flows() ([]*Flow, []*Promise) { return w.flows.order, w.flows.until }

func (k *flows) add(a *journal.Asked) *Flow {
	f := k.byID[a.Flow]
	if f == nil {
		f = &Flow{ID: strings.Clone(a.Flow), Any: a.Any, Waits: a.Waits}
		for _, r := range a.Replies {
			f.Replies = append(f.Replies, strings.Clone(r))
		}
		k.byID[f.ID] = f
		k.shelf.add(f, itemSize)
	}
	if !f.listed {
		touch(f)
		f.listed = true
		k.order = append(k.order, f)
	}
	return f
}

// promise binds a flow to an idempotency key. A key that is taken is of a
// promise that had run out when the request came: its place is taken over.
func (k *flows) promise(i *journal.Idempotency, f *Flow, until int64) {
	p := &Promise{Scope: strings.Clone(i.Scope), Key: strings.Clone(i.Key), Digest: slices.Clone(i.Digest), Until: until, Flow: f}
	if before := k.promises[[2]string{p.Scope, p.Key}]; before != nil {
		k.until = slices.DeleteFunc(k.until, func(p *Promise) bool { return p == before })
		k.forget(before)
	}
	f.Promise = p
	touch(f)
	k.enter(p)
	at, _ := slices.BinarySearchFunc(k.until, until+1, func(p *Promise, until int64) int {
		if p.Until < until {
			return -1
		}
		return 1
	})
	k.until = slices.Insert(k.until, at, p)
}

// enter makes a promise known.
func (k *flows) enter(p *Promise) {
	k.promises[[2]string{p.Scope, p.Key}] = p
	if journal.OfSource(p.Scope) {
		k.sources[p.Scope] = append(k.sources[p.Scope], p)
	}
}

// few forgets the oldest promises of a schedule or subscription when there are more than most.
func (k *flows) few(scope string, most int) {
	for list := k.sources[scope]; len(list) > most; list = k.sources[scope] {
		p := list[0]
		at, _ := slices.BinarySearchFunc(k.until, p.Until, func(p *Promise, until int64) int { return cmp.Compare(p.Until, until) })
		for k.until[at] != p { // others end at the same time
			at++
		}
		k.until = slices.Delete(k.until, at, at+1)
		k.forget(p)
	}
}

// expire forgets the promises that have run out.
func (k *flows) expire(now int64) {
	n := 0
	for n < len(k.until) && k.until[n].Until <= now {
		k.forget(k.until[n])
		n++
	}
	k.until = slices.Delete(k.until, 0, n)
}

func (k *flows) forget(p *Promise) {
	delete(k.promises, [2]string{p.Scope, p.Key})
	if list := k.sources[p.Scope]; len(list) > 0 {
		if list = slices.DeleteFunc(list, func(other *Promise) bool { return other == p }); len(list) == 0 {
			delete(k.sources, p.Scope)
		} else {
			k.sources[p.Scope] = list
		}
	}
	p.Flow.Promise = nil
	k.leave(p.Flow)
}

// bound forgets the oldest flows when there are too many.
func (k *flows) bound(l *Limits) {
	n := 0
	for len(k.order)-n > l.Flows || k.bytes > l.FlowBytes && len(k.order)-n > 1 {
		f := k.order[n]
		if f.Answer != nil {
			k.bytes -= len(f.Answer.Reply)
		}
		f.listed = false
		k.leave(f)
		n++
	}
	k.order = slices.Delete(k.order, 0, n)
}

// leave forgets a flow for which there is no reason any more.
func (k *flows) leave(f *Flow) {
	touch(f)
	if !f.listed && f.Promise == nil {
		delete(k.byID, f.ID)
		remove(f)
	}
}

// count counts messages of a flow that wait.
func (k *flows) count(id string, n int) {
	if f := k.byID[id]; f != nil {
		f.Left += n
	}
}

// blame remembers the first fault.
func (k *flows) blame(id string, a Answer) {
	if f := k.byID[id]; f != nil && f.Fault == nil {
		f.Fault = a.clone()
		touch(f)
	}
}

// answer is the reply; the first one counts.
func (k *flows) answer(id string, a Answer) {
	f := k.byID[id]
	if f == nil || f.Answer != nil {
		return
	}
	f.Answer = a.clone()
	touch(f)
	if f.listed {
		k.bytes += len(a.Reply)
	}
}

// settle ends a flow of which nothing waits any more.
func (k *flows) settle(id string) {
	f := k.byID[id]
	if f == nil || f.Left > 0 || f.Answer != nil {
		return
	}
	touch(f)
	f.Answer = &Answer{Outcome: Ended}
	if f.Fault != nil {
		f.Answer = f.Fault
	}
}

// asked folds that a flow may be asked about from here on, or what came of it.
func (w *World) asked(e *journal.Asked) error {
	known := w.flows.byID[e.Flow] != nil
	f := w.flows.add(e)
	if !known {
		for m := range w.pending.all() {
			if m.flowID() == f.ID {
				f.Left++
			}
		}
	}
	if e.Outcome > uint32(Failed) {
		return fmt.Errorf("%w: flow %s ended in way %d, which this version does not know", journal.ErrDamaged, e.Flow, e.Outcome)
	}
	if e.Outcome != 0 {
		if f.Answer != nil && f.Answer.Outcome != Replied {
			f.Answer = nil // it was made of what came after somebody asked
		}
		w.flows.answer(e.Flow, Answer{Outcome: Outcome(e.Outcome), Reply: e.Reply, Code: e.Code, Text: e.Text, Node: e.Node})
	}
	return nil
}
