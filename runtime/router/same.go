package router

import "slices"

// Rerouted names from where messages go other ways in the table next than in this one:
// nodes by their paths, and workflows by their names for what comes in. What only one of
// the two tables has is not among them.
func (t *Table) Rerouted(next *Table) (nodes, workflows []string) {
	for _, n := range t.Nodes {
		if is, ok := next.Node(n.Path); ok && !slices.EqualFunc(n.Outs, is.Outs, func(a, b *Out) bool { return a.Type == b.Type && t.same(a.choice, next, b.choice) }) {
			nodes = append(nodes, n.Path)
		}
	}
	for _, name := range sorted(t.entries) {
		was, is := t.entries[name], next.entries[name]
		if is == nil || was.node != nil || is.node != nil {
			continue
		}
		for _, kind := range sorted(was.inputs) {
			if to := is.inputs[kind]; to == nil || !t.same(was.inputs[kind], next, to) {
				workflows = append(workflows, name)
				break
			}
		}
	}
	return nodes, workflows
}

// same reports whether a choice of this table and one of another lead every message the
// same way. Scopes are nested at most as deep as workflows are, so it ends.
func (t *Table) same(was *choice, next *Table, is *choice) bool {
	return slices.EqualFunc(was.options, is.options, func(a, b option) bool {
		return (a.rule == nil) == (b.rule == nil) && slices.EqualFunc(a.steps, b.steps, func(x, y step) bool {
			switch {
			case t.Edges[x.edge].When != next.Edges[y.edge].When, (x.next == nil) != (y.next == nil):
				return false
			case x.next != nil:
				return t.same(x.next, next, y.next)
			}
			return x.target.Place == y.target.Place && (x.target.Node == nil || x.target.Node.Path == y.target.Node.Path)
		})
	})
}
