package specs

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/grow-platform/grow/specs/schema"
)

// router checks the routes of one workflow.
type router struct {
	*loader
	w     *flowFile
	named map[string]bool // nodes as written, those that are wrong too
	// taken has, for each node and type, the line of the route that takes all of it.
	taken   map[edge]int
	some    map[edge]bool   // types of which a route takes some
	reached map[string]bool // nodes that a route names
	left    map[string]bool // types that get to output
}

type edge struct{ from, typ string }

func (l *loader) routes(w *flowFile) {
	n := w.tree.Get("routes")
	if n == nil || n.Kind != schema.List {
		return
	}
	r := &router{loader: l, w: w, taken: map[edge]int{}, some: map[edge]bool{}, named: map[string]bool{}, reached: map[string]bool{}, left: map[string]bool{}}
	if nodes := w.tree.Get("nodes"); nodes != nil {
		for _, f := range nodes.Fields {
			r.named[f.Key] = true
		}
	}
	before := l.wrong
	for i, item := range n.Items {
		if item.Kind == schema.Map {
			r.route(item, schema.At("routes", i))
		}
	}
	if l.wrong == before && !l.typesBroken {
		r.leftovers()
	}
}

func (r *router) route(n *schema.Node, where string) {
	from, typ, to := n.Get("from"), n.Get("type"), n.Get("to")
	route := &Route{From: from.String(), Type: typ.String(), When: n.Get("when").String(), At: at(r.w.file, n.Pos)}
	if to != nil && to.Kind != schema.Map {
		route.To = to.Texts()
	}
	r.w.def.Routes = append(r.w.def.Routes, route)
	r.w.routes[route.From] = append(r.w.routes[route.From], route)
	r.targets(route, to, where)
	types, ok := r.source(route, from, where)
	if !ok {
		return
	}
	if route.Type != "" {
		if !r.knownType(r.w.file, typ, where+".type", route.Type) && !r.mayBeType(route.Type) {
			return
		}
		if !slices.Contains(types, route.Type) {
			if r.unsure(route.From) {
				return
			}
			r.problem(r.w.file, typ.Pos, where+".type", "spec.route", r.doesNotSend(route.From, route.Type, types), schema.Mean(route.Type, types))
			return
		}
		types = []string{route.Type}
	}
	r.pass(route, n, where, types)
}

// unsure reports whether what a place sends is not known for a mistake elsewhere.
func (r *router) unsure(from string) bool {
	if n := r.w.nodes[from]; n != nil {
		return r.loose[n.filling()]
	}
	return r.loose[r.w.def.Name]
}

func (r *router) doesNotSend(from, typ string, types []string) string {
	if from == Input {
		return fmt.Sprintf("%s is not in the workflow's in", typ)
	}
	if len(types) == 0 {
		return fmt.Sprintf("%s sends nothing", from)
	}
	return fmt.Sprintf("%s does not send %s; it sends %s", from, typ, enumerate(types))
}

// source returns the types that come from a route's from.
func (r *router) source(route *Route, n *schema.Node, where string) ([]string, bool) {
	switch {
	case route.From == "":
		return nil, false
	case route.From == Input:
		return r.w.def.In, true
	case route.From == Output || route.From == Drop || route.From == DeadLetter:
		r.problem(r.w.file, n.Pos, where+".from", "spec.route", fmt.Sprintf("nothing comes from %s", route.From))
		return nil, false
	}
	if node := r.w.nodes[route.From]; node != nil {
		return r.sends(node), true
	}
	if !r.named[route.From] && !r.w.unknown {
		r.problem(r.w.file, n.Pos, where+".from", "spec.unknown", fmt.Sprintf("there is no node %s", route.From), cmp.Or(placeMeant(route.From), mean(route.From, append([]string{Input}, names(r.named)...))))
	}
	return nil, false
}

// otherPlaces are names that other systems have for places.
var otherPlaces = map[string]string{
	"start": Input, "begin": Input, "source": Input, "trigger": Input, "in": Input,
	"end": Output, "finish": Output, "done": Output, "result": Output, "response": Output, "out": Output, "sink": Output, "reply": Output, "exit": Output,
	"dlq": DeadLetter, "dead-letter": DeadLetter, "deadletters": DeadLetter, "dead-letters": DeadLetter, "error": DeadLetter, "errors": DeadLetter, "failed": DeadLetter,
	"discard": Drop, "null": Drop, "none": Drop, "ignore": Drop, "nowhere": Drop,
}

func placeMeant(name string) string {
	if place := otherPlaces[name]; place != "" {
		return fmt.Sprintf("did you mean %q?", place)
	}
	return ""
}

// targets checks that where a route leads exists.
func (r *router) targets(route *Route, n *schema.Node, where string) {
	for i, name := range route.To {
		item, at := n, where+".to"
		if n.Kind == schema.List {
			item, at = n.Items[i], schema.At(where+".to", i)
		}
		switch {
		case name == "" || name == Output:
		case name == Drop || name == DeadLetter:
			if len(route.To) > 1 {
				r.warn(r.w.file, item.Pos, at, "spec.route", fmt.Sprintf("the message goes to other places too, besides %s", name))
			}
		case name == Input:
			r.problem(r.w.file, item.Pos, at, "spec.route", "nothing goes to input: it is where messages come from")
		case r.named[name], r.w.unknown:
			r.reached[name] = true
		default:
			r.problem(r.w.file, item.Pos, at, "spec.unknown", fmt.Sprintf("there is no node %s", name),
				cmp.Or(placeMeant(name), mean(name, append(names(r.named), Output, Drop, DeadLetter))))
		}
		if slices.Index(route.To, name) < i && name != "" {
			r.problem(r.w.file, item.Pos, at, "spec.duplicate", name+" is given twice")
		}
	}
}

// pass follows the types that a route may take to its targets.
func (r *router) pass(route *Route, n *schema.Node, where string, types []string) {
	var live []string
	line := 0
	for _, t := range types {
		if by, all := r.taken[edge{route.From, t}]; all {
			line = by
			continue
		}
		live = append(live, t)
	}
	if len(live) == 0 {
		if line > 0 {
			r.warn(r.w.file, n.Pos, where, "spec.unreachable", fmt.Sprintf("no message gets to this route: the one on line %d takes them all", line))
		}
		return
	}
	r.rule(r.w.file, n.Get("when"), where+".when", live)
	to := n.Get("to")
	for i, name := range route.To {
		item, at := to, where+".to"
		if to.Kind == schema.List {
			item, at = to.Items[i], schema.At(where+".to", i)
		}
		r.accepts(item, at, name, live)
	}
	for _, t := range live {
		r.some[edge{route.From, t}] = true
		if route.When == "" {
			r.taken[edge{route.From, t}] = n.Pos.Line
		}
	}
}

// accepts checks that a target takes all types that may get to it.
func (r *router) accepts(n *schema.Node, at, name string, types []string) {
	if name == Output {
		for _, t := range types {
			r.left[t] = true
			if !slices.Contains(r.w.def.Out, t) && !r.loose[r.w.def.Name] {
				r.problem(r.w.file, n.Pos, at, "spec.route", fmt.Sprintf("%s gets to output and is not in the workflow's out", t))
				return
			}
		}
		return
	}
	node := r.w.nodes[name]
	if node == nil {
		return
	}
	takes := r.takes(node)
	if r.loose[node.filling()] {
		return
	}
	fits := func(t string) bool { return slices.Contains(takes, t) }
	for _, t := range types {
		if !fits(t) {
			var hint []string
			if i := slices.IndexFunc(types, fits); i >= 0 {
				hint = []string{"a route may be for one type: type: " + types[i]}
			}
			r.problem(r.w.file, n.Pos, at, "spec.route", fmt.Sprintf("%s does not take %s; it takes %s", name, t, enumerate(takes)), hint...)
			return
		}
	}
}

// leftovers warns of what no route takes, of nodes that nothing gets to and of
// circles that nothing leaves.
func (r *router) leftovers() {
	w, f := r.w, r.flow()
	begin := []string{Input}
	for _, n := range w.def.Nodes {
		if r.asked(n) {
			begin = append(begin, n.Name)
		}
	}
	reached := f.reached(begin...)
	end := func(from string, pos schema.Pos, where string, types []string) {
		for _, t := range types {
			switch e := (edge{from, t}); {
			case r.taken[e] > 0:
			case r.some[e]:
				r.warn(w.file, pos, schema.Join(where, t), "spec.unrouted", fmt.Sprintf("%s that fits no rule has no route: it becomes a dead letter", t))
			default:
				r.warn(w.file, pos, schema.Join(where, t), "spec.unrouted", fmt.Sprintf("%s from %s has no route: it becomes a dead letter", t, from), "drop it with {from: "+from+", type: "+t+", to: drop}")
			}
		}
	}
	end(Input, w.tree.Get("in").Place(), "in", w.def.In)
	for _, n := range w.def.Nodes {
		pos := schema.Pos{Line: n.At.Line, Col: n.At.Col}
		end(n.Name, pos, schema.Join("nodes", n.Name), r.sends(n))
		switch {
		case reached[n.Name]:
		case r.reached[n.Name]:
			r.warn(w.file, pos, schema.Join("nodes", n.Name), "spec.unreachable", "nothing that comes in gets to this node: the routes to it begin at nodes that nothing gets to")
		default:
			r.warn(w.file, pos, schema.Join("nodes", n.Name), "spec.unreachable", "no route and no endpoint leads to this node")
		}
	}
	r.endless(f, reached)
	for i, t := range w.def.Out {
		if !r.left[t] {
			r.warn(w.file, w.tree.Get("out").Items[i].Pos, schema.At("out", i), "spec.unreachable", fmt.Sprintf("%s never gets to output", t))
		}
	}
}

// asked reports whether an endpoint may name a node by its path: the last two
// parts of one, whatever it is nested in.
func (r *router) asked(n *Node) bool {
	http := r.tree.Get("http")
	if http == nil || http.Kind != schema.Map {
		return false
	}
	for _, f := range http.Fields {
		if to := f.Value.Get("to").String(); lastPart(to) == n.Name && to != n.Name {
			return true
		}
	}
	return false
}
