package rule

import (
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// sort is what widen knows of an expression's value.
type sort uint8

const (
	other   sort = iota
	literal      // a whole number as written
	double
)

// widener turns whole-number literals beside doubles into doubles, since CEL's
// operators do not mix the two and JSON does not tell them apart.
type widener struct {
	data  *view
	scope map[string]*view // of the variables of macros over data
}

func widen(e ast.Expr, v *view) { (&widener{v, map[string]*view{}}).expr(e) }

func (w *widener) expr(e ast.Expr) sort {
	if v, ok := w.view(e); ok {
		if v != nil && v.int {
			return other
		}
		return double
	}
	switch e.Kind() {
	case ast.LiteralKind:
		switch e.AsLiteral().(type) {
		case types.Int:
			return literal
		case types.Double:
			return double
		}
	case ast.SelectKind:
		w.expr(e.AsSelect().Operand())
	case ast.ListKind:
		for _, x := range e.AsList().Elements() {
			w.expr(x)
		}
	case ast.MapKind:
		for _, x := range e.AsMap().Entries() {
			w.expr(x.AsMapEntry().Key())
			w.expr(x.AsMapEntry().Value())
		}
	case ast.ComprehensionKind:
		w.comprehension(e.AsComprehension())
	case ast.CallKind:
		return w.call(e.AsCall())
	}
	return other
}

func (w *widener) comprehension(c ast.ComprehensionExpr) {
	w.expr(c.IterRange())
	over, isData := w.view(c.IterRange())
	if isData {
		name := c.IterVar()
		before, had := w.scope[name]
		w.scope[name] = over.item()
		defer func() {
			if delete(w.scope, name); had {
				w.scope[name] = before
			}
		}()
	}
	w.expr(c.AccuInit())
	w.expr(c.LoopCondition())
	w.expr(c.LoopStep())
	w.expr(c.Result())
}

func (w *widener) call(c ast.CallExpr) sort {
	if c.IsMemberFunction() {
		w.expr(c.Target())
	}
	args := c.Args()
	sorts := make([]sort, len(args))
	for i, a := range args {
		sorts[i] = w.expr(a)
	}
	switch c.FunctionName() {
	case "double":
		return double
	case operators.Negate:
		return sorts[0]
	case operators.In:
		if sorts[0] == double && args[1].Kind() == ast.ListKind {
			for _, x := range args[1].AsList().Elements() {
				w.toDouble(x)
			}
		}
	case operators.Add, operators.Subtract, operators.Multiply, operators.Divide,
		operators.Equals, operators.NotEquals, operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals:
		if sorts[0] == double {
			w.toDouble(args[1])
		}
		if sorts[1] == double {
			w.toDouble(args[0])
		}
		arithmetic := c.FunctionName() == operators.Add || c.FunctionName() == operators.Subtract ||
			c.FunctionName() == operators.Multiply || c.FunctionName() == operators.Divide
		if arithmetic && (sorts[0] == double || sorts[1] == double) {
			return double
		}
	case operators.Conditional:
		if sorts[1] == double {
			w.toDouble(args[2])
		}
		if sorts[2] == double {
			w.toDouble(args[1])
		}
		return max(sorts[1], sorts[2])
	}
	return other
}

// toDouble changes a whole-number literal, which a double has exactly.
func (w *widener) toDouble(e ast.Expr) {
	if e.Kind() != ast.LiteralKind {
		return
	}
	const exact = 1 << 53
	if n, ok := e.AsLiteral().(types.Int); ok && n <= exact && n >= -exact {
		e.SetKindCase(ast.NewExprFactory().NewLiteral(e.ID(), types.Double(n)))
	}
}

// view is that of a path into data, or into what a macro takes from data.
func (w *widener) view(e ast.Expr) (*view, bool) {
	switch e.Kind() {
	case ast.IdentKind:
		if v, ok := w.scope[e.AsIdent()]; ok {
			return v, true
		}
		return w.data, e.AsIdent() == "data"
	case ast.SelectKind:
		s := e.AsSelect()
		if v, ok := w.view(s.Operand()); ok && !s.IsTestOnly() {
			return v.field(s.FieldName()), true
		}
	case ast.CallKind:
		c := e.AsCall()
		if c.FunctionName() != operators.Index {
			return nil, false
		}
		v, ok := w.view(c.Args()[0])
		if !ok {
			return nil, false
		}
		if k := c.Args()[1]; k.Kind() == ast.LiteralKind {
			if name, isText := k.AsLiteral().(types.String); isText {
				return v.field(string(name)), true
			}
		}
		return v.item(), true
	}
	return nil, false
}

// pathOf is the path of fields that an expression selects from data.
func pathOf(e ast.Expr) ([]string, bool) {
	switch e.Kind() {
	case ast.IdentKind:
		return nil, e.AsIdent() == "data"
	case ast.SelectKind:
		s := e.AsSelect()
		path, ok := pathOf(s.Operand())
		return append(path, s.FieldName()), ok && !s.IsTestOnly()
	case ast.CallKind:
		c := e.AsCall()
		if c.FunctionName() != operators.Index || c.Args()[1].Kind() != ast.LiteralKind {
			return nil, false
		}
		name, isText := c.Args()[1].AsLiteral().(types.String)
		path, ok := pathOf(c.Args()[0])
		return append(path, string(name)), ok && isText
	}
	return nil, false
}
