package graph_test

import (
	"fmt"
	"testing"

	"github.com/grow-platform/grow/specs/graph"
	"github.com/grow-platform/grow/testdata/property"
	"pgregory.net/rapid"
)

// TestDrawing draws random sheets and holds what makes a drawing readable: boxes
// and labels lie apart, lines of different nets never lie on each other, and
// every edge can be followed from its box to the other.
func TestDrawing(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		s := &graph.Sheet{}
		n := rapid.IntRange(1, 14).Draw(t, "nodes")
		kinds := []graph.Kind{graph.Endpoint, graph.Actor, graph.Actor, graph.Workflow, graph.Output}
		for i := range n {
			s.Nodes = append(s.Nodes, &graph.Node{ID: fmt.Sprint(i), Kind: rapid.SampledFrom(kinds).Draw(t, "kind"), Name: rapid.StringMatching(`[a-z]{1,14}`).Draw(t, "name")})
		}
		for range rapid.IntRange(0, 24).Draw(t, "edges") {
			s.Edges = append(s.Edges, &graph.Edge{
				From: fmt.Sprint(rapid.IntRange(0, n-1).Draw(t, "from")), To: fmt.Sprint(rapid.IntRange(0, n-1).Draw(t, "to")),
				Types: []string{rapid.SampledFrom([]string{"a", "order.placed", "a.message.of.a.very.long.name"}).Draw(t, "type")},
				When:  rapid.SampledFrom([]string{"", "data.x", "data.total > 1000.0 && data.customer.tier in ['gold', 'silver']"}).Draw(t, "when"),
			})
		}
		d := s.Draw(0)
		if d == nil {
			t.Fatal("it is not drawn")
		}
		apart(t, d)
		for i, a := range d.Lines {
			for _, b := range d.Lines[:i] {
				if a.Net != b.Net && a.Net != 0 && b.Net != 0 && overlap(a, b) {
					t.Fatalf("%+v lies on %+v", a, b)
				}
			}
		}
		connected(t, s, d)
	})
}

// area is a part of a drawing, its last row and column included.
type area struct{ x1, y1, x2, y2 int }

func apart(t *rapid.T, d *graph.Drawing) {
	var areas []area
	for _, b := range d.Boxes {
		areas = append(areas, area{b.X, b.Y, b.X + b.Width - 1, b.Y + b.Height - 1})
	}
	for _, l := range d.Labels {
		areas = append(areas, area{l.X, l.Y, l.X + len(l.Text) - 1, l.Y})
	}
	for i, a := range areas {
		if a.x1 < 0 || a.y1 < 0 || a.x2 >= d.Width || a.y2 >= d.Height {
			t.Fatalf("%+v is not within %d by %d", a, d.Width, d.Height)
		}
		for _, b := range areas[:i] {
			if a.x1 <= b.x2 && b.x1 <= a.x2 && a.y1 <= b.y2 && b.y1 <= a.y2 {
				t.Fatalf("%+v lies on %+v", a, b)
			}
		}
		if i < len(d.Boxes) {
			continue
		}
		for _, l := range d.Lines {
			if a.x1 <= l.X2 && l.X1 <= a.x2 && a.y1 <= l.Y2 && l.Y1 <= a.y2 {
				t.Fatalf("the line %+v goes through the label %+v", l, a)
			}
		}
	}
}

// overlap reports whether two lines lie on each other, or meet as if joined. A
// crossing in the middle of both is none.
func overlap(a, b graph.Line) bool {
	flat := func(l graph.Line) bool { return l.Y1 == l.Y2 }
	switch {
	case flat(a) && flat(b):
		return a.Y1 == b.Y1 && a.X1 <= b.X2 && b.X1 <= a.X2
	case !flat(a) && !flat(b): // they may end where the other begins
		return a.X1 == b.X1 && a.Y1 < b.Y2 && b.Y1 < a.Y2
	case flat(b):
		a, b = b, a
	}
	// a goes across, b down
	meet := a.X1 <= b.X1 && b.X1 <= a.X2 && b.Y1 <= a.Y1 && a.Y1 <= b.Y2
	return meet && (b.X1 == a.X1 || b.X1 == a.X2 || b.Y1 == a.Y1 || b.Y2 == a.Y1)
}

// connected follows the lines from every box, and holds that an edge leads to
// its end: lines of one net are joined where they touch, nets where a line goes
// on in the same column.
func connected(t *rapid.T, s *graph.Sheet, d *graph.Drawing) {
	group := make([]int, len(d.Lines)+len(d.Boxes))
	for i := range group {
		group[i] = i
	}
	var root func(i int) int
	root = func(i int) int {
		if group[i] != i {
			group[i] = root(group[i])
		}
		return group[i]
	}
	for i, a := range d.Lines {
		for k, b := range d.Lines[:i] {
			touch := a.X1 <= b.X2 && b.X1 <= a.X2 && a.Y1 <= b.Y2 && b.Y1 <= a.Y2
			goesOn := a.X1 == a.X2 && b.X1 == b.X2 && a.X1 == b.X1
			if touch && (a.Net == b.Net || goesOn) {
				group[root(i)] = root(k)
			}
		}
		for k, b := range d.Boxes {
			if a.X1 == a.X2 && b.X <= a.X1 && a.X1 < b.X+b.Width && a.Y1 < b.Y+b.Height && b.Y <= a.Y2 {
				group[root(i)] = root(len(d.Lines) + k)
			}
		}
	}
	at := map[string]int{}
	for k, b := range d.Boxes {
		at[b.Node.ID] = root(len(d.Lines) + k)
	}
	for _, e := range s.Edges {
		if at[e.From] != at[e.To] {
			t.Fatalf("no line leads from %s to %s", e.From, e.To)
		}
	}
	if len(s.Edges) == 0 && len(d.Lines) > 0 {
		t.Fatal("there are lines, and no edges")
	}
}
