package coverage

import (
	"bytes"
	"cmp"
	"strconv"

	"github.com/grow-platform/grow/specs/document"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/text"
)

// sheet is a Markdown document with the parts of it that tests can prove.
type sheet struct {
	parts    map[string]string // everything that can be named behind #; see document.Name
	required []part            // what is to have a test, in order
}

// part is a numbered item or a section.
type part struct {
	id   string // 3, discounts or discounts/3; "" is the whole document
	text string // its first line
	line int
}

// section is a heading and what stands under it.
type section struct {
	part
	level int
	full  bool // it has numbered items, or sections of its own
}

// parse finds the parts of a document: the items of its ordered lists and its
// sections. Sections that hold items or other sections, and the title, need no
// test.
func parse(source []byte) *sheet {
	root := goldmark.DefaultParser().Parse(text.NewReader(source))
	d := &sheet{parts: document.Name(root, source)}
	lines := &lines{source: source, line: 1}
	var under *section // that items stand in
	items := 0
	order := []any{}
	for n := root.FirstChild(); n != nil; n = n.NextSibling() {
		switch n := n.(type) {
		case *ast.Heading:
			if under != nil && under.level < n.Level {
				under.full = true
			}
			under = &section{part: part{document.ID(n), document.Text(n, source), lines.of(n)}, level: n.Level}
			order = append(order, under)
		case *ast.List:
			if !n.IsOrdered() {
				continue
			}
			number := n.Start
			for item := n.FirstChild(); item != nil; item = item.NextSibling() {
				id := cmp.Or(document.ID(item), strconv.Itoa(number)) // which another has, too
				number++
				items++
				order = append(order, part{id, firstLine(item, source), lines.of(item)})
			}
			if under != nil {
				under.full = true
			}
		}
	}
	d.require(order, items)
	return d
}

// require picks what is to have a test.
func (d *sheet) require(order []any, items int) {
	title := true
	for _, o := range order {
		switch o := o.(type) {
		case part:
			d.required = append(d.required, o)
		case *section:
			if !o.full && !(title && o.level == 1) {
				d.required = append(d.required, o.part)
			}
			title = false
		}
	}
	if len(d.required) == 0 && items == 0 {
		whole := part{line: 1}
		if len(order) > 0 {
			whole.text = order[0].(*section).text
		}
		d.required = []part{whole}
	}
}

// firstLine is the beginning of a list's item.
func firstLine(item ast.Node, source []byte) string {
	if first := item.FirstChild(); first != nil {
		return document.Text(first, source)
	}
	return ""
}

// lines counts the lines of a document on the way through it.
type lines struct {
	source   []byte
	at, line int // what was asked for last, counted from 1
}

// of is the line that a block begins on; blocks are asked for in order.
func (l *lines) of(n ast.Node) int {
	for ; n != nil; n = n.FirstChild() {
		if n.Type() != ast.TypeBlock || n.Lines().Len() == 0 {
			continue
		}
		if start := n.Lines().At(0).Start; start > l.at {
			l.line += bytes.Count(l.source[l.at:start], []byte("\n"))
			l.at = start
		}
		break
	}
	return l.line
}
