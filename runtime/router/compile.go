package router

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/rule"
	"github.com/grow-platform/grow/specs/shape"
)

// scope is one use of a workflow: at the top, or as a node of another.
type scope struct {
	flow   *specs.Workflow
	path   string // node path of this use; the workflow's name at the top
	parent *scope
	name   string // the node's name in the parent
	nodes  map[string]*Node
	inner  map[string]*scope
}

type compiler struct {
	service *specs.Service
	table   *Table
	last    *expressions // that need not be compiled again
	choices map[place]*choice
	busy    map[place]bool
}

// place is a point of decision: what follows after node from of a scope (or
// its input), for one type of message.
type place struct {
	scope *scope
	from  string
	typ   string
}

// Compile builds the table of a service that has been loaded and validated.
// Errors name the place in the files; a service that passed grow vet has none.
func Compile(s *specs.Service) (*Table, error) { return CompileAfter(s, &Table{}) }

// CompileAfter is Compile for a service of which last was another revision: rules and keys
// that both have, for types that were loaded once, are not compiled again.
func CompileAfter(s *specs.Service, last *Table) (*Table, error) {
	c := &compiler{
		service: s,
		table: &Table{
			byPath: map[string]*Node{}, entries: map[string]*Entry{}, types: s.Types,
			expressions: expressions{map[string][]compiled[*rule.Rule]{}, map[string][]compiled[*rule.Key]{}},
		},
		last:    &last.expressions,
		choices: map[place]*choice{},
		busy:    map[place]bool{},
	}
	var scopes []*scope
	for _, name := range sorted(s.Workflows) {
		top, err := c.open(s.Workflows[name], name, nil, "")
		if err != nil {
			return nil, err
		}
		scopes = append(scopes, top)
	}
	for _, name := range sorted(s.Actors) {
		if err := c.standalone(name); err != nil {
			return nil, err
		}
	}
	for _, top := range scopes {
		if err := c.connect(top); err != nil {
			return nil, err
		}
	}
	c.next()
	for _, n := range c.table.Nodes {
		for _, o := range n.Outs {
			o.always, o.along = o.choice.only()
			o.most = o.choice.most()
		}
	}
	c.endpoints()
	t := c.table
	t.routes = sync.OnceValue(func() []byte { return t.write(s) })
	return t, nil
}

func sorted[T any](m map[string]T) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// open makes the nodes of one use of a workflow.
func (c *compiler) open(w *specs.Workflow, path string, parent *scope, name string) (*scope, error) {
	for s := parent; s != nil; s = s.parent {
		if s.flow == w {
			return nil, fmt.Errorf("compile workflow %s: it contains itself through %s", w.Name, path)
		}
	}
	s := &scope{flow: w, path: path, parent: parent, name: name, nodes: map[string]*Node{}, inner: map[string]*scope{}}
	for _, n := range w.Nodes {
		at := path + "/" + n.Name
		if n.Workflow != "" {
			flow := c.service.Workflows[n.Workflow]
			if flow == nil {
				return nil, fmt.Errorf("compile node %s: there is no workflow %q", at, n.Workflow)
			}
			inner, err := c.open(flow, at, s, n.Name)
			if err != nil {
				return nil, err
			}
			s.inner[n.Name] = inner
			continue
		}
		actor := c.service.Actors[n.Actor]
		if actor == nil {
			return nil, fmt.Errorf("compile node %s: there is no actor %q", at, n.Actor)
		}
		node, err := c.node(at, actor, n.Config, n.Scale)
		if err != nil {
			return nil, err
		}
		s.nodes[n.Name] = node
	}
	return s, nil
}

// node adds a node to the table, as an entry of its own too.
func (c *compiler) node(path string, actor *specs.Actor, config []byte, scale specs.Scale) (*Node, error) {
	n := &Node{
		Index: len(c.table.Nodes), Path: path, Actor: actor, Config: config, Scale: scale,
		in: map[string]bool{},
	}
	for _, t := range actor.In {
		n.in[t] = true
	}
	if err := c.compileKeys(n); err != nil {
		return nil, err
	}
	n.keyed = n.keys != nil || n.anyKey != nil
	n.exclusive = n.keyed || len(actor.State) > 0
	for _, t := range actor.Out {
		n.Outs = append(n.Outs, &Out{
			Type: t, Shape: c.checked(t), Sender: abi.Share(abi.Type, t, abi.Source, path),
			SenderJSON: abi.Share(abi.Type, t, abi.Source, path, abi.ContentType, abi.ContentJSON),
		})
	}
	c.table.Nodes = append(c.table.Nodes, n)
	c.table.byPath[path] = n
	c.table.entries[path] = &Entry{Name: path, node: n}
	return n, nil
}

// checked returns the type's shape, nil when nothing is to be checked.
func (c *compiler) checked(name string) *shape.Type {
	t := c.service.Types[name]
	if t == nil || t.Any() || t.Raw() {
		return nil
	}
	return t
}

func (c *compiler) compileKeys(n *Node) error {
	if n.Actor.Key == nil {
		return nil
	}
	n.keys = map[string]*rule.Key{}
	for typ, source := range n.Actor.Key {
		types := []string{typ}
		if typ == "" {
			types = n.Actor.In
		}
		var shapes []*shape.Type
		for _, t := range types {
			if _, own := n.Actor.Key[t]; own && typ == "" {
				continue
			}
			shapes = append(shapes, c.service.Types[t])
		}
		key, err := c.key(source, shapes, nil)
		if err != nil {
			return fmt.Errorf("compile key of %s: %w", n.Path, err)
		}
		if typ != "" {
			n.keys[typ] = key
			continue
		}
		n.anyKey = key
		for _, t := range types { // a key of one type knows where its fields are
			if _, own := n.Actor.Key[t]; own || c.checked(t) == nil {
				continue
			}
			if n.keys[t], err = c.key(source, shapes, c.service.Types[t]); err != nil {
				return fmt.Errorf("compile key of %s: %w", n.Path, err)
			}
		}
	}
	return nil
}

// standalone makes the node that an actor named directly is: everything it
// sends goes out.
func (c *compiler) standalone(name string) error {
	if _, taken := c.table.byPath[name]; taken {
		return nil
	}
	if !c.named(name) {
		return nil
	}
	actor := c.service.Actors[name]
	n, err := c.node(name, actor, actor.ConfigDefault, actor.Scale)
	if err != nil {
		return err
	}
	for _, out := range n.Outs {
		edge := c.edge(Edge{From: name, To: name + "/" + specs.Output, Type: out.Type})
		out.choice = &choice{from: name, options: []option{{steps: []step{{target: Target{Place: ToOutput}, edge: edge}}}}}
	}
	return nil
}

// named reports whether an actor is a node of its own: an endpoint or a source names it,
// or no workflow uses it.
func (c *compiler) named(actor string) bool {
	if c.service.Takes(actor) {
		return true
	}
	for _, w := range c.service.Workflows {
		for _, n := range w.Nodes {
			if n.Actor == actor {
				return false
			}
		}
	}
	return true
}

// connect compiles the choices of a scope's nodes and inner scopes.
func (c *compiler) connect(s *scope) error {
	for _, name := range sorted(s.nodes) {
		for _, out := range s.nodes[name].Outs {
			choice, err := c.choose(place{s, name, out.Type})
			if err != nil {
				return err
			}
			out.choice = choice
		}
	}
	for _, name := range sorted(s.inner) {
		if err := c.connect(s.inner[name]); err != nil {
			return err
		}
	}
	if s.parent != nil {
		return nil
	}
	entry := &Entry{Name: s.path, inputs: map[string]*choice{}}
	for _, t := range s.flow.In {
		choice, err := c.choose(place{s, specs.Input, t})
		if err != nil {
			return err
		}
		entry.inputs[t] = choice
	}
	c.table.entries[s.path] = entry
	return nil
}

// choose compiles the routes from one place for one type.
func (c *compiler) choose(p place) (*choice, error) {
	if done := c.choices[p]; done != nil {
		return done, nil
	}
	from := p.scope.path
	if p.from != specs.Input {
		from += "/" + p.from
	}
	if c.busy[p] {
		return nil, fmt.Errorf("compile routes of %s: %s would be routed in a circle that passes no actor", from, p.typ)
	}
	c.busy[p] = true
	defer delete(c.busy, p)
	out := &choice{from: from}
	for _, r := range p.scope.flow.Routes {
		if r.From != p.from || r.Type != "" && r.Type != p.typ {
			continue
		}
		o := option{}
		if r.When != "" {
			compiled, err := c.rule(r.When, c.service.Types[p.typ])
			if err != nil {
				return nil, fmt.Errorf("%s:%d: compile rule: %w", r.At.File, r.At.Line, err)
			}
			o.rule, o.named = compiled, fmt.Sprintf("%s:%d: %s", r.At.File, r.At.Line, strings.Join(strings.Fields(r.When), " "))
		}
		for _, to := range r.To {
			st, err := c.step(p, to, from)
			if err != nil {
				return nil, err
			}
			st.edge = c.edge(Edge{From: p.scope.end(p.from, specs.Output), To: p.scope.end(to, specs.Input), When: strings.Join(strings.Fields(r.When), " "), Type: p.typ})
			o.steps = append(o.steps, st)
		}
		out.options = append(out.options, o)
		if o.rule == nil {
			break // nothing after an unconditional route is reached
		}
	}
	c.choices[p] = out
	return out, nil
}

// edge adds an edge to the table, and returns its index.
func (c *compiler) edge(e Edge) int32 {
	c.table.Edges = append(c.table.Edges, e)
	return int32(len(c.table.Edges) - 1)
}

// end names an end of a route; inner is the place of a workflow that it leads to.
func (s *scope) end(name, inner string) string {
	at := s.path + "/" + name
	if s.inner[name] != nil {
		at += "/" + inner
	}
	return at
}

// endpoints adds the edges of the service's endpoints.
func (c *compiler) endpoints() {
	for _, e := range c.service.Endpoints {
		entry, ok := c.table.entries[e.To]
		if !ok {
			continue // nothing comes in there
		}
		to := e.To
		if entry.node == nil {
			to += "/" + specs.Input
		}
		if entry.from == nil {
			entry.from = map[string]int32{}
		}
		entry.from[e.Name()] = c.edge(Edge{From: e.Name(), To: to, Type: e.Send})
	}
}

func (c *compiler) step(p place, to, from string) (step, error) {
	switch to {
	case specs.Drop:
		return step{target: Target{Place: ToDrop}}, nil
	case specs.DeadLetter:
		return step{target: Target{Place: ToDeadLetter, From: from}}, nil
	case specs.Output:
		if p.scope.parent == nil {
			return step{target: Target{Place: ToOutput}}, nil
		}
		next, err := c.choose(place{p.scope.parent, p.scope.name, p.typ})
		return step{next: next}, err
	}
	if n := p.scope.nodes[to]; n != nil {
		return step{target: Target{Place: ToNode, Node: n}}, nil
	}
	if inner := p.scope.inner[to]; inner != nil {
		next, err := c.choose(place{inner, specs.Input, p.typ})
		return step{next: next}, err
	}
	return step{}, fmt.Errorf("compile routes of %s: there is no node %q", from, to)
}

// next fills Node.Next.
func (c *compiler) next() {
	for _, n := range c.table.Nodes {
		seen := map[*Node]bool{}
		for _, out := range n.Outs {
			for _, to := range out.choice.nodes(nil) {
				if !seen[to] {
					seen[to] = true
					n.Next = append(n.Next, to)
				}
			}
		}
		slices.SortFunc(n.Next, func(a, b *Node) int { return strings.Compare(a.Path, b.Path) })
	}
}

func (c *choice) nodes(dst []*Node) []*Node {
	for _, o := range c.options {
		for _, s := range o.steps {
			if s.next != nil {
				dst = s.next.nodes(dst)
			} else if s.target.Node != nil {
				dst = append(dst, s.target.Node)
			}
		}
	}
	return dst
}
