package amend

import (
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/grow-platform/grow/specs/expect"
	"github.com/grow-platform/grow/specs/schema"
)

// The reasons why something is left alone.
const (
	whyExpression = "the expression does not hold; it is kept for you to mend"
	whyNothing    = "nothing came that the expression could hold for; take it out if that is right"
	whyShared     = "other places share it by an anchor"
	whyMore       = "a field named ... cannot be expected as data"
)

// more is the field or the item that stands for any others.
const more = "..."

// editor collects what is to be changed for one test.
type editor struct {
	src     *source
	changes []change
	left    []Left
}

func (e *editor) leave(c slot, why string) {
	e.left = append(e.left, Left{Line: c.y.Line, Where: c.where, Why: why})
}

// try leaves a slot alone when err says that it cannot be rewritten.
func (e *editor) try(c slot, err error) {
	if err != nil {
		e.leave(c, err.Error())
	}
}

// isExpression reports text that is held against a value by CUE.
func isExpression(s *schema.Node) bool {
	return s != nil && s.Kind == schema.String && strings.HasPrefix(s.Text, expect.Mark)
}

// holdsExpression reports whether there is an expression anywhere in a value.
func holdsExpression(s *schema.Node) bool {
	if s == nil {
		return false
	}
	if isExpression(s) {
		return true
	}
	for _, item := range s.Items {
		if holdsExpression(item) {
			return true
		}
	}
	for _, f := range s.Fields {
		if f.Key != more && holdsExpression(f.Value) {
			return true
		}
	}
	return false
}

// reads compiles what a value expects.
func reads(s *schema.Node) *expect.Value {
	var c expect.Compiler
	v := c.Read(s, "", func(schema.Fault) {}) // vet has said what is wrong
	c.Finish()
	return v
}

// fits reports whether a value is as expected.
func fits(s, got *schema.Node) bool { return len(reads(s).Match(got.JSON(nil))) == 0 }

// value makes a slot expect what came, and changes no more than it has to.
func (e *editor) value(c slot, got *schema.Node) {
	switch {
	case c.s == nil:
		e.leave(c, errPlace.Error())
	case c.shared():
		if !fits(c.s, got) {
			e.leave(c, whyShared)
		}
	case isExpression(c.s):
		if !fits(c.s, got) {
			e.leave(c, whyExpression)
		}
	case c.s.Kind == schema.Map && got.Kind == schema.Map:
		e.fields(c, got)
	case c.s.Kind == schema.List && got.Kind == schema.List:
		e.items(c, got)
	case fits(c.s, got):
	case holdsExpression(c.s):
		e.leave(c, whyExpression)
	case anchored(c.y):
		e.leave(c, whyShared)
	case unwritable(got):
		e.leave(c, whyMore)
	default:
		e.try(c, e.replace(c, got))
	}
}

// unwritable reports a value that would not be read as the data it is.
func unwritable(n *schema.Node) bool {
	for i, item := range n.Items {
		if unwritable(item) || i == len(n.Items)-1 && item.Kind == schema.String && item.Text == more {
			return true
		}
	}
	for _, f := range n.Fields {
		if f.Key == more || unwritable(f.Value) {
			return true
		}
	}
	return false
}

func (e *editor) fields(c slot, got *schema.Node) {
	drop, add := map[int]bool{}, []addition(nil)
	open := false
	for i, f := range c.s.Fields {
		if f.Key == more {
			open = true
			continue
		}
		child, err := e.fieldAt(c, i)
		if err != nil {
			e.leave(c, err.Error())
			return
		}
		if g := got.Get(f.Key); g != nil {
			e.value(child, g)
		} else if e.droppable(child) {
			drop[i] = true
		}
	}
	for _, f := range got.Fields {
		if open || c.s.Get(f.Key) != nil {
			continue
		}
		if f.Key == more || unwritable(f.Value) {
			e.leave(c, whyMore)
			continue
		}
		add = append(add, addition{len(c.s.Fields), f.Key, f.Value})
	}
	e.try(c, e.restructure(c, drop, add))
}

// droppable reports whether what is expected and did not come may be taken out;
// if not, it is told.
func (e *editor) droppable(c slot) bool {
	switch {
	case holdsExpression(c.s):
		e.leave(c, whyNothing)
	case anchored(c.y):
		e.leave(c, whyShared)
	default:
		return true
	}
	return false
}

func (e *editor) items(c slot, got *schema.Node) {
	drop, add := map[int]bool{}, []addition(nil)
	open := false
	n := len(c.s.Items)
	if n > 0 && c.s.Items[n-1].Kind == schema.String && c.s.Items[n-1].Text == more {
		open = true
		n--
	}
	for i := range n {
		child := e.item(c, i)
		if i < len(got.Items) {
			e.value(child, got.Items[i])
		} else if e.droppable(child) {
			drop[i] = true
		}
	}
	for i := n; i < len(got.Items) && !open; i++ {
		if unwritable(&schema.Node{Kind: schema.List, Items: got.Items[i : i+1]}) {
			e.leave(c, whyMore)
			continue
		}
		add = append(add, addition{len(c.s.Items), "", got.Items[i]})
	}
	e.try(c, e.restructure(c, drop, add))
}

// text makes a slot expect a text that is not JSON, such as an attribute.
func (e *editor) text(c slot, got string) {
	switch {
	case c.s == nil:
		e.leave(c, errPlace.Error())
	case len(reads(c.s).MatchText(got)) == 0:
	case holdsExpression(c.s):
		e.leave(c, whyExpression)
	case c.shared():
		e.leave(c, whyShared)
	case !utf8.ValidString(got):
		e.leave(c, "what came is not text")
	default:
		e.try(c, e.replaceText(c, &schema.Node{Kind: schema.String, Text: got}, attributeText(got)))
	}
}

// data decodes what an actor wrote; raw data becomes text.
func data(b []byte, raw bool) (*schema.Node, error) {
	if raw || !json.Valid(b) {
		if !utf8.Valid(b) {
			return nil, errors.New("what came is not text")
		}
		return &schema.Node{Kind: schema.String, Text: string(b)}, nil
	}
	return decode(b)
}
