package messages

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// rustWidth is the width of lines that rustfmt keeps to.
const rustWidth = 100

var rustWords = wordSet(`abstract as async await become box break const continue crate do dyn else enum extern false final fn for gen
	if impl in let loop macro match mod move mut override priv pub ref return self static struct super trait true try type typeof
	unsafe unsized use virtual where while yield`)

// rustFile is what is written of a file of Rust.
type rustFile struct {
	body bytes.Buffer
	maps bool // BTreeMap is used
}

// Rust writes types as structs and enums with serde's derives.
func Rust(actor string, all []Named) ([]byte, error) {
	classes, err := read(all)
	if err != nil {
		return nil, err
	}
	f := &rustFile{}
	for _, c := range classes {
		f.class(c)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "// %s\n\n//! The messages of actor %s, from the service's types.\n\n#![allow(dead_code)]\n", Mark, actor)
	b.WriteString("\nuse serde::{Deserialize, Serialize};\n")
	if f.maps {
		b.WriteString("use std::collections::BTreeMap;\n")
	}
	b.Write(f.body.Bytes())
	return b.Bytes(), nil
}

const rustDerives = "#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]\n"

func (f *rustFile) class(c *class) {
	switch {
	case c.of == nil:
		f.structure(c)
	case c.of.enum != nil && c.of.kind == text && c.of.class == c:
		f.enum(c)
	case c.of.kind == union && c.of.class == c:
		f.union(c)
	case c.named:
		f.doc(c.about, "")
		fmt.Fprintf(&f.body, "pub type %s = %s;\n", c.name, f.typ(c.of))
	}
	if c.named && c.typ != "" && c.of == nil {
		fmt.Fprintf(&f.body, "\nimpl %s {\n    /// The type of the message.\n    pub const TYPE: &str = %s;\n}\n", c.name, rustText(c.typ))
	}
}

func (f *rustFile) doc(about, indent string) {
	if indent == "" {
		f.body.WriteString("\n")
	}
	for line := range strings.Lines(about) {
		f.body.WriteString(strings.TrimRight(indent+"/// "+strings.TrimSpace(line), " ") + "\n")
	}
}

func (f *rustFile) structure(c *class) {
	var after strings.Builder
	f.doc(c.about, "")
	f.body.WriteString(rustDerives)
	var fields int
	var b bytes.Buffer
	used := map[string]bool{}
	for _, d := range c.fields {
		if c.tag == d.name && c.tag != "" {
			continue // the enum around it writes it
		}
		fields++
		name := snake(d.name)
		if rustWords[name] {
			name += "_"
		}
		for used[name] {
			name += "_"
		}
		used[name] = true
		b.WriteString(f.field(c, d, name, &after))
	}
	if fields == 0 {
		fmt.Fprintf(&f.body, "pub struct %s {}\n", c.name)
		return
	}
	fmt.Fprintf(&f.body, "pub struct %s {\n%s}\n%s", c.name, b.String(), after.String())
}

// field is one field of a struct; what it needs beside is added to after.
func (f *rustFile) field(c *class, d field, name string, after *strings.Builder) string {
	var b strings.Builder
	for line := range strings.Lines(d.about) {
		b.WriteString(strings.TrimRight("    /// "+strings.TrimSpace(line), " ") + "\n")
	}
	typ := f.typ(d.value)
	var says []string
	if name != d.name {
		says = append(says, "rename = "+rustText(d.name))
	}
	switch {
	case d.def != nil:
		function := snake(c.name) + "_" + strings.TrimSuffix(name, "_")
		says = append(says, "default = "+rustText(function))
		after.WriteString("\n" + f.function(function, typ, d))
	case !d.required:
		if typ == "serde_json::Value" {
			typ = "Option<serde_json::Value>"
		} else if !d.value.nullable {
			typ = "Option<" + typ + ">"
		}
		says = append(says, "default", `skip_serializing_if = "Option::is_none"`)
	}
	if len(says) > 0 {
		line := "    #[serde(" + strings.Join(says, ", ") + ")]\n"
		if len(line) > rustWidth+1 {
			line = "    #[serde(\n        " + strings.Join(says, ",\n        ") + "\n    )]\n"
		}
		b.WriteString(line)
	}
	fmt.Fprintf(&b, "    pub %s: %s,\n", name, typ)
	return b.String()
}

// function returns the default of a field.
func (f *rustFile) function(name, typ string, d field) string {
	body := ""
	switch v := d.value; {
	case d.def[0] == '"' && v.kind == text && v.class == nil && !v.nullable:
		body = rustText(constant(d.def).text()) + ".to_string()"
	case d.def[0] == '"' && v.kind == text && !v.nullable:
		for i, k := range v.enum {
			if bytes.Equal(k, d.def) {
				body = v.class.name + "::" + rustVariants(v)[i]
			}
		}
	case v.kind == truth && !v.nullable, v.kind == whole && !v.nullable:
		body = string(d.def)
	case v.kind == number && !v.nullable:
		if body = string(d.def); !strings.ContainsAny(body, ".eE") {
			body += ".0"
		}
	case string(d.def) == "[]" && v.kind == list && !v.nullable:
		body = "Vec::new()"
	}
	if body == "" {
		body = "serde_json::from_str(" + rustRaw(string(d.def)) + ").expect(\"the default fits its type\")"
	}
	return fmt.Sprintf("fn %s() -> %s {\n    %s\n}\n", name, typ, body)
}

// typ is a type as Rust writes it.
func (f *rustFile) typ(v *value) string {
	s := f.plain(v)
	if v.nullable && v.kind != anything {
		return "Option<" + s + ">"
	}
	return s
}

func (f *rustFile) plain(v *value) string {
	switch v.kind {
	case raw:
		return "Vec<u8>"
	case text:
		if v.enum != nil && v.class != nil {
			return v.class.name
		}
		return "String"
	case whole:
		return "i64"
	case number:
		return "f64"
	case truth:
		return "bool"
	case list:
		return "Vec<" + f.typ(v.elem) + ">"
	case mapping:
		f.maps = true
		return "BTreeMap<String, " + f.typ(v.elem) + ">"
	case tuple:
		var all []string
		for _, p := range v.parts {
			all = append(all, f.typ(p))
		}
		if len(all) == 1 {
			return "(" + all[0] + ",)"
		}
		return "(" + strings.Join(all, ", ") + ")"
	case object, union:
		return v.class.name
	}
	return "serde_json::Value"
}

func (f *rustFile) enum(c *class) {
	f.doc(c.about, "")
	f.body.WriteString("#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]\n")
	fmt.Fprintf(&f.body, "pub enum %s {\n", c.name)
	for i, variant := range rustVariants(c.of) {
		if said := c.of.enum[i].text(); said != variant {
			fmt.Fprintf(&f.body, "    #[serde(rename = %s)]\n", rustText(said))
		}
		f.body.WriteString("    " + variant + ",\n")
	}
	f.body.WriteString("}\n")
}

// rustVariants are the names of an enum's constants.
func rustVariants(v *value) []string {
	used := map[string]bool{}
	var all []string
	for _, k := range v.enum {
		name := goPart(k.text())
		if !isLetter(name) || name == "Self" {
			name = "N" + name
		}
		for used[name] {
			name += "X"
		}
		used[name] = true
		all = append(all, name)
	}
	return all
}

func isLetter(name string) bool {
	c := name[0] | 0x20
	return c >= 'a' && c <= 'z' || name[0] >= 0x80
}

// union writes alternatives as an enum: by their tag, or by what fits.
func (f *rustFile) union(c *class) {
	f.doc(c.about, "")
	f.body.WriteString(rustDerives)
	if c.of.tag != "" {
		fmt.Fprintf(&f.body, "#[serde(tag = %s)]\n", rustText(c.of.tag))
	} else {
		f.body.WriteString("#[serde(untagged)]\n")
	}
	fmt.Fprintf(&f.body, "pub enum %s {\n", c.name)
	used := map[string]bool{}
	for _, p := range c.of.parts {
		name := map[kind]string{text: "Text", whole: "Whole", number: "Number", truth: "Truth", list: "List", tuple: "Tuple", mapping: "Map", union: "Other"}[p.kind]
		said := ""
		if p.kind == object {
			name = p.class.name
		}
		if c.of.tag != "" {
			said = tagText(p.class, c.of.tag)
			if name = goPart(said); !isLetter(name) || name == "Self" {
				name = "N" + name
			}
		}
		for used[name] {
			name += "X"
		}
		used[name] = true
		if said != name && c.of.tag != "" {
			fmt.Fprintf(&f.body, "    #[serde(rename = %s)]\n", rustText(said))
		}
		fmt.Fprintf(&f.body, "    %s(%s),\n", name, f.typ(p))
	}
	f.body.WriteString("}\n")
}

// rustText is a text in quotes.
func rustText(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case r == '\n':
			b.WriteString(`\n`)
		case !strconv.IsPrint(r):
			fmt.Fprintf(&b, `\u{%x}`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String() + `"`
}

func rustRaw(s string) string {
	if !strings.Contains(s, `"`) {
		return rustText(s)
	}
	if strings.Contains(s, `"#`) || strings.Contains(s, "\r") {
		return rustText(s)
	}
	return `r#"` + s + `"#`
}
