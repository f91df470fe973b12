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
	b.WriteString(`<path class="line" d="`)
	for i, l := range d.Lines {
		if i > 0 {
			b.WriteByte(' ')
		}
		x1, y1 := middle(l.X1, l.Y1)
		x2, y2 := middle(l.X2, l.Y2)
		fmt.Fprintf(&b, "M%d %dL%d %d", x1, y1, x2, y2)
	}
	b.WriteString(`"/>` + "\n")
	for _, a := range d.Arrows {
		x, y := middle(a.X, a.Y+1)
		back := -cellHeight / 2
		if a.Up {
			x, y = middle(a.X, a.Y-1)
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
