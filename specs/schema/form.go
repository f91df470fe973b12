package schema

import (
	"cmp"
	"embed"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"
)

// Sources is the embedded schema: CUE files of the package schema.
//
//go:embed *.cue
var Sources embed.FS

// Form is one definition of the schema, ready to hold values against. It is
// immutable and may be used concurrently.
//
// A value may be a scalar, a list or a map; a union has one form of each at
// most, so what a value was meant to be is always known.
type Form struct {
	name    string // of the definition, or ""
	doc     string // what the definition's comment says: "a name: lower-case letters …"
	example string // of the attribute @write: what a value looks like
	comment string // the same as it is written
	any     bool
	scalars []scalar
	list    *listForm
	dict    *mapForm
	def     *Node // default
}

type scalar struct {
	kind     Kind // String, Bool, Int or Float, which takes whole numbers too
	enum     *string
	pattern  *regexp.Regexp
	min, max *bound
	doc      string
	of       string // the definition that it is the value of, or ""
}

type bound struct {
	op    token.Token
	value float64
	text  string
}

type listForm struct {
	item *Form
	min  int
}

type mapForm struct {
	name    string       // of the definition, or ""
	fields  []*fieldForm // in the order of the schema
	pattern *patternForm // of other keys
	open    bool
}

type fieldForm struct {
	name     string
	required bool
	doc      string // its comment as the rest of a sentence
	comment  string // the same as it is written
	form     *Form
}

type patternForm struct {
	key   *Form
	value *Form
}

func (m *mapForm) field(name string) *fieldForm {
	for _, f := range m.fields {
		if f.name == name {
			return f
		}
	}
	return nil
}

// compiled holds the forms of all definitions. They are read once: the schema
// is part of the program, and reading it costs a millisecond.
var compiled = sync.OnceValue(compileSchema)

// Lookup returns the form of a definition of the schema, such as "#Actor". It
// panics when there is none: the schema is part of the program.
func Lookup(name string) *Form {
	f := compiled()[name]
	if f == nil {
		panic("schema: no definition " + name)
	}
	return f
}

func compileSchema() map[string]*Form {
	c := &formCompiler{defs: map[string]*ast.Field{}, forms: map[string]*Form{}}
	files, err := Sources.ReadDir(".")
	if err != nil {
		panic("schema: " + err.Error())
	}
	for _, entry := range files {
		src, err := Sources.ReadFile(entry.Name())
		if err != nil {
			panic("schema: " + err.Error())
		}
		file, err := parser.ParseFile(entry.Name(), src, parser.ParseComments)
		if err != nil {
			panic("schema: " + err.Error())
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.Field); ok {
				c.defs[label(f)] = f
			}
		}
	}
	for name := range c.defs {
		c.ref(name)
	}
	return c.forms
}

// formCompiler reads the CUE of the schema, of which it knows what the schema
// uses. Anything else is a mistake of the program and panics, at the first test.
type formCompiler struct {
	defs  map[string]*ast.Field
	forms map[string]*Form
}

func (c *formCompiler) ref(name string) *Form {
	if f := c.forms[name]; f != nil {
		return f
	}
	def := c.defs[name]
	if def == nil {
		panic("schema: no definition " + name)
	}
	f := &Form{name: name, comment: commentOf(def), doc: docOf(def), example: exampleOf(def)}
	c.forms[name] = f // before its value: a definition may hold itself
	c.expr(f, def.Value)
	if f.dict != nil && f.dict.name == "" {
		f.dict.name = name
	}
	return f
}

func label(f *ast.Field) string {
	name, _, err := ast.LabelName(f.Label)
	if err != nil {
		panic("schema: " + err.Error())
	}
	return name
}

// commentOf is the comment above a field, in one line.
func commentOf(f *ast.Field) string {
	var text string
	for _, g := range ast.Comments(f) {
		if g.Doc {
			text = g.Text()
		}
	}
	return strings.Join(strings.Fields(text), " ")
}

// docOf is the comment above a field, as the rest of a sentence.
func docOf(f *ast.Field) string {
	text := strings.TrimSuffix(commentOf(f), ".")
	if text != "" && (len(text) < 2 || text[1] < 'A' || text[1] > 'Z') { // HTTP stays HTTP
		text = strings.ToLower(text[:1]) + text[1:]
	}
	return text
}

// exampleOf is what a field's attribute @write shows.
func exampleOf(f *ast.Field) string {
	for _, a := range f.Attrs {
		if text, ok := strings.CutPrefix(a.Text, "@write("); ok {
			return strings.TrimSuffix(text, ")")
		}
	}
	return ""
}

func (c *formCompiler) expr(f *Form, x ast.Expr) {
	switch x := x.(type) {
	case *ast.ParenExpr:
		c.expr(f, x.X)
	case *ast.BinaryExpr:
		if x.Op == token.OR {
			c.expr(f, x.X)
			c.expr(f, x.Y)
		} else {
			c.and(f, x)
		}
	case *ast.Ident:
		c.ident(f, x)
	case *ast.UnaryExpr:
		c.unary(f, x)
	case *ast.BasicLit:
		n := literalNode(x)
		f.scalars = append(f.scalars, scalar{kind: n.Kind, enum: &n.Text})
	case *ast.ListLit:
		f.list = c.listOf(x)
	case *ast.StructLit:
		f.dict = c.mapOf(x)
	default:
		panic(fmt.Sprintf("schema: %s: unknown expression %T", x.Pos(), x))
	}
	if d := defaultOf(x); d != nil {
		f.def = d
	}
	f.absorb()
}

// absorb drops constants that a wider alternative takes anyway, as the 3 of int | *3.
func (f *Form) absorb() {
	var kept []scalar
	for i, s := range f.scalars {
		if s.enum == nil || !f.takenBy(i, &Node{Kind: s.kind, Text: *s.enum}) {
			kept = append(kept, s)
		}
	}
	f.scalars = kept
}

func (f *Form) takenBy(not int, n *Node) bool {
	for i := range f.scalars {
		if i != not && f.scalars[i].enum == nil && f.scalars[i].fits(n) {
			return true
		}
	}
	return false
}

// unary reads a bound, or an alternative that is the default.
func (c *formCompiler) unary(f *Form, x *ast.UnaryExpr) {
	if x.Op == token.MUL {
		c.expr(f, x.X)
		return
	}
	s := scalar{kind: Float}
	c.narrow(&s, x)
	f.scalars = append(f.scalars, s)
}

func (c *formCompiler) ident(f *Form, x *ast.Ident) {
	switch x.Name {
	case "_":
		f.any = true
	case "string":
		f.scalars = append(f.scalars, scalar{kind: String})
	case "bool":
		f.scalars = append(f.scalars, scalar{kind: Bool})
	case "int":
		f.scalars = append(f.scalars, scalar{kind: Int})
	case "number":
		f.scalars = append(f.scalars, scalar{kind: Float})
	default:
		r := c.ref(x.Name)
		for _, s := range r.scalars {
			if s.doc == "" {
				s.doc = r.doc
			}
			s.of = cmp.Or(s.of, r.name)
			f.scalars = append(f.scalars, s)
		}
		if r.list != nil {
			f.list = r.list
		}
		if r.dict != nil {
			f.dict = r.dict
		}
		f.any = f.any || r.any
		if f.doc == "" {
			f.doc = r.doc
		}
	}
}

// and makes one scalar of bounds and patterns that hold together.
func (c *formCompiler) and(f *Form, x *ast.BinaryExpr) {
	s := scalar{kind: Float}
	var walk func(ast.Expr)
	walk = func(x ast.Expr) {
		switch x := x.(type) {
		case *ast.BinaryExpr:
			walk(x.X)
			walk(x.Y)
		case *ast.UnaryExpr:
			c.narrow(&s, x)
		case *ast.Ident:
			t := &Form{}
			c.ident(t, x)
			s.kind, s.doc, s.of = t.scalars[0].kind, t.scalars[0].doc, t.scalars[0].of
		default:
			panic(fmt.Sprintf("schema: %s: unknown part of & %T", x.Pos(), x))
		}
	}
	walk(x)
	f.scalars = append(f.scalars, s)
}

func (c *formCompiler) narrow(s *scalar, x *ast.UnaryExpr) {
	lit, ok := x.X.(*ast.BasicLit)
	if !ok {
		panic(fmt.Sprintf("schema: %s: a bound must be a constant", x.Pos()))
	}
	n := literalNode(lit)
	b := &bound{op: x.Op, value: n.Float(), text: n.Text}
	switch x.Op {
	case token.MAT:
		s.kind, s.pattern = String, regexp.MustCompile(n.Text)
	case token.GEQ, token.GTR:
		s.min = b
	case token.LEQ, token.LSS:
		s.max = b
	default:
		panic(fmt.Sprintf("schema: %s: unknown bound %s", x.Pos(), x.Op))
	}
}

func (c *formCompiler) listOf(x *ast.ListLit) *listForm {
	l := &listForm{}
	for _, e := range x.Elts {
		if dots, ok := e.(*ast.Ellipsis); ok {
			l.item = c.inline(dots.Type, "", "")
			continue
		}
		l.min++
	}
	return l
}

// inline makes the form of a value that is no definition of its own.
func (c *formCompiler) inline(x ast.Expr, doc, example string) *Form {
	if id, ok := x.(*ast.Ident); ok && strings.HasPrefix(id.Name, "#") {
		return c.ref(id.Name)
	}
	f := &Form{doc: doc, example: example}
	c.expr(f, x)
	return f
}

func (c *formCompiler) mapOf(x *ast.StructLit) *mapForm {
	m := &mapForm{}
	for _, d := range x.Elts {
		switch d := d.(type) {
		case *ast.Ellipsis:
			m.open = true
		case *ast.Field:
			if l, ok := d.Label.(*ast.ListLit); ok {
				m.pattern = &patternForm{key: c.inline(l.Elts[0], "", ""), value: c.inline(d.Value, docOf(d), exampleOf(d))}
				continue
			}
			m.fields = append(m.fields, &fieldForm{
				name: label(d), required: d.Constraint == token.NOT, doc: docOf(d), comment: commentOf(d), form: c.inline(d.Value, "", exampleOf(d)),
			})
		default:
			panic(fmt.Sprintf("schema: %s: unknown part of a struct %T", d.Pos(), d))
		}
	}
	return m
}

// defaultOf finds the value marked with * among the arms of a union.
func defaultOf(x ast.Expr) *Node {
	switch x := x.(type) {
	case *ast.BinaryExpr:
		if x.Op != token.OR {
			return nil
		}
		if d := defaultOf(x.X); d != nil {
			return d
		}
		return defaultOf(x.Y)
	case *ast.UnaryExpr:
		if x.Op != token.MUL {
			return nil
		}
		switch v := x.X.(type) {
		case *ast.BasicLit:
			return literalNode(v)
		case *ast.Ident:
			return &Node{Kind: Bool, Text: v.Name}
		}
	}
	return nil
}

func literalNode(x *ast.BasicLit) *Node {
	switch x.Kind {
	case token.STRING:
		s, err := literal.Unquote(x.Value)
		if err != nil {
			panic(fmt.Sprintf("schema: %s: %v", x.Pos(), err))
		}
		return &Node{Kind: String, Text: s}
	case token.INT:
		return &Node{Kind: Int, Text: x.Value}
	case token.FLOAT:
		return &Node{Kind: Float, Text: x.Value}
	case token.TRUE, token.FALSE:
		return &Node{Kind: Bool, Text: strconv.FormatBool(x.Kind == token.TRUE)}
	default:
		panic(fmt.Sprintf("schema: %s: unknown literal %s", x.Pos(), x.Value))
	}
}
