package specs

import (
	"fmt"
	"slices"
	"strings"

	"github.com/grow-platform/grow/specs/schema"
)

// flow is how messages move between the nodes of one workflow, whatever the
// rules of its routes say: each may hold.
type flow struct {
	next map[string][]string // nodes that messages of a place may go to
	ends map[string]bool     // places whose messages may end, or leave
}

// flow follows each type that a place sends along its routes.
func (r *router) flow() *flow {
	f := &flow{next: map[string][]string{}, ends: map[string]bool{}}
	f.place(Input, r.w.def.In, r.w)
	for _, n := range r.w.def.Nodes {
		f.place(n.Name, r.sends(n), r.w)
	}
	return f
}

func (f *flow) place(name string, types []string, w *flowFile) {
	f.ends[name] = len(types) == 0
	for _, t := range types {
		taken := false
		for _, route := range w.routes[name] {
			if taken || route.Type != "" && route.Type != t {
				continue
			}
			for _, to := range route.To {
				if w.nodes[to] == nil { // output, drop, deadletter, or a node that could not be read
					f.ends[name] = true
				} else {
					f.next[name] = append(f.next[name], to)
				}
			}
			taken = route.When == ""
		}
		f.ends[name] = f.ends[name] || !taken // what fits no route becomes a dead letter
	}
}

// reached returns the places that messages get to from where they begin.
func (f *flow) reached(begin ...string) map[string]bool {
	seen := map[string]bool{}
	for len(begin) > 0 {
		name := begin[0]
		begin = begin[1:]
		if !seen[name] {
			seen[name] = true
			begin = append(begin, f.next[name]...)
		}
	}
	return seen
}

// leaving returns the places from which a message, or what it causes, may come to an end.
func (f *flow) leaving() map[string]bool {
	before := map[string][]string{}
	var ends []string
	for name, all := range f.next {
		for _, to := range all {
			before[to] = append(before[to], name)
		}
	}
	for name, end := range f.ends {
		if end {
			ends = append(ends, name)
		}
	}
	return (&flow{next: before}).reached(ends...)
}

// endless warns of circles that no message leaves: all that their nodes send
// comes back to them.
func (r *router) endless(f *flow, reached map[string]bool) {
	leaving, told := f.leaving(), map[string]bool{}
	for _, n := range r.w.def.Nodes {
		var way []string
		at := n.Name
		for reached[at] && !leaving[at] && !told[at] && !slices.Contains(way, at) {
			way = append(way, at)
			at = f.next[at][0] // there is one, or it would be an end
		}
		i := slices.Index(way, at)
		for _, name := range way {
			told[name] = true
		}
		if i < 0 {
			continue
		}
		circle := way[i:]
		node := r.w.nodes[circle[0]]
		r.warn(r.w.file, schema.Pos{Line: node.At.Line, Col: node.At.Col}, schema.Join("nodes", node.Name), "spec.cycle",
			fmt.Sprintf("messages go in a circle that they never leave: %s", strings.Join(append(slices.Clone(circle), circle[0]), " -> ")),
			"let a route of it lead to output or to drop")
	}
}
