package schema

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"cuelang.org/go/cue/token"
)

// Check holds n against the form and returns every mistake. Defaults that the
// schema declares are added to n, marked as Filled.
func (f *Form) Check(n *Node) []Fault {
	c := &checker{}
	c.value(f, n, "")
	return c.faults
}

type checker struct{ faults []Fault }

// FaultsMax is how many mistakes of one file are looked into.
const FaultsMax = 2000

func (c *checker) fault(pos Pos, path, code, hint, format string, args ...any) {
	c.faults = append(c.faults, Fault{Pos: pos, Path: path, Code: code, Message: fmt.Sprintf(format, args...), Hint: hint})
}

func (c *checker) value(f *Form, n *Node, path string) {
	switch {
	case f.any || len(c.faults) >= FaultsMax:
	case n.Kind == Map && f.dict != nil:
		c.dict(f.dict, n, path)
	case n.Kind == List && f.list != nil:
		c.list(f, n, path)
	case n.Kind == Map || n.Kind == List || len(f.scalars) == 0:
		c.wrongKind(f, n, path)
	default:
		c.scalar(f, n, path)
	}
}

// wrongKind says what the form takes instead.
func (c *checker) wrongKind(f *Form, n *Node, path string) {
	if n.Kind == Null {
		c.fault(n.Pos, path, "spec.missing", f.write(), "has no value; it must be %s", f.takes())
		return
	}
	hint := f.write()
	if n.Kind == String && len(f.scalars) == 0 && f.list != nil && f.list.item.has(String) {
		hint = "write [" + n.Text + "]"
	}
	c.fault(n.Pos, path, "spec.type", hint, "is %s; it must be %s", n.Kind, f.takes())
}

// write shows what a value looks like, when the schema does.
func (f *Form) write() string {
	if f.example == "" {
		return ""
	}
	return "write " + f.example
}

func (f *Form) has(kind Kind) bool {
	return slices.ContainsFunc(f.scalars, func(s scalar) bool { return s.kind == kind })
}

// takes is what values the form takes, as a sentence says it.
func (f *Form) takes() string {
	var kinds []string
	add := func(s string) {
		for _, have := range kinds {
			if have == s {
				return
			}
		}
		kinds = append(kinds, s)
	}
	for _, s := range f.scalars {
		switch {
		case s.enum != nil && s.kind == String:
			add(`"` + *s.enum + `"`)
		case s.enum != nil:
			add(*s.enum)
		case s.doc != "" || f.doc != "" && s.pattern != nil:
			name := cmp.Or(s.doc, f.doc)
			if len(f.scalars) > 1 || f.list != nil || f.dict != nil {
				name, _, _ = strings.Cut(name, ":")
			}
			add(name)
		default:
			add(s.kind.String())
		}
	}
	if f.list != nil {
		add("a list")
	}
	if f.dict != nil {
		add("a map")
	}
	return orList(kinds)
}

func orList(words []string) string {
	switch len(words) {
	case 0:
		return "nothing"
	case 1:
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

func (c *checker) list(f *Form, n *Node, path string) {
	if len(n.Items) < f.list.min {
		c.fault(n.Pos, path, "spec.missing", f.write(), "is empty; it needs at least one entry")
	}
	for i, item := range n.Items {
		c.value(f.list.item, item, At(path, i))
	}
}

func (c *checker) dict(m *mapForm, n *Node, path string) {
	meant := map[string]bool{} // fields that misspelt ones were meant to be
	for _, f := range n.Fields {
		if len(c.faults) >= FaultsMax {
			return
		}
		at := Join(path, f.Key)
		if known := m.field(f.Key); known != nil {
			c.value(known.form, f.Value, at)
			continue
		}
		switch {
		case m.pattern != nil:
			if c.key(m.pattern, f, at) {
				c.value(m.pattern.value, f.Value, at)
			}
		case !m.open:
			name, hint := m.slip(f.Key)
			if meant[name] = true; hint == "" {
				hint = m.unknownHint(name)
			}
			c.fault(f.Pos, at, "spec.unknown-field", hint, "there is no such field")
		}
	}
	for _, f := range m.fields {
		if n.field(f.name) != nil {
			continue
		}
		if f.required && !meant[f.name] {
			c.fault(n.Pos, Join(path, f.name), "spec.missing", "", "is missing: %s", f.doc)
		}
		if f.form.def != nil {
			d := *f.form.def
			d.Pos, d.Filled = n.Pos, true
			n.Fields = append(n.Fields, &Field{Key: f.name, Pos: n.Pos, Value: &d})
		}
	}
}

// unknownHint names the field that was meant, or all there are.
func (m *mapForm) unknownHint(meant string) string {
	if meant != "" {
		return fmt.Sprintf("did you mean %q?", meant)
	}
	var names []string
	for _, f := range m.fields {
		names = append(names, f.name)
	}
	return "known here: " + strings.Join(names, ", ")
}

// key checks the name of an entry. It returns false when nothing need be said of
// the entry's value any more.
func (c *checker) key(p *patternForm, f *Field, at string) bool {
	if p.key.Fits(f.Key) {
		return true
	}
	if text := f.Value.String(); p.key.Fits(text) && p.value.takesKey(f.Key) {
		c.fault(f.Pos, at, "spec.name", fmt.Sprintf("write %s: %s", text, f.Key), "stands the wrong way round")
		return false
	}
	if hint := methodsBelow(f); hint != "" {
		c.fault(f.Pos, at, "spec.name", hint, "is a path without a method")
		return false
	}
	c.fault(f.Pos, at, "spec.name", p.key.Meant(f.Key), "is not %s", p.key.doc)
	return true
}

// takesKey reports whether a value of the form could be written as text is.
func (f *Form) takesKey(text string) bool {
	for i := range f.scalars {
		kind := f.scalars[i].kind
		if f.scalars[i].fits(&Node{Kind: kind, Text: text}) && (kind == String || jsonNumber(text)) {
			return true
		}
	}
	return false
}

// Meant asks for the value that text may have been meant to be.
func (f *Form) Meant(text string) string {
	try := f.repaired(text)
	for _, s := range f.scalars {
		if s.of == "#Type" || f.name == "#Type" {
			try = repairedType(text)
		}
	}
	if try == "" || try == text || !f.Fits(try) {
		return ""
	}
	return fmt.Sprintf("did you mean %q?", try)
}

func (s *scalar) takesKind(n *Node) bool {
	return s.kind == n.Kind || s.kind == Float && n.Kind == Int || s.kind == Int && n.whole()
}

// whole reports whether a number is a whole one: 10.0 is, as in JSON Schema.
func (n *Node) whole() bool {
	f := n.Float()
	return n.Kind == Float && f == float64(int64(f))
}

func (s *scalar) fits(n *Node) bool {
	switch {
	case !s.takesKind(n):
		return false
	case s.enum != nil && n.Kind == Float: // 202.0 is 202
		return n.Float() == (&Node{Kind: s.kind, Text: *s.enum}).Float()
	case s.enum != nil:
		return *s.enum == n.Text
	case s.pattern != nil:
		return s.pattern.MatchString(n.Text)
	}
	return s.min.holds(n) && s.max.holds(n)
}

func (b *bound) holds(n *Node) bool {
	if b == nil {
		return true
	}
	v := n.Float()
	switch b.op {
	case token.GEQ:
		return v >= b.value
	case token.GTR:
		return v > b.value
	case token.LEQ:
		return v <= b.value
	default:
		return v < b.value
	}
}

// scalar reports the mistake by the alternative that comes nearest.
func (c *checker) scalar(f *Form, n *Node, path string) {
	var near *scalar
	var enum []string
	for i := range f.scalars {
		s := &f.scalars[i]
		if s.fits(n) {
			return
		}
		if s.enum != nil {
			enum = append(enum, *s.enum)
		} else if s.takesKind(n) {
			near = s
		}
	}
	switch {
	case n.Kind == Null:
		c.wrongKind(f, n, path)
	case near == nil && len(enum) == len(f.scalars) && f.list == nil && f.dict == nil:
		c.fault(n.Pos, path, "spec.value", Mean(n.Text, enum), "%s is not one of %s", n.show(), strings.Join(enum, ", "))
	case near == nil:
		c.fault(n.Pos, path, "spec.type", c.instead(f, n), "%s is %s; it must be %s", n.show(), n.Kind, f.takes())
	case near.pattern != nil && cmp.Or(near.doc, f.doc) != "":
		doc, code := cmp.Or(near.doc, f.doc), "spec.value"
		if strings.HasPrefix(doc, "a name") || strings.HasPrefix(doc, "a type") {
			code = "spec.name"
		}
		c.fault(n.Pos, path, code, f.Meant(n.Text), "%s is not %s", n.show(), doc)
	case near.pattern != nil:
		c.fault(n.Pos, path, "spec.value", "", "%s does not fit the pattern %s", n.show(), near.pattern)
	default:
		c.fault(n.Pos, path, "spec.value", "", "%s is out of range; it must be %s", n.show(), near.span())
	}
}

// instead is what to write for a scalar of the wrong kind, or "".
func (c *checker) instead(f *Form, n *Node) string {
	if b := truth[n.Text]; b != "" && f.has(Bool) {
		return "write " + b
	}
	switch {
	case n.Kind != String && f.Fits(n.Text):
		return fmt.Sprintf("put it in quotes: %q", n.Text)
	case f.Meant(n.Text) != "":
		return f.Meant(n.Text)
	}
	return f.write()
}

// span is the range of a number, as a sentence says it.
func (s *scalar) span() string {
	var parts []string
	for _, b := range []*bound{s.min, s.max} {
		if b == nil {
			continue
		}
		words := map[token.Token]string{token.GEQ: "at least ", token.GTR: "more than ", token.LEQ: "at most ", token.LSS: "less than "}
		parts = append(parts, words[b.op]+b.text)
	}
	return strings.Join(parts, " and ")
}

// Fits reports whether text is a value of the form.
func (f *Form) Fits(text string) bool {
	n := &Node{Kind: String, Text: text}
	for i := range f.scalars {
		if f.scalars[i].fits(n) {
			return true
		}
	}
	return false
}
