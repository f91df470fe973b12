package messages

import (
	"bytes"
	"fmt"
	"strings"
)

// RustOperations writes the operations of APIs as methods of structs.
func RustOperations(actor string, apis []API) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "// %s\n\n//! What actor %s may ask for by its grants.\n\n#![allow(dead_code)]\n\nuse serde::Serialize;\n", Mark, actor)
	for i, name := range classes(apis, func(grant string) string { return camel(grant) + "Api" }) {
		a := &apis[i]
		structs := a.methods(func(name string) string { return camel(name) + "Params" })
		for i, o := range a.Operations {
			if len(o.Params) > 0 {
				rustParams(&b, name+structs[i], o)
			}
		}
		fmt.Fprintf(&b, "\n/// Asks for the operations of the grant %s.\npub struct %s<'c, 'm>(pub &'c grow::Context<'m>);\n\nimpl %[2]s<'_, '_> {\n", a.Grant, name)
		for i, method := range a.methods(rustField) {
			if i > 0 {
				b.WriteByte('\n')
			}
			rustMethod(&b, method, name+structs[i], a, a.Operations[i])
		}
		b.WriteString("}\n")
	}
	return b.Bytes()
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

func rustMethod(b *bytes.Buffer, name, given string, a *API, o Operation) {
	fmt.Fprintf(b, "    /// %s", o.ID)
	if o.About != "" {
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
