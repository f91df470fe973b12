package graph

import (
	"fmt"
	"strings"
)

// Text says how a graph is written for a terminal.
type Text struct {
	Width int  // columns; 0: as many as it takes
	ASCII bool // no other characters
}

// ListBelow is the width in columns below which a graph is listed, not drawn.
const ListBelow = 48

// Text draws the graph, a sheet after the other; what does not fit the width is
// a list of who sends what to whom.
func (g *Graph) Text(t Text) string {
	var b strings.Builder
	for i, s := range g.Sheets() {
		if i > 0 {
			b.WriteByte('\n')
		}
		s.text(&b, t)
	}
	return b.String()
}

func (s *Sheet) text(b *strings.Builder, t Text) {
	if t.ASCII {
		s = s.ascii()
	}
	var d *Drawing
	if t.Width == 0 || t.Width >= ListBelow {
		d = s.Draw(t.Width)
	}
	b.WriteString(s.Title() + "\n\n")
	if d != nil {
		b.WriteString(d.text(t))
	} else {
		b.WriteString(s.List(t.Width))
	}
}

// Directions in which a character of a line goes on.
const (
	north = 1 << iota
	east
	south
	west
)

// frames are the characters of frames: corners from the upper left clockwise,
// horizontal, vertical, and horizontal with a line that goes down, and up.
var frames = map[Kind][8]rune{
	Actor:    {'┌', '┐', '┘', '└', '─', '│', '┬', '┴'},
	Endpoint: {'╭', '╮', '╯', '╰', '─', '│', '┬', '┴'},
	Workflow: {'╔', '╗', '╝', '╚', '═', '║', '╤', '╧'},
}

var asciiFrames = map[Kind][8]rune{
	Actor:    {'+', '+', '+', '+', '-', '|', '+', '+'},
	Endpoint: {'.', '.', '\'', '\'', '-', '|', '+', '+'},
	Workflow: {'#', '#', '#', '#', '=', '#', '+', '+'},
}

// lines are the characters of lines by the directions in which they go on.
var lines = [16]rune{
	' ', '│', '─', '└', '│', '│', '┌', '├', '─', '┘', '─', '┴', '┐', '┤', '┬', '┼',
}

var asciiLines = [16]rune{
	' ', '|', '-', '+', '|', '|', '+', '+', '-', '+', '-', '+', '+', '+', '+', '+',
}

// canvas is a drawing as characters.
type canvas struct {
	cells [][]rune
	marks [][]mark
	ascii bool
}

// mark is what of a line is in a cell.
type mark struct{ ways, net int }

func (d *Drawing) text(t Text) string {
	c := &canvas{ascii: t.ASCII, cells: make([][]rune, d.Height), marks: make([][]mark, d.Height)}
	for y := range c.cells {
		c.cells[y] = []rune(strings.Repeat(" ", d.Width))
		c.marks[y] = make([]mark, d.Width)
	}
	c.lines(d)
	c.heads(d)
	for i := range d.Boxes {
		c.box(&d.Boxes[i])
	}
	for _, l := range d.Labels {
		c.write(l.X, l.Y, l.Text)
	}
	var b strings.Builder
	for _, row := range c.cells {
		b.WriteString(strings.TrimRight(strings.ReplaceAll(string(row), "\x00", ""), " ") + "\n")
	}
	d.notes(&b, t.Width)
	return b.String()
}

// notes writes what the labels refer to.
func (d *Drawing) notes(b *strings.Builder, width int) {
	if len(d.Notes) > 0 {
		b.WriteByte('\n')
	}
	if width == 0 {
		width = 100
	}
	for i, n := range d.Notes {
		number := fmt.Sprintf("(%d) ", i+1)
		b.WriteString(number + fill(n, width, strings.Repeat(" ", len(number))) + "\n")
	}
}

// lines draws lines: first those that go across, then those that go down, which
// pass over what is not of their net.
func (c *canvas) lines(d *Drawing) {
	for _, l := range d.Lines {
		for x := l.X1; x < l.X2; x++ {
			c.marks[l.Y1][x] = mark{c.marks[l.Y1][x].ways | east, l.Net}
			c.marks[l.Y1][x+1] = mark{c.marks[l.Y1][x+1].ways | west, l.Net}
		}
	}
	for _, l := range d.Lines {
		for y := l.Y1; y < l.Y2; y++ {
			c.down(y, l, south)
			c.down(y+1, l, north)
		}
	}
	set := &lines
	if c.ascii {
		set = &asciiLines
	}
	for y, row := range c.marks {
		for x, m := range row {
			c.cells[y][x] = set[m.ways]
		}
	}
}

func (c *canvas) down(y int, l Line, way int) {
	m := &c.marks[y][l.X1]
	if m.net != l.Net {
		m.ways &^= east | west
	}
	m.ways |= way
}

// heads draws the heads of arrows; the line that one ends has no joint with the
// box that it points at.
func (c *canvas) heads(d *Drawing) {
	heads := [2]rune{'▼', '▲'}
	if c.ascii {
		heads = [2]rune{'v', '^'}
	}
	for _, a := range d.Arrows {
		if a.Up {
			c.cells[a.Y][a.X] = heads[1]
			c.marks[a.Y-1][a.X].ways &^= south
		} else {
			c.cells[a.Y][a.X] = heads[0]
			c.marks[a.Y+1][a.X].ways &^= north
		}
	}
}

// write puts text at a place; a character that is two columns wide leaves the
// second empty.
func (c *canvas) write(x, y int, text string) {
	for _, r := range text {
		w := widths.RuneWidth(r)
		if w == 0 || x+w > len(c.cells[y]) {
			continue
		}
		c.cells[y][x] = r
		if w == 2 {
			c.cells[y][x+1] = 0
		}
		x += w
	}
}

func (c *canvas) box(b *Box) {
	if !b.Framed {
		c.write(b.X, b.Y, b.Text[0])
		for i, text := range b.Text[1:] {
			c.write(b.X, b.Y+1+i, text)
		}
		return
	}
	f := frames[b.Node.Kind]
	if c.ascii {
		f = asciiFrames[b.Node.Kind]
	}
	right, bottom := b.X+b.Width-1, b.Y+b.Height-1
	for x := b.X; x <= right; x++ {
		c.cells[b.Y][x], c.cells[bottom][x] = f[4], f[4]
		if c.marks[bottom][x].ways&south != 0 {
			c.cells[bottom][x] = f[6]
		}
		if c.marks[b.Y][x].ways&north != 0 {
			c.cells[b.Y][x] = f[7]
		}
	}
	for y := b.Y; y <= bottom; y++ {
		c.cells[y][b.X], c.cells[y][right] = f[5], f[5]
	}
	c.cells[b.Y][b.X], c.cells[b.Y][right], c.cells[bottom][right], c.cells[bottom][b.X] = f[0], f[1], f[2], f[3]
	for i, text := range b.Text {
		c.write(b.X+(b.Width-widths.StringWidth(text))/2, b.Y+1+i, text)
	}
}
