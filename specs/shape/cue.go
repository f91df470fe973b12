package shape

import (
	"fmt"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/token"
)

// Refusal says what in a definition a type cannot be, where and why.
type Refusal struct {
	Pos     Pos
	Path    string // of the value, as its file writes it
	Message string // the reason, lower case
}

// Pos is a place in a file. Line and Col count from 1; 0 means unknown.
type Pos struct {
	File      string
	Line, Col int
}

func placeOf(p token.Pos) Pos {
	if !p.IsValid() {
		return Pos{}
	}
	return Pos{p.Filename(), p.Line(), p.Column()}
}

// Error is file:line:col, path and message in one line.
func (r *Refusal) Error() string {
	s := r.Message
	if r.Path != "" {
		s = r.Path + ": " + s
	}
	if r.Pos.Line > 0 {
		s = fmt.Sprintf("%s:%d:%d: %s", r.Pos.File, r.Pos.Line, r.Pos.Col, s)
	}
	return s
}

// FromCUE reads a type from a CUE value, which is not used afterwards. The error
// is a *[Refusal]. It does not guard against CUE that takes long to evaluate:
// whoever compiles files of strangers refuses loops first and sets a time limit.
func FromCUE(v cue.Value) (*Type, error) {
	r := &reader{root: v, base: labels(v.Path()), left: NodesMax}
	if v.IncompleteKind() == cue.BytesKind && v.Err() == nil {
		if op, _ := v.Eval().Expr(); op == cue.NoOp && !v.IsConcrete() {
			return &Type{raw: true}, nil
		}
		return nil, r.refuse(v, "bytes are passed on unread: they cannot have a default, a bound or a value")
	}
	t, err := r.read(v)
	if err != nil {
		return nil, err
	}
	return t.withAbout(comment(v)), nil
}

// comment is what stands above a value in its file.
func comment(v cue.Value) string {
	for _, g := range v.Doc() {
		return strings.TrimSpace(g.Text())
	}
	return ""
}

// reader turns one CUE value into a Type.
type reader struct {
	root cue.Value
	base []string        // path of root
	open []opened        // definitions that are being read, to find recursion
	left int             // nodes that may still be made
	deep int             // values around the current one
	seen map[string]bool // definitions audited already
}

func (r *reader) refuse(v cue.Value, format string, args ...any) error {
	pos := v.Pos()
	if !pos.IsValid() {
		pos = r.root.Pos()
	}
	return &Refusal{Pos: placeOf(pos), Path: v.Path().String(), Message: fmt.Sprintf(format, args...)}
}

// broken turns CUE's own verdict on a value into a refusal.
func (r *reader) broken(v cue.Value, err error) error {
	message := err.Error()
	refusal := &Refusal{Pos: placeOf(v.Pos()), Path: v.Path().String()}
	if list := errors.Errors(err); len(list) > 0 {
		format, args := list[0].Msg()
		message = fmt.Sprintf(format, args...)
		if at := errors.Positions(list[0]); len(at) > 0 && at[0].IsValid() {
			refusal.Pos = placeOf(at[0])
		}
		if path := list[0].Path(); len(path) > 0 {
			refusal.Path = strings.Join(path, ".")
		}
	}
	switch {
	case strings.Contains(message, "structural cycle"):
		message = "it refers to itself; a message type cannot be recursive"
	case strings.Contains(message, "non-concrete value") && strings.Contains(message, "for bound"):
		message = "a bound cannot refer to another field; compare fields in a rule or in the actor (" + message + ")"
	}
	if strings.Contains(message, "in operand to") {
		message = computed + " (" + message + ")"
	}
	refusal.Message = message
	return refusal
}

const computed = "it is computed; a type says what may come, only an actor computes"

// read reads any value but raw bytes.
func (r *reader) read(v cue.Value) (*Type, error) {
	r.deep++
	defer func() { r.deep-- }()
	r.left--
	if r.deep > NestMax {
		return nil, r.refuse(v, "it is nested more than %d levels deep", NestMax)
	}
	if r.left < 0 {
		return nil, r.refuse(r.root, "it has more than %d values, references written out", NodesMax)
	}
	leave, err := r.enter(v)
	if err != nil {
		return nil, err
	}
	defer leave()
	t, err := r.shape(v)
	if err != nil {
		return nil, err
	}
	return r.withDefault(t, v)
}

// shape reads a value without its default.
func (r *reader) shape(v cue.Value) (*Type, error) {
	parts, err := r.parts(v)
	if err != nil {
		return nil, err
	}
	if lists := slices.DeleteFunc(slices.Clone(parts), func(p cue.Value) bool {
		return p.IncompleteKind() != cue.ListKind || isCall(p)
	}); len(lists) > 0 && len(parts) > 1 {
		return r.boundedList(v, parts, lists)
	}
	if err := v.Err(); err != nil {
		return nil, r.broken(v, err)
	}
	// A union is read as it was written: evaluated, CUE takes the first of
	// several open lists.
	if op, args := target(v).Expr(); op == cue.OrOp {
		return r.union(v, args)
	}
	e := v.Eval()
	op, args := e.Expr()
	// Of a union with a default that fits the rest CUE leaves the rest: of
	// *72 | >=1, and of *[] | [...int], which would be read as the default.
	if op == cue.NoOp && len(args) == 1 && isRest(v, args[0]) {
		return r.shape(args[0])
	}
	switch {
	case op == cue.OrOp:
		return r.union(v, args)
	case e.IncompleteKind() == cue.StructKind:
		return r.object(v)
	case e.IncompleteKind() == cue.ListKind:
		if op == cue.CallOp {
			return r.call(v, args)
		}
		return r.items(v)
	}
	return r.scalar(v, op, args)
}

// isRest reports whether rest is v without its default. Of an open list CUE
// holds the list without further items to be the default.
func isRest(v, rest cue.Value) bool {
	_, marked := v.Default()
	_, still := rest.Default()
	open := func(v cue.Value) bool { return v.LookupPath(cue.MakePath(cue.AnyIndex)).Exists() }
	return marked && (!still || open(rest) && !open(v))
}

// parts are the values that v unifies, references followed.
func (r *reader) parts(v cue.Value) ([]cue.Value, error) {
	op, args := v.Expr()
	if op != cue.AndOp {
		if root, path := v.ReferencePath(); root.Exists() && len(path.Selectors()) > 0 {
			if target := cue.Dereference(v); !same(target, v) {
				if next, more := target.Expr(); next == cue.AndOp && len(more) > 0 {
					return r.parts(target)
				}
			}
		}
		return []cue.Value{v}, nil
	}
	var parts []cue.Value
	for _, a := range args {
		if r.left--; r.left < 0 {
			return nil, r.refuse(r.root, "it has more than %d values, references written out", NodesMax)
		}
		more, err := r.parts(a)
		if err != nil {
			return nil, err
		}
		parts = append(parts, more...)
	}
	return parts, nil
}

// target is what a chain of references leads to.
func target(v cue.Value) cue.Value {
	for range NestMax {
		root, path := v.ReferencePath()
		if !root.Exists() || len(path.Selectors()) == 0 {
			return v
		}
		next := cue.Dereference(v)
		if same(next, v) || !next.Pos().IsValid() {
			return v
		}
		v = next
	}
	return v
}

func same(a, b cue.Value) bool {
	return a.Path().String() == b.Path().String() && a.Pos() == b.Pos()
}

func isCall(v cue.Value) bool {
	op, _ := v.Eval().Expr()
	return op == cue.CallOp
}

func (r *reader) union(v cue.Value, args []cue.Value) (*Type, error) {
	var u *Type
	for _, a := range args {
		t, err := r.read(a)
		if err != nil {
			return nil, err
		}
		t = t.withoutDefault()
		if u == nil {
			u = t
		} else {
			u = join(u, t)
		}
	}
	if u == nil {
		return nil, r.refuse(v, "none of its alternatives can be")
	}
	return u, nil
}

// meet is what fits both types.
func (r *reader) meet(v cue.Value, a, b *Type) (*Type, error) {
	u := &unifier{left: &r.left}
	t, err := u.meet(a, b)
	if err != nil {
		return nil, r.refuse(v, "%v", err)
	}
	return t, nil
}

// withDefault notes the default that v marks with a star.
func (r *reader) withDefault(t *Type, v cue.Value) (*Type, error) {
	d, marked := v.Default()
	if !marked || v.IsConcrete() || t.any {
		return t, nil
	}
	text, err := d.MarshalJSON()
	if err != nil {
		return nil, r.refuse(v, "its default is not a whole value")
	}
	return t.withDefault(text), nil
}

func (t *Type) withDefault(json []byte) *Type {
	c := *t
	c.def = json
	return &c
}

func (t *Type) withAbout(text string) *Type {
	if text == t.about {
		return t
	}
	c := *t
	c.about = text
	return &c
}

func (t *Type) withoutDefault() *Type {
	if t.def == nil {
		return t
	}
	c := *t
	c.def = nil
	return &c
}

func (r *reader) object(v cue.Value) (*Type, error) {
	it, err := v.Fields(cue.Optional(true), cue.Patterns(true))
	if err != nil {
		return nil, r.broken(v, err)
	}
	rule := &fields{index: map[string]*field{}}
	patterned := false
	for it.Next() {
		s, f := it.Selector(), it.Value()
		if s.ConstraintType() == cue.PatternConstraint {
			patterned = true
			if err := r.keyed(rule, s.Pattern(), f); err != nil {
				return nil, err
			}
			continue
		}
		if len(rule.list) == FieldsMax {
			return nil, r.refuse(v, "it has more than %d fields", FieldsMax)
		}
		t, err := r.read(f)
		if err != nil {
			return nil, err
		}
		required := s.ConstraintType() == cue.RequiredConstraint || s.ConstraintType() != cue.OptionalConstraint && t.def == nil
		if s.ConstraintType() != 0 {
			t = t.withoutDefault() // CUE fills in defaults of regular fields only
		}
		rule.add(s.Unquoted(), t, required, s.ConstraintType() == cue.RequiredConstraint).about = comment(f)
	}
	// LookupPath finds both `...` and [string]: in AnyString.
	rule.open = !patterned && v.LookupPath(cue.MakePath(cue.AnyString)).Exists()
	return &Type{kinds: Object, obj: rule}, nil
}

func (r *fields) add(name string, t *Type, required, must bool) *field {
	f := &field{name: name, typ: t, at: len(r.list), required: required, must: must}
	f.quoted = append(quote(nil, name), ':')
	r.list = append(r.list, f)
	r.index[name] = f
	if required {
		r.required++
	}
	return f
}

func (r *reader) keyed(rule *fields, pattern, v cue.Value) error {
	key, err := r.read(pattern)
	if err != nil {
		return err
	}
	if key.any {
		key = &Type{kinds: String}
	}
	if key.arms != nil || key.kinds != String {
		return r.refuse(v, "names of fields are strings: write [string], [=~\"…\"] or names in quotes")
	}
	t, err := r.read(v)
	if err != nil {
		return err
	}
	rule.patterns = append(rule.patterns, keyed{key, t.withoutDefault()})
	return nil
}

func (r *reader) items(v cue.Value) (*Type, error) {
	rule := &items{max: -1}
	it, err := v.List()
	if err != nil {
		return nil, r.broken(v, err)
	}
	for it.Next() {
		t, err := r.read(it.Value())
		if err != nil {
			return nil, err
		}
		rule.prefix = append(rule.prefix, t.withoutDefault())
	}
	rule.min = len(rule.prefix)
	if rest := v.LookupPath(cue.MakePath(cue.AnyIndex)); rest.Exists() {
		t, err := r.read(rest)
		if err != nil {
			return nil, err
		}
		rule.rest = t.withoutDefault()
	} else {
		rule.max = len(rule.prefix)
	}
	if rule.min == 0 && rule.max < 0 && rule.rest.any {
		return &Type{kinds: List}, nil
	}
	return &Type{kinds: List, list: rule}, nil
}

// boundedList reads a list with validators: [...string] & list.MaxItems(3).
// They are read one by one, since CUE already finds an open list too short.
func (r *reader) boundedList(v cue.Value, parts, lists []cue.Value) (*Type, error) {
	whole := lists[0]
	for _, l := range lists[1:] {
		whole = whole.Unify(l)
	}
	if err := whole.Err(); err != nil {
		return nil, r.broken(v, err)
	}
	t, err := r.items(whole)
	if err != nil {
		return nil, err
	}
	for _, p := range parts {
		if !isCall(p) {
			if p.IncompleteKind() != cue.ListKind {
				return nil, r.broken(v, fmt.Errorf("a list and %v cannot be unified", p))
			}
			continue
		}
		_, args := p.Eval().Expr()
		bounds, err := r.call(p, args)
		if err != nil {
			return nil, err
		}
		if t, err = r.meet(v, t, bounds); err != nil {
			return nil, err
		}
	}
	return t, nil
}
