package messages

import (
	"bytes"
	"cmp"
	"fmt"
	"go/format"
	"slices"
	"strings"
	"unicode/utf8"
)

// API is what an actor may ask for with a grant that names an OpenAPI document, or whose kind
// describes its operations.
type API struct {
	Grant string
	// Asks: the operations are those of the grant's kind, and answer with data in place of a
	// response.
	Asks       bool
	Operations []Operation
}

// Operation is one of an API.
type Operation struct {
	ID, Name string // operationId, and that as a name: get_rate; of a kind, weather.now and weather_now
	About    string // one line, may be ""
	Params   []Param
	Body     Presence
	Stream   Pieces
	Only     bool // as a stream: it is not asked for as a whole
}

// Pieces says what of an operation goes in pieces when it is asked for as a stream.
type Pieces int

// What goes in pieces.
const (
	NoPieces     Pieces = iota // there is no such stream
	AnswerPieces               // the answer
	BothPieces                 // the request, too
)

// asStream is an operation as a stream, as what is written says of it.
func (o *Operation) asStream() string {
	about := strings.TrimSuffix(o.About, ".")
	if about != "" {
		about += ". "
	}
	if o.Stream == BothPieces {
		return about + "The request is written, and the answer read, in pieces."
	}
	return about + "The answer is read in pieces, as it comes."
}

// Param is a parameter of an operation.
type Param struct {
	Name     string // as requests have it
	Type     string // of its JSON: string, integer, number, boolean, array, object; "": any
	Item     string // of an array's items, likewise
	Required bool
}

// Presence says whether there is a body.
type Presence int

// The presences.
const (
	Absent Presence = iota
	Optional
	Needed
)

// ordered are an operation's parameters, those that are needed first.
func (o *Operation) ordered() []Param {
	list := slices.Clone(o.Params)
	slices.SortStableFunc(list, func(a, b Param) int {
		switch {
		case a.Required == b.Required:
			return 0
		case a.Required:
			return -1
		}
		return 1
	})
	return list
}

// distinct names things in a language, each by a name of its own.
func distinct(list []string, named func(string) string, taken ...string) []string {
	used := wordSet(strings.Join(taken, " "))
	names := make([]string, len(list))
	for i, wanted := range list {
		name := named(wanted)
		for used[name] {
			name += "_"
		}
		names[i], used[name] = name, true
	}
	return names
}

// params are the names of parameters as requests have them.
func params(list []Param) []string {
	names := make([]string, len(list))
	for i, p := range list {
		names[i] = p.Name
	}
	return names
}

// methods are the names under which an operation is asked for; "": it is not.
type methods struct{ whole, stream string }

// methods are those of the operations in a language. No stream takes the name of another
// operation.
func (a *API) methods(named func(string) string, taken ...string) []methods {
	var names []string
	var places []*string
	list := make([]methods, len(a.Operations))
	for i, o := range a.Operations {
		if !o.Only {
			names, places = append(names, o.Name), append(places, &list[i].whole)
		}
	}
	for i, o := range a.Operations {
		if o.Stream != NoPieces {
			names, places = append(names, o.Name+"_stream"), append(places, &list[i].stream)
		}
	}
	for i, name := range distinct(names, named, taken...) {
		*places[i] = name
	}
	return list
}

// classes are the names of the APIs' classes in a language.
func classes(apis []API, named func(string) string) []string {
	names := make([]string, len(apis))
	for i, a := range apis {
		names[i] = a.Grant
	}
	return distinct(names, named)
}

// apiName is the name of the class of a grant's operations.
func apiName(grant string) string { return camel(grant) + "API" }

// pythonModule is what annotations in a class name: no method there may hide it.
const pythonModule = "grow"

// PythonOperations writes the operations of APIs as methods of classes.
func PythonOperations(actor string, apis []API) []byte {
	var b bytes.Buffer
	f := &pythonFile{typing: map[string]bool{}}
	for i, class := range classes(apis, apiName) {
		a := &apis[i]
		fmt.Fprintf(&f.body, "\n\nclass %s:\n    %s\n\n    def __init__(self, ctx: grow.Context) -> None:\n",
			class, PythonDoc("The operations of the grant "+a.Grant+"."))
		if a.Asks {
			f.asking(a)
		} else {
			fmt.Fprintf(&f.body, "        self._http = ctx.http(%s)\n", pythonText(a.Grant))
		}
		for i, m := range a.methods(PythonField, pythonModule) {
			o := a.Operations[i]
			if m.whole != "" {
				f.operation(a, m.whole, o, false)
			}
			if m.stream != "" {
				f.operation(a, m.stream, o, true)
			}
		}
	}
	fmt.Fprintf(&b, "# %s\n\"\"\"What actor %s may ask for by its grants.\"\"\"\n\n", Mark, actor)
	if f.typing["Any"] {
		b.WriteString("from typing import Any\n\n")
	}
	b.WriteString("import grow\n")
	b.Write(f.body.Bytes())
	return b.Bytes()
}

// asking writes how the methods of a class ask for operations of a kind.
func (f *pythonFile) asking(a *API) {
	f.body.WriteString("        self._ctx = ctx\n")
	has := func(stream bool) bool {
		return slices.ContainsFunc(a.Operations, func(o Operation) bool {
			return stream && o.Stream == AnswerPieces || !stream && !o.Only
		})
	}
	for _, m := range []struct {
		has                    bool
		name, result, function string
	}{{has(false), "_ask", "Any", "ask"}, {has(true), "_ask_stream", "grow.Stream", "ask_stream"}} {
		if m.has {
			f.typing["Any"] = true
			fmt.Fprintf(&f.body, "\n    def %s(self, operation: str, data: dict[str, Any]) -> %s:\n"+
				"        given = {name: value for name, value in data.items() if value is not None}\n        return self._ctx.%s(%s, operation, given)\n",
				m.name, m.result, m.function, pythonText(a.Grant))
		}
	}
}

// operation writes a method that asks for an operation, perhaps as a stream.
func (f *pythonFile) operation(a *API, name string, o Operation, stream bool) {
	ordered := o.ordered()
	names := distinct(params(ordered), PythonField, "self", "body")
	var args, pairs []string
	for i, p := range ordered {
		arg := names[i] + ": " + f.param(p.Type, p.Item)
		if !p.Required {
			arg += " | None = None"
		}
		args = append(args, arg)
		pairs = append(pairs, pythonText(p.Name)+": "+names[i])
	}
	call := []string{pythonText(o.ID), "{" + strings.Join(pairs, ", ") + "}"}
	if o.Body != Absent {
		f.typing["Any"] = true
		body := "body: Any"
		if o.Body == Optional {
			body += " = None"
		}
		at := slices.IndexFunc(ordered, func(p Param) bool { return !p.Required })
		if at < 0 || o.Body == Optional {
			at = len(args)
		}
		args = slices.Insert(args, at, body)
		call = append(call, "body=body")
	}
	self := []string{"self"}
	if len(args) > 0 {
		self = append(self, "*")
	}
	about, result, function := o.About, "grow.Response", "self._http.call("
	switch {
	case stream && o.Stream == BothPieces:
		about, result, function, call = o.asStream(), "grow.Stream", "self._ctx.ask_stream(", []string{pythonText(a.Grant), pythonText(o.ID), "write=True"}
	case stream && a.Asks:
		about, result, function = o.asStream(), "grow.Stream", "self._ask_stream("
	case stream:
		about, result, function = o.asStream(), "grow.Stream", "self._http.stream_call("
	case a.Asks:
		result, function = "Any", "self._ask("
	}
	f.body.WriteString("\n" + broken("    def "+name+"(", slices.Concat(self, args), ") -> "+result+":"))
	if about != "" {
		f.body.WriteString("        " + PythonDoc(about) + "\n")
	}
	if len(pairs) == 0 && o.Stream != BothPieces {
		call[1] = "{}"
	} else if dict := call[1]; utf8.RuneCountInString(dict) > pythonWidth-len("            ,") {
		call[1] = "{\n                " + strings.Join(pairs, ",\n                ") + ",\n            }"
	}
	f.body.WriteString(broken("        return "+function, call, ")"))
}

// broken is a list in brackets, over several lines when it is long.
func broken(open string, parts []string, end string) string {
	indent := open[:len(open)-len(strings.TrimLeft(open, " "))]
	if line := open + strings.Join(parts, ", ") + end; utf8.RuneCountInString(line) <= pythonWidth && !strings.Contains(line, "\n") {
		return line + "\n"
	}
	return open + "\n" + indent + "    " + strings.Join(parts, ",\n"+indent+"    ") + ",\n" + indent + end + "\n"
}

// param is the type of a parameter in Python.
func (f *pythonFile) param(kind, item string) string {
	switch kind {
	case "string":
		return "str"
	case "integer":
		return "int"
	case "number":
		return "float"
	case "boolean":
		return "bool"
	case "array":
		return "list[" + f.param(item, "") + "]"
	case "object":
		f.typing["Any"] = true
		return "dict[str, Any]"
	}
	f.typing["Any"] = true
	return "Any"
}

// GoOperations writes the operations of APIs as methods of structs of a package.
func GoOperations(pkg, actor string, apis []API) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "// %s\n\n// What actor %s may ask for by its grants.\n\npackage %s\n\nimport grow \"github.com/grow-platform/grow/sdk/go\"\n", Mark, actor, pkg)
	for i, api := range classes(apis, func(grant string) string { return goName(apiName(grant)) }) {
		a := &apis[i]
		fmt.Fprintf(&b, "\n// %s asks for the operations of the grant %s.\ntype %s struct{ Context *grow.Context }\n", api, a.Grant, api)
		for i, m := range a.methods(goName, "Context") {
			goMethods(&b, api, m, a, &a.Operations[i])
		}
	}
	out, err := format.Source(b.Bytes())
	if err != nil {
		return nil, fmt.Errorf("write Go: %w", err)
	}
	return out, nil
}

// goMethods writes the methods that ask for an operation.
func goMethods(b *bytes.Buffer, api string, m methods, a *API, o *Operation) {
	var args, sent []string
	what := "struct{}{}"
	if len(o.Params) > 0 {
		name := api + cmp.Or(m.whole, m.stream) + "Params"
		goParams(b, name, o)
		args, sent, what = append(args, "params "+name), append(sent, "Params: params"), "params"
	}
	if o.Body != Absent {
		args, sent = append(args, "body any"), append(sent, "Body: body")
	}
	request := fmt.Sprintf("grow.Operation{%s}", strings.Join(append([]string{fmt.Sprintf("ID: %q", o.ID)}, sent...), ", "))
	about := ""
	if o.About != "" {
		about = ": " + strings.TrimSuffix(o.About, ".")
	}
	switch {
	case m.whole != "" && a.Asks:
		fmt.Fprintf(b, "\n// %s is %s%s. The answer is decoded into what into points to; nil: it is not read.\nfunc (a %s) %[1]s(%[5]s) error {\nreturn a.Context.Ask(%[6]q, %[2]q, %[7]s, into)\n}\n",
			m.whole, o.ID, about, api, strings.Join(append(slices.Clone(args), "into any"), ", "), a.Grant, what)
	case m.whole != "":
		fmt.Fprintf(b, "\n// %s is %s%s.\nfunc (a %s) %[1]s(%[5]s) (grow.Response, error) {\nreturn a.Context.HTTPCall(%[6]q, %[7]s)\n}\n", m.whole, o.ID, about, api, strings.Join(args, ", "), a.Grant, request)
	}
	if m.stream == "" {
		return
	}
	call := fmt.Sprintf("HTTPCallStream(%q, %s)", a.Grant, request)
	switch {
	case o.Stream == BothPieces:
		call = fmt.Sprintf("AskWriteStream(%q, %q)", a.Grant, o.ID)
	case a.Asks:
		call = fmt.Sprintf("AskStream(%q, %q, %s)", a.Grant, o.ID, what)
	}
	fmt.Fprintf(b, "\n// %s is %s as a stream: %s\nfunc (a %s) %[1]s(%[5]s) (*grow.Stream, error) {\nreturn a.Context.%[6]s\n}\n", m.stream, o.ID, o.asStream(), api, strings.Join(args, ", "), call)
}

// goParams writes the struct of an operation's parameters.
func goParams(b *bytes.Buffer, name string, o *Operation) {
	fmt.Fprintf(b, "\n// %s are the parameters of %s.\ntype %s struct {\n", name, o.ID, name)
	for i, field := range distinct(params(o.Params), goName) {
		p := o.Params[i]
		kind, tag := goParam(p.Type, p.Item), p.Name
		if !p.Required {
			if tag += ",omitempty"; !strings.HasPrefix(kind, "[]") && kind != "any" && !strings.HasPrefix(kind, "map") {
				kind = "*" + kind
			}
		}
		if tag == "-" {
			tag = "-," // alone it would leave the field out
		}
		fmt.Fprintf(b, "%s %s `json:\"%s\"`\n", field, kind, tag)
	}
	b.WriteString("}\n")
}

// goParam is the type of a parameter in Go.
func goParam(kind, item string) string {
	switch kind {
	case "string":
		return "string"
	case "integer":
		return "int64"
	case "number":
		return "float64"
	case "boolean":
		return "bool"
	case "array":
		return "[]" + goParam(item, "")
	case "object":
		return "map[string]any"
	}
	return "any"
}
