package shape

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/grow-platform/grow/specs/schema"
)

// Dialect is what a file of schemas is written in.
type Dialect uint8

// The dialects. They differ in few words.
const (
	Draft2020  Dialect = iota // JSON Schema 2020-12, and OpenAPI 3.1
	Draft2019                 // JSON Schema 2019-09: several schemas of items stand under items
	Draft7                    // JSON Schema drafts 6 and 7: nothing stands beside $ref either
	OpenAPI3_0                // draft 5 with nullable and exclusiveMinimum: true
)

// Schemas is a file of JSON Schema or OpenAPI, whose types are read one by one.
// It is not safe for concurrent use.
type Schemas struct {
	file    string
	root    *schema.Node
	dialect Dialect
	known   map[*schema.Node]*reading
	// Of the type that is being read:
	left    int // nodes that it may still have
	deep    int
	refused Refusals
}

// RefusalsMax is how many refusals of one type are told.
const RefusalsMax = 50

// Refusals are all that a type cannot be, in the order of its file.
type Refusals []*Refusal

// Error is a line for each.
func (all Refusals) Error() string {
	lines := make([]string, len(all))
	for i, r := range all {
		lines[i] = r.Error()
	}
	return strings.Join(lines, "\n")
}

// reading is a schema that is referred to: it is read once.
type reading struct {
	typ  *Type // nil while it is read
	size int   // nodes
}

// FromSchema begins to read a file that stands in root.
func FromSchema(file string, root *schema.Node, dialect Dialect) *Schemas {
	return &Schemas{file: file, root: root, dialect: dialect, known: map[*schema.Node]*reading{}}
}

// Type reads the type at path, keys from the root on. The error is of type
// [Refusals], with places in the file.
func (s *Schemas) Type(path ...string) (*Type, error) {
	n, where := s.root, ""
	for _, key := range path {
		n, where = n.Get(key), schema.Join(where, key)
	}
	if n == nil {
		return nil, Refusals{{Pos: Pos{s.file, 1, 1}, Path: where, Message: "there is no schema"}}
	}
	s.left, s.deep, s.refused = NodesMax, 0, nil
	if isRaw(n) {
		return (&Type{raw: true}).withAbout(n.Get("description").String()), nil
	}
	t, err := s.once(n, n, where, where)
	if err != nil {
		s.note(err)
	}
	if len(s.refused) > 0 {
		return nil, s.refused
	}
	return t, nil
}

// note keeps a refusal, and reports whether there may be more.
func (s *Schemas) note(err error) bool {
	var r *Refusal
	if !errors.As(err, &r) {
		panic("shape: " + err.Error()) // reading gives no other
	}
	for _, have := range s.refused {
		if *have == *r {
			return true
		}
	}
	s.refused = append(s.refused, r)
	return s.left >= 0 && len(s.refused) < RefusalsMax
}

// isRaw reports whether a schema is of bytes that are no JSON.
func isRaw(n *schema.Node) bool {
	return n.Get("contentMediaType").String() == rawMedia && n.Get("type") == nil ||
		n.Get("type").String() == "string" && n.Get("format").String() == "binary"
}

func (s *Schemas) refuse(n *schema.Node, path, format string, args ...any) error {
	return &Refusal{Pos: Pos{s.file, n.Pos.Line, n.Pos.Col}, Path: path, Message: fmt.Sprintf(format, args...)}
}

// read reads one schema. One that is refused is noted and stands for anything
// from then on, so that all that is wrong is found at once.
func (s *Schemas) read(n *schema.Node, path string) (*Type, error) {
	s.deep++
	t, err := s.schema(n, path)
	s.deep--
	if err != nil && s.note(err) {
		return anything, nil
	}
	return t, err
}

func (s *Schemas) schema(n *schema.Node, path string) (*Type, error) {
	if s.deep > NestMax {
		return nil, s.refuse(n, path, "it is nested more than %d levels deep", NestMax)
	}
	if s.left--; s.left < 0 {
		return nil, s.refuse(n, path, "%v", errTooLarge)
	}
	switch {
	case n.Kind == schema.Bool && n.Bool():
		return anything, nil
	case n.Kind == schema.Bool:
		return nil, s.refuse(n, path, "nothing fits false; leave the field out, which says the same of messages")
	case n.Kind != schema.Map:
		return nil, s.refuse(n, path, "is %s; a schema is a map, or true", n.Kind)
	}
	if err := s.words(n, path); err != nil {
		return nil, err
	}
	t, err := s.own(n, path)
	if err != nil {
		return nil, err
	}
	for _, part := range []func(*schema.Node, string) ([]*Type, error){s.reference, s.all, s.unions, s.excluded} {
		more, err := part(n, path)
		if err != nil {
			return nil, err
		}
		for _, m := range more {
			if t, err = s.meet(n, path, t, m); err != nil {
				return nil, err
			}
		}
	}
	return s.noted(n, path, t)
}

// noted adds default and description.
func (s *Schemas) noted(n *schema.Node, path string, t *Type) (*Type, error) {
	if about := cmp.Or(n.Get("description").String(), n.Get("title").String()); about != "" && !t.any {
		t = t.withAbout(about)
	}
	d := n.Get("default")
	if d == nil || t.any {
		return t, nil
	}
	text := d.JSON(nil)
	if err := t.Check(text); err != nil {
		return nil, s.refuse(d, schema.Join(path, "default"), "the default does not fit: %v", err)
	}
	return t.withDefault(text), nil
}

func (s *Schemas) meet(n *schema.Node, path string, a, b *Type) (*Type, error) {
	u := &unifier{left: &s.left, structs: true}
	def := first(b.def, a.def)
	t, err := u.meet(a.withoutDefault(), b.withoutDefault())
	if err != nil {
		return nil, s.refuse(n, path, "%v", err)
	}
	if def != nil && t.Check(def) == nil {
		t = t.withDefault(def)
	}
	return t, nil
}

// own reads what a schema says itself, kind by kind.
func (s *Schemas) own(n *schema.Node, path string) (*Type, error) {
	kinds, err := s.kinds(n, path)
	if err != nil {
		return nil, err
	}
	t := &Type{kinds: kinds}
	if t.str, err = s.texts(n, path); err != nil {
		return nil, err
	}
	if t.num, err = s.numbers(n, path); err != nil {
		return nil, err
	}
	if t.list, err = s.items(n, path); err != nil {
		return nil, err
	}
	if t.obj, err = s.fields(n, path); err != nil {
		return nil, err
	}
	if t.kinds == all && t.str == nil && t.num == nil && t.list == nil && t.obj == nil {
		t = anything
	}
	if t != anything {
		if t.sift(); t.kinds == 0 {
			return nil, s.refuse(n, path, "no value fits: its bounds exclude each other")
		}
	}
	for _, key := range []string{"enum", "const"} {
		v := n.Get(key)
		if v == nil {
			continue
		}
		c, err := s.constants(v, schema.Join(path, key), key)
		if err != nil {
			return nil, err
		}
		if t, err = s.meet(v, schema.Join(path, key), t, c); err != nil {
			return nil, err
		}
	}
	return t, nil
}

var kindNames = map[string]Kind{
	"object": Object, "array": List, "string": String, "number": Number, "integer": Int, "boolean": Bool, "null": Null,
}

func (s *Schemas) kinds(n *schema.Node, path string) (Kind, error) {
	v := n.Get("type")
	if v == nil {
		return all, nil
	}
	names := []*schema.Node{v}
	if v.Kind == schema.List {
		names = v.Items
	}
	var kinds Kind
	for _, name := range names {
		k := kindNames[name.String()]
		if k == 0 {
			hint := schema.Mean(name.String(), []string{"object", "array", "string", "number", "integer", "boolean", "null"})
			return 0, s.refuse(name, schema.Join(path, "type"), "there is no type %q%s", name.String(), behind(hint))
		}
		kinds |= k
	}
	if kinds == 0 {
		return 0, s.refuse(v, schema.Join(path, "type"), "names no type")
	}
	if s.dialect == OpenAPI3_0 && n.Get("nullable").Bool() {
		kinds |= Null
	}
	return kinds, nil
}

func behind(hint string) string {
	if hint == "" {
		return ""
	}
	return "; " + hint
}

// constants reads the values of enum or const.
func (s *Schemas) constants(v *schema.Node, path, key string) (*Type, error) {
	values := []*schema.Node{v}
	if key == "enum" {
		if values = v.Items; len(values) == 0 {
			return nil, s.refuse(v, path, "lists no value")
		}
	}
	t, seen := &Type{}, map[string]bool{}
	for _, item := range values {
		if s.left--; s.left < 0 {
			return nil, s.refuse(v, path, "%v", errTooLarge)
		}
		c, err := s.constant(item, path)
		if err != nil {
			return nil, err
		}
		t.kinds |= c.kinds
		switch {
		case c.num != nil && t.num == nil:
			t.num = c.num
		case c.num != nil:
			t.num.enum = append(t.num.enum, c.num.enum...)
		case c.str != nil && t.str == nil:
			t.str = c.str
		case c.str != nil && !seen[item.Text]:
			t.str.enum = append(t.str.enum, item.Text)
		}
		if c.str != nil {
			seen[item.Text] = true
		}
	}
	return t, nil
}

func (s *Schemas) constant(n *schema.Node, path string) (*Type, error) {
	switch n.Kind {
	case schema.Null:
		return &Type{kinds: Null}, nil
	case schema.Bool:
		if n.Bool() {
			return &Type{kinds: True}, nil
		}
		return &Type{kinds: False}, nil
	case schema.String:
		return &Type{kinds: String, str: &texts{max: -1, enum: []string{n.Text}}}, nil
	case schema.Int, schema.Float:
		f, err := s.figure(n, path)
		if err != nil {
			return nil, err
		}
		return &Type{kinds: kindOfNumber(f), num: &numbers{enum: []number{f}}}, nil
	}
	return nil, s.refuse(n, path, "is %s; only text, numbers, true, false and null can be constants: describe the fields instead", n.Kind)
}

func (s *Schemas) figure(n *schema.Node, path string) (number, error) {
	if n.Kind != schema.Int && n.Kind != schema.Float {
		return number{}, s.refuse(n, path, "is %s; it must be a number", n.Kind)
	}
	f, end := value([]byte(n.Text), 0)
	if end != len(n.Text) {
		return number{}, s.refuse(n, path, "%s is beyond the range of a number", n.Text)
	}
	return f, nil
}

// reference reads what $ref leads to.
func (s *Schemas) reference(n *schema.Node, path string) ([]*Type, error) {
	ref := n.Get("$ref")
	if ref == nil {
		return nil, nil
	}
	path = schema.Join(path, "$ref")
	if s.dialect == Draft7 || s.dialect == OpenAPI3_0 {
		for _, f := range n.Fields {
			if f.Key != "$ref" && !notes[f.Key] && !strings.HasPrefix(f.Key, "x-") {
				return nil, s.refuse(ref, path, "%s beside $ref is without effect in this dialect; put both into allOf", f.Key)
			}
		}
	}
	to, err := s.target(ref, path)
	if err != nil {
		return nil, err
	}
	t, err := s.once(to, ref, pathOf(ref.Text), path)
	if err != nil {
		return nil, err
	}
	return []*Type{t}, nil
}

// once reads a schema that may be referred to again; from is what refers to it,
// at the path by.
func (s *Schemas) once(n, from *schema.Node, path, by string) (*Type, error) {
	if k := s.known[n]; k != nil && k.typ == nil {
		return nil, s.refuse(from, by, "it refers to itself (%s); a message type cannot be recursive", from.Text)
	} else if k != nil {
		if s.left -= k.size; s.left < 0 {
			return nil, s.refuse(from, by, "%v", errTooLarge)
		}
		return k.typ, nil
	}
	k := &reading{}
	s.known[n] = k
	before, refused := s.left, len(s.refused)
	t, err := s.read(n, path)
	if err != nil || len(s.refused) > refused {
		delete(s.known, n) // whatever else refers to it is told again
		return t, err
	}
	k.typ, k.size = t, before-s.left
	return t, nil
}

// target finds what a reference within the file leads to.
func (s *Schemas) target(ref *schema.Node, path string) (*schema.Node, error) {
	pointer, local := strings.CutPrefix(ref.Text, "#")
	switch {
	case ref.Kind != schema.String:
		return nil, s.refuse(ref, path, "is %s; it must be text, such as #/$defs/line", ref.Kind)
	case !local:
		return nil, s.refuse(ref, path, "%s is another file; only what stands in the same file can be referred to, such as #/$defs/line", ref.Text)
	case pointer != "" && pointer[0] != '/':
		return nil, s.refuse(ref, path, "%s is an anchor; write the way to it, such as #/$defs/line", ref.Text)
	}
	n := s.root
	for _, step := range steps(pointer) {
		var have []string
		next := n.Get(step)
		if i, err := strconv.Atoi(step); err == nil && n.Kind == schema.List && i >= 0 && i < len(n.Items) {
			next = n.Items[i]
		}
		if next == nil {
			for _, f := range n.Fields {
				have = append(have, f.Key)
			}
			return nil, s.refuse(ref, path, "%s leads to nothing: there is no %s%s", ref.Text, step, behind(schema.Mean(step, have)))
		}
		n = next
	}
	return n, nil
}

// steps are the parts of a JSON pointer in a fragment.
func steps(pointer string) []string {
	if pointer == "" {
		return nil
	}
	parts := strings.Split(pointer[1:], "/")
	for i, p := range parts {
		if plain, err := url.PathUnescape(p); err == nil {
			p = plain
		}
		parts[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(p)
	}
	return parts
}

func pathOf(ref string) string {
	path := ""
	for _, step := range steps(strings.TrimPrefix(ref, "#")) {
		path = schema.Join(path, step)
	}
	return path
}

// all reads the parts of allOf.
func (s *Schemas) all(n *schema.Node, path string) ([]*Type, error) {
	return s.list(n.Get("allOf"), schema.Join(path, "allOf"))
}

// list reads a list of schemas, of which there must be one at least.
func (s *Schemas) list(v *schema.Node, path string) ([]*Type, error) {
	if v == nil {
		return nil, nil
	}
	if v.Kind != schema.List || len(v.Items) == 0 {
		return nil, s.refuse(v, path, "is no list of schemas")
	}
	var types []*Type
	for i, item := range v.Items {
		t, err := s.read(item, schema.At(path, i))
		if err != nil {
			return nil, err
		}
		types = append(types, t)
	}
	return types, nil
}

// excluded reads not: constants, kinds and patterns can be excluded.
func (s *Schemas) excluded(n *schema.Node, path string) ([]*Type, error) {
	v := n.Get("not")
	if v == nil {
		return nil, nil
	}
	path = schema.Join(path, "not")
	parts := []*schema.Node{v}
	if any := v.Get("anyOf"); any != nil && len(v.Fields) == 1 && any.Kind == schema.List {
		parts = any.Items
	}
	var types []*Type
	for _, p := range parts {
		if s.left--; s.left < 0 {
			return nil, s.refuse(p, path, "%v", errTooLarge)
		}
		t, err := s.without(p, path)
		if err != nil {
			return nil, err
		}
		types = append(types, t)
	}
	return types, nil
}

// without is every value that does not fit a simple schema.
func (s *Schemas) without(n *schema.Node, path string) (*Type, error) {
	kinds, err := s.kinds(n, path)
	if err != nil {
		return nil, err
	}
	expr, typ := n.Get("pattern"), n.Get("type")
	constants := n.Get("enum")
	key := "enum"
	if constants == nil {
		constants, key = n.Get("const"), "const"
	}
	switch {
	case len(n.Fields) == 1 && constants != nil:
		c, err := s.constants(constants, path, key)
		if err != nil {
			return nil, err
		}
		t := &Type{kinds: all &^ (c.kinds & (Null | Bool))}
		if c.str != nil {
			t.str = &texts{max: -1, not: c.str.enum}
		}
		if c.num != nil {
			t.num = &numbers{not: c.num.enum}
		}
		return t, nil
	case len(n.Fields) == 1 && typ != nil && kinds != all:
		return &Type{kinds: all &^ kinds}, nil
	case expr != nil && (len(n.Fields) == 1 || len(n.Fields) == 2 && kinds == String):
		p, err := s.pattern(expr, schema.Join(path, "pattern"), true)
		if err != nil {
			return nil, err
		}
		t := &Type{kinds: String, str: &texts{max: -1, patterns: []*pattern{p}}}
		if typ != nil { // what is no text does not fit the schema, and so is not excluded
			t.kinds = all
		}
		return t, nil
	}
	return nil, s.refuse(n, path, "only constants (enum, const), a type, or a pattern can be excluded")
}
