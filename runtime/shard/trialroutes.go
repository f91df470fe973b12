package shard

import (
	"fmt"
	"slices"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/router"
)

// rerouted is a place from where messages of a share of the keys go other ways in a trial.
// Its arms count what becomes of messages that went the one way and the other, and of all
// that they lead to: whoever routes them is the same. Those of answers count requests instead, which
// came in where they may get to such a place.
type rerouted struct {
	name, actor, revision string
	answers               bool
	by                    [2]uint32 // numbers of the plans in force and tried
	arms                  [2]*arm
}

func (x *trial) rerouted(name, actor, revision string) *rerouted {
	r := &rerouted{name: "routes of " + name, actor: actor, revision: revision, by: [2]uint32{x.plan.number, x.next.number}, arms: [2]*arm{newArm(x.salt), newArm(x.salt)}}
	x.routes = append(x.routes, r)
	return r
}

// arm counts what becomes of messages that go by a plan; nil: nothing does.
func (r *rerouted) arm(number uint32) *arm {
	if r == nil {
		return nil
	}
	for i := range r.by {
		if r.by[i] == number {
			return r.arms[i]
		}
	}
	return nil
}

func (r *rerouted) report() TrialNode {
	return TrialNode{Node: r.name, Actor: r.actor, Routes: !r.answers, Answers: r.answers, Old: r.arms[0].report(r.revision), New: r.arms[1].report(r.revision)}
}

// bury counts a message that did not get anywhere.
func (a *arm) bury() {
	if a != nil {
		a.failed.Add(1)
	}
}

// enter adds to a trial the workflows whose ways in are others in its table.
func (x *trial) enter(names []string) {
	for _, name := range names {
		if x.entries == nil {
			x.entries = map[string]*rerouted{}
		}
		x.entries[name] = x.rerouted(name+"/input", "", "")
	}
}

// answering adds to a trial the entries by which requests come that go other ways in it.
func (x *trial) answering(nodes, workflows []string) {
	for _, name := range x.plan.table.Entries() {
		if !slices.Contains(workflows, name) && !x.plan.table.Leads(name, nodes) && !x.next.table.Leads(name, nodes) {
			continue
		}
		if x.answers == nil {
			x.answers = map[string]*rerouted{}
		}
		r := x.rerouted("", "", "")
		r.name, r.answers = "answers of "+name, true
		x.answers[name] = r
	}
}

// timed is where it is counted what is answered to a request that came in during a trial.
type timed struct {
	arm   *arm
	began time.Time
}

// count counts the answer to a flow. One that ends without the reply that somebody waits for
// is as bad as one that fails.
func (t *timed) count(f *flow, a Answer, now time.Time) {
	switch {
	case a.Outcome == Refused:
		t.arm.refused.Add(1)
	case a.Outcome == Failed, a.Outcome == Ended && len(f.replies) > 0:
		t.arm.failed.Add(1)
	default:
		t.arm.handled.Add(1)
		if f.waits {
			t.arm.sample(Sample{now.Sub(t.began) - f.handle.Stood(), f.fuel.Load()})
		}
	}
}

// again drops how long answers took: those to a share of the keys that has changed are of other
// hours, with another load, than those before.
func (x *trial) again() {
	for _, r := range x.answers {
		for _, a := range r.arms {
			a.mu.Lock()
			a.seen, a.samples = 0, nil
			a.mu.Unlock()
		}
	}
}

// enterable reports what comes in by a workflow now and would not any more.
func enterable(now, next *router.Table, names []string) error {
	for _, name := range names {
		was, _ := now.Entry(name)
		is, _ := next.Entry(name)
		if i := slices.IndexFunc(was.Types(), func(t string) bool { return !is.Takes(t) }); i >= 0 {
			return fmt.Errorf("%w: %s takes no %s any more", ErrTrial, name, was.Types()[i])
		}
	}
	return nil
}

// choose sets the plan that a message from outside, and all that comes of it, goes by:
// the one in force, p, or that of a trial if the message is one of its share. Which it is
// follows from the key at the first node with keys that it goes to as things are, else from
// the message's id: a key goes the same way each time.
func (a *admission) choose(p *plan, entry *router.Entry, m *abi.Message, r *Request, way *router.Way) {
	a.by = p
	x := a.shard.trial.Load()
	if x == nil || x.plan != p || x.next.number == p.number {
		return
	}
	next, ok := x.next.table.Entry(entry.Name)
	if ok && next.Takes(m.Type()) && x.takes(keyOf(m, r, way.Targets)) {
		a.by = x.next
		*way = router.Way{Targets: way.Targets[:0], Edges: way.Edges[:0]}
		next.Enter(m, &r.Places, way)
	}
	a.arm = x.entries[entry.Name].arm(a.by.number)
	if arm := x.answers[entry.Name].arm(a.by.number); arm != nil {
		a.flow.timed = &timed{arm, a.shard.clock.Now()}
	}
}

// keyOf is the key of a message at the first of some targets that has keys, else its id.
func keyOf(m *abi.Message, r *Request, targets []router.Target) string {
	for _, t := range targets {
		if t.Node == nil || t.Node.Key(m.Type()) == nil {
			continue
		}
		if key, err := t.Node.Key(m.Type()).AppendAt(nil, m, &r.Places); err == nil {
			return string(key)
		}
	}
	return m.ID()
}
