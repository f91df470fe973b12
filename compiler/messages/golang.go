package messages

import (
	"bytes"
	"fmt"
	"go/format"
	"slices"
	"strconv"
	"strings"
)

var goInitials = map[string]string{"id": "ID", "url": "URL", "uri": "URI", "ip": "IP", "api": "API", "http": "HTTP", "html": "HTML", "json": "JSON", "uuid": "UUID", "sku": "SKU"}

// goName is a name that others see: order_id is OrderID.
func goName(name string) string {
	var b strings.Builder
	for _, w := range words(name) {
		if known := goInitials[strings.ToLower(w)]; known != "" {
			w = known
		}
		b.WriteString(title(w))
	}
	if s := b.String(); s != "" && s[0] >= 'A' && s[0] <= 'Z' {
		return s
	}
	return "X" + b.String()
}

// goFile is what is written of a file of Go.
type goFile struct {
	body  bytes.Buffer
	json  bool // encoding/json is used
	errs  bool // fmt is used
	names map[*class]string
}

// Go writes types as structs of a package.
func Go(pkg, actor string, all []Named) ([]byte, error) {
	classes, err := read(all)
	if err != nil {
		return nil, err
	}
	f := &goFile{names: map[*class]string{}}
	used := map[string]bool{}
	for _, c := range classes {
		name := goName(c.name)
		for i := 2; used[name]; i++ {
			name = goName(c.name) + strconv.Itoa(i)
		}
		f.names[c], used[name] = name, true
	}
	f.types(classes, used)
	for _, c := range classes {
		f.class(c)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "// %s\n\n// The messages of actor %s, from the service's types.\n\npackage %s\n\n", Mark, actor, pkg)
	if f.json {
		b.WriteString("import (\n\"encoding/json\"\n")
		if f.errs {
			b.WriteString("\"fmt\"\n")
		}
		b.WriteString(")\n")
	}
	b.Write(f.body.Bytes())
	out, err := format.Source(b.Bytes())
	if err != nil {
		return nil, fmt.Errorf("write Go: %w", err)
	}
	return out, nil
}

// types writes the names of the messages.
func (f *goFile) types(classes []*class, used map[string]bool) {
	var lines []string
	for _, c := range classes {
		if name := "Type" + f.names[c]; c.named && c.typ != "" && !used[name] {
			lines = append(lines, fmt.Sprintf("%s = %q\n", name, c.typ))
		}
	}
	if len(lines) > 0 {
		f.body.WriteString("\n// The types of messages.\nconst (\n" + strings.Join(lines, "") + ")\n")
	}
}

func (f *goFile) class(c *class) {
	name := f.names[c]
	switch {
	case c.of == nil:
		f.structure(c, name)
	case c.of.enum != nil && c.of.kind == text && c.of.class == c:
		f.enum(c, name)
	case c.of.kind == union && c.of.tag != "":
		f.union(c, name)
	case c.named:
		f.doc(c, name, "is the data of "+c.typ+".")
		saved := c.of.class
		if saved == c {
			c.of.class = nil
		}
		fmt.Fprintf(&f.body, "type %s = %s\n", name, f.typ(c.of))
		c.of.class = saved
	}
}

func (f *goFile) doc(c *class, name, otherwise string) {
	f.body.WriteString("\n")
	text := c.about
	if text == "" {
		text = name + " " + otherwise
	}
	for line := range strings.Lines(text) {
		f.body.WriteString("// " + strings.TrimSpace(line) + "\n")
	}
}

func (f *goFile) structure(c *class, name string) {
	about := "is a part of messages."
	if c.typ != "" {
		about = "is the data of " + c.typ + "."
	}
	f.doc(c, name, about)
	fmt.Fprintf(&f.body, "type %s struct {\n", name)
	used := map[string]bool{}
	var defaults []string
	for _, d := range c.fields {
		field := goName(d.name)
		for used[field] {
			field += "_"
		}
		used[field] = true
		for line := range strings.Lines(d.about) {
			f.body.WriteString("// " + strings.TrimSpace(line) + "\n")
		}
		typ, omit := f.field(d)
		fmt.Fprintf(&f.body, "%s %s `json:%q`\n", field, typ, d.name+omit)
		if d.def != nil {
			defaults = append(defaults, f.defaulted(field, d))
		}
	}
	f.body.WriteString("}\n")
	if len(defaults) > 0 {
		f.json = true
		fmt.Fprintf(&f.body, "\n// UnmarshalJSON implements json.Unmarshaler: what is left out has its default.\nfunc (m *%s) UnmarshalJSON(data []byte) error {\ntype plain %s\nvar p plain\n%sif err := json.Unmarshal(data, &p); err != nil {\nreturn err\n}\n*m = %s(p)\nreturn nil\n}\n", name, name, strings.Join(defaults, ""), name)
	}
}

// field is the type of a field, and what is said of one that is left out.
func (f *goFile) field(d field) (typ, omit string) {
	typ = f.typ(d.value)
	several := d.value.kind == list || d.value.kind == mapping
	plain := several || f.isRaw(d.value)
	switch {
	case d.required || d.def != nil:
		if d.value.nullable && !plain {
			typ = "*" + typ
		}
		return typ, ""
	case several: // none are no nil
		return typ, ",omitzero"
	case !plain:
		typ = "*" + typ
	}
	return typ, ",omitempty"
}

// isRaw says whether Go has no better type for a value than its JSON.
func (f *goFile) isRaw(v *value) bool {
	return v.kind == anything || v.kind == union && v.tag == "" || v.kind == tuple && !alike(v.parts)
}

func (f *goFile) defaulted(field string, d field) string {
	if strings.HasPrefix(f.typ(d.value), "json.") || d.def[0] == '[' || d.def[0] == '{' || d.value.nullable {
		return fmt.Sprintf("if err := json.Unmarshal([]byte(%s), &p.%s); err != nil {\nreturn err\n}\n", goQuote(string(d.def)), field)
	}
	if d.def[0] == '"' {
		return fmt.Sprintf("p.%s = %s\n", field, strconv.Quote(constant(d.def).text()))
	}
	return fmt.Sprintf("p.%s = %s\n", field, d.def)
}

func goQuote(s string) string {
	if strconv.CanBackquote(s) {
		return "`" + s + "`"
	}
	return strconv.Quote(s)
}

// typ is a type as Go writes it.
func (f *goFile) typ(v *value) string {
	switch v.kind {
	case raw:
		return "[]byte"
	case text:
		if v.enum != nil && v.class != nil {
			return f.names[v.class]
		}
		return "string"
	case whole:
		return "int64"
	case number:
		return "float64"
	case truth:
		return "bool"
	case list:
		return "[]" + f.elem(v.elem)
	case mapping:
		return "map[string]" + f.elem(v.elem)
	case object:
		return f.names[v.class]
	case union:
		if v.tag != "" {
			return f.names[v.class]
		}
	case tuple:
		if alike(v.parts) {
			return fmt.Sprintf("[%d]%s", len(v.parts), f.elem(v.parts[0]))
		}
	}
	f.json = true
	return "json.RawMessage"
}

func (f *goFile) elem(v *value) string {
	if v.nullable && !f.isRaw(v) && v.kind != list && v.kind != mapping {
		return "*" + f.typ(v)
	}
	return f.typ(v)
}

func (f *goFile) enum(c *class, name string) {
	f.doc(c, name, "is one of the texts below.")
	fmt.Fprintf(&f.body, "type %s string\n\n// The values of %s.\nconst (\n", name, name)
	used := map[string]bool{}
	for _, k := range c.of.enum {
		one := name + goPart(k.text())
		for used[one] {
			one += "_"
		}
		used[one] = true
		fmt.Fprintf(&f.body, "%s %s = %q\n", one, name, k.text())
	}
	f.body.WriteString(")\n")
}

// goPart is a text as the end of a name.
func goPart(s string) string {
	if s == "" {
		return "Empty"
	}
	var b strings.Builder
	for _, w := range words(s) {
		b.WriteString(title(w))
	}
	if b.Len() == 0 {
		return "Other"
	}
	return b.String()
}

// union writes alternatives that a field tells apart: a struct that holds one.
func (f *goFile) union(c *class, name string) {
	f.json, f.errs = true, true
	f.doc(c, name, fmt.Sprintf("is in one of its forms, told by %s: one field is not nil.", c.of.tag))
	fmt.Fprintf(&f.body, "type %s struct {\n", name)
	for _, p := range c.of.parts {
		fmt.Fprintf(&f.body, "%s *%s\n", f.names[p.class], f.names[p.class])
	}
	fmt.Fprintf(&f.body, "}\n\n// UnmarshalJSON implements json.Unmarshaler.\nfunc (u *%s) UnmarshalJSON(data []byte) error {\nvar form struct { Tag string `json:%q` }\nif err := json.Unmarshal(data, &form); err != nil {\nreturn err\n}\n*u = %s{}\nswitch form.Tag {\n", name, c.of.tag, name)
	for _, p := range c.of.parts {
		fmt.Fprintf(&f.body, "case %q:\nu.%s = new(%s)\nreturn json.Unmarshal(data, u.%s)\n", tagText(p.class, c.of.tag), f.names[p.class], f.names[p.class], f.names[p.class])
	}
	fmt.Fprintf(&f.body, "}\nreturn fmt.Errorf(\"%s: no form of %s is called %%q\", form.Tag)\n}\n\n", c.of.tag, name)
	fmt.Fprintf(&f.body, "// MarshalJSON implements json.Marshaler.\nfunc (u %s) MarshalJSON() ([]byte, error) {\nswitch {\n", name)
	for _, p := range c.of.parts {
		n := f.names[p.class]
		field := goName(c.of.tag)
		fmt.Fprintf(&f.body, "case u.%s != nil:\nform := *u.%s\nform.%s = %q\nreturn json.Marshal(form)\n", n, n, field, tagText(p.class, c.of.tag))
	}
	fmt.Fprintf(&f.body, "}\nreturn nil, fmt.Errorf(\"%s in no form\")\n}\n", name)
}

// tagText is the text of the field that tells an alternative.
func tagText(c *class, tag string) string {
	i := slices.IndexFunc(c.fields, func(d field) bool { return d.name == tag })
	if i < 0 || len(c.fields[i].value.enum) == 0 {
		return ""
	}
	return c.fields[i].value.enum[0].text()
}
