package native

import (
	"context"
	"debug/dwarf"
	"errors"
	"fmt"
)

// Limits of the work that debug information may make, for all units of a module
// together. A unit of work takes some 20 nanoseconds.
const (
	openMax = 100_000_000 // units that opening a module takes. Real: 4 million for 3 MB
	lookMax = 10_000_000  // units that looking at a guest takes, each time
	keptMax = 2_000_000   // scopes, variables, ranges, members and files that are kept, with their names. Real: 200,000
)

// errHuge is for debug information that takes more than its limits allow.
var errHuge = fmt.Errorf("%w: it is too large, or refers to itself", errDebug)

// work is what may still be done. It is not safe for concurrent use.
type work struct {
	ctx  context.Context // its end is the end of the work
	left int
	kept int // of keptMax
	err  error
	next int // what of left is left when ctx is asked again
}

// begin gives the work that follows a limit of its own.
func (w *work) begin(ctx context.Context, units int) {
	w.ctx, w.left, w.next, w.err = ctx, units, units, nil
}

// spend takes units of work; false: there are no more, and err says why.
func (w *work) spend(n int) bool {
	w.left -= n
	switch {
	case w.err != nil:
	case n < 0 || w.left < 0:
		w.err = errHuge
	case w.left < w.next:
		w.next = w.left - 1<<16
		w.err = w.ctx.Err()
	}
	return w.err == nil
}

// keep notes that something is kept in memory.
func (w *work) keep(n int) bool {
	if w.kept += n; w.kept > keptMax && w.err == nil {
		w.err = errHuge
	}
	return w.spend(n)
}

// entryWork is the units of work that an entry takes, besides what it says.
const entryWork = 20

// next reads an entry.
func (s *symbols) next(r *dwarf.Reader) (*dwarf.Entry, error) {
	if !s.spend(1) {
		return nil, s.err
	}
	e, err := r.Next()
	if err != nil || e == nil {
		return nil, errors.Join(errDebug, err)
	}
	cost := entryWork + 2*len(e.Field)
	for i := range e.Field {
		if text, ok := e.Field[i].Val.(string); ok {
			cost += len(text) / 16
		}
	}
	if !s.spend(cost) {
		return nil, s.err
	}
	return e, nil
}

// skip goes on behind what is in an entry that was just read. debug/dwarf's own goes as
// deep as a module says, and wherever it says the next entry is.
func (s *symbols) skip(r *dwarf.Reader, e *dwarf.Entry) error {
	if !e.Children {
		return nil
	}
	if at, ok := e.Val(dwarf.AttrSibling).(dwarf.Offset); ok && at > e.Offset {
		r.Seek(at)
		return nil
	}
	for depth := 1; depth > 0; {
		e, err := s.next(r)
		switch {
		case err != nil:
			return err
		case e.Tag == 0:
			depth--
		case e.Children:
			depth++
		}
	}
	return nil
}
