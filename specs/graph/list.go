package graph

import "strings"

// listIndent is before what a node sends.
const listIndent = "  "

// List writes the sheet as a list: each node, and what goes from it where, in
// lines of a width in columns, 0 for 100.
func (s *Sheet) List(width int) string {
	if width == 0 {
		width = 100
	}
	names := map[string]string{}
	for _, n := range s.Nodes {
		names[n.ID] = strings.Join(n.text()[:1], "")
	}
	var b strings.Builder
	for _, n := range s.Nodes {
		b.WriteString(fill(plain(strings.Join(n.text(), ", ")), width, listIndent) + "\n")
		for _, e := range s.Edges {
			if e.From != n.ID {
				continue
			}
			line := "-> " + names[e.To]
			if label := e.Label(); label != "" {
				line += ": " + label
			}
			b.WriteString(listIndent + fill(plain(line), width-len(listIndent), listIndent+"   ") + "\n")
		}
	}
	return b.String()
}
