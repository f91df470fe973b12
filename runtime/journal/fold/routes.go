package fold

import (
	"slices"

	"github.com/grow-platform/grow/runtime/journal"
)

// Routes are those that messages may go by, in the order in which they last came into use
// or out of it: those that new messages go by, and some that others have begun by.
func (w *World) Routes() []journal.Routes { return w.routes }

// routed folds what becomes of routes. There are never two in force, nor two tried, and a
// trial ends when others are put in force. What ends so is what was used last.
func (w *World) routed(e *journal.Routes) {
	w.now = max(w.now, e.Time)
	next := copied(e)
	var rest, ended []journal.Routes
	for _, r := range w.routes {
		switch {
		case r.Number == e.Number:
			if len(next.Text) == 0 {
				next.Text = r.Text
			}
		case r.Use != journal.RoutesWithdrawn && (e.Use == journal.RoutesInForce || e.Use == r.Use):
			r.Use, r.Time = journal.RoutesWithdrawn, e.Time
			ended = append(ended, r)
		default:
			rest = append(rest, r)
		}
	}
	w.routes = append(append(rest, ended...), next)
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
