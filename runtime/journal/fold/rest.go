package fold

import (
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/grow-platform/grow/runtime/journal"
)

// Rest goes on with a world after records that are lost, with what does not depend on
// them. An entry is left out when it settles a message, or changes a state, that the
// world does not have as the entry found it; and with it everything else that happens
// to that state, and what it led to. So each value is as it was at some moment, and
// every message that was left out in that way still waits, if the world knows it.
// That a lost record changed another value of the same key cannot be seen.
type Rest struct {
	world *World
	load  func(digest string) (Cells, error) // reads a page of the last snapshot
	off   map[Cell]bool                      // cells whose entries are left out from here on
}

// Rest begins to go on; load reads a page of the last snapshot.
func (w *World) Rest(load func(digest string) (Cells, error)) *Rest {
	return &Rest{w, load, map[Cell]bool{}}
}

// Record folds what fits of a record after the last one, and calls left with each
// other entry, which is valid during the call only. After an error the world is of
// no more use.
func (r *Rest) Record(seq uint64, record []byte, unpack func(*journal.Packed) (journal.Entry, error), left func(e journal.Entry, why error)) error {
	w := r.world
	if seq <= w.sequence {
		return fmt.Errorf("fold record %d: %w: record %d is folded", seq, ErrContradicts, w.sequence)
	}
	parsed, err := journal.Parse(record)
	if err != nil {
		return fmt.Errorf("fold record %d: %w", seq, err)
	}
	w.sequence, w.nth, w.epoch = seq-1, 0, max(w.epoch, parsed.Epoch)
	w.cursor.Reset(parsed)
	for {
		e, err := w.cursor.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if p, ok := e.(*journal.Packed); ok && err == nil {
			e, err = unpack(p)
		}
		if err == nil {
			err = r.entry(e, left)
		}
		if err != nil {
			return fmt.Errorf("fold record %d: %w", seq, err)
		}
	}
	r.End(seq)
	return nil
}

// End says that there are no more records up to one.
func (r *Rest) End(seq uint64) {
	w := r.world
	w.sequence = max(w.sequence, seq)
	w.flows.expire(w.now)
	w.flows.bound(&w.limits)
}

func (r *Rest) entry(e journal.Entry, left func(e journal.Entry, why error)) error {
	if _, ok := e.(*journal.Epoch); ok {
		return nil // Record has seen to it
	}
	c, why, err := r.fits(e)
	if err != nil {
		return err
	}
	if why == nil {
		return r.world.apply(e)
	}
	left(e, why)
	added(e, func([]byte) { // so that the others of the record are found where they lie
		if r.world.nth < math.MaxUint16 {
			r.world.nth++
		}
	})
	if state, err := r.world.State(c, r.load); err != nil {
		return err
	} else if len(state) > 0 || changes(e) {
		r.off[c] = true
	}
	return nil
}

// changes reports whether an entry changes a state.
func changes(e journal.Entry) bool {
	switch e := e.(type) {
	case *journal.Handled:
		return len(e.State) > 0
	case *journal.Action:
		return len(e.State) > 0
	}
	return false
}

// fits says why an entry cannot be folded, or nil, and whose it is.
func (r *Rest) fits(e journal.Entry) (c Cell, why, err error) {
	var state []journal.StateChange
	switch e := e.(type) {
	case *journal.Handled:
		c, state, why = Cell{e.Node, e.Key}, e.State, r.waits(e.ID, e.Node, e.Settles, e.Attempt)
	case *journal.Dead:
		c, why = Cell{e.Node, e.Key}, r.waits(e.ID, e.Node, e.Settles, e.Attempt)
	case *journal.AttemptMade:
		c, why = Cell{e.Node, e.Key}, r.waits(e.ID, e.Node, true, e.Attempt)
	case *journal.Begun:
		c, why = Cell{e.Node, e.Key}, r.waits(e.ID, e.Node, true, e.Attempt)
	case *journal.Action:
		c, state = Cell{e.Node, e.Key}, e.State
		if e.Name != journal.ActionSetState {
			return c, nil, nil
		}
	default:
		return c, nil, nil
	}
	if why == nil && r.off[c] {
		why = fmt.Errorf("%w: what happened to the state of %q at %s before it is lost", ErrContradicts, c.Key, c.Node)
	}
	if why == nil && len(state) > 0 {
		why, err = r.follows(c, state)
	}
	return c, why, err
}

// waits says why a message cannot be settled or tried as an entry says, or nil.
func (r *Rest) waits(id, node string, known bool, attempt uint32) error {
	m := r.world.pending.get(id)
	switch {
	case m == nil && known:
		return fmt.Errorf("%w: how message %s came to %s is lost", ErrContradicts, id, node)
	case m != nil && (!known || r.world.nodes[m.node] != node || m.attempt != attempt):
		return fmt.Errorf("%w: an attempt at message %s is lost", ErrContradicts, id)
	}
	return nil
}

// follows says why changes do not follow what the world has of a state, or nil.
func (r *Rest) follows(c Cell, list []journal.StateChange) (why, err error) {
	have, err := r.world.State(c, r.load)
	if err != nil {
		return nil, err
	}
	for i := range list {
		if rev := have[list[i].Name].Revision; list[i].Revision != rev+1 {
			return fmt.Errorf("%w: what came between revision %d and %d of state %q of %q at %s is lost", ErrContradicts, rev, list[i].Revision, list[i].Name, c.Key, c.Node), nil
		}
	}
	return nil, nil
}
