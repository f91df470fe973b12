package starter

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/grow-platform/grow/specs/shape"
)

// Wish is what is asked for of a new actor.
type Wish struct {
	Name, About, Lang string
	In, Out           string // types; "": NAME.asked and NAME.answered
	Key               string // CEL; "": none, or the id of a message that is new itself
	State             bool
}

// Actor is an actor that is begun.
type Actor struct {
	Name, About, Lang, Source string
	In, Out                   Message
	Key, State                string // State is its type
	Limited                   bool   // it refuses what is longer than its config says
	Requirements              []string
	Tests                     []Example

	types map[string]*shape.Type
	class map[string]string // names of classes of Python, by type
}

// StateError says that the type of an actor's state is taken by another.
type StateError struct{ Type string }

// Error implements error.
func (e *StateError) Error() string {
	return fmt.Sprintf("there is a type %s already, and it is not {count: int}", e.Type)
}

const counted = `{"count":1}`

// NewActor designs an actor for a service that has the given types.
func NewActor(w Wish, types map[string]*shape.Type) (*Actor, error) {
	a := &Actor{Name: w.Name, About: sentence(w.About), Lang: w.Lang, Source: "src/" + w.Lang, Key: w.Key, types: types}
	if a.About == "" {
		a.About = "Answers what it is asked."
	}
	if w.Lang == "wasm" {
		a.Source = "module.wasm"
	}
	a.In = a.message(w.In, w.Name+".asked")
	a.Out = a.message(w.Out, w.Name+".answered")
	if w.State {
		a.State = w.Name + ".state"
		if t := types[a.State]; t != nil && t.Check([]byte(counted)) != nil {
			return nil, &StateError{a.State}
		}
		if a.Key == "" && a.In.Own {
			a.Key = "data.id"
		}
	}
	a.receive()
	if a.Out.Type == a.In.Type {
		a.Out.Own = a.In.Own
	}
	if a.Out.Own {
		a.answer()
	}
	a.send()
	if w.Lang == "wasm" {
		a.Limited = false
		return a, a.silent()
	}
	return a, a.prove()
}

// sentence puts text into one line.
func sentence(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
}

func (a *Actor) message(given, usual string) Message {
	m := Message{Type: given}
	if given == "" {
		m.Type = usual
	}
	m.typ = a.types[m.Type]
	m.Own = m.typ == nil
	m.Raw = m.typ != nil && m.typ.Raw()
	return m
}

// receive settles what the code may read of a message.
func (a *Actor) receive() {
	if a.In.Own {
		a.Limited = true
		a.In.Fields = []Field{own("id", text, `string & !=""`, `"a-1"`), own("text", text, "string", `"hello"`)}
		a.In.sample = objectOf(a.In.Fields)
		return
	}
	if fields, ok := fieldsOf(a.In.typ); ok {
		a.In.Fields = slices.DeleteFunc(fields, func(f Field) bool { return f.kind == anyJSON })
	}
	a.In.sample = a.In.typ.Sample()
}

// passedMax is how many fields of a message are passed on by a new type.
const passedMax = 6

// rules are what a new type says of the fields that are passed on.
var rules = map[kind]string{text: "string", whole: "int", number: "number", truth: "bool"}

// answer makes up the fields of the new type that is sent.
func (a *Actor) answer() {
	for _, f := range a.In.Fields[:min(len(a.In.Fields), passedMax)] {
		f.rule = rules[f.kind]
		a.Out.Fields = append(a.Out.Fields, f)
	}
	if a.State != "" && a.Out.Type != a.In.Type && !has(a.Out.Fields, "count") {
		f := own("count", whole, "int & >0", "1")
		f.GoValue, f.RustValue, f.PyValue = "known.Count", "known.count", `known["count"]`
		a.Out.Fields = append(a.Out.Fields, f)
	}
	if len(a.Out.Fields) == 0 {
		a.Out.Fields = []Field{own("text", text, "string", `"hello"`)}
	}
}

func has(fields []Field, name string) bool {
	return slices.ContainsFunc(fields, func(f Field) bool { return f.Name == name })
}

// send settles where what is sent comes from: fields of the message that are
// called the same, or else constants that the type takes.
func (a *Actor) send() {
	if !a.Out.Own {
		fields, ok := fieldsOf(a.Out.typ)
		if !ok {
			a.Out.sample = a.Out.typ.Sample()
			a.used()
			return
		}
		a.Out.Fields = fields
	}
	passed := slices.Clone(a.Out.Fields)
	for i := range passed {
		passed[i].pass(a.In.Fields)
	}
	if a.Out.Own || a.Out.typ.Check(objectOf(passed)) == nil {
		a.Out.Fields = passed
	} else {
		for i := range a.Out.Fields {
			a.Out.Fields[i].constant()
		}
	}
	a.Out.sample = objectOf(a.Out.Fields)
	if !a.Out.Own && a.Out.typ.Check(a.Out.sample) != nil { // not by its fields alone
		a.Out.Fields, a.Out.sample = nil, a.Out.typ.Sample()
	}
	a.used()
}

// pass gives a field the value of the one that is received under its name.
func (f *Field) pass(from []Field) {
	i := slices.IndexFunc(from, func(g Field) bool { return g.Name == f.Name && g.kind == f.kind })
	switch {
	case f.GoValue != "":
	case i < 0:
		f.constant()
	default:
		f.raw, f.GoValue, f.RustValue, f.PyValue = from[i].raw, "m."+from[i].Go, "received."+from[i].Rust, "received."+from[i].Py
	}
}

// used leaves of the fields that are received those that the code reads.
func (a *Actor) used() {
	if a.Limited {
		return
	}
	a.In.Fields = slices.DeleteFunc(a.In.Fields, func(f Field) bool {
		return !slices.ContainsFunc(a.Out.Fields, func(o Field) bool { return o.GoValue == "m."+f.Go })
	})
}

// NeedsJSON reports whether the Go code names encoding/json.
func (a *Actor) NeedsJSON() bool {
	return !a.Out.Raw && len(a.Out.Fields) == 0 || slices.ContainsFunc(a.Out.Fields, func(f Field) bool { return f.kind == anyJSON })
}

// Derives are the traits of serde that the Rust code names: {Deserialize, Serialize}.
func (a *Actor) Derives() string {
	var names []string
	if len(a.In.Fields) > 0 || a.State != "" {
		names = append(names, "Deserialize")
	}
	if len(a.Out.Fields) > 0 || a.State != "" {
		names = append(names, "Serialize")
	}
	if len(names) > 1 {
		return "{" + strings.Join(names, ", ") + "}"
	}
	return strings.Join(names, "")
}

var actorAbouts = map[string]string{
	"actor.yaml":           "what it takes, sends and keeps",
	"docs/goals.md":        "what it is for",
	"docs/requirements.md": "what it must do",
	"tests/examples.yaml":  "examples that prove it",
	"src/go/main.go":       "its code",
	"src/rust/lib.rs":      "its code",
	"src/python/main.py":   "its code",
	"src/wat/module.wat":   "the source of module.wasm",
	"module.wasm":          "a module that sends nothing: put yours in its place",
}

// Files are the actor's own files.
func (a *Actor) Files() ([]File, error) {
	var others []string
	for _, lang := range Languages {
		if lang != a.Lang {
			others = append(others, "src/"+lang)
		}
	}
	if a.Lang != "wasm" {
		others = append(others, "src/wat", "module.wasm")
	}
	var written []File
	if a.Lang == "python" {
		f, err := a.classes()
		if err != nil {
			return nil, err
		}
		written = []File{f}
	}
	files, err := renderAll("actor", "actors/"+a.Name, a, actorAbouts, others...)
	return append(files, written...), err
}

// NewTypes is the CUE of the types that the service does not have, nil for none.
func (a *Actor) NewTypes() []byte {
	var b bytes.Buffer
	add := func(about, name string, fields []Field) {
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "// %s\n%q: {\n", about, name)
		width := 0
		for _, f := range fields {
			width = max(width, len(f.Name))
		}
		for _, f := range fields {
			fmt.Fprintf(&b, "\t%-*s %s\n", width+1, f.label()+":", f.rule)
		}
		b.WriteString("}\n")
	}
	if a.In.Own {
		add("What "+a.Name+" takes.", a.In.Type, []Field{own("id", text, `string & !=""`, ""), own("text", text, "string", "")})
	}
	if a.Out.Own && a.Out.Type != a.In.Type {
		add("What "+a.Name+" sends.", a.Out.Type, a.Out.Fields)
	}
	if a.State != "" && a.types[a.State] == nil {
		add("What "+a.Name+" keeps.", a.State, []Field{own("count", whole, "int & >=0", "")})
	}
	return b.Bytes()
}

// label is the field's name as a label of CUE.
func (f Field) label() string {
	if strings.Contains(f.Name, "-") {
		return `"` + f.Name + `"`
	}
	return f.Name
}

// Endpoint is the actor's entry in grow.yaml for a method and a path.
func (a *Actor) Endpoint() string {
	return fmt.Sprintf("{send: %s, to: %s, reply: {%s: 200}}", a.In.Type, a.Name, a.Out.Type)
}
