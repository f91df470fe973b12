package specs

import (
	"fmt"
	"strings"

	"github.com/grow-platform/grow/specs/schema"
)

// target is what an endpoint sends to.
type target struct {
	name  string // of the actor or workflow that takes the message
	takes []string
	actor string // when the actor itself is named
	scope *use   // otherwise
	node  *Node  // in the scope; nil: the scope's input
}

// use is one use of a workflow: at the top, or as a node of another.
type use struct {
	flow   *Workflow
	parent *use
	name   string // of the node in the parent
}

// target finds what `to` names: an actor, a workflow, or a node by its path.
func (e *endpointFile) target() *target {
	parts := strings.Split(e.def.To, "/")
	if len(parts) == 1 {
		if a := e.service.Actors[parts[0]]; a != nil {
			e.direct(a)
			return &target{name: a.Name, takes: a.In, actor: a.Name}
		}
	}
	w := e.service.Workflows[parts[0]]
	if w == nil && e.broken[parts[0]] {
		return nil // what is wrong with it is said already
	}
	if w == nil {
		known := append(names(e.actors), names(e.flows)...)
		what := "actor or workflow"
		if len(parts) > 1 {
			what, known = "workflow", names(e.flows)
		}
		hint := mean(parts[0], known)
		if e.actors[parts[0]] != nil {
			hint = parts[0] + " is an actor, and has no nodes"
		}
		e.wrong("to", "spec.unknown", fmt.Sprintf("there is no %s %s", what, parts[0]), hint)
		return nil
	}
	scope := &use{flow: w}
	for i, name := range parts[1:] {
		n := e.flows[scope.flow.Name].nodes[name]
		last := i+2 == len(parts)
		switch {
		case n == nil && e.flows[scope.flow.Name].tree.Get("nodes").Get(name) != nil:
			return nil // likewise
		case n == nil:
			var known []string
			for _, n := range scope.flow.Nodes {
				known = append(known, n.Name)
			}
			e.wrong("to", "spec.unknown", fmt.Sprintf("%s has no node %s", strings.Join(parts[:i+1], "/"), name), mean(name, known))
			return nil
		case last && n.Workflow != "":
			e.wrong("to", "spec.endpoint", fmt.Sprintf("%s is a workflow inside of another", e.def.To), "name one of its nodes, or the workflow "+n.Workflow)
			return nil
		case last:
			return &target{name: n.filling(), takes: e.takes(n), scope: scope, node: n}
		case n.Workflow == "":
			e.wrong("to", "spec.unknown", fmt.Sprintf("%s is an actor, and has no nodes", strings.Join(parts[:i+2], "/")))
			return nil
		}
		scope = &use{flow: e.service.Workflows[n.Workflow], parent: scope, name: name}
	}
	return &target{name: w.Name, takes: w.In, scope: scope}
}

// direct checks what an actor needs to be a node of its own.
func (e *endpointFile) direct(a *Actor) {
	if needs := e.actors[a.Name].needs; needs != "" {
		e.problem(e.file, e.n.Get("to").Place(), e.where+".to", "spec.config", fmt.Sprintf("the actor %s needs config.%s, and nothing sets it here", a.Name, needs), "make it a node of a workflow, which can set it")
	}
	if len(a.State) == 0 {
		return
	}
	for _, name := range names(e.flows) {
		for _, n := range e.flows[name].def.Nodes {
			if n.Actor == a.Name {
				path := name + "/" + n.Name
				e.warn(e.file, e.n.Get("to").Place(), e.where+".to", "spec.state", fmt.Sprintf("%s has a state of its own, which is not that of the node %s", a.Name, path), "write to: "+path+" to get there")
				return
			}
		}
	}
}

// ways is what a message may cause.
type ways struct {
	actors map[string]bool // that may handle something of it
	out    map[string]bool // types that may get to the outermost output
	unsure bool            // something on the way is wrong: there may be more
}

// follower walks all ways from a target.
type follower struct {
	*endpointFile
	found ways
	seen  map[string]bool // node paths
	busy  map[string]bool // places being decided: a circle without an actor
	done  map[string]bool // places decided
	next  []place         // actors whose messages are still to be followed
	wrong bool
}

// place is a node of one use of a workflow.
type place struct {
	use  *use
	node *Node
}

func newFollower(e *endpointFile) *follower {
	return &follower{endpointFile: e, found: ways{actors: map[string]bool{}, out: map[string]bool{}}, seen: map[string]bool{}, busy: map[string]bool{}, done: map[string]bool{}}
}

// follow returns nil after a report.
func (e *endpointFile) follow(t *target) *ways {
	f := newFollower(e)
	switch {
	case t.actor != "":
		f.found.actors[t.actor] = true
		f.found.unsure = f.dirty[f.actors[t.actor].file]
		for _, out := range e.service.Actors[t.actor].Out {
			f.found.out[out] = true
		}
	case t.node != nil:
		f.visit(t.scope, t.node)
	default:
		f.choose(t.scope, Input, e.def.Send)
	}
	f.drain()
	if f.wrong {
		return nil
	}
	return &f.found
}

func (u *use) path() string {
	if u.parent == nil {
		return u.flow.Name
	}
	return u.parent.path() + "/" + u.name
}

func (f *follower) visit(u *use, n *Node) {
	key := u.path() + "/" + n.Name
	if f.seen[key] {
		return
	}
	f.seen[key] = true
	f.found.unsure = f.found.unsure || f.dirty[f.actors[n.Actor].file]
	f.found.actors[n.Actor] = true
	f.next = append(f.next, place{u, n})
}

// drain follows what the actors visited send. They wait until the places
// before them are decided: a way that passes an actor is no circle.
func (f *follower) drain() {
	for len(f.next) > 0 {
		p := f.next[0]
		f.next = f.next[1:]
		for _, t := range f.service.Actors[p.node.Actor].Out {
			f.choose(p.use, p.node.Name, t)
		}
	}
}

// choose follows the routes of one type from one place.
func (f *follower) choose(u *use, from, typ string) {
	key := u.path() + "/" + from + " " + typ
	if f.busy[key] {
		if !f.wrong {
			w := f.flows[u.flow.Name]
			f.problem(w.file, w.tree.Get("routes").Place(), "routes", "spec.cycle", fmt.Sprintf("%s goes in a circle that passes no actor", typ))
		}
		f.wrong = true
		return
	}
	if f.done[key] {
		return
	}
	f.busy[key] = true
	f.found.unsure = f.found.unsure || f.dirty[f.flows[u.flow.Name].file]
	defer func() {
		delete(f.busy, key)
		f.done[key] = true
	}()
	for _, r := range f.flows[u.flow.Name].routes[from] {
		if r.Type != "" && r.Type != typ {
			continue
		}
		for _, to := range r.To {
			f.step(u, to, typ)
		}
		if r.When == "" {
			return
		}
	}
}

func (f *follower) step(u *use, to, typ string) {
	switch to {
	case Drop, DeadLetter:
	case Output:
		if u.parent == nil {
			f.found.out[typ] = true
			return
		}
		f.choose(u.parent, u.name, typ)
	default:
		n := f.flows[u.flow.Name].nodes[to]
		if n == nil {
			return
		}
		if n.Workflow != "" {
			f.choose(&use{flow: f.service.Workflows[n.Workflow], parent: u, name: n.Name}, Input, typ)
			return
		}
		f.visit(u, n)
	}
}

// circles finds routes that go in a circle without an actor, also where no
// endpoint leads.
func (l *loader) circles() {
	for _, name := range names(l.flows) {
		f := newFollower(&endpointFile{loader: l, n: &schema.Node{}, def: &Endpoint{}})
		top := &use{flow: l.flows[name].def}
		for _, t := range top.flow.In {
			f.choose(top, Input, t)
		}
		f.all(top)
		f.drain()
	}
}

// all visits every actor of a workflow, and of those inside of it.
func (f *follower) all(u *use) {
	for _, n := range u.flow.Nodes {
		if n.Workflow == "" {
			f.visit(u, n)
			continue
		}
		f.all(&use{flow: f.service.Workflows[n.Workflow], parent: u, name: n.Name})
	}
}
