package schema

import (
	"fmt"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"
)

// size is what an expression may grow to when it is evaluated.
type size struct {
	nodes  int // values in it, those behind references included
	unions int // alternatives it has
}

// grower estimates sizes from syntax alone. Names are looked up without their
// scopes, so that the estimate errs on the large side.
type grower struct {
	top   map[string][]ast.Expr // at the top of the files: all that a name is given is one value
	named map[string][]ast.Expr // anywhere
	known map[string]size
	busy  map[string]bool
}

func newGrower(files []*ast.File) *grower {
	g := &grower{top: map[string][]ast.Expr{}, named: map[string][]ast.Expr{}, known: map[string]size{}, busy: map[string]bool{}}
	for _, f := range files {
		for _, d := range f.Decls {
			g.collect(g.top, d)
		}
		ast.Walk(f, func(n ast.Node) bool {
			g.collect(g.named, n)
			return true
		}, nil)
	}
	return g
}

func (g *grower) collect(into map[string][]ast.Expr, n ast.Node) {
	switch n := n.(type) {
	case *ast.Field:
		if a, ok := n.Label.(*ast.Alias); ok {
			into[a.Ident.Name] = append(into[a.Ident.Name], n.Value)
		}
		if name, _, err := ast.LabelName(n.Label); err == nil {
			into[name] = append(into[name], n.Value)
		}
		if a, ok := n.Value.(*ast.Alias); ok {
			into[a.Ident.Name] = append(into[a.Ident.Name], a.Expr)
		}
	case *ast.LetClause:
		into[n.Ident.Name] = append(into[n.Ident.Name], n.Expr)
	}
}

// grown returns a fault when the files, evaluated as one, would grow past the
// limits, and the file it is in.
func grown(files []*ast.File) (*Fault, *ast.File) {
	g := newGrower(files)
	total, fields := 0, map[string]size{}
	for _, f := range files {
		for _, d := range f.Decls {
			s := g.decls([]ast.Decl{d})
			total = min(total+s.nodes, grownMax+1)
			if d, ok := d.(*ast.Field); ok {
				if name, _, err := ast.LabelName(d.Label); err == nil {
					s = g.expr(d.Value).joined(fields, name)
				}
			}
			if s.unions > unionsMax {
				return &Fault{Pos: posOf(d.Pos()), Code: "spec.limit", Message: fmt.Sprintf("unions multiply to more than %d alternatives here", unionsMax)}, f
			}
			if s.nodes > grownMax || total > grownMax {
				return &Fault{Pos: posOf(d.Pos()), Code: "spec.limit", Message: fmt.Sprintf("references repeat values until there are more than %d", grownMax)}, f
			}
		}
	}
	return nil, nil
}

// joined is s together with what the name has been given before.
func (s size) joined(fields map[string]size, name string) size {
	if have, ok := fields[name]; ok {
		s = s.times(have)
	}
	fields[name] = s
	return s
}

func (s size) times(t size) size {
	return size{min(s.nodes+t.nodes, grownMax+1), min(s.unions*t.unions, unionsMax+1)}
}

func (g *grower) ref(name string) size {
	if s, ok := g.known[name]; ok {
		return s
	}
	if g.busy[name] {
		return size{1, 1} // a circle: refused where it is evaluated
	}
	g.busy[name] = true
	defer delete(g.busy, name)
	s := size{1, 1}
	for _, x := range g.top[name] {
		s = s.times(g.expr(x))
	}
	for _, x := range g.named[name] {
		inner := g.expr(x)
		s = size{max(s.nodes, inner.nodes), max(s.unions, inner.unions)}
	}
	g.known[name] = s
	return s
}

func (g *grower) expr(x ast.Expr) size {
	switch x := x.(type) {
	case *ast.Ident:
		return g.ref(x.Name)
	case *ast.ParenExpr:
		return g.expr(x.X)
	case *ast.UnaryExpr:
		return g.expr(x.X)
	case *ast.Alias:
		return g.expr(x.Expr)
	case *ast.SelectorExpr:
		return g.expr(x.X)
	case *ast.IndexExpr:
		return g.expr(x.X)
	case *ast.BinaryExpr:
		a, b := g.expr(x.X), g.expr(x.Y)
		if x.Op == token.OR {
			return size{min(a.nodes+b.nodes, grownMax+1), min(a.unions+b.unions, unionsMax+1)}
		}
		s := a.times(b)
		// Each alternative of one side meets the values of the other.
		s.nodes = min(max(a.nodes*min(b.unions, grownMax), b.nodes*min(a.unions, grownMax)), grownMax+1)
		return s
	case *ast.CallExpr:
		s := size{1, 1}
		for _, arg := range x.Args {
			s = s.times(g.expr(arg))
		}
		return s
	case *ast.ListLit:
		s := size{1, 1}
		for _, e := range x.Elts {
			if dots, ok := e.(*ast.Ellipsis); ok && dots.Type != nil {
				e = dots.Type
			}
			s.nodes = min(s.nodes+g.expr(e).nodes, grownMax+1)
		}
		return s
	case *ast.StructLit:
		return g.decls(x.Elts)
	default:
		return size{1, 1}
	}
}

// decls is the size of a struct: fields add up, embedded unions multiply, and
// so do unions that several declarations give to one field.
func (g *grower) decls(all []ast.Decl) size {
	s, fields := size{1, 1}, map[string]size{}
	pattern, count := 0, 0
	for _, d := range all {
		switch d := d.(type) {
		case *ast.EmbedDecl:
			s = s.times(g.expr(d.Expr))
		case *ast.Field:
			v := g.expr(d.Value)
			if _, ok := d.Label.(*ast.ListLit); ok {
				pattern += v.nodes
			}
			count++
			s.nodes = min(s.nodes+v.nodes, grownMax+1)
			name, _, err := ast.LabelName(d.Label)
			if err != nil {
				continue
			}
			if v = v.joined(fields, name); v.unions > unionsMax {
				s.unions = v.unions
			}
		}
	}
	s.nodes = min(s.nodes+pattern*min(count, grownMax), grownMax+1)
	return s
}
