package specs

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"

	"github.com/grow-platform/grow/specs/schema"
	"github.com/grow-platform/grow/specs/shape"
)

// schemaFile reads types from a file of JSON Schema or OpenAPI.
//
// JSON Schema defines the type that the file is named for, types/order.placed.json,
// and those of its $defs whose names have a dot. OpenAPI defines a type for each
// of its components/schemas, which is refused, if it must be, only when it is used.
func (l *loader) schemaFile(file string) {
	l.report.file(file)
	data, ok := l.read(file)
	if !ok {
		l.typesBroken, l.named = true, nil
		return
	}
	read := schema.ReadYAML
	if path.Ext(file) == ".json" {
		read = schema.ReadJSON
	}
	root, faults := read(data)
	l.faults(file, faults)
	if root == nil || len(faults) > 0 {
		l.typesBroken, l.named = true, nil
		return
	}
	f := &typeFile{loader: l, file: file, root: root}
	switch {
	case root.Kind != schema.Map:
		f.wrong(root, "", fmt.Sprintf("is %s; a file of types is a JSON Schema or an OpenAPI document", root.Kind))
	case root.Get("openapi") != nil || root.Get("swagger") != nil:
		f.openAPI()
	default:
		f.jsonSchema()
	}
}

// typeFile is one file of types while it is read.
type typeFile struct {
	*loader
	file    string
	root    *schema.Node
	schemas *shape.Schemas
}

// wrong reports what makes the whole file unreadable.
func (f *typeFile) wrong(n *schema.Node, path, message string, hint ...string) {
	f.typesBroken, f.named = true, nil
	f.problem(f.file, n.Pos, path, "type.subset", message, hint...)
}

// drafts are the dialects by what $schema names, without scheme and fragment.
var drafts = map[string]shape.Dialect{
	"json-schema.org/draft/2020-12/schema": shape.Draft2020, "json-schema.org/draft/2019-09/schema": shape.Draft2019,
	"json-schema.org/draft-07/schema": shape.Draft7, "json-schema.org/draft-06/schema": shape.Draft7,
}

func (f *typeFile) jsonSchema() {
	for _, k := range f.root.Fields {
		if strings.Contains(k.Key, ".") && isType(k.Key) {
			f.wrong(&schema.Node{Pos: k.Pos}, schema.Join("", k.Key), "is a name, and this file is one JSON Schema, named for its type",
				"types under their names stand in a .cue file, or below $defs here")
			return
		}
	}
	dialect := shape.Draft2020
	if n := f.root.Get("$schema"); n != nil {
		_, name, _ := strings.Cut(strings.TrimSuffix(n.String(), "#"), "://")
		var ok bool
		if dialect, ok = drafts[name]; !ok {
			f.wrong(n, `"$schema"`, n.String()+" is not a dialect that is read", "JSON Schema 2020-12, 2019-09, draft-07 and draft-06 are")
			return
		}
	}
	f.schemas = shape.FromSchema(f.file, f.root, dialect)
	if !f.onlyDefinitions() {
		name := strings.TrimSuffix(path.Base(f.file), path.Ext(f.file))
		f.declare(topLabel{f.file, f.root.Pos, true}, strings.TrimSuffix(name, ".schema"))
	}
	for _, group := range []string{"$defs", "definitions"} {
		if defs := f.root.Get(group); defs != nil {
			for _, d := range defs.Fields {
				if strings.Contains(d.Key, ".") {
					f.declare(topLabel{f.file, d.Pos, true}, d.Key, group, d.Key)
				}
			}
		}
	}
}

// onlyDefinitions reports whether the root says nothing of a value itself.
func (f *typeFile) onlyDefinitions() bool {
	defs := false
	for _, k := range f.root.Fields {
		switch k.Key {
		case "$defs", "definitions":
			defs = true
		case "$schema", "$id", "$comment", "title", "description":
		default:
			return false
		}
	}
	return defs
}

func (f *typeFile) openAPI() {
	version := f.root.Get("openapi")
	var dialect shape.Dialect
	switch {
	case strings.HasPrefix(version.String(), "3.1."):
	case strings.HasPrefix(version.String(), "3.0."):
		dialect = shape.OpenAPI3_0
	case version == nil:
		f.wrong(f.root.Get("swagger"), "swagger", "Swagger 2 is not read", "convert it to OpenAPI 3")
		return
	default:
		f.wrong(version, "openapi", fmt.Sprintf("OpenAPI %s is not read", version), "3.0 and 3.1 are; put the version in quotes")
		return
	}
	f.schemas = shape.FromSchema(f.file, f.root, dialect)
	all := f.root.Get("components").Get("schemas")
	if all == nil {
		return
	}
	for _, s := range all.Fields {
		at := topLabel{f.file, s.Pos, false}
		name := fromCamel(s.Key)
		if given := s.Value.Get("x-grow-type"); given != nil {
			at.pos, at.quoted = given.Pos, true
			name = given.String()
		}
		f.declare(at, name, "components", "schemas", s.Key)
	}
}

// declare adds the type that stands at steps.
func (f *typeFile) declare(at topLabel, name string, steps ...string) {
	if !f.typeName(at, name) {
		return
	}
	if have, again := f.defined[name]; again {
		f.problem(f.file, at.pos, "", "spec.duplicate", fmt.Sprintf("the type %s is defined in %s on line %d already", name, have.File, have.Line), f.otherName(steps))
		return
	}
	f.defined[name] = Position{at.file, at.pos.Line, at.pos.Col}
	where := ""
	for _, s := range steps {
		where = schema.Join(where, s)
	}
	t, err := f.schemas.Type(steps...)
	f.define(at, name, where, t, err)
}

// otherName says how a type gets another name.
func (f *typeFile) otherName(steps []string) string {
	if slices.Contains(steps, "components") {
		return "give the schema another name of a type: x-grow-type: NAME"
	}
	return "keep one of them"
}

// fromCamel makes the name of a type of a schema's: OrderPlaced is order.placed,
// HTTPError http.error. A name that is one of a type already stays.
func fromCamel(name string) string {
	if isType(name) {
		return name
	}
	runes := []rune(name)
	var out []rune
	for i, c := range runes {
		if unicode.IsUpper(c) {
			after := i > 0 && (unicode.IsLower(runes[i-1]) || unicode.IsDigit(runes[i-1]))
			last := i > 0 && unicode.IsUpper(runes[i-1]) && i+1 < len(runes) && unicode.IsLower(runes[i+1])
			if after || last {
				out = append(out, '.')
			}
			c = unicode.ToLower(c)
		}
		out = append(out, c)
	}
	return string(out)
}
