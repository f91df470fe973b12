package messages

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/grow-platform/grow/specs/shape"
)

// pythonWidth is the width of lines, in characters, that Python's formatters keep to.
const pythonWidth = 88

// nameKey is the key in a field's metadata under which its name in JSON stands,
// where that is no name in Python.
const nameKey = "json"

var pythonWords = wordSet(`False None True and as assert async await break class continue def del elif else except finally for from global
	if import in is lambda nonlocal not or pass raise return try while with yield match case type TYPE
	dataclass field dict list tuple str int float bool bytes`)

func wordSet(text string) map[string]bool {
	set := map[string]bool{}
	for w := range strings.FieldsSeq(text) {
		set[w] = true
	}
	return set
}

// PythonClasses returns the names that Python gives to those types that are
// classes there, or alternatives, by type.
func PythonClasses(all []Named) (map[string]string, error) {
	classes, err := read(all)
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for _, c := range classes {
		if c.named && (c.of == nil || c.of.kind == union) {
			names[c.whole] = c.name
		}
	}
	return names, nil
}

// pythonFile is what is written of a file of Python.
type pythonFile struct {
	body   bytes.Buffer
	names  map[*class][]string // of the fields of each class, in their order
	typing map[string]bool     // names that are imported from typing
	data   bool                // there are dataclasses
	field  bool                // they use field
}

// Python writes types as dataclasses.
func Python(actor string, all []Named) ([]byte, error) {
	classes, err := read(all)
	if err != nil {
		return nil, err
	}
	f := &pythonFile{names: pythonFields(classes), typing: map[string]bool{}}
	for _, c := range classes {
		switch {
		case c.of == nil:
			f.class(c)
		case c.named && c.of.kind != raw:
			f.alias(c)
		case c.named:
			f.space(1)
			fmt.Fprintf(&f.body, "# %s is bytes: its handler takes bytes.\n", c.typ)
		}
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s\n\"\"\"The messages of actor %s, from the service's types.\"\"\"\n", Mark, actor)
	var imports []string
	if f.data {
		names := "dataclass"
		if f.field {
			names += ", field"
		}
		imports = append(imports, "from dataclasses import "+names)
	}
	if len(f.typing) > 0 {
		imports = append(imports, "from typing import "+strings.Join(sortedKeys(f.typing), ", "))
	}
	if len(imports) > 0 {
		b.WriteString("\n" + strings.Join(imports, "\n") + "\n")
	}
	b.Write(f.body.Bytes())
	return b.Bytes(), nil
}

// space begins something: two lines below what is above it, or first lines below
// what the file begins with.
func (f *pythonFile) space(first int) {
	if f.body.Len() > 0 {
		first = 2
	}
	f.body.WriteString(strings.Repeat("\n", first))
}

// alias writes a whole type that is no class.
func (f *pythonFile) alias(c *class) {
	f.space(1)
	f.comment(c.about, "")
	f.body.WriteString(f.assigned(c.name, c.of))
}

// assigned gives a type a name, over several lines when it is long.
func (f *pythonFile) assigned(name string, v *value) string {
	if line := name + " = " + f.annotation(v); utf8.RuneCountInString(line) <= pythonWidth {
		return line + "\n"
	}
	var b strings.Builder
	open, parts := name+" = ", []string{}
	switch {
	case v.enum != nil && v.kind != number:
		f.typing["Literal"] = true
		open += "Literal["
		for _, c := range v.enum {
			parts = append(parts, pythonConstant(c))
		}
		if v.nullable {
			parts = append(parts, "None")
		}
	case v.kind == union:
		f.typing["Union"] = true
		open += "Union["
		for _, p := range v.parts {
			parts = append(parts, f.annotation(p))
		}
		if v.nullable {
			parts = append(parts, "None")
		}
	default:
		return name + " = " + f.annotation(v) + "\n"
	}
	b.WriteString(open + "\n")
	for _, p := range parts {
		b.WriteString("    " + p + ",\n")
	}
	b.WriteString("]\n")
	return b.String()
}

func (f *pythonFile) class(c *class) {
	f.data = true
	var b strings.Builder
	var aliases []string
	for i, d := range c.fields {
		line, alias := f.line(c, d, f.names[c][i])
		if alias != "" {
			aliases = append(aliases, alias)
		}
		b.WriteString(commented(d.about, "    ") + line)
	}
	if len(aliases) > 0 {
		f.space(1)
		f.body.WriteString(strings.Join(aliases, ""))
	}
	f.space(2)
	fmt.Fprintf(&f.body, "@dataclass(kw_only=True, slots=True)\nclass %s:\n", c.name)
	body := ""
	if c.about != "" {
		body += "    " + PythonDoc(c.about) + "\n"
	}
	if c.typ != "" {
		f.typing["ClassVar"] = true
		if body != "" {
			body += "\n"
		}
		body += "    TYPE: ClassVar[str] = " + pythonText(c.typ) + "\n"
	}
	if b.Len() > 0 && body != "" {
		body += "\n"
	}
	if body += b.String(); body == "" {
		body = "    pass\n"
	}
	f.body.WriteString(body)
}

// line is a field of a class under a name, and the alias that it needs when it is too long.
func (f *pythonFile) line(c *class, d field, name string) (line, alias string) {
	optional := !d.required && d.def == nil
	annotate := func() string {
		s := f.annotation(d.value)
		if optional && !d.value.nullable && d.value.kind != anything {
			s += " | None"
		}
		return "    " + name + ": " + s
	}
	value := f.defaulted(d, name)
	if line = annotate() + value; utf8.RuneCountInString(line) <= pythonWidth {
		return line + "\n", ""
	}
	if d.value.enum != nil || d.value.kind == union {
		called := c.name + camel(d.name)
		alias = f.assigned(called, d.value)
		line = "    " + name + ": " + called
		if optional && !d.value.nullable {
			line += " | None"
		}
		line += value
	}
	if at := strings.Index(line, " = field("); at >= 0 && utf8.RuneCountInString(line) > pythonWidth {
		inner := strings.TrimSuffix(line[at+len(" = field("):], ")")
		line = line[:at] + " = field(\n        " + inner + ",\n    )"
	}
	return line + "\n", alias
}

// PythonField is the name of a field in a class: its own when that can be one, and
// when no other field takes it.
func PythonField(name string) string {
	if pythonName(name) && !pythonWords[name] {
		return name
	}
	s := snake(name)
	if pythonWords[s] {
		s += "_"
	}
	return s
}

// pythonFields names the fields of classes, each by a name of its own in its class. Who can
// have its own name in JSON has that. A field with a value in the class hides what is called
// so outside of it, and the annotations of the class say that.
func pythonFields(classes []*class) map[*class][]string {
	outside := wordSet("Any ClassVar Literal Union")
	for _, c := range classes {
		outside[c.name] = true
	}
	all := map[*class][]string{}
	for _, c := range classes {
		names, used := make([]string, len(c.fields)), map[string]bool{}
		for i, d := range c.fields {
			if name := PythonField(d.name); name == d.name && !(outside[name] && d.valued()) {
				names[i], used[name] = name, true
			}
		}
		for i, d := range c.fields {
			if names[i] != "" {
				continue
			}
			name := PythonField(d.name)
			for used[name] || outside[name] {
				name += "_"
			}
			names[i], used[name] = name, true
		}
		all[c] = names
	}
	return all
}

// valued says whether a field has a value when it is left out.
func (d field) valued() bool {
	return !d.required || d.def != nil || len(d.value.enum) == 1 && !d.value.nullable
}

func pythonName(name string) bool {
	for i, r := range name {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return name != "" && !strings.HasPrefix(name, "__")
}

// defaulted is what stands for a field that is left out, and its name in JSON.
func (f *pythonFile) defaulted(d field, name string) string {
	var args []string
	switch {
	case d.def != nil && (d.def[0] == '[' || d.def[0] == '{'):
		made := "lambda: " + f.pythonDefault(d.value, d.def)
		if string(d.def) == "[]" || string(d.def) == "{}" && d.value.kind != object {
			made = map[byte]string{'[': "list", '{': "dict"}[d.def[0]]
		}
		args = append(args, "default_factory="+made)
	case d.def != nil:
		args = append(args, "default="+PythonLiteral(d.def))
	case d.required && len(d.value.enum) == 1 && !d.value.nullable: // there is nothing else to say
		args = append(args, "default="+pythonConstant(d.value.enum[0]))
	case !d.required:
		args = append(args, "default=None")
	}
	if name != d.name {
		args = append(args, "metadata={"+pythonText(nameKey)+": "+pythonText(d.name)+"}")
	}
	if len(args) == 1 && strings.HasPrefix(args[0], "default=") {
		return " = " + strings.TrimPrefix(args[0], "default=")
	}
	if len(args) == 0 {
		return ""
	}
	f.field = true
	return " = field(" + strings.Join(args, ", ") + ")"
}

// annotation is a type as Python writes it.
func (f *pythonFile) annotation(v *value) string {
	s := f.plain(v)
	if v.nullable && v.kind != anything {
		s += " | None"
	}
	return s
}

func (f *pythonFile) plain(v *value) string {
	if v.enum != nil && v.kind != number { // of which there are no literals
		f.typing["Literal"] = true
		var all []string
		for _, c := range v.enum {
			all = append(all, pythonConstant(c))
		}
		return "Literal[" + strings.Join(all, ", ") + "]"
	}
	switch v.kind {
	case raw:
		return "bytes"
	case text:
		return "str"
	case whole:
		return "int"
	case number:
		return "float"
	case truth:
		return "bool"
	case list:
		return "list[" + f.annotation(v.elem) + "]"
	case mapping:
		return "dict[str, " + f.annotation(v.elem) + "]"
	case tuple, union:
		var all []string
		for _, p := range v.parts {
			all = append(all, f.annotation(p))
		}
		if v.kind == union {
			return strings.Join(all, " | ")
		}
		return "tuple[" + strings.Join(all, ", ") + "]"
	case object:
		return v.class.name
	}
	f.typing["Any"] = true
	return "Any"
}

func (f *pythonFile) comment(about, indent string) { f.body.WriteString(commented(about, indent)) }

func commented(about, indent string) string {
	var b strings.Builder
	for line := range strings.Lines(about) {
		b.WriteString(strings.TrimRight(indent+"# "+strings.TrimSpace(line), " ") + "\n")
	}
	return b.String()
}

// PythonDoc is a text as the first thing in a class or a file.
func PythonDoc(about string) string {
	about = strings.ReplaceAll(strings.ReplaceAll(about, `\`, `\\`), `"""`, `\"\"\"`)
	if strings.HasSuffix(about, `"`) {
		about = strings.TrimSuffix(about, `"`) + `\"`
	}
	lines := strings.Split(strings.TrimSpace(about), "\n")
	if len(lines) == 1 {
		return `"""` + lines[0] + `"""`
	}
	for i := range lines {
		if i > 0 {
			lines[i] = strings.TrimRight("    "+strings.TrimSpace(lines[i]), " ")
		}
	}
	return `"""` + strings.Join(lines, "\n") + "\n    \"\"\""
}

// pythonDefault is JSON of a type as Python writes it: objects of classes are made.
func (f *pythonFile) pythonDefault(v *value, data []byte) string {
	var parts []string
	switch {
	case v.kind == union:
		if i := slices.IndexFunc(v.parts, func(p *value) bool { return p.mayBe(data) }); i >= 0 {
			return f.pythonDefault(v.parts[i], data)
		}
	case v.kind == list && data[0] == '[':
		shape.Items(data, func(item []byte) { parts = append(parts, f.pythonDefault(v.elem, item)) })
		return "[" + strings.Join(parts, ", ") + "]"
	case v.kind == object && data[0] == '{':
		shape.Fields(data, func(name string, raw []byte) {
			for i, d := range v.class.fields {
				if d.name == name {
					parts = append(parts, f.names[v.class][i]+"="+f.pythonDefault(d.value, raw))
				}
			}
		})
		return v.class.name + "(" + strings.Join(parts, ", ") + ")"
	}
	return PythonLiteral(data)
}

// mayBe says whether JSON that is of one of several types can be of this one: an object by
// its fields and their constants, other values by their kind.
func (v *value) mayBe(data []byte) bool {
	switch {
	case v.kind == anything, v.kind == union, v.nullable && data[0] == 'n':
		return true
	case v.enum != nil:
		return slices.ContainsFunc(v.enum, func(c constant) bool { return bytes.Equal(c, data) })
	case data[0] == '{':
		return v.kind == mapping || v.kind == object && v.class.mayBe(data)
	case data[0] == '[':
		return v.kind == list || v.kind == tuple
	}
	return v.kind < list
}

func (c *class) mayBe(object []byte) bool {
	said, fits := map[string]bool{}, true
	shape.Fields(object, func(name string, raw []byte) {
		i := slices.IndexFunc(c.fields, func(d field) bool { return d.name == name })
		said[name], fits = true, fits && i >= 0 && c.fields[i].value.mayBe(raw)
	})
	return fits && !slices.ContainsFunc(c.fields, func(d field) bool { return d.required && !said[d.name] })
}

func pythonConstant(c constant) string { return PythonLiteral(c) }

// PythonLiteral is JSON as Python writes it.
func PythonLiteral(data []byte) string {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var b strings.Builder
	if err := pythonValue(d, &b); err != nil {
		return "None" // what comes in is JSON
	}
	return b.String()
}

func pythonValue(d *json.Decoder, b *strings.Builder) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	switch t := t.(type) {
	case json.Delim:
		b.WriteString(t.String())
		for i := 0; d.More(); i++ {
			if i > 0 {
				b.WriteString(", ")
			}
			if t == '{' {
				key, err := d.Token()
				if err != nil {
					return err
				}
				b.WriteString(pythonText(key.(string)) + ": ") // keys of JSON are text
			}
			if err := pythonValue(d, b); err != nil {
				return err
			}
		}
		end, err := d.Token()
		if err != nil {
			return err
		}
		b.WriteString(end.(json.Delim).String())
	case string:
		b.WriteString(pythonText(t))
	case json.Number:
		b.WriteString(strings.ToLower(t.String()))
	case bool:
		b.WriteString(map[bool]string{true: "True", false: "False"}[t])
	default:
		b.WriteString("None")
	}
	return nil
}

// pythonText is a text in quotes, double ones unless it holds those and no others.
func pythonText(s string) string {
	quote := '"'
	if strings.Contains(s, `"`) && !strings.Contains(s, "'") {
		quote = '\''
	}
	var b strings.Builder
	b.WriteRune(quote)
	for _, r := range s {
		switch {
		case r == quote || r == '\\':
			b.WriteString(`\` + string(r))
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, r)
		case !strconv.IsPrint(r) && r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		case !strconv.IsPrint(r):
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteRune(quote)
	return b.String()
}
