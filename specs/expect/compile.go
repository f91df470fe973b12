package expect

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"github.com/grow-platform/grow/specs/schema"
	"github.com/grow-platform/grow/specs/shape"
)

// Limits of the expectations of one service.
const (
	ExpressionsMax = 10_000  // different ones
	ExpressionMax  = 4 << 10 // bytes of one
)

// Compiler reads expected values and, at the end, compiles the expressions in
// them: all at once, since setting CUE up takes longer than any of them. The zero
// Compiler is ready for use, by one goroutine.
type Compiler struct {
	uses  map[string][]use // by source
	order []string
}

// use is where an expression stands.
type use struct {
	value *Value
	fault func(schema.Fault)
	path  string
}

// bare is an expression whose mark was most likely forgotten.
var bare = regexp.MustCompile(`^(>=|<=|=~|!~|!=|[<>]\s*-?[0-9])\s*\S`)

// Read reads an expected value. Mistakes in it go to fault, those in its
// expressions when Finish is called; path is that of the value in its file.
func (c *Compiler) Read(n *schema.Node, path string, fault func(schema.Fault)) *Value {
	v := &Value{Pos: n.Pos, kind: n.Kind, text: n.Text}
	switch n.Kind {
	case schema.String:
		if source, ok := strings.CutPrefix(n.Text, Mark); ok {
			c.expression(v, strings.TrimSpace(source), path, fault)
		} else if bare.MatchString(n.Text) {
			fault(schema.Fault{Pos: n.Pos, Path: path, Code: "spec.expression", Message: fmt.Sprintf("%q would be compared as the text that it is", n.Text),
				Hint: fmt.Sprintf("an expression is marked: %q; for the text itself write %q", Mark+n.Text, Mark+strconv.Quote(n.Text))})
		}
	case schema.List:
		for i, item := range n.Items {
			if item.Kind == schema.String && item.Text == more && i == len(n.Items)-1 {
				v.open = true
				continue
			}
			v.items = append(v.items, c.Read(item, schema.At(path, i), fault))
		}
	case schema.Map:
		for _, f := range n.Fields {
			if f.Key == more {
				v.open = true
				continue
			}
			v.fields = append(v.fields, field{f.Key, c.Read(f.Value, schema.Join(path, f.Key), fault)})
		}
	}
	return v
}

func (c *Compiler) expression(v *Value, source, path string, fault func(schema.Fault)) {
	v.source = source
	if source == "_" || source == "" {
		v.source = "_"
		return
	}
	if len(source) > ExpressionMax {
		fault(schema.Fault{Pos: v.Pos, Path: path, Code: "spec.limit", Message: fmt.Sprintf("the expression is longer than %d bytes", ExpressionMax)})
		return
	}
	if c.uses == nil {
		c.uses = map[string][]use{}
	}
	if _, known := c.uses[source]; !known {
		if len(c.order) == ExpressionsMax {
			fault(schema.Fault{Pos: v.Pos, Path: path, Code: "spec.limit", Message: fmt.Sprintf("there are more than %d different expressions", ExpressionsMax)})
			return
		}
		c.order = append(c.order, source)
	}
	c.uses[source] = append(c.uses[source], use{v, fault, path})
}

// packages are those whose functions an expression may call by name.
var packages = regexp.MustCompile(`\b(list|math|net|strings|time)\.[A-Z]`)

// imports writes the import of each package that text uses.
func imports(text string) string {
	var b strings.Builder
	seen := map[string]bool{}
	for _, m := range packages.FindAllStringSubmatch(text, -1) {
		if !seen[m[1]] {
			seen[m[1]] = true
			fmt.Fprintf(&b, "import %q\n", m[1])
		}
	}
	return b.String()
}

// Finish compiles every expression that Read has found.
func (c *Compiler) Finish() {
	types, _, ok := compile(c.order)
	for i, source := range c.order {
		t, fault := (*shape.Type)(nil), (*schema.Fault)(nil)
		if ok {
			t = types[i]
		}
		if t == nil { // by itself, so that it is told what is wrong with it
			one, faults, _ := compile([]string{source})
			if len(one) > 0 {
				t = one[0]
			}
			fault = faults
		}
		for _, u := range c.uses[source] {
			if u.value.typ = t; t != nil {
				continue
			}
			u.fault(schema.Fault{
				Pos: u.value.Pos, Path: u.path, Code: "spec.expression",
				Message: fmt.Sprintf("%q is no expression that a value can be held against: %s", source, strings.Replace(fault.Message, "before EOF", "at its end", 1)), Hint: fault.Hint,
			})
		}
	}
	c.uses, c.order = nil, nil
}

// compile makes types of expressions. A type is nil where it is out of the
// subset; ok is false, and fault says why, when not even CUE could be read.
func compile(sources []string) (types []*shape.Type, fault *schema.Fault, ok bool) {
	if len(sources) == 0 {
		return nil, nil, true
	}
	var b strings.Builder
	for i, source := range sources {
		fmt.Fprintf(&b, "e%d: %s\n", i, source)
	}
	text := b.String()
	file, faults := schema.ParseCUE(schema.Source{Name: "expression", Data: []byte(imports(text) + text)})
	if len(faults) > 0 {
		return nil, &faults[0], false
	}
	v, located := schema.Evaluate([]*ast.File{file}, false)
	if len(located) > 0 {
		return nil, &located[0].Fault, false
	}
	types = make([]*shape.Type, len(sources))
	for i := range sources {
		t, err := shape.FromCUE(v.LookupPath(cue.ParsePath(fmt.Sprintf("e%d", i))))
		if err != nil {
			message := err.Error()
			if r := (*shape.Refusal)(nil); errors.As(err, &r) {
				message = r.Message
			}
			message, hint := schema.Says(message)
			fault = &schema.Fault{Message: message, Hint: hint}
			continue
		}
		types[i] = t
	}
	return types, fault, true
}
