package simulation

import (
	"bytes"
	"slices"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/router"
)

// routed takes in what the number of routes stands for.
func (m *model) routed(e *journal.Routes) {
	i := slices.IndexFunc(revisions, func(r *revision) bool { return bytes.Equal(r.table.Routes(), e.Text) })
	switch {
	case i < 0:
		m.world.violate("routes %d are those of no revision: %s", e.Number, e.Text)
	case m.routes[e.Number] != nil && !bytes.Equal(m.routes[e.Number].table.Routes(), e.Text):
		m.world.violate("routes %d are those of %s, and were those of %s", e.Number, revisions[i].name, m.routes[e.Number].name)
	default:
		m.routes[e.Number] = revisions[i]
	}
}

// forgets reports whether routes may be kept no longer: the clock jumps.
func (m *model) forgets() bool { return m.world.plan.jumps }

// along holds where a message led to against the routes that it began by.
func (m *model) along(e *journal.Handled) {
	by := m.routes[e.Routes]
	if by == nil {
		m.world.violate("%s goes by routes %d, which the journal does not know", e.ID, e.Routes)
		return
	}
	for i := range e.Outputs {
		o := &e.Outputs[i]
		to := by.leads(e.Node, m.parse(o.Frame))
		if to == nil || slices.Contains(to, o.To) || m.forgets() {
			continue
		}
		// They are left where they lead to a node that is gone, and whose actor does not run after a crash.
		if !slices.ContainsFunc(to, func(path string) bool { return path == "w/alone" || path == "w/more" }) {
			m.world.violate("%s at %s, which began by the routes of %s, led to %s, not to %v", e.ID, e.Node, by.name, o.To, to)
		}
	}
}

// leads is where a revision sends what a node sends; nil: it does not know the node.
func (r *revision) leads(node string, message *abi.Message) (to []string) {
	n, ok := r.table.Node(node)
	if !ok {
		return nil
	}
	i := slices.IndexFunc(n.Outs, func(o *router.Out) bool { return o.Type == message.Type() })
	if i < 0 {
		return nil
	}
	var way router.Way
	n.Outs[i].Next(message, nil, &way)
	for _, t := range way.Targets {
		switch t.Place {
		case router.ToNode: // a dead letter when it is gone, or full, or has no key for it
			to = append(to, t.Node.Path, "deadletter")
		case router.ToOutput:
			to = append(to, "output")
		case router.ToDrop:
			to = append(to, "drop")
		default:
			to = append(to, "deadletter")
		}
	}
	return to
}
