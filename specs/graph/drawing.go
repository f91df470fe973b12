package graph

import (
	"fmt"
	"slices"
	"strings"
)

// Drawing is a sheet laid out in rows and columns of characters.
type Drawing struct {
	Width, Height int
	Boxes         []Box
	Lines         []Line
	Labels        []Label
	Arrows        []Arrow
	// Notes are what labels refer to by number, the first by 1.
	Notes []string
}

// Box is a node: X and Y are its upper left corner.
type Box struct {
	Node                *Node
	Text                []string
	X, Y, Width, Height int
	Framed              bool // otherwise it is its text alone
}

// Line is a straight line, down or to the right, from the middle of a character
// to that of another. Lines that share a net are joined where they meet; others
// cross.
type Line struct{ X1, Y1, X2, Y2, Net int }

// Label is a line of text.
type Label struct {
	X, Y int
	Text string
}

// Arrow is the head of an arrow.
type Arrow struct {
	X, Y int
	Up   bool
}

// style is how a sheet is laid out.
type style struct {
	wrap  int  // columns of a label; longer ones are broken
	rows  int  // of a label at most; longer ones become notes
	notes bool // every label is a note
	gap   int  // free columns between things
}

// styles are tried one after the other until a drawing is narrow enough.
var styles = []style{{wrap: 32, rows: 3, gap: 3}, {wrap: 20, rows: 4, gap: 2}, {wrap: 14, rows: 2, gap: 2}, {notes: true, gap: 2}}

// Draw lays out a sheet within a width, 0 for any; nil when it does not fit, or
// is too large to be read.
func (s *Sheet) Draw(width int) *Drawing {
	for _, st := range styles {
		d := s.draw(st)
		if d != nil && (width == 0 || d.Width <= width) {
			return d
		}
	}
	return nil
}

func (s *Sheet) draw(st style) *Drawing {
	d := &Drawing{}
	l := d.layout(s, st)
	if !l.arrange() {
		return nil
	}
	l.place(st.gap)
	if !l.tracks() {
		return nil
	}
	d.measure(l)
	return d
}

// layout makes boxes and routes of a sheet.
func (d *Drawing) layout(s *Sheet, st style) *layout {
	l := &layout{}
	boxes := map[string]*vertex{}
	for _, n := range s.Nodes {
		v := &vertex{node: n, lines: n.text()}
		boxes[n.ID] = v
		l.boxes = append(l.boxes, v)
	}
	routes := map[[2]string]*route{}
	for _, e := range s.Edges {
		if e.From == e.To {
			boxes[e.From].lines = append(boxes[e.From].lines, "to itself: "+d.label(e, style{wrap: 40, rows: 1, notes: st.notes})[0])
			continue
		}
		r := routes[[2]string{e.From, e.To}]
		if r == nil {
			r = &route{from: boxes[e.From], to: boxes[e.To]}
			routes[[2]string{e.From, e.To}] = r
			l.routes = append(l.routes, r)
		}
		r.lines = append(r.lines, d.label(e, st)...)
	}
	for _, v := range l.boxes {
		v.size()
	}
	return l
}

// label is the text on an edge. What is too long becomes a note.
func (d *Drawing) label(e *Edge, st style) []string {
	text := plain(e.Label())
	if text == "" {
		return nil
	}
	if !st.notes {
		if lines := wrap(text, st.wrap); len(lines) <= st.rows && widest(lines) <= st.wrap {
			return lines
		}
	}
	at := slices.Index(d.Notes, text)
	if at < 0 {
		at = len(d.Notes)
		d.Notes = append(d.Notes, text)
	}
	number := fmt.Sprintf("(%d)", at+1)
	types := strings.Join(e.Types, ", ")
	if e.When != "" && !st.notes && widths.StringWidth(types+number)+1 <= st.wrap {
		return []string{types, "when " + number}
	}
	return []string{number}
}

// text is what stands in a node's box.
func (n *Node) text() []string {
	switch n.Kind {
	case Input, Output, Drop, DeadLetter:
		return []string{"(" + n.Name + ")"}
	case Workflow:
		return detail(n.Name, "workflow", n.Actor)
	case Actor:
		return detail(n.Name, "", n.Actor)
	}
	lines := []string{n.Name}
	for _, r := range n.Replies {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%d %s", r.Status, r.Type)))
	}
	return lines
}

// detail is a name, and what fills the place when that is called otherwise.
func detail(name, kind, filling string) []string {
	switch {
	case name != filling:
		return []string{name, strings.TrimSpace(kind + " " + filling)}
	case kind != "":
		return []string{name, kind}
	}
	return []string{name}
}

// framed reports whether a node is drawn with a frame.
func (n *Node) framed() bool {
	return n.Kind == Endpoint || n.Kind == Actor || n.Kind == Workflow
}

// boxMin and placeMin are the least widths of what is framed and what is not:
// two ports have place below it.
const (
	boxMin   = 9
	placeMin = 5
)

// size gives a box its extent.
func (v *vertex) size() {
	w, h := max(widest(v.lines), placeMin), len(v.lines)
	if v.node.framed() {
		w, h = max(w+4, boxMin), h+2
	}
	v.left, v.height = (w-1)/2, h
	v.right = w - 1 - v.left
}

// measure gives everything its row and notes what is to be drawn.
func (d *Drawing) measure(l *layout) {
	y, net := 0, 0
	for i, layer := range l.layers {
		height := 1
		for _, v := range layer {
			height = max(height, v.height)
			d.Width = max(d.Width, v.x+v.right+1)
		}
		for _, v := range layer {
			d.vertex(v, y, y+height)
		}
		y = d.gap(l.nets[i], i, y+height, net)
		net += len(l.nets[i])
	}
	d.Height = y
}

// vertex draws a box or a label in the rows from top to before bottom, and the
// line that passes it.
func (d *Drawing) vertex(v *vertex, top, bottom int) {
	if v.pass {
		d.line(v.x, top, v.x, bottom-1, 0)
		for i, text := range v.lines {
			d.Labels = append(d.Labels, Label{v.x + 2, top + i, text})
		}
		return
	}
	d.Boxes = append(d.Boxes, Box{v.node, v.lines, v.x - v.left, top, v.left + v.right + 1, v.height, v.node.framed()})
	for _, k := range v.down {
		d.line(k.port(v), top+v.height-1, k.port(v), bottom-1, 0)
	}
}

func (d *Drawing) line(x1, y1, x2, y2, net int) {
	if x1 < x2 || y1 < y2 {
		d.Lines = append(d.Lines, Line{x1, y1, x2, y2, net})
	}
}

// gap draws the lines below layer i, from row top on, and returns the row
// after them.
func (d *Drawing) gap(nets []*net, i, top, base int) int {
	tracks, heads := 0, 0
	for _, n := range nets {
		tracks = max(tracks, n.track+1)
		if n.head(i) {
			heads = 1
		}
	}
	first := top
	if i%2 == 0 {
		first += heads
	}
	bottom := top + tracks + heads
	for _, n := range nets {
		id, track := base+n.id, first+n.track
		for k := range n.links {
			if n.track < 0 {
				d.line(n.top[k], top-1, n.top[k], bottom, id)
				break
			}
			d.line(n.top[k], top-1, n.top[k], track, id)
			d.line(n.bottom[k], track, n.bottom[k], bottom, id)
		}
		if n.track >= 0 {
			d.line(n.lo, track, n.hi, track, id)
		}
		switch {
		case n.head(i) && n.links[0].back:
			d.Arrows = append(d.Arrows, Arrow{n.top[0], top, true})
		case n.head(i):
			d.Arrows = append(d.Arrows, Arrow{n.bottom[0], bottom - 1, false})
		}
	}
	return bottom
}

// head reports whether the end that the lines of a net below layer i share is
// that of an arrow: upwards into a box of the layer, or down into one of the next.
func (n *net) head(i int) bool {
	first := n.links[0]
	if i%2 == 0 {
		return first.back && !first.from.pass
	}
	return !first.back && !first.to.pass
}
