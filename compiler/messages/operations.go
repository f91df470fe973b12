package messages

import (
	"bytes"
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

// methods are the names of operations in a language.
func (a *API) methods(named func(string) string, taken ...string) []string {
	names := make([]string, len(a.Operations))
	for i, o := range a.Operations {
		names[i] = o.Name
	}
	return distinct(names, named, taken...)
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
			f.typing["Any"] = true
			fmt.Fprintf(&f.body, "        self._ctx = ctx\n\n    def _ask(self, operation: str, data: dict[str, Any]) -> Any:\n"+
				"        given = {name: value for name, value in data.items() if value is not None}\n        return self._ctx.ask(%s, operation, given)\n", pythonText(a.Grant))
		} else {
			fmt.Fprintf(&f.body, "        self._http = ctx.http(%s)\n", pythonText(a.Grant))
		}
		for i, name := range a.methods(PythonField, pythonModule) {
			f.operation(name, a.Operations[i], a.Asks)
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

func (f *pythonFile) operation(name string, o Operation, asks bool) {
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
	result, function := "grow.Response", "self._http.call("
	if asks {
		result, function = "Any", "self._ask("
	}
	f.body.WriteString("\n" + broken("    def "+name+"(", slices.Concat(self, args), ") -> "+result+":"))
	if o.About != "" {
		f.body.WriteString("        " + PythonDoc(o.About) + "\n")
	}
	if len(pairs) == 0 {
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
		for i, name := range a.methods(goName, "Context") {
			goMethod(&b, api, name, a, &a.Operations[i])
		}
	}
	out, err := format.Source(b.Bytes())
	if err != nil {
		return nil, fmt.Errorf("write Go: %w", err)
	}
	return out, nil
}

// goMethod writes an operation of an API.
func goMethod(b *bytes.Buffer, api, name string, a *API, o *Operation) {
	var args, sent []string
	if len(o.Params) > 0 {
		goParams(b, api+name+"Params", o)
		args, sent = append(args, "params "+api+name+"Params"), append(sent, "Params: params")
	}
	if o.Body != Absent {
		args, sent = append(args, "body any"), append(sent, "Body: body")
	}
	fmt.Fprintf(b, "\n// %s is %s", name, o.ID)
	if o.About != "" {
		fmt.Fprintf(b, ": %s", strings.TrimSuffix(o.About, "."))
	}
	if a.Asks {
		what := "struct{}{}"
		if len(o.Params) > 0 {
			what = "params"
		}
		fmt.Fprintf(b, ". The answer is decoded into what into points to; nil: it is not read.\nfunc (a %s) %s(%s) error {\nreturn a.Context.Ask(%q, %q, %s, into)\n}\n",
			api, name, strings.Join(append(args, "into any"), ", "), a.Grant, o.ID, what)
		return
	}
	fmt.Fprintf(b, ".\nfunc (a %s) %s(%s) (grow.Response, error) {\nreturn a.Context.HTTPCall(%q, grow.Operation{%s})\n}\n",
		api, name, strings.Join(args, ", "), a.Grant, strings.Join(append([]string{fmt.Sprintf("ID: %q", o.ID)}, sent...), ", "))
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
