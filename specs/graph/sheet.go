package graph

import "strings"

// Sheet is what one drawing shows: a workflow with what sends to it, or the
// actors that are in none.
type Sheet struct {
	Path     string // of the workflow; "": actors that are in none
	Workflow string // its name
	Nodes    []*Node
	Edges    []*Edge
}

// Sheets cuts the graph into what is drawn by itself. A workflow that is used
// again, and that nothing enters there from outside, is not drawn again.
func (g *Graph) Sheets() []*Sheet {
	sheets := map[string]*Sheet{"": {}}
	var order []*Sheet
	for _, c := range g.Clusters {
		s := &Sheet{Path: c.ID, Workflow: c.Workflow}
		sheets[c.ID] = s
		order = append(order, s)
	}
	order = append(order, sheets[""])
	entered := g.fill(sheets)
	var kept []*Sheet
	drawn := map[string]bool{}
	for _, s := range order {
		if len(s.Nodes) == 0 || drawn[s.Workflow] && !entered[s.Path] {
			continue
		}
		drawn[s.Workflow] = s.Workflow != ""
		s.tidy()
		kept = append(kept, s)
	}
	return kept
}

// fill puts nodes and edges on their sheets. It returns those that an endpoint
// enters in the middle of another workflow.
func (g *Graph) fill(sheets map[string]*Sheet) (entered map[string]bool) {
	nodes := map[string]*Node{}
	for _, n := range g.Nodes {
		nodes[n.ID] = n
	}
	entered = map[string]bool{}
	for _, e := range g.Edges {
		s := sheets[e.sheet]
		if from := nodes[e.From]; from.Kind == Endpoint {
			entered[e.sheet] = entered[e.sheet] || strings.Contains(e.sheet, "/")
			s.Nodes = append(s.Nodes, from)
		}
		c := *e
		c.From, c.To = local(nodes[e.From], e.sheet), local(nodes[e.To], e.sheet)
		s.Edges = append(s.Edges, &c)
	}
	for _, n := range g.Nodes {
		if n.Kind != Endpoint {
			s := sheets[n.Cluster]
			s.Nodes = append(s.Nodes, n)
		}
	}
	for _, c := range g.Clusters {
		if c.Parent != "" {
			s := sheets[c.Parent]
			s.Nodes = append(s.Nodes, &Node{ID: c.ID, Kind: Workflow, Name: strings.TrimPrefix(c.ID, c.Parent+"/"), Actor: c.Workflow, Cluster: c.Parent, At: c.At})
		}
	}
	return entered
}

// local is what a sheet calls a node: the input and the output of a workflow
// inside of it are the workflow.
func local(n *Node, sheet string) string {
	if n.Kind == Endpoint || n.Cluster == sheet {
		return n.ID
	}
	return n.Cluster
}

// tidy leaves out the output of a workflow that nothing goes to.
func (s *Sheet) tidy() {
	used := map[string]bool{}
	for _, e := range s.Edges {
		used[e.From], used[e.To] = true, true
	}
	kept := s.Nodes[:0]
	for _, n := range s.Nodes {
		if used[n.ID] || n.Kind != Output {
			kept = append(kept, n)
		}
	}
	s.Nodes = kept
}

// Title says what the sheet shows.
func (s *Sheet) Title() string {
	switch {
	case s.Path == "":
		return "actors outside of workflows"
	case s.Path == s.Workflow:
		return "workflow " + s.Path
	}
	return "workflow " + s.Workflow + " as " + s.Path
}

// ascii is the sheet with what is not ASCII escaped.
func (s *Sheet) ascii() *Sheet {
	c := &Sheet{Path: s.Path, Workflow: s.Workflow}
	for _, n := range s.Nodes {
		m := *n
		m.Name = ascii(n.Name)
		c.Nodes = append(c.Nodes, &m)
	}
	for _, e := range s.Edges {
		m := *e
		m.When = ascii(e.When)
		c.Edges = append(c.Edges, &m)
	}
	return c
}
