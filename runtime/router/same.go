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

// Reached are the nodes, by path, that messages of a node may be sent to, or those that come
// into a workflow. Others get only what is sent to them by their names.
func (t *Table) Reached() map[string]bool {
	reached := map[string]bool{}
	follow := func(c *choice) {
		for _, n := range c.nodes(nil) {
			reached[n.Path] = true
		}
	}
	for _, n := range t.Nodes {
		for _, out := range n.Outs {
			follow(out.choice)
		}
	}
	for _, e := range t.entries {
		for _, c := range e.inputs {
			follow(c)
		}
	}
	return reached
}

// Leads reports whether a message that comes in by an entry, or what it leads to, may come to
// one of some nodes, given by path.
func (t *Table) Leads(entry string, to []string) bool {
	e := t.entries[entry]
	if e == nil {
		return false
	}
	var next []*Node
	if e.node != nil {
		next = append(next, e.node)
	}
	for _, c := range e.inputs {
		next = c.nodes(next)
	}
	seen := map[*Node]bool{}
	for len(next) > 0 {
		n := next[len(next)-1]
		next = next[:len(next)-1]
		if slices.Contains(to, n.Path) {
			return true
		}
		if !seen[n] {
			seen[n] = true
			next = append(next, n.Next...)
		}
	}
	return false
}

// Entries are the names by which messages may come in, in their order.
func (t *Table) Entries() []string { return sorted(t.entries) }

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
