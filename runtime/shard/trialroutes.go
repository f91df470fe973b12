package shard

import (
	"fmt"
	"slices"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/router"
)

// rerouted is a place from where messages of a share of the keys go other ways in a trial.
// Its arms count what becomes of messages that went the one way and the other, and of all
// that they lead to: whoever routes them is the same.
type rerouted struct {
	name, actor, revision string
	by                    [2]uint32 // numbers of the plans in force and tried
	arms                  [2]*arm
}

func (x *trial) rerouted(name, actor, revision string) *rerouted {
	r := &rerouted{"routes of " + name, actor, revision, [2]uint32{x.plan.number, x.next.number}, [2]*arm{newArm(x.salt), newArm(x.salt)}}
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
	return TrialNode{Node: r.name, Actor: r.actor, Routes: true, Old: r.arms[0].report(r.revision), New: r.arms[1].report(r.revision)}
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
