package compare

import (
	"fmt"
	"strings"

	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/shape"
)

// Workflows compares a workflow of one service with one of another: what it
// takes and sends by role, and what moved within it.
func Workflows(old *specs.Service, oldName string, new *specs.Service, newName string, o Options) []Change {
	r := &report{opts: o}
	a, b := old.Workflows[oldName], new.Workflows[newName]
	r.workflow(old, new, a, b, shape.Break)
	r.ports(old, new, a.In, b.In, shape.In, "workflow "+newName)
	r.ports(old, new, a.Out, b.Out, shape.Out, "workflow "+newName)
	return r.changes
}

func (r *report) workflow(old, new *specs.Service, a, b *specs.Workflow, sending shape.Verdict) {
	r.about("workflow %s", b.Name)
	if a.Name != b.Name {
		r.add("workflow", shape.Break, Interface, "renamed", "was %s", a.Name)
	}
	r.lists(a.In, b.In, a.Out, b.Out, sending)
	r.nodes(old, new, a, b)
	r.routes(a, b)
}

func (r *report) nodes(old, new *specs.Service, a, b *specs.Workflow) {
	was, is := map[string]*specs.Node{}, map[string]*specs.Node{}
	for _, n := range a.Nodes {
		was[n.Name] = n
	}
	for _, n := range b.Nodes {
		is[n.Name] = n
	}
	for _, name := range union(was, is) {
		x, y, path := was[name], is[name], "nodes."+name
		switch {
		case y == nil:
			r.leaves(old, path, x, "is gone; it was %s")
		case x == nil:
			r.info(path, "is new: %s", filling(y))
		case filling(x) != filling(y):
			r.leaves(old, path, x, "is "+filling(y)+" now; it was %s")
		default:
			if string(x.Config) != string(y.Config) {
				r.info(path+".config", "changed from %s to %s", short(x.Config), short(y.Config))
			}
			if inherited := x.Actor != "" && x.Scale == old.Actors[x.Actor].Scale && y.Scale == new.Actors[y.Actor].Scale; !inherited {
				r.scale(path+".scale", x.Scale, y.Scale)
			}
		}
	}
}

// leaves is about a node that an actor no longer fills. What it kept stays
// behind: state belongs to the path of the node.
func (r *report) leaves(old *specs.Service, path string, n *specs.Node, format string) {
	if a := old.Actors[n.Actor]; a != nil && len(a.State) > 0 {
		r.add(path, shape.Warn, State, "node.state", format+", whose state stays behind", filling(n))
		return
	}
	r.info(path, format, filling(n))
}

func filling(n *specs.Node) string {
	if n.Workflow != "" {
		return "the workflow " + n.Workflow
	}
	return "the actor " + n.Actor
}

func short(config []byte) string {
	const longest = 60
	switch {
	case config == nil:
		return "none"
	case len(config) > longest:
		return strings.ToValidUTF8(string(config[:longest]), "") + "…"
	}
	return string(config)
}

// routes says which routes are gone, new or in another place: of those from
// one node the first that fits takes a message.
func (r *report) routes(a, b *specs.Workflow) {
	was, is := edges(a), edges(b)
	for _, e := range less(was, is) {
		r.info("routes", "gone: %s", e)
	}
	for _, e := range less(is, was) {
		r.info("routes", "new: %s", e)
	}
	kept, now := less(was, less(was, is)), less(is, less(is, was))
	for i := range min(len(kept), len(now)) {
		if kept[i] != now[i] {
			r.info("routes", "in another order from here on: %s", now[i])
			return
		}
	}
}

// edges writes routes as people read them.
func edges(w *specs.Workflow) []string {
	var out []string
	for _, e := range w.Routes {
		s := fmt.Sprintf("%s -> %s", e.From, strings.Join(e.To, " and "))
		if e.Type != "" {
			s += ", " + e.Type
		}
		if e.When != "" {
			s += ", when " + e.When
		}
		out = append(out, s)
	}
	return out
}
