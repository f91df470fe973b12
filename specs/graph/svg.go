package graph

import (
	"fmt"
	"html"
	"strings"
)

// The size in pixels of a character in an SVG.
const (
	cellWidth  = 8
	cellHeight = 18
)

// SVG draws the drawing as an element to stand in an HTML page. It has no
// colours of its own: the classes box, line, head and the text take those of the
// page. link gives the address a node links to, "" for none.
func (d *Drawing) SVG(label string, link func(*Node) string) string {
	var b strings.Builder
	w, h := (d.Width+1)*cellWidth, (d.Height+1)*cellHeight
	fmt.Fprintf(&b, `<svg class="graph" width="%d" height="%d" viewBox="0 0 %d %d" role="group" aria-label="%s">`+"\n", w, h, w, h, html.EscapeString(label))
	b.WriteString(d.paths())
	for _, a := range d.Arrows {
		x, y := d.tip(a)
		back := -cellHeight / 2
		if a.Up {
			back = -back
		}
		fmt.Fprintf(&b, `<path class="head" d="M%d %dl-4 %dh8z"/>`+"\n", x, y, back)
	}
	for i := range d.Boxes {
		d.Boxes[i].svg(&b, link(d.Boxes[i].Node))
	}
	for _, l := range d.Labels {
		x, y := middle(l.X, l.Y)
		fmt.Fprintf(&b, `<text x="%d" y="%d">%s</text>`+"\n", x-cellWidth/2, y+5, html.EscapeString(l.Text))
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// paths are the lines: those that go across, gaps in them where others pass
// that they have nothing to do with, and those that go down.
func (d *Drawing) paths() string {
	var across, gaps, down strings.Builder
	for _, l := range d.Lines {
		to := &down
		if l.Y1 == l.Y2 {
			to = &across
		}
		x1, y1 := middle(l.X1, l.Y1)
		x2, y2 := middle(l.X2, l.Y2)
		fmt.Fprintf(to, "M%d %dL%d %d", x1, y1, x2, y2)
		for _, o := range d.Lines {
			if l.Y1 == l.Y2 && o.X1 == o.X2 && o.Net != l.Net && l.X1 < o.X1 && o.X1 < l.X2 && o.Y1 < l.Y1 && l.Y1 < o.Y2 {
				x, y := middle(o.X1, l.Y1)
				fmt.Fprintf(&gaps, "M%d %dv2", x, y-1)
			}
		}
	}
	var b strings.Builder
	for _, p := range []struct {
		class string
		d     *strings.Builder
	}{{"line", &across}, {"bridge", &gaps}, {"line", &down}} {
		if p.d.Len() > 0 {
			fmt.Fprintf(&b, `<path class="%s" d="%s"/>`+"\n", p.class, p.d.String())
		}
	}
	return b.String()
}

// tip is where an arrow ends: at the frame of a box, or at the text of what has
// none.
func (d *Drawing) tip(a Arrow) (x, y int) {
	row, edge := a.Y+1, -cellHeight/2
	if a.Up {
		row, edge = a.Y-1, cellHeight/2
	}
	x, y = middle(a.X, row)
	for i := range d.Boxes {
		b := &d.Boxes[i]
		if !b.Framed && b.X <= a.X && a.X < b.X+b.Width && b.Y <= row && row < b.Y+b.Height {
			y += edge
		}
	}
	return x, y
}

// middle is the middle of a character in pixels.
func middle(x, y int) (px, py int) {
	return x*cellWidth + cellWidth, y*cellHeight + cellHeight
}

func (box *Box) svg(b *strings.Builder, link string) {
	if link != "" {
		fmt.Fprintf(b, `<a href="%s">`, html.EscapeString(link))
	}
	x, y := middle(box.X, box.Y)
	if box.Framed {
		round := 3
		if box.Node.Kind == Endpoint {
			round = cellHeight / 2
		}
		fmt.Fprintf(b, `<rect class="box %s" x="%d" y="%d" width="%d" height="%d" rx="%d"/>`, box.Node.Kind, x, y, (box.Width-1)*cellWidth, (box.Height-1)*cellHeight, round)
	} else {
		fmt.Fprintf(b, `<rect class="place" x="%d" y="%d" width="%d" height="%d"/>`, x-cellWidth/2, y-cellHeight/2, box.Width*cellWidth, box.Height*cellHeight)
	}
	for i, text := range box.Text {
		row := y + i*cellHeight + 5
		if box.Framed {
			row += cellHeight
		}
		fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="middle">%s</text>`, x+(box.Width-1)*cellWidth/2, row, html.EscapeString(text))
	}
	if link != "" {
		b.WriteString("</a>")
	}
	b.WriteByte('\n')
}
