package messages

import (
	"bytes"
	"fmt"
	"go/format"
	"slices"
	"strings"
	"unicode/utf8"
)

// API is what an actor may ask for with a grant that names an OpenAPI document.
type API struct {
	Grant      string
	Operations []Operation
}

// Operation is one of an API.
type Operation struct {
	ID, Name string // operationId, and that as a name: get_rate
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

// distinct names the parameters of an operation in a language.
func distinct(params []Param, named func(string) string, taken ...string) []string {
	used := wordSet(strings.Join(taken, " "))
	names := make([]string, len(params))
	for i, p := range params {
		name := named(p.Name)
		for used[name] {
			name += "_"
		}
		names[i], used[name] = name, true
	}
	return names
}

// apiName is the name of the class of a grant's operations.
func apiName(grant string) string { return camel(grant) + "API" }

// PythonOperations writes the operations of APIs as methods of classes.
func PythonOperations(actor string, apis []API) []byte {
	var b bytes.Buffer
	f := &pythonFile{typing: map[string]bool{}}
	for _, a := range apis {
		fmt.Fprintf(&f.body, "\n\nclass %s:\n    %s\n\n    def __init__(self, ctx: grow.Context) -> None:\n        self._http = ctx.http(%s)\n",
			apiName(a.Grant), PythonDoc("The operations of the grant "+a.Grant+"."), pythonText(a.Grant))
		for _, o := range a.Operations {
			f.operation(o)
		}
	}
	fmt.Fprintf(&b, "# %s\n\"\"\"The APIs that actor %s may ask, from their OpenAPI documents.\"\"\"\n\n", Mark, actor)
	if f.typing["Any"] {
		b.WriteString("from typing import Any\n\n")
	}
	b.WriteString("import grow\n")
	b.Write(f.body.Bytes())
	return b.Bytes()
}

func (f *pythonFile) operation(o Operation) {
	params := o.ordered()
	names := distinct(params, PythonField, "self", "body")
	var args, pairs []string
	for i, p := range params {
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
		at := slices.IndexFunc(params, func(p Param) bool { return !p.Required })
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
	f.body.WriteString("\n" + broken("    def "+PythonField(o.Name)+"(", slices.Concat(self, args), ") -> grow.Response:"))
	if o.About != "" {
		f.body.WriteString("        " + PythonDoc(o.About) + "\n")
	}
	if len(pairs) == 0 {
		call[1] = "{}"
	} else if dict := call[1]; utf8.RuneCountInString(dict) > pythonWidth-len("            ,") {
		call[1] = "{\n                " + strings.Join(pairs, ",\n                ") + ",\n            }"
	}
	f.body.WriteString(broken("        return self._http.call(", call, ")"))
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
	fmt.Fprintf(&b, "// %s\n\n// The APIs that actor %s may ask, from their OpenAPI documents.\n\npackage %s\n\nimport grow \"github.com/grow-platform/grow/sdk/go\"\n", Mark, actor, pkg)
	for _, a := range apis {
		api := goName(apiName(a.Grant))
		fmt.Fprintf(&b, "\n// %s asks for the operations of the grant %s.\ntype %s struct{ Context *grow.Context }\n", api, a.Grant, api)
		for _, o := range a.Operations {
			name := goName(o.Name)
			params, body, sent := "", "", ""
			if len(o.Params) > 0 {
				fmt.Fprintf(&b, "\n// %s%sParams are the parameters of %s.\ntype %s%sParams struct {\n", api, name, o.ID, api, name)
				for i, field := range distinct(o.Params, goName) {
					p := o.Params[i]
					kind, omit := goParam(p.Type, p.Item), ""
					if !p.Required {
						if omit = ",omitempty"; !strings.HasPrefix(kind, "[]") && kind != "any" && !strings.HasPrefix(kind, "map") {
							kind = "*" + kind
						}
					}
					fmt.Fprintf(&b, "%s %s `json:\"%s%s\"`\n", field, kind, p.Name, omit)
				}
				b.WriteString("}\n")
				params, sent = "params "+api+name+"Params", ", Params: params"
			}
			if o.Body != Absent {
				body, sent = "body any", sent+", Body: body"
			}
			fmt.Fprintf(&b, "\n// %s is %s", name, o.ID)
			if o.About != "" {
				fmt.Fprintf(&b, ": %s", o.About)
			}
			fmt.Fprintf(&b, ".\nfunc (a %s) %s(%s) (grow.Response, error) {\nreturn a.Context.HTTPCall(%q, grow.Operation{ID: %q%s})\n}\n",
				api, name, strings.Join(slices.DeleteFunc([]string{params, body}, func(s string) bool { return s == "" }), ", "), a.Grant, o.ID, sent)
		}
	}
	out, err := format.Source(b.Bytes())
	if err != nil {
		return nil, fmt.Errorf("write Go: %w", err)
	}
	return out, nil
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
