package fold

import (
	"slices"

	"github.com/grow-platform/grow/runtime/journal"
)

// Routes are those that messages may go by, in the order in which they last came into use
// or out of it: those that new messages go by, and some that others have begun by.
func (w *World) Routes() []journal.Routes { return w.routes }

// routed folds what becomes of routes. There are never two in force, and a trial ends when
// others are.
func (w *World) routed(e *journal.Routes) {
	w.now = max(w.now, e.Time)
	if e.Use == journal.RoutesInForce {
		for i := range w.routes {
			if r := &w.routes[i]; r.Number != e.Number && r.Use != journal.RoutesWithdrawn {
				r.Use, r.Time = journal.RoutesWithdrawn, e.Time
			}
		}
	}
	next := copied(e)
	if i := slices.IndexFunc(w.routes, func(r journal.Routes) bool { return r.Number == e.Number }); i >= 0 {
		if len(next.Text) == 0 {
			next.Text = w.routes[i].Text
		}
		w.routes = slices.Delete(w.routes, i, i+1)
	}
	w.routes = append(w.routes, next)
	over := -w.limits.Routes
	for i := range w.routes {
		if w.routes[i].Use == journal.RoutesWithdrawn {
			over++
		}
	}
	w.routes = slices.DeleteFunc(w.routes, func(r journal.Routes) bool {
		if r.Use != journal.RoutesWithdrawn || over <= 0 {
			return false
		}
		over--
		return true
	})
}

// copied are routes that refer to nothing of the record they come from.
func copied(e *journal.Routes) journal.Routes {
	return journal.Routes{Number: e.Number, Text: slices.Clone(e.Text), Time: e.Time, Use: e.Use}
}
