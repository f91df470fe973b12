package shard

import (
	"errors"
	"fmt"

	"github.com/grow-platform/grow/runtime/actor"
)

// ErrAttached is returned by Attach and Try while an actor of somebody who looks handles
// messages of a node, and by Attach for what cannot be attached to.
var ErrAttached = errors.New("cannot be attached to")

// attachment is a node whose messages are handled by another actor of the same revision,
// for somebody who looks. It ends with Detach, or when a table is applied.
type attachment struct {
	node *node
	old  *running
	key  *string // nil: all messages
}

// Attach has another actor of the revision that runs at a node handle its messages, or
// those of one key, from now on: each once what the old one is handling of the same key
// has ended. The state goes on, since it is the host's. There is at most one at a node,
// and none while there is a trial. It ends with the function returned, which may be called
// at any time, or when a table is applied. The caller closes the actor then.
func (s *Shard) Attach(path string, a *actor.Actor, key *string) (detach func(), err error) {
	s.applying.Lock()
	defer s.applying.Unlock()
	n := s.nodes[path]
	if _, ok := s.plan.Load().table.Node(path); !ok {
		return nil, fmt.Errorf("%w: there is no node %s", ErrAttached, path)
	}
	r := n.run.Load()
	switch {
	case s.trial.Load() != nil:
		return nil, fmt.Errorf("%w: there is a trial of another revision", ErrAttached)
	case s.attached[n] != nil:
		return nil, fmt.Errorf("%w: somebody is attached to %s already", ErrAttached, path)
	case r.actor.Revision != a.Revision:
		return nil, fmt.Errorf("%w: %s runs revision %s by now, not %s", ErrAttached, path, r.actor.Revision, a.Revision)
	case key != nil && !r.spec.Keyed():
		return nil, fmt.Errorf("%w: %s has no keys", ErrAttached, path)
	}
	x := &attachment{node: n, old: r.spare(), key: key}
	next := r.spare()
	next.actor, next.waits = a, true // and who brings a message does not stay to see it handled
	x.old.attached, x.old.next = x, next
	if s.attached == nil {
		s.attached = map[*node]*attachment{}
	}
	s.attached[n] = x
	n.run.Store(x.old)
	s.feedAll() // what waits for an instance may find one of the other actor
	return func() { s.detach(x) }, nil
}

// detach has what ran before handle all messages of a node again.
func (s *Shard) detach(x *attachment) {
	s.applying.Lock()
	defer s.applying.Unlock()
	if s.attached[x.node] != x { // a table has been applied since
		return
	}
	delete(s.attached, x.node)
	x.node.run.Store(x.old.spare())
	s.feedAll()
}

// feedAll has all lanes look again at what waits for an instance.
func (s *Shard) feedAll() {
	for _, l := range s.lanes {
		l.post(event{note: noteApplied{}})
	}
}

// takes reports whether a message of a cell is for who looks.
func (x *attachment) takes(c *cell) bool { return x.key == nil || *x.key == c.key }
