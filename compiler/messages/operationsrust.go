package messages

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// RustOperations writes the operations of APIs as methods of structs.
func RustOperations(actor string, apis []API) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "// %s\n\n//! What actor %s may ask for by its grants.\n\n#![allow(dead_code)]\n", Mark, actor)
	if slices.ContainsFunc(apis, API.serializes) {
		b.WriteString("\nuse serde::Serialize;\n")
	}
	for i, name := range classes(apis, func(grant string) string { return camel(grant) + "Api" }) {
		a := &apis[i]
		var names []string
		for _, o := range a.Operations {
			names = append(names, o.Name)
		}
		structs := distinct(names, func(name string) string { return camel(name) + "Params" })
		for i, o := range a.Operations {
			if len(o.Params) > 0 {
				rustParams(&b, name+structs[i], o)
			}
		}
		fmt.Fprintf(&b, "\n/// Asks for the operations of the grant %s.\npub struct %s<'c, 'm>(pub &'c grow::Context<'m>);\n\nimpl%s {\n", a.Grant, name, a.rustLifetimes(name))
		blank := ""
		for i, m := range a.methods(rustField) {
			o := a.Operations[i]
			if m.whole != "" {
				b.WriteString(blank)
				rustMethod(&b, m.whole, name+structs[i], a, o, false)
				blank = "\n"
			}
			if m.stream != "" {
				b.WriteString(blank)
				rustMethod(&b, m.stream, name+structs[i], a, o, true)
				blank = "\n"
			}
		}
		b.WriteString("}\n")
	}
	return b.Bytes()
}

// serializes reports whether any of the operations takes something.
func (a API) serializes() bool {
	return slices.ContainsFunc(a.Operations, func(o Operation) bool { return len(o.Params) > 0 || o.Body != Absent })
}

// rustLifetimes are those of the methods of a struct, of which streams need one by name.
func (a *API) rustLifetimes(name string) string {
	if slices.ContainsFunc(a.Operations, func(o Operation) bool { return o.Stream != NoPieces }) {
		return "<'m> " + name + "<'_, 'm>"
	}
	return " " + name + "<'_, '_>"
}

// rustChain is how long a chain of calls may be to stand in one line.
const rustChain = 60

// rustField is a name of a field.
func rustField(name string) string {
	if name = snake(name); rustWords[name] {
		name += "_"
	}
	return name
}

func rustParams(b *bytes.Buffer, name string, o Operation) {
	fmt.Fprintf(b, "\n/// The parameters of %s.\n#[derive(Clone, Debug, Default, Serialize)]\npub struct %s {\n", o.ID, name)
	for i, field := range distinct(params(o.Params), rustField) {
		p := o.Params[i]
		kind := rustParam(p.Type, p.Item)
		var says []string
		if field != p.Name {
			says = append(says, "rename = "+rustText(p.Name))
		}
		if !p.Required {
			kind = "Option<" + kind + ">"
			says = append(says, `skip_serializing_if = "Option::is_none"`)
		}
		if len(says) > 0 {
			fmt.Fprintf(b, "    #[serde(%s)]\n", strings.Join(says, ", "))
		}
		fmt.Fprintf(b, "    pub %s: %s,\n", field, kind)
	}
	b.WriteString("}\n")
}

// rustMethod writes a method that asks for an operation, perhaps as a stream.
func rustMethod(b *bytes.Buffer, name, given string, a *API, o Operation, stream bool) {
	fmt.Fprintf(b, "    /// %s", o.ID)
	switch {
	case stream:
		fmt.Fprintf(b, " as a stream: %s", o.asStream())
	case o.About != "":
		fmt.Fprintf(b, ": %s", o.About)
	}
	generic, args, params, body := "", []string{"&self"}, "&serde_json::json!({})", "None::<&()>"
	if len(o.Params) > 0 {
		args, params = append(args, "params: &"+given), "params"
	}
	if o.Body != Absent {
		generic, args, body = "<B: Serialize + ?Sized>", append(args, "body: &B"), "Some(body)"
	}
	result, function, call := ") -> grow::Result<grow::Response> {", "http_call", []string{rustText(a.Grant), rustText(o.ID), params, body}
	if a.Asks {
		generic, result = "<T: serde::de::DeserializeOwned>", ") -> grow::Result<T> {"
		function, call = "ask", call[:3]
	}
	if stream {
		result, function = ") -> grow::Result<grow::Stream<'_, 'm>> {", function+"_stream"
		if a.Asks {
			generic = ""
		}
		if o.Stream == BothPieces {
			function, call = "ask_write_stream", call[:2]
		}
	}
	head := "    pub fn " + name + generic + "("
	if line := head + strings.Join(args, ", ") + result; len(line) <= rustWidth {
		head = line
	} else {
		head += "\n        " + strings.Join(args, ",\n        ") + ",\n    " + result
	}
	inner := "." + function + "(" + strings.Join(call, ", ") + ")"
	line := "        self.0" + inner
	if len("self.0"+inner) > rustChain {
		line = "        self.0\n            " + inner
	}
	if len("            "+inner) > rustWidth {
		line = "        self.0." + function + "(\n            " + strings.Join(call, ",\n            ") + ",\n        )"
	}
	fmt.Fprintf(b, "\n%s\n%s\n    }\n", head, line)
}

// rustParam is the type of a parameter in Rust.
func rustParam(kind, item string) string {
	switch kind {
	case "string":
		return "String"
	case "integer":
		return "i64"
	case "number":
		return "f64"
	case "boolean":
		return "bool"
	case "array":
		return "Vec<" + rustParam(item, "") + ">"
	case "object":
		return "serde_json::Map<String, serde_json::Value>"
	}
	return "serde_json::Value"
}
