package schema

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"
)

// EvaluateMax is how long the CUE of one folder, or of one file of another
// kind, may take to evaluate. What could take long is refused before, so that
// this is the last resort, longer than a machine stands still; the goroutine that
// it gives up ends when CUE does.
const EvaluateMax = 30 * time.Second

// Source is one CUE file.
type Source struct {
	Name string
	Data []byte
}

// Located is a fault with the file it is in.
type Located struct {
	File string
	Fault
}

// ParseCUE parses a file and holds it to the subset of CUE that grow reads.
func ParseCUE(src Source) (*ast.File, []Fault) {
	if f := readable(src.Data); f != nil {
		return nil, []Fault{*f}
	}
	if f := nested(src.Data); f != nil {
		return nil, []Fault{*f}
	}
	file, err := parser.ParseFile(src.Name, src.Data, parser.ParseComments)
	if err != nil {
		var faults []Fault
		for _, l := range translate(err) {
			l.Code = "spec.cue"
			faults = append(faults, l.Fault)
		}
		return nil, slipped(src.Data, faults)
	}
	if faults := foreignSchemas(file); len(faults) > 0 {
		return nil, faults
	}
	if faults := guard(file); len(faults) > 0 {
		return nil, faults
	}
	return file, nil
}

// Evaluate makes one value of files that ParseCUE returned, whatever packages
// they say they belong to. With concrete set, every value must be known.
func Evaluate(files []*ast.File, concrete bool) (cue.Value, []Located) {
	if f, in := grown(files); f != nil {
		return cue.Value{}, []Located{{in.Filename, *f}}
	}
	if f, in := embedded(files); f != nil {
		return cue.Value{}, []Located{{in.Filename, *f}}
	}
	type result struct {
		v      cue.Value
		faults []Located
	}
	done := make(chan result, 1)
	go func() { // ends when CUE does
		var r result
		defer func() {
			if p := recover(); p != nil {
				r = result{faults: []Located{{firstName(files), Fault{Pos: Pos{1, 1}, Code: "spec.cue", Message: fmt.Sprintf("cannot be evaluated: %v", p)}}}}
			}
			done <- r
		}()
		r.v, r.faults = evaluate(files, concrete)
		meant(files, r.faults)
		placed(files, r.faults)
	}()
	limit := time.NewTimer(EvaluateMax)
	defer limit.Stop()
	select {
	case r := <-done:
		return r.v, r.faults
	case <-limit.C:
		select {
		case r := <-done: // both had come when this went on
			return r.v, r.faults
		default:
		}
		return cue.Value{}, []Located{{firstName(files), Fault{Pos: Pos{1, 1}, Code: "spec.limit", Message: fmt.Sprintf("the types take longer than %v to evaluate", EvaluateMax)}}}
	}
}

var noName = regexp.MustCompile(`^there is no "(.+)"$`)

// meant adds the nearest name that exists where one does not.
func meant(files []*ast.File, faults []Located) {
	var known []string
	for i, f := range faults {
		m := noName.FindStringSubmatch(f.Message)
		if m == nil {
			continue
		}
		if ours := foreign[m[1]]; ours != "" {
			faults[i].Hint = "write " + ours
			continue
		}
		if known == nil {
			g := newGrower(files)
			known = append(slices.Sorted(maps.Keys(g.named)), "string", "int", "number", "bool", "bytes", "null")
		}
		same := slices.DeleteFunc(slices.Clone(known), func(k string) bool { return strings.HasPrefix(k, "#") != strings.HasPrefix(m[1], "#") })
		if hint := Mean(m[1], same); hint != "" {
			faults[i].Hint = hint
		}
	}
}

// placed gives faults of which CUE tells no place that of the field at the top
// that they are in.
func placed(files []*ast.File, faults []Located) {
	for i := range faults {
		if faults[i].File != "" {
			continue
		}
		faults[i].File = firstName(files)
		for _, file := range files {
			for _, d := range file.Decls {
				f, ok := d.(*ast.Field)
				if !ok {
					continue
				}
				if name, _, err := ast.LabelName(f.Label); err == nil && name == topName(faults[i].Path) {
					faults[i].File, faults[i].Pos = file.Filename, posOf(f.Pos())
				}
			}
		}
	}
}

func firstName(files []*ast.File) string {
	if len(files) == 0 {
		return ""
	}
	return files[0].Filename
}

func evaluate(files []*ast.File, concrete bool) (cue.Value, []Located) {
	inst := build.NewContext().NewInstance("", nil)
	for _, f := range files {
		setPackage(f)
		if err := inst.AddSyntax(f); err != nil {
			return cue.Value{}, translate(err)
		}
	}
	if err := inst.Complete(); err != nil {
		return cue.Value{}, translate(err)
	}
	v := cuecontext.New().BuildInstance(inst)
	opts := []cue.Option{cue.All()}
	if concrete {
		opts = []cue.Option{cue.Concrete(true)}
	}
	if err := v.Validate(opts...); err != nil {
		return cue.Value{}, translate(err)
	}
	return v, nil
}

// setPackage puts a file into the one package that all are evaluated as: names
// are looked up across files of a package only.
func setPackage(f *ast.File) {
	name := ast.NewIdent("types")
	for _, d := range f.Decls {
		if p, ok := d.(*ast.Package); ok {
			p.Name = name
			return
		}
	}
	f.Decls = append([]ast.Decl{&ast.Package{Name: name}}, f.Decls...)
}

// ReadCUE reads a definition written in CUE: one concrete value. Helpers
// (#Name, _name, let) are left out of the tree.
func ReadCUE(src Source) (*Node, []Fault) {
	file, faults := ParseCUE(src)
	if len(faults) > 0 {
		return nil, faults
	}
	v, located := Evaluate([]*ast.File{file}, true)
	for _, l := range located {
		faults = append(faults, l.Fault)
	}
	if len(faults) > 0 {
		return nil, faults
	}
	r := &cueReader{keys: map[string]Pos{}}
	r.labels(file.Decls, "")
	n := r.node(v, "", 0)
	if n != nil && len(r.faults) == 0 && n.Kind == Map && len(n.Fields) == 0 {
		return nil, []Fault{empty()}
	}
	return n, r.faults
}

type cueReader struct {
	keys   map[string]Pos // path -> place of its key
	nodes  int
	faults []Fault
}

// labels notes where keys stand, which a cue.Value does not tell.
func (r *cueReader) labels(decls []ast.Decl, path string) {
	for _, d := range decls {
		f, ok := d.(*ast.Field)
		if !ok {
			continue
		}
		name, _, err := ast.LabelName(f.Label)
		if err != nil {
			continue
		}
		at := Join(path, name)
		if _, have := r.keys[at]; !have {
			r.keys[at] = posOf(f.Label.Pos())
		}
		if s, ok := f.Value.(*ast.StructLit); ok {
			r.labels(s.Elts, at)
		}
	}
}

func (r *cueReader) node(v cue.Value, path string, depth int) *Node {
	if d, ok := v.Default(); ok {
		v = d
	}
	n := &Node{Pos: posOf(v.Pos())}
	if n.Pos.Line == 0 {
		n.Pos = Pos{1, 1}
	}
	if r.nodes++; r.nodes > NodesMax || depth > DepthMax {
		if len(r.faults) == 0 {
			r.faults = append(r.faults, Fault{Pos: n.Pos, Code: "spec.limit", Message: "the file has too many values, or too many levels of them"})
		}
		return n
	}
	switch v.Kind() {
	case cue.NullKind:
	case cue.BoolKind:
		b, _ := v.Bool()
		n.Kind, n.Text = Bool, strconv.FormatBool(b)
	case cue.StringKind:
		n.Kind = String
		n.Text, _ = v.String()
		if lit, ok := v.Source().(*ast.BasicLit); ok && lit.Value == strconv.Quote(n.Text) {
			n.Plain, n.Quoted = true, true
		}
	case cue.IntKind, cue.FloatKind, cue.NumberKind:
		n.Kind = Float
		if v.Kind() == cue.IntKind {
			n.Kind = Int
		}
		text, err := v.MarshalJSON()
		if err != nil {
			r.faults = append(r.faults, Fault{Pos: n.Pos, Path: path, Code: "spec.type", Message: "is not a number that a file can hold"})
		}
		n.Text = string(text)
	case cue.ListKind:
		n.Kind = List
		for it, _ := v.List(); it.Next(); {
			n.Items = append(n.Items, r.node(it.Value(), At(path, len(n.Items)), depth+1))
		}
	case cue.StructKind:
		n.Kind = Map
		it, err := v.Fields()
		for err == nil && it.Next() {
			key := it.Selector().Unquoted()
			at := Join(path, key)
			child := r.node(it.Value(), at, depth+1)
			pos, ok := r.keys[at]
			if !ok {
				pos = child.Pos
			}
			n.Fields = append(n.Fields, &Field{Key: key, Pos: pos, Value: child})
		}
	default:
		r.faults = append(r.faults, Fault{Pos: n.Pos, Path: path, Code: "spec.type", Message: "is a kind of value that a file cannot hold"})
	}
	return n
}

// translate makes faults of CUE's errors.
func translate(err error) []Located {
	var out []Located
	seen := map[string]bool{}
	for _, e := range errors.Errors(errors.Sanitize(errors.Promote(err, ""))) {
		p := place(e)
		l := Located{p.Filename(), Fault{Pos: posOf(p), Path: cuePath(e.Path()), Code: "spec.cue"}}
		if l.Pos.Line == 0 {
			l.Pos = Pos{1, 1}
		}
		format, args := e.Msg()
		l.Message, l.Hint = Says(fmt.Sprintf(format, args...))
		if key := fmt.Sprint(l.File, l.Pos, l.Message); !seen[key] {
			seen[key] = true
			out = append(out, l)
		}
	}
	return out
}

func place(e errors.Error) token.Pos {
	if p := e.Position(); p.IsValid() && p.Filename() != "" {
		return p
	}
	for _, p := range e.InputPositions() {
		if p.IsValid() && p.Filename() != "" {
			return p
		}
	}
	return token.NoPos
}

func cuePath(parts []string) string {
	path := ""
	for _, p := range parts {
		if u, err := strconv.Unquote(p); err == nil {
			p = u
		}
		if i, err := strconv.Atoi(p); err == nil {
			path = At(path, i)
			continue
		}
		path = Join(path, p)
	}
	return path
}
