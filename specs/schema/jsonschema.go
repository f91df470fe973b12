package schema

import (
	"bytes"
	"encoding/json"
	"strings"
	"sync"

	"cuelang.org/go/cue/token"
)

// Draft is the dialect of JSON Schema that is written.
const Draft = "https://json-schema.org/draft/2020-12/schema"

// written are the files that a user writes, by the name of their JSON Schema.
var written = []struct{ name, form, title string }{
	{"grow.schema.json", "#Service", "A grow service: grow.yaml"},
	{"actor.schema.json", "#Actor", "A grow actor: actors/NAME/actor.yaml"},
	{"workflow.schema.json", "#Workflow", "A grow workflow: workflows/NAME.yaml"},
	{"tests.schema.json", "#Tests", "Examples of a grow actor: actors/NAME/tests/*.yaml"},
}

// jsonSchemas are written once: the schema is part of the program.
var jsonSchemas = sync.OnceValue(func() map[string][]byte {
	all := map[string][]byte{}
	for _, f := range written {
		if form := compiled()[f.form]; form != nil {
			all[f.name] = form.document(f.title)
		}
	}
	return all
})

// JSONSchemas returns a JSON Schema (2020-12) of each kind of file that a user
// writes, for editors, by the name of the file it belongs into, such as
// actor.schema.json. What they accept is what [Form.Check] accepts. The caller
// may change the map, and not the documents.
func JSONSchemas() map[string][]byte {
	all := map[string][]byte{}
	for name, text := range jsonSchemas() {
		all[name] = text
	}
	return all
}

// document writes a form as a whole JSON Schema.
func (f *Form) document(title string) []byte {
	w := &schemaWriter{defs: map[string]*Node{}}
	root := w.value(f)
	n := object("$schema", text(Draft), "title", text(title), "description", text(f.comment))
	n.Fields = append(n.Fields, root.Fields...)
	if len(w.order) > 0 {
		defs := object()
		for _, name := range w.order {
			defs.put(name, w.defs[name])
		}
		n.put("$defs", defs)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, n.JSON(nil), "", "  "); err != nil {
		panic("schema: " + err.Error()) // what JSON writes is JSON
	}
	out.WriteByte('\n')
	return out.Bytes()
}

// schemaWriter writes forms as JSON Schema; definitions are written once.
type schemaWriter struct {
	defs  map[string]*Node
	order []string
}

// ref writes a form, as a reference when it is a definition.
func (w *schemaWriter) ref(f *Form) *Node {
	if f.name == "" {
		return w.value(f)
	}
	name := strings.TrimPrefix(f.name, "#")
	if w.defs[name] == nil {
		def := object("description", text(f.comment))
		w.defs[name] = def // before its value: a definition may hold itself
		w.order = append(w.order, name)
		def.Fields = append(def.Fields, w.value(f).Fields...)
	}
	return object("$ref", text("#/$defs/"+name))
}

// value writes what a form takes.
func (w *schemaWriter) value(f *Form) *Node {
	n := object()
	if f.any {
		return n
	}
	ways := scalarWays(f)
	if f.list != nil {
		ways = append(ways, w.list(f.list))
	}
	if f.dict != nil {
		ways = append(ways, w.dict(f.dict))
	}
	if len(ways) == 1 {
		n = ways[0]
	} else {
		n.put("anyOf", &Node{Kind: List, Items: ways})
	}
	if f.def != nil {
		n.put("default", f.def)
	}
	return n
}

// scalarWays writes the scalars of a form, constants as one enum.
func scalarWays(f *Form) []*Node {
	var ways, constants []*Node
	for i := range f.scalars {
		s := &f.scalars[i]
		if s.enum != nil {
			constants = append(constants, &Node{Kind: s.kind, Text: *s.enum})
			continue
		}
		n := object("type", text(jsonTypes[s.kind]))
		if s.pattern != nil {
			n.put("pattern", text(s.pattern.String()))
			if doc := s.about(f); doc != "" {
				n.put("patternErrorMessage", text("is not "+doc)) // what editors show
			}
		}
		for _, b := range []*bound{s.min, s.max} {
			if b != nil {
				n.put(jsonBounds[b.op], &Node{Kind: Float, Text: b.text})
			}
		}
		ways = append(ways, n)
	}
	if len(constants) > 0 {
		ways = append(ways, object("enum", &Node{Kind: List, Items: constants}))
	}
	return ways
}

var jsonTypes = map[Kind]string{Bool: "boolean", Int: "integer", Float: "number", String: "string"}

var jsonBounds = map[token.Token]string{
	token.GEQ: "minimum", token.GTR: "exclusiveMinimum", token.LEQ: "maximum", token.LSS: "exclusiveMaximum",
}

// about says what a text with a pattern is.
func (s *scalar) about(f *Form) string {
	if s.doc != "" {
		return s.doc
	}
	return f.doc
}

func (w *schemaWriter) list(l *listForm) *Node {
	n := object("type", text("array"), "items", w.ref(l.item))
	if l.min > 0 {
		n.put("minItems", &Node{Kind: Int, Text: "1"})
	}
	return n
}

func (w *schemaWriter) dict(m *mapForm) *Node {
	n := object("type", text("object"))
	properties, required := object(), &Node{Kind: List}
	for _, f := range m.fields {
		properties.put(f.name, w.field(f))
		if f.required {
			required.Items = append(required.Items, text(f.name))
		}
	}
	if len(m.fields) > 0 {
		n.put("properties", properties)
	}
	if len(required.Items) > 0 {
		n.put("required", required)
	}
	switch {
	case m.pattern != nil:
		n.put("propertyNames", w.keys(m))
		n.put("additionalProperties", w.ref(m.pattern.value))
	case !m.open:
		n.put("additionalProperties", &Node{Kind: Bool, Text: "false"})
	}
	return n
}

// field writes what a field takes, with what is said of the field before what
// is said of its definition.
func (w *schemaWriter) field(f *fieldForm) *Node {
	about := f.comment
	if f.form.name != "" && f.form.dict == nil && f.form.list == nil && !f.form.any {
		about += " " + f.form.comment
	}
	n := object("description", text(about))
	value := w.ref(f.form)
	n.Fields = append(n.Fields, value.Fields...)
	return n
}

// keys writes what keys a map takes: those of its fields, and those of its pattern.
func (w *schemaWriter) keys(m *mapForm) *Node {
	key := w.ref(m.pattern.key)
	names := &Node{Kind: List}
	for _, f := range m.fields {
		if !m.pattern.key.Fits(f.name) {
			names.Items = append(names.Items, text(f.name))
		}
	}
	if len(names.Items) == 0 {
		return key
	}
	return object("anyOf", &Node{Kind: List, Items: []*Node{key, object("enum", names)}})
}

// object makes a map of keys and values by turns.
func object(pairs ...any) *Node {
	n := &Node{Kind: Map}
	for i := 0; i+1 < len(pairs); i += 2 {
		n.put(pairs[i].(string), pairs[i+1].(*Node))
	}
	return n
}

func text(s string) *Node { return &Node{Kind: String, Text: s} }

// put adds a field to a map.
func (n *Node) put(key string, value *Node) {
	n.Fields = append(n.Fields, &Field{Key: key, Value: value})
}
