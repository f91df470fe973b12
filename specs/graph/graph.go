// Package graph says who sends to whom in a service, and draws it: as text for
// a terminal, as SVG, as a Mermaid flowchart and as a DOT file.
//
// [New] makes a [Graph] of a loaded service: endpoints, actors, the places
// every workflow has, and the routes between them. [Graph.Mermaid] and
// [Graph.DOT] write it whole, workflows as clusters. Drawings are made of one
// workflow each, a [Sheet]: [Graph.Sheets] cuts the graph into them, and a
// workflow inside of another is one box there with a sheet of its own.
//
// The drawing is layered (Sugiyama, Tagawa and Toda, 1981): routes back are
// turned round, boxes get layers by the longest path, every route a vertex in
// each layer it crosses, the order in a layer comes from barycentres, and lines
// go in tracks between the layers. It is own code because what there is in Go
// either draws pictures by way of an embedded browser engine or has no labels
// on edges.
package graph

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/grow-platform/grow/specs"
)

// Kind says what a node is.
type Kind string

// The kinds of node. The last four are the places that every workflow has; an
// actor that endpoints name directly has an output, too.
const (
	Endpoint   Kind = "endpoint"
	Actor      Kind = "actor"
	Workflow   Kind = "workflow" // on sheets only: one that stands inside of another
	Input      Kind = "input"
	Output     Kind = "output"
	Drop       Kind = "drop"
	DeadLetter Kind = "deadletter"
)

// Graph is who sends to whom in a service. It is immutable.
type Graph struct {
	Service  string     `json:"service"`
	Clusters []*Cluster `json:"workflows"` // each use of a workflow; outer ones before those inside
	Nodes    []*Node    `json:"nodes"`
	Edges    []*Edge    `json:"edges"`
}

// Cluster is one use of a workflow: at the top, or as a node of another.
type Cluster struct {
	ID       string `json:"id"` // its path: checkout, checkout/inner
	Workflow string `json:"workflow"`
	Parent   string `json:"parent,omitempty"` // the cluster that it is in
	At       Place  `json:"at"`
}

// Node is an endpoint, an actor in its place, or a place of a workflow.
type Node struct {
	ID      string  `json:"id"` // endpoint, or path: checkout/pricing
	Kind    Kind    `json:"kind"`
	Name    string  `json:"name"`               // what it is called where it stands
	Actor   string  `json:"actor,omitempty"`    // that fills it
	Cluster string  `json:"workflow,omitempty"` // path of the workflow that it is in
	Replies []Reply `json:"replies,omitempty"`  // of an endpoint, by status
	At      Place   `json:"at"`
}

// Reply is a message type that answers an endpoint, with the status it gives.
type Reply struct {
	Status int    `json:"status"`
	Type   string `json:"type,omitempty"` // "" for an endpoint that answers before the work is done
}

// Place is where a file says something; as text it is file:line:col.
type Place specs.Position

// MarshalText implements encoding.TextMarshaler.
func (p Place) MarshalText() ([]byte, error) {
	return fmt.Appendf(nil, "%s:%d:%d", p.File, p.Line, p.Col), nil
}

// Edge is a route for some types of message.
type Edge struct {
	From  string   `json:"from"`
	To    string   `json:"to"`
	Types []string `json:"types"`          // that go this way
	When  string   `json:"when,omitempty"` // rule; "" for always
	Else  bool     `json:"else,omitempty"` // takes what rules before it have left
	At    Place    `json:"at"`
	sheet string   // path of the workflow whose route it is; "": it is outside of all
}

// builder is a graph in the making.
type builder struct {
	service *specs.Service
	graph   *Graph
	have    map[string]*Node
}

// New makes the graph of a service: of the workflow only when it is named, and
// with it of the endpoints that send there.
func New(s *specs.Service, workflow string) *Graph {
	b := &builder{
		service: s, have: map[string]*Node{},
		graph: &Graph{Service: s.Name, Clusters: []*Cluster{}, Nodes: []*Node{}, Edges: []*Edge{}},
	}
	tops := b.tops(workflow)
	for _, e := range s.Endpoints {
		if top, _, _ := strings.Cut(e.To, "/"); slices.Contains(tops, top) || workflow == "" {
			b.node(&Node{ID: e.Name(), Kind: Endpoint, Name: e.Name(), Replies: Replies(e), At: Place(e.At)})
		}
	}
	for _, x := range s.Sources {
		if top, _, _ := strings.Cut(x.To, "/"); slices.Contains(tops, top) || workflow == "" {
			b.node(&Node{ID: x.Name, Kind: Endpoint, Name: x.Name, At: Place(x.At)})
		}
	}
	for _, name := range tops {
		b.use(name, "", name)
	}
	if workflow == "" {
		b.lone()
	}
	var first []*Edge
	for _, e := range s.Endpoints {
		if b.have[e.Name()] != nil {
			first = append(first, b.enter(e.Name(), e.To, e.Send, e.At)...)
		}
	}
	for _, x := range s.Sources {
		if b.have[x.Name] != nil {
			first = append(first, b.enter(x.Name, x.To, x.Send, x.At)...)
		}
	}
	b.graph.Edges = append(append([]*Edge{}, first...), b.graph.Edges...)
	return b.graph
}

// tops are the workflows that stand for themselves: those that an endpoint
// names, and those that no other holds.
func (b *builder) tops(only string) []string {
	if only != "" {
		return []string{only}
	}
	held, named := map[string]bool{}, map[string]bool{}
	for _, w := range b.service.Workflows {
		for _, n := range w.Nodes {
			held[n.Workflow] = true
		}
	}
	for _, e := range b.service.Endpoints {
		top, _, _ := strings.Cut(e.To, "/")
		named[top] = true
	}
	for _, x := range b.service.Sources {
		top, _, _ := strings.Cut(x.To, "/")
		named[top] = true
	}
	var tops []string
	for name := range b.service.Workflows {
		if named[name] || !held[name] {
			tops = append(tops, name)
		}
	}
	sort.Strings(tops)
	return tops
}

func (b *builder) node(n *Node) {
	b.have[n.ID] = n
	b.graph.Nodes = append(b.graph.Nodes, n)
}

// use is one use of a workflow while its routes are read.
type use struct {
	*builder
	flow  *specs.Workflow
	path  string
	nodes map[string]*specs.Node
	taken map[string]bool // place and type: a route before takes all of it
	ruled map[string]bool // a route before takes some of it
}

// use adds one use of a workflow and all that is inside of it.
func (b *builder) use(name, parent, path string) {
	u := &use{
		builder: b, flow: b.service.Workflows[name], path: path,
		nodes: map[string]*specs.Node{}, taken: map[string]bool{}, ruled: map[string]bool{},
	}
	b.graph.Clusters = append(b.graph.Clusters, &Cluster{ID: path, Workflow: name, Parent: parent, At: Place(u.flow.At)})
	b.place(path, Input, Place(u.flow.At))
	for _, n := range u.flow.Nodes {
		u.nodes[n.Name] = n
		if n.Workflow == "" {
			b.node(&Node{ID: path + "/" + n.Name, Kind: Actor, Name: n.Name, Actor: n.Actor, Cluster: path, At: Place(n.At)})
		}
	}
	for _, n := range u.flow.Nodes {
		if n.Workflow != "" {
			b.use(n.Workflow, path, path+"/"+n.Name)
		}
	}
	for _, r := range u.flow.Routes {
		e := u.route(r)
		for _, to := range r.To {
			u.connect(r, e, to)
		}
	}
	if parent != "" {
		b.place(path, Output, Place(u.flow.At)) // the parent's routes begin there
	}
	for _, k := range []Kind{Output, Drop, DeadLetter} {
		if n := b.have[path+"/"+string(k)]; n != nil {
			b.graph.Nodes = append(b.graph.Nodes, n)
		}
	}
}

// place makes a place that every workflow has, once.
func (b *builder) place(path string, k Kind, at Place) string {
	id := path + "/" + string(k)
	if b.have[id] == nil {
		n := &Node{ID: id, Kind: k, Name: string(k), Cluster: path, At: at}
		b.have[id] = n
		if k == Input {
			b.graph.Nodes = append(b.graph.Nodes, n)
		}
	}
	return id
}

// route is an edge without its ends: the types that are left for a route.
func (u *use) route(r *specs.Route) *Edge {
	e := &Edge{Types: []string{}, When: strings.Join(strings.Fields(r.When), " "), At: Place(r.At), sheet: u.path}
	for _, t := range u.sends(r.From) {
		key := r.From + " " + t
		if r.Type != "" && r.Type != t || u.taken[key] {
			continue
		}
		e.Types = append(e.Types, t)
		if r.When == "" {
			u.taken[key] = true
			e.Else = e.Else || u.ruled[key]
		} else {
			u.ruled[key] = true
		}
	}
	return e
}

// sends are the types of message that come from a place of the workflow.
func (u *use) sends(from string) []string {
	n := u.nodes[from]
	switch {
	case from == specs.Input:
		return u.flow.In
	case n == nil:
		return nil
	case n.Workflow != "":
		return u.service.Workflows[n.Workflow].Out
	}
	return u.service.Actors[n.Actor].Out
}

// connect adds an edge. Messages for a workflow go to its input, and come from
// its output.
func (u *use) connect(r *specs.Route, e *Edge, to string) {
	end := func(name string, inner Kind) string {
		switch k := Kind(name); k {
		case Input, Output, Drop, DeadLetter:
			return u.place(u.path, k, Place(r.At))
		}
		id := u.path + "/" + name
		if n := u.nodes[name]; n != nil && n.Workflow != "" {
			id += "/" + string(inner)
		}
		return id
	}
	c := *e
	c.From, c.To = end(r.From, Output), end(to, Input)
	u.graph.Edges = append(u.graph.Edges, &c)
}

// lone adds the actors that no workflow holds: each is a node of its own.
func (b *builder) lone() {
	held := map[string]bool{}
	for _, w := range b.service.Workflows {
		for _, n := range w.Nodes {
			held[n.Actor] = true
		}
	}
	maps.DeleteFunc(held, func(name string, _ bool) bool { return b.service.Takes(name) })
	var names []string
	for name := range b.service.Actors {
		if !held[name] {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	for _, name := range names {
		a := b.service.Actors[name]
		b.node(&Node{ID: name, Kind: Actor, Name: name, Actor: name, At: Place(a.At)})
		if len(a.Out) == 0 {
			continue
		}
		out := &Node{ID: name + "/" + string(Output), Kind: Output, Name: string(Output), At: Place(a.At)}
		b.node(out)
		b.graph.Edges = append(b.graph.Edges, &Edge{From: name, To: out.ID, Types: a.Out, At: Place(a.At)})
	}
}

// enter is the edge of an endpoint to what it sends to.
func (b *builder) enter(name, to, send string, at specs.Position) []*Edge {
	if b.service.Workflows[to] != nil {
		to += "/" + string(Input)
	}
	n := b.have[to]
	if n == nil {
		return nil // no service that was loaded has such a one
	}
	return []*Edge{{From: name, To: to, Types: []string{send}, At: Place(at), sheet: n.Cluster}}
}

// Replies lists what answers an endpoint, by status.
func Replies(e *specs.Endpoint) []Reply {
	if e.Accepted {
		return []Reply{{Status: 202}}
	}
	var out []Reply
	for t, status := range e.Reply {
		out = append(out, Reply{status, t})
	}
	sort.Slice(out, func(i, j int) bool {
		if out[i].Status != out[j].Status {
			return out[i].Status < out[j].Status
		}
		return out[i].Type < out[j].Type
	})
	return out
}

// Label says what goes along an edge: types, and under which rule.
func (e *Edge) Label() string {
	text := strings.Join(e.Types, ", ")
	switch {
	case e.When != "":
		text += " when " + e.When
	case e.Else:
		text += ", else"
	}
	return text
}
