package shape

import (
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"
)

// enter follows the references of v before it is read: it refuses recursion,
// references to other fields of the message, and loops in what is referred to.
// leave ends the reading of v.
func (r *reader) enter(v cue.Value) (leave func(), err error) {
	before := len(r.open)
	leave = func() { r.open = r.open[:before] }
	if r.deep == 1 {
		r.open = append(r.open, opened{r.base, v.Source()})
		if err := r.audit(v); err != nil {
			return nil, err
		}
	}
	return leave, r.follow(v, v, 0)
}

// follow walks the references and unified parts of a value's expression.
func (r *reader) follow(at, v cue.Value, depth int) error {
	if depth > NestMax {
		return r.refuse(at, "it is a chain of more than %d references", NestMax)
	}
	op, args := v.Expr()
	if op == cue.AndOp {
		for _, a := range args {
			if err := r.follow(at, a, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	root, path := v.ReferencePath()
	if !root.Exists() || len(path.Selectors()) == 0 {
		return nil
	}
	target := cue.Dereference(v)
	if !target.Pos().IsValid() { // one of CUE's own packages
		return nil
	}
	to := labels(path)
	if r.within(to, v.Pos()) && (len(to) > 0 || same(root, r.root)) {
		return r.refuse(at, "it refers to itself (%s); a message type cannot be recursive", path)
	}
	if r.sibling(root, path, to) {
		if last := to[len(to)-1]; slices.Contains(basic, last) {
			return r.refuse(at, "it refers to the field %s of the same message, whose name hides CUE's own %s; write __%s for that", path, last, last)
		}
		return r.refuse(at, "it refers to the field %s of the same message; put what both share into a definition (#Name) beside the type", path)
	}
	r.open = append(r.open, opened{to, target.Source()})
	if same(target, v) {
		return nil
	}
	if err := r.audit(target); err != nil {
		return err
	}
	return r.follow(at, target, depth+1)
}

// opened is a definition that is being read.
type opened struct {
	path   []string
	source ast.Node // nil: unknown
}

// holds reports whether what stands at pos is part of the definition's text.
func (o *opened) holds(pos token.Pos) bool {
	if o.source == nil || !pos.IsValid() {
		return true
	}
	from, to := o.source.Pos(), o.source.End()
	return pos.Filename() == from.Filename() && from.Offset() <= pos.Offset() && pos.Offset() <= to.Offset()
}

// within reports whether a reference at pos is part of what it refers to, or of
// what that holds. A definition may be used beside itself: {#A, more: #A}.
func (r *reader) within(to []string, pos token.Pos) bool {
	at := slices.IndexFunc(r.open, func(o opened) bool { return slices.Equal(o.path, to) })
	return at >= 0 && slices.ContainsFunc(r.open[at:], func(o opened) bool { return o.holds(pos) })
}

// basic are CUE's own names that a field is likely to hide.
var basic = []string{"bool", "bytes", "float", "int", "number", "string"}

// sibling reports whether a reference leads to a field of the message itself,
// whose value would have to be the same. Definitions within it are no fields.
func (r *reader) sibling(root cue.Value, path cue.Path, to []string) bool {
	if len(to) <= len(r.base) || !slices.Equal(to[:len(r.base)], r.base) {
		return false
	}
	for _, s := range path.Selectors()[len(r.base):] {
		if s.IsDefinition() || s.PkgPath() != "" || strings.HasPrefix(s.String(), "_") {
			return false
		}
	}
	return len(r.base) > 0 || same(root, r.root)
}

// audit refuses what CUE would evaluate away before a reader can see it.
func (r *reader) audit(v cue.Value) error {
	source := v.Source()
	if source == nil {
		return nil
	}
	at := v.Path().String() + v.Pos().String()
	if r.seen[at] {
		return nil
	}
	if r.seen == nil {
		r.seen = map[string]bool{}
	}
	r.seen[at] = true
	var found error
	ast.Walk(source, func(n ast.Node) bool {
		message := ""
		switch n.(type) {
		case *ast.Comprehension:
			message = "`for` and `if` are computed; a type says what may come, only an actor computes"
		case *ast.Interpolation:
			message = "text made of other fields is computed; only an actor computes"
		}
		if message != "" && found == nil {
			found = &Refusal{Pos: placeOf(n.Pos()), Path: v.Path().String(), Message: message}
		}
		return found == nil
	}, nil)
	return found
}

// labels are the names along a path.
func labels(p cue.Path) []string {
	var names []string
	for _, s := range p.Selectors() {
		names = append(names, s.String())
	}
	return names
}
