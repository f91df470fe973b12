package specs

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"sort"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"
	"github.com/grow-platform/grow/specs/schema"
	"github.com/grow-platform/grow/specs/shape"
)

// isType reports whether a name can be that of a type.
func isType(name string) bool { return schema.Lookup("#Type").Fits(name) }

// reserved begins the types that the host itself makes: grow.init, grow.error.
const reserved = "grow."

// loadTypes reads the folder types: what is written in CUE is evaluated as one,
// what is written in JSON Schema or OpenAPI file by file.
//
// Types of CUE are the fields at the top whose names are types of messages. One
// in quotes must be readable as a shape; of the others, which may be parts of
// types, those that are used as types.
func (l *loader) loadTypes() {
	var files []*ast.File
	var sources []schema.Source // of files
	var schemas []string
	for _, e := range l.list("types") {
		name := path.Join("types", e.Name())
		switch path.Ext(name) {
		case ".yaml", ".yml", ".json":
			schemas = append(schemas, name)
			continue
		case ".cue":
		default:
			continue
		}
		l.report.file(name)
		data, ok := l.read(name)
		if !ok {
			l.typesBroken, l.named = true, nil
			continue
		}
		l.name(data)
		source := schema.Source{Name: name, Data: data}
		file, faults := schema.ParseCUE(source)
		l.faults(name, faults)
		if len(faults) > 0 {
			l.typesBroken = true
			continue
		}
		files, sources = append(files, file), append(sources, source)
	}
	l.evaluateTypes(files, sources)
	for _, name := range schemas {
		l.schemaFile(name)
	}
}

func (l *loader) evaluateTypes(files []*ast.File, sources []schema.Source) {
	if len(files) == 0 {
		return
	}
	v, faults := schema.Evaluate(files, false)
	if l.typesBroken && len(faults) > 0 {
		return // they may refer to what could not be read
	}
	for _, f := range faults {
		l.faults(f.File, []schema.Fault{f.Fault})
	}
	if len(faults) > 0 {
		l.typesBroken = true
		if v, faults = schema.EvaluateRest(sources, faults); len(faults) > 0 {
			return
		}
	}
	l.shapes(v, topLabels(files))
}

// label is the name of a field, as far as text tells.
var label = regexp.MustCompile(`"?([a-z][a-z0-9_.-]*)"?\s*[?!]?\s*:`)

// name notes the names that a file of types may give to types, whether it is
// CUE or not.
func (l *loader) name(data []byte) {
	for _, m := range label.FindAllSubmatch(data, -1) {
		if l.named != nil {
			l.named[string(m[1])] = true
		}
	}
}

// mayBeType reports whether a type that is not known could be one of those that
// could not be read: it is named there, or is like nothing that is.
func (l *loader) mayBeType(name string) bool {
	if !l.typesBroken || name == "" {
		return false
	}
	return l.named == nil || l.named[name] || schema.Nearest(name, names(l.named)) == ""
}

// topLabel is where the name of a type first stands.
type topLabel struct {
	file   string
	pos    schema.Pos
	quoted bool // it is meant as a type, and not only as a part of others
}

func topLabels(files []*ast.File) map[string]topLabel {
	labels := map[string]topLabel{}
	for _, file := range files {
		for _, d := range file.Decls {
			f, ok := d.(*ast.Field)
			if !ok {
				continue
			}
			x := f.Label
			if a, ok := x.(*ast.Alias); ok {
				x, ok = a.Expr.(ast.Label)
				if !ok {
					continue
				}
			}
			name, _, err := ast.LabelName(x)
			if err != nil {
				continue
			}
			lit, ok := x.(*ast.BasicLit)
			quoted := ok && lit.Kind == token.STRING
			if have, ok := labels[name]; ok && (have.quoted || !quoted) {
				continue
			}
			labels[name] = topLabel{file.Filename, schema.Pos{Line: x.Pos().Line(), Col: x.Pos().Column()}, quoted}
		}
	}
	return labels
}

func (l *loader) shapes(v cue.Value, labels map[string]topLabel) {
	it, err := v.Fields(cue.Optional(true))
	if err != nil {
		l.problem("types", schema.Pos{}, "", "spec.cue", err.Error())
		return
	}
	for it.Next() {
		name := it.Selector().Unquoted()
		at := labels[name]
		if !l.typeName(at, name) {
			continue
		}
		t, err := shape.FromCUE(it.Value())
		l.defined[name] = Position{at.file, at.pos.Line, at.pos.Col}
		l.define(at, name, schema.Join("", name), t, err)
	}
}

// typeName reports whether a name is that of a type, and says so when it was
// meant to be one and is not.
func (l *loader) typeName(at topLabel, name string) bool {
	message := ""
	switch {
	case !isType(name):
		message = fmt.Sprintf("%q is not a type of message: lower-case words joined by dots, such as order.placed", name)
	case strings.HasPrefix(name, reserved):
		message = fmt.Sprintf("%q: types that begin with %s are the host's own", name, reserved)
	default:
		return true
	}
	if at.quoted {
		l.problem(at.file, at.pos, "", "spec.name", message, schema.Lookup("#Type").Meant(name))
	}
	return false
}

// define adds a type, or keeps why it is none: a type that was not meant as a
// part of others is reported now, any other when it is used.
func (l *loader) define(at topLabel, name, path string, t *shape.Type, err error) {
	if err == nil {
		l.service.Types[name] = t
		return
	}
	all := subset(at, path, err)
	if at.quoted {
		for _, p := range all {
			l.add(p)
		}
	}
	l.refused[name] = all
}

// subset makes problems of what shape refuses.
func subset(at topLabel, path string, err error) []Problem {
	var all shape.Refusals
	var r *shape.Refusal
	if !errors.As(err, &all) && errors.As(err, &r) {
		all = shape.Refusals{r}
	}
	var problems []Problem
	for _, r := range all {
		p := Problem{Position: Position{at.file, at.pos.Line, at.pos.Col}, Path: path, Code: "type.subset"}
		p.Message, p.Hint = schema.Says(r.Message)
		if r.Path != "" {
			p.Path = r.Path
		}
		if r.Pos.Line > 0 && r.Pos.File != "" {
			p.Position = Position(r.Pos)
		}
		problems = append(problems, p)
	}
	return problems
}

// known reports a type that does not exist, and returns whether it does.
func (l *loader) knownType(file string, n *schema.Node, at, name string) bool {
	if _, ok := l.service.Types[name]; ok {
		return true
	}
	if name == "" || l.mayBeType(name) || !isType(name) {
		return false
	}
	if all, ok := l.refused[name]; ok {
		for _, p := range all {
			l.add(p)
		}
		return false
	}
	hint := schema.Mean(name, l.typeNames())
	if l.typesBroken {
		hint = schema.Mean(name, names(l.named))
	}
	if hint == "" {
		hint = fmt.Sprintf("types are defined in types/*.cue: %q: {…}", name)
	}
	l.problem(file, n.Pos, at, "spec.unknown", fmt.Sprintf("there is no type %s", name), hint)
	return false
}

func (l *loader) typeNames() []string {
	names := make([]string, 0, len(l.service.Types))
	for name := range l.service.Types {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// typeList checks a list of types and returns those that exist; a type given
// twice is reported. When the list is not what was meant, nothing is said
// later of types that owner, an actor or a workflow, seems not to have.
func (l *loader) typeList(owner, file string, tree *schema.Node, key string) []string {
	n := tree.Get(key)
	if n == nil || n.Kind != schema.List {
		l.loose[owner] = l.loose[owner] || n != nil || key == "in" // which is never left out
		return nil
	}
	var out []string
	seen := map[string]bool{}
	for i, item := range n.Items {
		name, at := item.String(), schema.At(key, i)
		if seen[name] && name != "" {
			l.problem(file, item.Pos, at, "spec.duplicate", name+" is given twice")
			continue
		}
		seen[name] = true
		if l.knownType(file, item, at, name) || l.mayBeType(name) {
			out = append(out, name)
		} else {
			l.loose[owner] = true
		}
	}
	return out
}
