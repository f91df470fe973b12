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
	arms                  [2]*arm
}

func (s *Shard) rerouted(x *trial, name, actor, revision string) *rerouted {
	r := &rerouted{"routes of " + name, actor, revision, [2]*arm{newArm(x.salt), newArm(x.salt)}}
	x.routes = append(x.routes, r)
	return r
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

// entering is where messages from outside come into a workflow, whose routes are tried.
type entering struct {
	*rerouted
	next *router.Entry
}

// enter adds to a trial the workflows whose ways in are others in its table.
func (s *Shard) enter(x *trial, t *router.Table, names []string) {
	for _, name := range names {
		e, _ := t.Entry(name)
		if x.entries == nil {
			x.entries = map[string]*entering{}
		}
		x.entries[name] = &entering{s.rerouted(x, name+"/input", "", ""), e}
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

// choose has a message from outside go the way that is tried, if it is one of its share.
// Which it is follows from the key at the first node with keys that it goes to as things
// are, else from the message's id: a key goes the same way each time.
func (a *admission) choose(p *plan, entry *router.Entry, m *abi.Message, r *Request, way *router.Way) {
	x := a.shard.trial.Load()
	if x == nil || x.plan != p || x.entries[entry.Name] == nil {
		return
	}
	e := x.entries[entry.Name]
	if a.by = e.arms[0]; !x.takes(keyOf(m, r, way.Targets)) {
		return
	}
	a.by, a.passed = e.arms[1], x.passed
	*way = router.Way{Targets: way.Targets[:0], Edges: way.Edges[:0]}
	e.next.Enter(m, &r.Places, way)
	for i := range way.Targets {
		if to := &way.Targets[i]; to.Node != nil {
			to.Node, _ = p.table.Node(to.Node.Path) // a trial has no others than there are
		}
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
