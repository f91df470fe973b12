package graph

import (
	"fmt"
	"strings"
)

// Mermaid writes the graph as a Mermaid flowchart, workflows as subgraphs.
func (g *Graph) Mermaid() string {
	m := &source{graph: g, ids: map[string]string{}}
	m.line("flowchart TD")
	m.depth++
	m.cluster("", mermaidCluster, mermaidNode)
	for _, e := range g.Edges {
		arrow := "-->"
		if label := e.Label(); label != "" {
			arrow = fmt.Sprintf(`-->|"%s"|`, mermaidText(label))
		}
		m.line("%s %s %s", m.id(e.From), arrow, m.id(e.To))
	}
	return m.out.String()
}

// DOT writes the graph in Graphviz's language, workflows as clusters.
func (g *Graph) DOT() string {
	m := &source{graph: g, ids: map[string]string{}}
	m.line("digraph %s {", dotText(g.Service))
	m.depth++
	m.line(`node [shape=box, fontname="sans-serif"]`)
	m.line(`edge [fontname="sans-serif", fontsize=10]`)
	m.cluster("", dotCluster, dotNode)
	for _, e := range g.Edges {
		label := strings.Join(wrap(plain(e.Label()), 40), "\n")
		m.line("%s -> %s [label=%s]", m.id(e.From), m.id(e.To), dotText(label))
	}
	m.depth--
	m.line("}")
	return m.out.String()
}

// source is a file of a language of graphs in the making.
type source struct {
	graph *Graph
	out   strings.Builder
	depth int
	ids   map[string]string
}

// id is the short name of a node or a cluster: n1, n2, … No file can write one
// that means something else.
func (m *source) id(of string) string {
	if m.ids[of] == "" {
		m.ids[of] = fmt.Sprintf("n%d", len(m.ids)+1)
	}
	return m.ids[of]
}

func (m *source) line(format string, args ...any) {
	m.out.WriteString(strings.Repeat("  ", m.depth))
	fmt.Fprintf(&m.out, format+"\n", args...)
}

// cluster writes the nodes of a workflow, and the workflows inside of it.
func (m *source) cluster(path string, open func(m *source, c *Cluster) string, node func(m *source, n *Node)) {
	for _, n := range m.graph.Nodes {
		if n.Cluster == path {
			node(m, n)
		}
	}
	for _, c := range m.graph.Clusters {
		if c.Parent != path {
			continue
		}
		end := open(m, c)
		m.depth++
		m.cluster(c.ID, open, node)
		m.depth--
		m.line("%s", end)
	}
}

// clusterTitle is what stands over a workflow.
func clusterTitle(c *Cluster) string {
	name := c.ID[strings.LastIndexByte(c.ID, '/')+1:]
	return strings.Join(detail(name, "", c.Workflow), ": workflow ")
}

func mermaidCluster(m *source, c *Cluster) string {
	m.line(`subgraph %s["%s"]`, m.id("cluster "+c.ID), mermaidText(clusterTitle(c)))
	return "end"
}

func mermaidNode(m *source, n *Node) {
	shape := [2]string{"[", "]"}
	switch n.Kind {
	case Endpoint:
		shape = [2]string{"(", ")"}
	case Input, Output, Drop, DeadLetter:
		shape = [2]string{"([", "])"}
	}
	var lines []string
	for _, text := range n.plainText() {
		lines = append(lines, mermaidText(text))
	}
	m.line(`%s%s"%s"%s`, m.id(n.ID), shape[0], strings.Join(lines, "<br>"), shape[1])
}

// plainText is what stands in a node, where its shape says what kind it is of.
func (n *Node) plainText() []string {
	if !n.framed() {
		return []string{n.Name}
	}
	return n.text()
}

// mermaidText writes what Mermaid may read as markup by its number (Mermaid,
// Flowcharts: Entity codes to escape characters).
func mermaidText(text string) string {
	var b strings.Builder
	for _, r := range plain(text) {
		if r > '~' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || strings.ContainsRune(" ,./-_:()[]{}=+?!|'", r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "#%d;", r)
		}
	}
	return b.String()
}

func dotCluster(m *source, c *Cluster) string {
	m.line("subgraph cluster_%s {", m.id("cluster "+c.ID))
	m.depth++
	m.line("label=%s", dotText(clusterTitle(c)))
	m.depth--
	return "}"
}

func dotNode(m *source, n *Node) {
	style := ""
	switch n.Kind {
	case Endpoint:
		style = ", style=rounded"
	case Input, Output, Drop, DeadLetter:
		style = ", shape=plaintext"
	}
	m.line("%s [label=%s%s]", m.id(n.ID), dotText(strings.Join(n.plainText(), "\n")), style)
}

// dotText writes a string of the DOT language; a backslash is escaped, since
// labels know escapes of their own.
func dotText(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(text) + `"`
}
