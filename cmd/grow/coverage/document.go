package coverage

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/text"
)

// document is the parts of a Markdown document that tests can prove.
type document struct {
	parts    map[string]bool // everything that can be named behind #
	required []part          // what is to have a test, in order
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

// parse finds the parts of a document: the items of its ordered lists, by the
// number they show, and its sections, by the anchor that GitHub gives them. A
// number that an earlier list has too is named behind its section: discounts/3.
// Sections that hold items or other sections, and the title, need no test.
func parse(source []byte) *document {
	d := &document{parts: map[string]bool{}}
	slugs := map[string]int{}
	var sections []*section
	items := 0
	root := goldmark.DefaultParser().Parse(text.NewReader(source))
	under := func() *section {
		if len(sections) == 0 {
			return nil
		}
		return sections[len(sections)-1]
	}
	order := []any{}
	for n := root.FirstChild(); n != nil; n = n.NextSibling() {
		switch n := n.(type) {
		case *ast.Heading:
			if s := under(); s != nil && s.level < n.Level {
				s.full = true
			}
			title := plain(n, source)
			s := &section{part: part{unique(slugs, slug(title)), title, lineOf(n, source)}, level: n.Level}
			sections = append(sections, s)
			order = append(order, s)
			d.parts[s.id] = true
		case *ast.List:
			if !n.IsOrdered() {
				continue
			}
			number := n.Start
			for item := n.FirstChild(); item != nil; item = item.NextSibling() {
				p := part{fmt.Sprint(number), firstLine(item, source), lineOf(item, source)}
				number++
				if s := under(); s != nil {
					s.full = true
					long := s.id + "/" + p.id
					if d.parts[p.id] {
						p.id = long
					}
					d.parts[long] = true
				}
				d.parts[p.id] = true
				items++
				order = append(order, p)
			}
		}
	}
	d.require(order, items)
	return d
}

// require picks what is to have a test.
func (d *document) require(order []any, items int) {
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

// slug is the anchor that GitHub gives a heading.
func slug(title string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(strings.TrimSpace(title)) {
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || r == '-' || r == '_':
			b.WriteRune(r)
		case r == ' ':
			b.WriteByte('-')
		}
	}
	return b.String()
}

// unique numbers an anchor that others have already.
func unique(slugs map[string]int, id string) string {
	n := slugs[id]
	slugs[id]++
	if n > 0 {
		return fmt.Sprintf("%s-%d", id, n)
	}
	return id
}

// plain is the text of a heading or a paragraph without its marks.
func plain(n ast.Node, source []byte) string {
	var b strings.Builder
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) { // the visitor gives no error
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Text:
			b.Write(n.Segment.Value(source))
			if n.SoftLineBreak() || n.HardLineBreak() {
				b.WriteByte(' ')
			}
		case *ast.String:
			b.Write(n.Value)
		}
		return ast.WalkContinue, nil
	})
	return b.String()
}

// firstLine is the beginning of a list's item.
func firstLine(item ast.Node, source []byte) string {
	if first := item.FirstChild(); first != nil {
		return plain(first, source)
	}
	return ""
}

// lineOf is the line that a block begins on, counted from 1.
func lineOf(n ast.Node, source []byte) int {
	for n != nil {
		if n.Type() == ast.TypeBlock && n.Lines().Len() > 0 {
			return 1 + bytes.Count(source[:n.Lines().At(0).Start], []byte("\n"))
		}
		n = n.FirstChild()
	}
	return 1
}
