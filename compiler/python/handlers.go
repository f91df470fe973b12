package python

import (
	"fmt"
	"slices"
	"strings"

	"github.com/grow-platform/grow/specs/schema"
)

// taking is a pattern of types that a file names with grow.on.
type taking struct {
	file string
	at   finding
}

// takes says whether messages of a type fit the pattern: a type, a beginning that ends
// in .*, or *.
func (h taking) takes(typ string) bool {
	beginning, any := strings.CutSuffix(h.at.Text, "*")
	return h.at.Text == typ || any && strings.HasPrefix(typ, beginning)
}

// handles notes what a file has handlers for.
func (r *review) handles(name string, said checked) {
	r.open = r.open || said.Open
	for _, at := range said.Handlers {
		r.handlers = append(r.handlers, taking{name, at})
	}
}

// definition is the file that says which types an actor takes.
const definition = "actor.yaml"

// takes holds the handlers against the types that the actor takes: each type needs a
// handler, or every message of it would fail.
func (r *review) takes() {
	if r.source.In == nil || len(r.handlers) == 0 {
		return
	}
	var idle []taking // of no type
	for _, h := range r.handlers {
		if !slices.ContainsFunc(r.source.In, h.takes) {
			idle = append(idle, h)
		}
	}
	for _, typ := range r.source.In {
		if r.open || slices.ContainsFunc(r.handlers, func(h taking) bool { return h.takes(typ) }) {
			continue
		}
		text := fmt.Sprintf("no handler takes %s, which %s has under in", typ, definition)
		at := taking{file: entry}
		for _, h := range idle {
			if schema.Nearest(typ, []string{h.at.Text}) != "" {
				at, text = h, fmt.Sprintf("%s; is this %q it?", text, h.at.Text)
				break
			}
		}
		r.fault(at.file, at.at.Line, at.at.Col, text)
		r.advise(fmt.Sprintf("write a function for it, with @grow.on(%q) above, or take it out of in", typ))
	}
	for _, h := range idle {
		text := fmt.Sprintf("%s is not under in in %s: no message comes to this handler", h.at.Text, definition)
		if near := schema.Nearest(h.at.Text, r.source.In); near != "" {
			text += "; did you mean " + near + "?"
		}
		r.warn(h.file, h.at.Line, h.at.Col, text)
	}
}
