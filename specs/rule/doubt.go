package rule

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	celast "cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"

	"github.com/grow-platform/grow/specs/shape"
)

// Doubt is something in an expression that compiles and cannot be meant.
type Doubt struct {
	Error
	// Never says that a comparison is with what its field can never be: a
	// misspelt word of a few, or a number out of bounds. Otherwise it is
	// always true.
	Never bool
}

// Doubts returns what cannot be meant in a rule for data of any of the types,
// which Compile has accepted for each.
func Doubts(src string, types []*shape.Type) []Doubt {
	d := doubter{types: types}
	if !d.parse(src) {
		return nil
	}
	d.walk(func(e celast.Expr) {
		if e.Kind() == celast.CallKind {
			d.call(e)
		}
	})
	return d.found
}

var plainPath = regexp.MustCompile(`^\w+(\.\w+)*$`)

// MayLack returns the fields of data that a key reads and that some message of
// a type may be without; none when the key asks for them with has().
func MayLack(src string, t *shape.Type) []string {
	if t == nil || t.Any() || t.Raw() {
		return nil
	}
	if path, ok := strings.CutPrefix(src, "data."); ok && plainPath.MatchString(path) { // most keys are one
		if t.Always(strings.Split(path, ".")...) {
			return nil
		}
		return []string{path}
	}
	d := doubter{types: []*shape.Type{t}}
	if !d.parse(src) {
		return nil
	}
	var lacking []string
	guarded := false
	d.walk(func(e celast.Expr) {
		if e.Kind() == celast.SelectKind && e.AsSelect().IsTestOnly() {
			guarded = true
		}
		path, ok := pathOf(e)
		if !ok || len(path) == 0 || t.Always(path...) {
			return
		}
		if name := strings.Join(path, "."); len(lacking) == 0 || !strings.HasPrefix(lacking[len(lacking)-1], name+".") {
			lacking = append(lacking, name)
		}
	})
	if guarded {
		return nil
	}
	return lacking
}

type doubter struct {
	types []*shape.Type
	ast   *celast.AST
	found []Doubt
}

func (d *doubter) parse(src string) bool {
	for _, t := range d.types {
		if t == nil || t.Any() || t.Raw() {
			return false
		}
	}
	env, err := untyped(false)
	if err != nil || len(d.types) == 0 {
		return false
	}
	parsed, issues := env.Parse(src)
	if issues.Err() != nil {
		return false
	}
	d.ast = parsed.NativeRep()
	return true
}

// walk visits every expression, those that hold others first.
func (d *doubter) walk(visit func(celast.Expr)) {
	celast.PreOrderVisit(d.ast.Expr(), celast.NewExprVisitor(visit))
}

func (d *doubter) call(e celast.Expr) {
	c := e.AsCall()
	name, args := c.FunctionName(), c.Args()
	if name == operators.In && args[1].Kind() == celast.ListKind {
		for _, x := range args[1].AsList().Elements() {
			d.equal(args[0], x)
		}
		return
	}
	o, ok := comparisons[name]
	if !ok {
		return
	}
	a, b := args[0], args[1]
	if _, ok := literalOf(b); !ok {
		a, b, o = b, a, mirrored[o]
	}
	if o == opEqual || o == opUnequal {
		d.equal(a, b)
		return
	}
	d.order(e, a, b, o)
}

// equal doubts a comparison of a field with what it can never be.
func (d *doubter) equal(a, b celast.Expr) {
	path, ok := pathOf(a)
	lit, isLit := literalOf(b)
	if !ok || !isLit {
		return
	}
	var words []string
	for _, t := range d.types {
		f, ok := t.Field(path...)
		if !ok || f.Any() || lit.kind == isNull || f.Check(lit.json()) == nil {
			return
		}
		words = append(words, f.Words()...)
	}
	doubt := Doubt{Never: true, Error: d.at(b, fmt.Sprintf("%s is never %s", written(path), lit.json()))}
	if lit.kind == isText {
		if doubt.Hint = mean(lit.text, words); doubt.Hint == "" && len(words) > 0 {
			doubt.Hint = "it is one of " + strings.Join(words, ", ")
		}
	}
	if doubt.Hint == "" {
		doubt.Hint = "its type does not allow that"
	}
	d.found = append(d.found, doubt)
}

// order doubts a comparison that the bounds of a field decide.
func (d *doubter) order(e, a, b celast.Expr, o op) {
	path, ok := pathOf(a)
	lit, isLit := literalOf(b)
	if !ok || !isLit || lit.kind != isInt && lit.kind != isDouble {
		return
	}
	limit := lit.double
	if lit.kind == isInt {
		limit = float64(lit.int)
	}
	never, always := true, true
	for _, t := range d.types {
		f, ok := t.Field(path...)
		if !ok || f.Any() {
			return
		}
		r, ok := f.Range()
		if !ok {
			return
		}
		some, all := decided(r, o, limit)
		never = never && !some
		always = always && all && f.Kinds()&^shape.Number == 0 && t.Always(path...)
	}
	switch {
	case never:
		d.found = append(d.found, Doubt{Never: true, Error: d.at(b, fmt.Sprintf("%s is never %s %s", written(path), signs[o], lit.json()), "its type has other bounds")})
	case always:
		d.found = append(d.found, Doubt{Error: d.at(e, fmt.Sprintf("%s is always %s %s", written(path), signs[o], lit.json()), "its type says so already")})
	}
}

var signs = map[op]string{opLess: "<", opLessEqual: "<=", opGreater: ">", opGreaterEqual: ">="}

// decided reports whether some, and whether all numbers of a range compare so.
func decided(r shape.Range, o op, limit float64) (some, all bool) {
	switch o {
	case opLess:
		return r.Least < limit, r.Most < limit || r.Most == limit && r.BelowMost
	case opLessEqual:
		return r.Least < limit || r.Least == limit && !r.AboveLeast, r.Most <= limit
	case opGreater:
		return r.Most > limit, r.Least > limit || r.Least == limit && r.AboveLeast
	default:
		return r.Most > limit || r.Most == limit && !r.BelowMost, r.Least >= limit
	}
}

func (d *doubter) at(e celast.Expr, message string, hint ...string) Error {
	where := d.ast.SourceInfo().GetStartLocation(e.ID())
	err := Error{Line: max(where.Line(), 1), Col: max(where.Column(), 0) + 1, Message: message}
	if len(hint) > 0 {
		err.Hint = hint[0]
	}
	return err
}

func written(path []string) string { return strings.Join(append([]string{"data"}, path...), ".") }

// json is a literal as a message would hold it.
func (v value) json() []byte {
	switch v.kind {
	case isText:
		text, _ := json.Marshal(v.text) // a string always has a form in JSON
		return text
	case isInt:
		return strconv.AppendInt(nil, v.int, 10)
	case isDouble:
		return strconv.AppendFloat(nil, v.double, 'g', -1, 64)
	case isBool:
		return strconv.AppendBool(nil, v.yes)
	}
	return []byte("null")
}
