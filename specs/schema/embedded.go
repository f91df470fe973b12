package schema

import (
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"
)

// embedded finds a value that stands among the fields of a map without a name
// and is no map itself. CUE v0.17.1 follows {a!: string, >=0} until its stack is
// used up, which ends the whole process and cannot be recovered from. Names are
// looked up without their scopes: all that bear one must be maps.
func embedded(files []*ast.File) (*Fault, *ast.File) {
	e := &embedder{g: newGrower(files), known: map[string]bool{}}
	for _, f := range files {
		var found *ast.EmbedDecl
		ast.Walk(f, func(n ast.Node) bool {
			if d, ok := n.(*ast.EmbedDecl); ok && found == nil && !e.isMap(d.Expr) {
				found = d
			}
			return found == nil
		}, nil)
		if found != nil {
			return &Fault{Pos: posOf(found.Pos()), Code: "spec.cue", Message: "a value stands among the fields without a name",
				Hint: "only maps can: write name: value, or the name of a definition such as #Line"}, f
		}
	}
	return nil, nil
}

type embedder struct {
	g     *grower
	known map[string]bool // names, whether they are maps
}

func (e *embedder) isMap(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.ParenExpr:
		return e.isMap(x.X)
	case *ast.Alias:
		return e.isMap(x.Expr)
	case *ast.UnaryExpr:
		return x.Op == token.MUL && e.isMap(x.X)
	case *ast.BinaryExpr:
		return e.isMap(x.X) && e.isMap(x.Y)
	case *ast.StructLit:
		for _, d := range x.Elts {
			if d, ok := d.(*ast.EmbedDecl); ok && !e.isMap(d.Expr) {
				return false
			}
		}
		return true
	case *ast.CallExpr:
		return callName(x.Fun) == "close" && len(x.Args) == 1 && e.isMap(x.Args[0])
	case *ast.Ident:
		return e.allMaps(x.Name)
	case *ast.SelectorExpr:
		name, _, err := ast.LabelName(x.Sel)
		return err == nil && e.allMaps(name)
	case *ast.IndexExpr:
		lit, ok := x.Index.(*ast.BasicLit)
		return ok && lit.Kind == token.STRING && e.allMaps(literalNode(lit).Text)
	}
	return false
}

func (e *embedder) allMaps(name string) bool {
	if known, ok := e.known[name]; ok {
		return known
	}
	e.known[name] = true // in a circle nothing but maps is a circle of maps
	all := len(e.g.named[name]) > 0
	for _, x := range e.g.named[name] {
		all = all && e.isMap(x)
	}
	e.known[name] = all
	return all
}
