package fold

import (
	"fmt"
	"slices"

	"github.com/grow-platform/grow/runtime/journal"
)

// action folds what a person did.
func (w *World) action(e *journal.Action) error {
	w.now = max(w.now, e.Time)
	if e.Name == journal.ActionSetState {
		return w.states.change(Cell{e.Node, e.Key}, e.State)
	}
	if e.Name == journal.ActionDebug || e.Name == journal.ActionDebugEnd {
		return nil // who looks changes nothing
	}
	i := slices.IndexFunc(w.dead, func(d *Dead) bool { return d.ID == e.ID })
	if i >= 0 { // it may have gone because there were too many
		w.deadSize -= w.dead[i].size()
	}
	switch e.Name {
	case journal.ActionEdit:
		if i >= 0 {
			w.dead[i].Frame = slices.Clone(e.Input)
			touch(w.dead[i])
			w.deadSize += w.dead[i].size()
		}
		return nil
	case journal.ActionDrop, journal.ActionRedrive:
		if i >= 0 {
			remove(w.dead[i])
			w.dead = slices.Delete(w.dead, i, i+1)
		}
		if e.Name == journal.ActionDrop {
			return nil
		}
		return w.add(e.Node, e.Key, e.Input, 0, way{e.Routes, firstFlag | apartFlag})
	}
	return fmt.Errorf("%w: action %q, which this version does not know", journal.ErrDamaged, e.Name)
}
