package messages

import (
	"bytes"
	"fmt"
	"strings"
)

// RustOperations writes the operations of APIs as methods of structs.
func RustOperations(actor string, apis []API) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "// %s\n\n//! The APIs that actor %s may ask, from their OpenAPI documents.\n\n#![allow(dead_code)]\n\nuse serde::Serialize;\n", Mark, actor)
	for _, a := range apis {
		name := camel(a.Grant) + "Api"
		for _, o := range a.Operations {
			if len(o.Params) > 0 {
				rustParams(&b, name, o)
			}
		}
		fmt.Fprintf(&b, "\n/// Asks for the operations of the grant %s.\npub struct %s<'c, 'm>(pub &'c grow::Context<'m>);\n\nimpl %[2]s<'_, '_> {\n", a.Grant, name)
		for i, o := range a.Operations {
			if i > 0 {
				b.WriteByte('\n')
			}
			rustMethod(&b, name, a.Grant, o)
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

func rustParams(b *bytes.Buffer, api string, o Operation) {
	fmt.Fprintf(b, "\n/// The parameters of %s.\n#[derive(Clone, Debug, Default, Serialize)]\npub struct %s%sParams {\n", o.ID, api, camel(o.Name))
	for i, field := range distinct(o.Params, rustField) {
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

func rustMethod(b *bytes.Buffer, api, grant string, o Operation) {
	fmt.Fprintf(b, "    /// %s", o.ID)
	if o.About != "" {
		fmt.Fprintf(b, ": %s", o.About)
	}
	generic, args, params, body := "", []string{"&self"}, "&serde_json::json!({})", "None::<&()>"
	if len(o.Params) > 0 {
		args, params = append(args, "params: &"+api+camel(o.Name)+"Params"), "params"
	}
	if o.Body != Absent {
		generic, args, body = "<B: Serialize + ?Sized>", append(args, "body: &B"), "Some(body)"
	}
	head := "    pub fn " + rustField(o.Name) + generic + "("
	const result = ") -> grow::Result<grow::Response> {"
	if line := head + strings.Join(args, ", ") + result; len(line) <= rustWidth {
		head = line
	} else {
		head += "\n        " + strings.Join(args, ",\n        ") + ",\n    " + result
	}
	call := []string{rustText(grant), rustText(o.ID), params, body}
	inner := ".http_call(" + strings.Join(call, ", ") + ")"
	line := "        self.0" + inner
	if len("self.0"+inner) > rustChain {
		line = "        self.0\n            " + inner
	}
	if len("            "+inner) > rustWidth {
		line = "        self.0.http_call(\n            " + strings.Join(call, ",\n            ") + ",\n        )"
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
