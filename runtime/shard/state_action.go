package shard

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/fold"
)

// Errors of what people do to states.
var (
	// ErrMoved: the value has another revision than the one expected.
	ErrMoved = errors.New("state has another revision")
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

// SetState sets a value of a key at a node, or deletes it when data is nil, if
// its revision is still the one given: 0 for one that is not there. It checks
// data against the declared type and returns the new revision, 0 after a
// deletion, once that is in the journal.
func (s *Shard) SetState(ctx context.Context, node, key, name string, data []byte, revision uint64, by Act) (uint64, error) {
	next := uint64(0)
	err := s.withState(ctx, node, key, func(l *lane, c *cell, r *running, done chan error) {
		var err error
		if next, err = l.setState(c, r, name, data, revision, by, done); err != nil {
			done <- err
		}
	})
	if err != nil {
		return 0, err // the lane may still come to it
	}
	return next, nil
}

// setState makes the change; done gets what the journal says of it, unless it
// returns an error.
func (l *lane) setState(c *cell, r *running, name string, data []byte, revision uint64, by Act, done chan error) (uint64, error) {
	if have := c.state[name].Revision; have != revision {
		return 0, fmt.Errorf("%w: %q of %q at %s has %d, not %d", ErrMoved, name, c.key, c.local.node.path, have, revision)
	}
	var state capability.State
	state.Reset(r.state, c.state)
	next := uint64(0)
	if data == nil {
		state.Delete(name)
	} else {
		var err error
		if next, err = state.Set(name, data); err != nil {
			return 0, fmt.Errorf("%w: %w", ErrState, err)
		}
	}
	a := &journal.Action{Name: journal.ActionSetState, By: by.By, Reason: by.Reason, Time: l.now, Node: c.local.node.path, Key: c.key}
	for _, ch := range state.Changes() {
		a.State = append(a.State, journal.StateChange{Name: ch.Name, Value: ch.Data, Deleted: ch.Data == nil, Revision: ch.Revision})
	}
	l.change(c, state.Changes())
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
	if s.stopping.Load() {
		return ErrStopping
	}
	if err := s.Err(); err != nil {
		return err
	}
	p := s.plan.Load()
	spec, ok := p.table.Node(node)
	if !ok {
		return fmt.Errorf("%w: %q", ErrUnknownTarget, node)
	}
	n := p.nodes[spec.Index]
	if len(spec.Actor.State) == 0 || !spec.Keyed() && key != "" {
		return fmt.Errorf("%w: %s has no state of %q", ErrState, node, key)
	}
	l := s.lanes[n.lane]
	if spec.Keyed() {
		l = s.lanes[spread(key, len(s.lanes))]
	}
	done := make(chan error, 1)
	l.post(event{note: noteState{n, key, f, done}})
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("reach the state: %w", ctx.Err())
	case <-s.context.Done():
		return ErrStopping
	}
}

// noteState brings what somebody wants of a key's state.
type noteState struct {
	node *node
	key  string
	f    func(l *lane, c *cell, r *running, done chan error)
	done chan error
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
	l.acts[c] = append(l.acts[c], func() { n.f(l, c, r, n.done) })
	if !c.loaded && c.busy == 0 {
		if state, ok := l.shard.keeper.peek(n.node.path, c.key); ok {
			l.loadedState(c, state)
		} else if !c.listed {
			l.ensureState(c, r) // noteLoaded attends to it
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

// ListStates lists the keys of a node that have state, in order: those that begin
// with prefix and, when after is not nil, come after it, at most limit.
func (s *Shard) ListStates(ctx context.Context, node, prefix string, after *string, limit int) ([]string, error) {
	p := s.plan.Load()
	spec, ok := p.table.Node(node)
	if !ok {
		return nil, fmt.Errorf("%w: %q", ErrUnknownTarget, node)
	}
	keys := map[string]bool{}
	if err := s.kept(ctx, node, keys); err != nil {
		return nil, err
	}
	// What a lane has is newer.
	for _, l := range s.lanes {
		at := make(chan map[string]bool, 1)
		l.post(event{note: noteKeys{p.nodes[spec.Index], at}})
		select {
		case have := <-at:
			s.resume(ctx, "list states")
			maps.Copy(keys, have)
		case <-s.context.Done():
			return nil, ErrStopping
		}
	}
	var list []string
	for key, has := range keys {
		if has && strings.HasPrefix(key, prefix) && (after == nil || key > *after) {
			list = append(list, key)
		}
	}
	slices.Sort(list)
	return list[:min(len(list), limit)], nil
}

// kept adds the keys of a node that have state where no lane has it.
func (s *Shard) kept(ctx context.Context, node string, keys map[string]bool) error {
	add := func(cells fold.Cells) {
		for c := range cells {
			if c.Node == node {
				keys[strings.Clone(c.Key)] = true
			}
		}
	}
	if s.keeper != nil {
		return s.keeper.each(ctx, add)
	}
	s.states.mu.Lock()
	defer s.states.mu.Unlock()
	add(s.states.of)
	return nil
}

// noteKeys asks a lane which keys of a node it has, and whether they have state.
type noteKeys struct {
	node *node
	at   chan map[string]bool
}

func (n noteKeys) run(l *lane) {
	have := map[string]bool{}
	local := l.local(n.node)
	if local.open.loaded && l.index == n.node.lane {
		have[""] = len(local.open.state) > 0
	}
	for key, c := range local.cells {
		if c.loaded {
			have[key] = len(c.state) > 0
		}
	}
	n.at <- have
}
