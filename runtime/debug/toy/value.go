package toy

import (
	"fmt"
	"go/ast"
	"go/token"
	"strconv"
)

// eval is the value of an expression in a frame: int64, bool, string, []any,
// map[string]any.
func (g *Guest) eval(f *frame, e ast.Expr) (any, error) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.INT {
			return strconv.ParseInt(e.Value, 0, 64)
		}
		return strconv.Unquote(e.Value)
	case *ast.Ident:
		return g.name(f, e.Name)
	case *ast.ParenExpr:
		return g.eval(f, e.X)
	case *ast.SelectorExpr:
		of, err := g.eval(f, e.X)
		if err != nil {
			return nil, err
		}
		if r, ok := of.(map[string]any); ok {
			if v, there := r[e.Sel.Name]; there {
				return v, nil
			}
		}
		return nil, g.raise("no field " + e.Sel.Name)
	case *ast.IndexExpr:
		return g.index(f, e)
	case *ast.CompositeLit:
		return g.composite(f, e)
	case *ast.CallExpr:
		return g.invoke(f, e)
	case *ast.BinaryExpr:
		return g.binary(f, e)
	}
	return nil, g.raise("no such expression")
}

func (g *Guest) name(f *frame, name string) (any, error) {
	if v, ok := f.vars[name]; ok {
		return v, nil
	}
	if v, ok := g.globals[name]; ok {
		return v, nil
	}
	if name == "true" || name == "false" {
		return name == "true", nil
	}
	return nil, g.raise("no variable " + name)
}

func (g *Guest) index(f *frame, e *ast.IndexExpr) (any, error) {
	of, err := g.eval(f, e.X)
	if err != nil {
		return nil, err
	}
	at, err := g.eval(f, e.Index)
	if err != nil {
		return nil, err
	}
	l, isList := of.([]any)
	n, isNumber := at.(int64)
	if !isList || !isNumber || n < 0 || n >= int64(len(l)) {
		return nil, g.raise("no such index")
	}
	return l[n], nil
}

func (g *Guest) composite(f *frame, e *ast.CompositeLit) (any, error) {
	list, record := []any{}, map[string]any{}
	for _, element := range e.Elts {
		pair, ok := element.(*ast.KeyValueExpr)
		if !ok {
			v, err := g.eval(f, element)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
			continue
		}
		key, err := g.eval(f, pair.Key)
		if err != nil {
			return nil, err
		}
		if record[fmt.Sprint(key)], err = g.eval(f, pair.Value); err != nil {
			return nil, err
		}
	}
	if fmt.Sprint(e.Type) == "list" {
		return list, nil
	}
	return record, nil
}

func (g *Guest) invoke(f *frame, e *ast.CallExpr) (any, error) {
	var args []any
	for _, a := range e.Args {
		v, err := g.eval(f, a)
		if err != nil {
			return nil, err
		}
		args = append(args, v)
	}
	name := fmt.Sprint(e.Fun)
	if name != "count" {
		return g.call(name, args)
	}
	l := []any{} // count(n) is a list of n numbers
	if n, ok := args[0].(int64); ok {
		for i := range min(n, 1<<16) {
			l = append(l, i)
		}
	}
	return l, nil
}

func (g *Guest) binary(f *frame, e *ast.BinaryExpr) (any, error) {
	x, err := g.eval(f, e.X)
	if err != nil {
		return nil, err
	}
	y, err := g.eval(f, e.Y)
	if err != nil {
		return nil, err
	}
	switch e.Op {
	case token.EQL:
		return fmt.Sprint(x) == fmt.Sprint(y), nil
	case token.NEQ:
		return fmt.Sprint(x) != fmt.Sprint(y), nil
	}
	if s, ok := x.(string); ok && e.Op == token.ADD {
		return s + fmt.Sprint(y), nil
	}
	a, ok1 := x.(int64)
	b, ok2 := y.(int64)
	if !ok1 || !ok2 {
		return nil, g.raise("not numbers")
	}
	switch e.Op {
	case token.ADD:
		return a + b, nil
	case token.SUB:
		return a - b, nil
	case token.MUL:
		return a * b, nil
	case token.GTR:
		return a > b, nil
	case token.LSS:
		return a < b, nil
	}
	return nil, g.raise("no operator " + e.Op.String())
}
