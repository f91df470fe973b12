package shard

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"sync/atomic"

	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/journal"
)

// Errors of what people do to states.
var (
	// ErrMoved: the value has another revision than the one expected.
	ErrMoved = errors.New("state has another revision")
	// ErrHandled: a message of the key was being handled all the time that the
	// context allowed.
	ErrHandled = errors.New("a message of the key is being handled")
	// ErrState: the value is not allowed there.
	ErrState = errors.New("state is not allowed")
)

// GetState gives the values of a key at a node by name, empty when it has none.
// They are those that messages handled so far have left, committed or not.
func (s *Shard) GetState(ctx context.Context, node, key string) (map[string]capability.Value, error) {
	var state map[string]capability.Value
	err := s.withState(ctx, node, key, func(_ *lane, c *cell, _ *running, done chan error) {
		state = maps.Clone(c.state)
		done <- nil
	})
	if err != nil {
		return nil, err // the lane may still come to it
	}
	return state, nil
}

// CommittedState gives the values of a key at a node as GetState does, once all that has
// made them is in the journal.
func (s *Shard) CommittedState(ctx context.Context, node, key string) (map[string]capability.Value, error) {
	var state map[string]capability.Value
	err := s.withState(ctx, node, key, func(l *lane, c *cell, _ *running, done chan error) {
		state = maps.Clone(c.state)
		b := l.openBatch()
		b.barriers = append(b.barriers, done)
	})
	if err != nil {
		return nil, err // the lane may still come to it
	}
	return state, nil
}

// AnyRevision stands for whatever revision a value has.
const AnyRevision = math.MaxUint64

// StateSet is a change of one value that somebody wants.
type StateSet struct {
	Node, Key, Name string
	Data            []byte // nil: the value is deleted
	Revision        uint64 // that the value has; 0: there is none; or AnyRevision
	Plan            bool   // only say what would be
}

// SetState sets a value of a key at a node, or deletes it, if its revision is
// still the one given, and fails with ErrMoved if not. Data is held against the
// declared type; what that forbids is ErrState. It returns the value as it was,
// and its new revision, 0 after a deletion, once that is in the journal.
func (s *Shard) SetState(ctx context.Context, set *StateSet, by Act) (capability.Value, uint64, error) {
	var was capability.Value
	var revision uint64
	err := s.withState(ctx, set.Node, set.Key, func(l *lane, c *cell, r *running, done chan error) {
		was = c.state[set.Name]
		var err error
		if revision, err = l.setState(c, r, set, by, done); err != nil || set.Plan {
			done <- err
		}
	})
	if err != nil { // the lane may still be at it
		return capability.Value{}, 0, err
	}
	return was, revision, nil
}

// setState makes the change; done gets what the journal says of it, unless it
// returns an error or nothing is to be changed.
func (l *lane) setState(c *cell, r *running, set *StateSet, by Act, done chan error) (uint64, error) {
	if have := c.state[set.Name].Revision; set.Revision != AnyRevision && have != set.Revision {
		return 0, fmt.Errorf("%w: %d, not %d", ErrMoved, have, set.Revision)
	}
	var state capability.State
	state.Reset(r.state, c.state, c.size)
	next := uint64(0)
	if set.Data == nil {
		state.Delete(set.Name)
	} else {
		var err error
		if next, err = state.Set(set.Name, set.Data); err != nil {
			return 0, fmt.Errorf("%w: %w", ErrState, err)
		}
	}
	if set.Plan {
		return next, nil
	}
	a := &journal.Action{Name: journal.ActionSetState, By: by.By, Reason: by.Reason, Time: l.now, Node: c.local.node.path, Key: c.key}
	for _, ch := range state.Changes() {
		a.State = append(a.State, journal.StateChange{Name: ch.Name, Value: ch.Data, Deleted: ch.Data == nil, Revision: ch.Revision, Type: ch.Type})
	}
	l.change(c, &state)
	l.write(a)
	if c.kept != nil {
		c.kept.changed = l.batch.number
	}
	l.batch.barriers = append(l.batch.barriers, done)
	return next, nil
}

// withState runs f on the lane of a key, with its state there and nothing of it
// being handled; f sends one error to done.
func (s *Shard) withState(ctx context.Context, node, key string, f func(l *lane, c *cell, r *running, done chan error)) error {
	var handled atomic.Bool
	done := make(chan error, 1)
	if err := s.bring(ctx, node, key, f, &handled, done); err != nil {
		return err
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		if handled.Load() {
			return fmt.Errorf("reach the state: %w: %w", ErrHandled, ctx.Err())
		}
		return fmt.Errorf("reach the state: %w", ctx.Err())
	case <-s.over:
		select {
		case err := <-done: // while it ended
			return err
		default:
			return ErrStopping
		}
	}
}

// bring posts f to the lane of a key.
func (s *Shard) bring(ctx context.Context, node, key string, f func(l *lane, c *cell, r *running, done chan error), handled *atomic.Bool, done chan error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.finish()
	p := s.plan.Load()
	spec, ok := p.table.Node(node)
	if !ok {
		return fmt.Errorf("%w: %q", ErrUnknownTarget, node)
	}
	n := p.nodes[spec.Index]
	if len(spec.Actor.State) == 0 {
		return fmt.Errorf("%w: %s keeps none", ErrState, node)
	}
	if !spec.Keyed() && key != "" {
		return fmt.Errorf("%w: %s has one state and no keys; leave the key empty", ErrState, node)
	}
	l := s.lanes[n.lane]
	if spec.Keyed() {
		l = s.lanes[spread(key, len(s.lanes))]
	}
	wanted := func(l *lane, c *cell, r *running, done chan error) {
		if err := ctx.Err(); err != nil {
			done <- err // nobody waits any more, and who asks again must not have it twice
			return
		}
		f(l, c, r, done)
	}
	l.post(event{note: noteState{n, key, wanted, handled, done}})
	return nil
}

// noteState brings what somebody wants of a key's state.
type noteState struct {
	node *node
	key  string
	f    func(l *lane, c *cell, r *running, done chan error)

	handled *atomic.Bool // set when it has to wait for a message
	done    chan error
}

func (n noteState) run(l *lane) {
	r := n.node.run.Load()
	if r == nil || len(r.state) == 0 {
		n.done <- fmt.Errorf("%w: %q", ErrUnknownTarget, n.node.path)
		return
	}
	c := &l.local(n.node).open
	if r.spec.Keyed() {
		c = l.keyed(c.local, n.key)
	} else if !c.loaded && l.shard.keeper == nil {
		l.load(c)
	}
	if l.acts == nil {
		l.acts = map[*cell][]func(){}
	}
	n.handled.Store(c.busy > 0)
	l.acts[c] = append(l.acts[c], func() {
		n.handled.Store(false)
		n.f(l, c, r, n.done)
	})
	if !c.loaded {
		if state, ok := l.shard.keeper.peek(n.node.path, c.key); ok {
			l.loadedState(c, state)
		} else if len(l.acts[c]) == 1 { // the others wait for the same read
			l.fetch(c, false) // noteLoaded attends to it
		}
	}
	l.attend(c)
	l.tidy(c)
}

// attend does what people want of a cell's state, if it is there and nothing of
// the cell is being handled.
func (l *lane) attend(c *cell) {
	if c.busy > 0 || !c.loaded {
		return
	}
	acts := l.acts[c]
	delete(l.acts, c)
	for _, f := range acts {
		f()
	}
}
