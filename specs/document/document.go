// Package document names the parts of Markdown documents: what tests prove, and
// what links behind a # lead to. A section is named by the anchor that GitHub
// gives its heading, an item of an ordered list by the number it shows; a number
// that is taken already is named behind its section: discounts/3.
package document

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/yuin/goldmark/ast"
)

// Name gives headings and numbered items their ids, as attributes of the tree.
// It returns every name that a part has with the part's id.
func Name(root ast.Node, source []byte) map[string]string {
	n := &namer{source: source, names: map[string]string{}, same: map[string]int{}}
	_ = ast.Walk(root, func(node ast.Node, entering bool) (ast.WalkStatus, error) { // the visitor gives no error
		if !entering {
			return ast.WalkContinue, nil
		}
		switch node := node.(type) {
		case *ast.Heading:
			n.heading(node)
		case *ast.List:
			if node.IsOrdered() && node.Parent() == root {
				n.items(node)
			}
		}
		return ast.WalkContinue, nil
	})
	return n.names
}

// ID is the id of a part, "" when it has none.
func ID(n ast.Node) string {
	id, _ := n.AttributeString("id")
	text, _ := id.([]byte)
	return string(text)
}

// Text is the text of a heading or a paragraph without its marks.
func Text(n ast.Node, source []byte) string {
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

type namer struct {
	source  []byte
	names   map[string]string
	same    map[string]int // headings of one anchor
	section string         // that items stand in
}

func (n *namer) give(node ast.Node, id string) {
	n.names[id] = id
	node.SetAttributeString("id", []byte(id))
}

// heading gives the anchor, with a number behind it when others have it.
func (n *namer) heading(node *ast.Heading) {
	base := anchor(Text(node, n.source))
	id := base
	for n.names[id] != "" || id == "" {
		n.same[base]++
		id = fmt.Sprintf("%s-%d", base, n.same[base])
	}
	n.give(node, id)
	if node.Parent().Kind() == ast.KindDocument {
		n.section = id
	}
}

func (n *namer) items(list *ast.List) {
	number := list.Start
	for item := list.FirstChild(); item != nil; item = item.NextSibling() {
		short, long := strconv.Itoa(number), n.section+"/"+strconv.Itoa(number)
		number++
		switch {
		case n.names[short] == "":
			n.give(item, short)
			if n.section != "" && n.names[long] == "" {
				n.names[long] = short
			}
		case n.section != "" && n.names[long] == "":
			n.give(item, long)
		}
	}
}

// anchor is what GitHub makes of a heading.
func anchor(title string) string {
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
