package shape

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// Draft is the dialect of JSON Schema that is written.
const Draft = "https://json-schema.org/draft/2020-12/schema"

// JSONSchema writes the type as a document of its own: JSON Schema 2020-12,
// indented. What it says is what [Type.Check] holds, but for what JSON Schema
// has no words for:
//   - a field of a map whose key is described by a format, or by an excluded
//     text, is not checked by the schema;
//   - formats that JSON Schema does not have bear CUE's name (time.Duration,
//     net.IPCIDR), which validators ignore; those that it has (date-time) are
//     checked only by validators that are told to, and a little differently;
//   - depth, half surrogates, repeated fields and numbers beyond a double are
//     matters of JSON.
func (t *Type) JSONSchema(title string) []byte {
	w := &schemaWriter{}
	w.open('{')
	w.text("$schema", Draft)
	if title != "" {
		w.text("title", title)
	}
	w.describe(t.about)
	w.inside(t)
	w.close('}')
	var out bytes.Buffer
	if err := json.Indent(&out, w.out, "", "  "); err != nil {
		panic("shape: " + err.Error()) // what is written is JSON
	}
	out.WriteByte('\n')
	return out.Bytes()
}

// AppendJSONSchema appends the type as a JSON Schema that stands in another
// document, in one line.
func (t *Type) AppendJSONSchema(dst []byte) []byte {
	w := &schemaWriter{out: dst}
	w.value(t, t.about)
	return w.out
}

// schemaWriter writes JSON, a key and a value at a time.
type schemaWriter struct{ out []byte }

func (w *schemaWriter) open(bracket byte) { w.out = append(w.out, bracket) }

func (w *schemaWriter) close(bracket byte) { w.out = append(w.out, bracket) }

// item begins the next item of a list, or field of an object.
func (w *schemaWriter) item() {
	if last := w.out[len(w.out)-1]; last != '{' && last != '[' {
		w.out = append(w.out, ',')
	}
}

func (w *schemaWriter) key(name string) {
	w.item()
	w.out = append(quote(w.out, name), ':')
}

func (w *schemaWriter) text(key, value string) {
	w.key(key)
	w.out = quote(w.out, value)
}

func (w *schemaWriter) raw(key string, value []byte) {
	w.key(key)
	w.out = append(w.out, value...)
}

func (w *schemaWriter) count(key string, n int) {
	w.key(key)
	w.out = strconv.AppendInt(w.out, int64(n), 10)
}

func (w *schemaWriter) describe(about string) {
	if about != "" {
		w.text("description", about)
	}
}

// value writes a schema, with what is said of its place.
func (w *schemaWriter) value(t *Type, about string) {
	w.open('{')
	w.describe(about)
	w.inside(t)
	w.close('}')
}

// inside writes the keywords of a type.
func (w *schemaWriter) inside(t *Type) {
	switch {
	case t.raw:
		w.text("contentMediaType", rawMedia)
	case t.any:
	case t.arms != nil:
		w.anyOf(t.arms)
	default:
		w.rules(t)
	}
	if t.def != nil {
		w.raw("default", t.def)
	}
}

// rawMedia is the media type of bytes that are passed on unread.
const rawMedia = "application/octet-stream"

func (w *schemaWriter) anyOf(arms []*Type) {
	w.key("anyOf")
	w.open('[')
	for _, a := range arms {
		w.item()
		w.value(a, "")
	}
	w.close(']')
}

// rules writes a type that is no union. Keywords of JSON Schema concern values
// of one kind each, but for enum, so that constants of one kind beside values
// of another become alternatives.
func (w *schemaWriter) rules(t *Type) {
	constant, open := t.constants()
	switch {
	case len(constant) == 0 && open == 0:
		w.raw("not", []byte("{}"))
	case open == 0:
		w.key("enum")
		w.list(constant)
	case len(constant) == 0:
		w.keywords(t, open)
	default:
		w.key("anyOf")
		w.open('[')
		w.item()
		w.open('{')
		w.key("enum")
		w.list(constant)
		w.close('}')
		w.item()
		w.open('{')
		w.keywords(t, open)
		w.close('}')
		w.close(']')
	}
}

func (w *schemaWriter) list(values [][]byte) {
	w.open('[')
	for _, v := range values {
		w.item()
		w.out = append(w.out, v...)
	}
	w.close(']')
}

// constants are the values of the kinds of which a type admits a few, and the
// other kinds. Of null alone there is one value, which stands with the others.
func (t *Type) constants() (values [][]byte, open Kind) {
	open = t.kinds
	if t.str != nil && t.str.enum != nil {
		open &^= String
		if t.kinds&String != 0 {
			for _, s := range t.str.enum {
				if t.str.admits([]byte(s)) {
					values = append(values, quote(nil, s))
				}
			}
		}
	}
	if t.num != nil && t.num.enum != nil {
		open &^= Number
		for _, n := range t.num.enum {
			if t.admitsNumber(n) {
				values = append(values, n.text)
			}
		}
	}
	if t.kinds&Bool != Bool {
		open &^= Bool
		if t.kinds&True != 0 {
			values = append(values, []byte("true"))
		}
		if t.kinds&False != 0 {
			values = append(values, []byte("false"))
		}
	}
	if open == Null || open == Null|Bool && len(values) > 0 {
		if open&Bool != 0 {
			values = append(values, []byte("true"), []byte("false"))
		}
		return append(values, []byte("null")), 0
	}
	return values, open
}

// typeNames are JSON Schema's names of kinds, in the order they are written.
var typeNames = []struct {
	kinds Kind
	name  string
}{{Object, "object"}, {List, "array"}, {String, "string"}, {Number, "number"}, {Int, "integer"}, {Frac, "number"}, {Bool, "boolean"}, {Null, "null"}}

// keywords writes the rules for values of some kinds, none of them constant.
func (w *schemaWriter) keywords(t *Type, kinds Kind) {
	if kinds != all {
		w.types(kinds)
	}
	var more []string // what a second keyword of the same name says
	if kinds&String != 0 && t.str != nil {
		more = append(more, w.texts(t.str)...)
	}
	if kinds&Number != 0 && t.num != nil {
		more = append(more, w.numbers(t.num)...)
	}
	if len(more) > 0 {
		w.raw("allOf", []byte("[{"+strings.Join(more, "},{")+"}]"))
	}
	if kinds&List != 0 && t.list != nil {
		w.items(t.list)
	}
	if kinds&Object != 0 && t.obj != nil {
		w.fields(t.obj)
	}
	w.excluded(t, kinds)
}

func (w *schemaWriter) types(kinds Kind) {
	var names [][]byte
	for _, n := range typeNames {
		if kinds&n.kinds == n.kinds {
			names = append(names, quote(nil, n.name))
			kinds &^= n.kinds
		}
	}
	w.key("type")
	if len(names) == 1 {
		w.out = append(w.out, names[0]...)
		return
	}
	w.list(names)
}

// first writes the first of several keywords of one name, and returns the others.
func (w *schemaWriter) first(parts []string) []string {
	if len(parts) == 0 {
		return nil
	}
	w.item()
	w.out = append(w.out, parts[0]...)
	return parts[1:]
}

func pair(key string, json []byte) string { return string(quote(nil, key)) + ":" + string(json) }

// texts writes the rules for a string without constants. It returns what is
// left to be said, the keywords of a schema each.
func (w *schemaWriter) texts(r *texts) []string {
	if r.min > 0 {
		w.count("minLength", r.min)
	}
	if r.max >= 0 {
		w.count("maxLength", r.max)
	}
	var parts []string
	for _, f := range r.formats {
		parts = append(parts, f.keywords())
	}
	for _, p := range r.patterns {
		if !p.negate {
			parts = append(parts, pair("pattern", quote(nil, p.ecma())))
		}
	}
	return w.first(parts)
}

// keywords are those of a format, as JSON.
func (f *format) keywords() string {
	switch {
	case f.name == "net.IP":
		return `"anyOf":[{"format":"ipv4"},{"format":"ipv6"}]`
	case f.schema != "":
		return pair("format", quote(nil, f.schema))
	case f.pattern != "":
		return pair("format", quote(nil, f.name)) + "," + pair("pattern", quote(nil, f.pattern))
	}
	return pair("format", quote(nil, f.name))
}

// excluded writes what values must not be.
func (w *schemaWriter) excluded(t *Type, kinds Kind) {
	var parts []string
	var values [][]byte
	if kinds&String != 0 && t.str != nil {
		for _, s := range t.str.not {
			values = append(values, quote(nil, s))
		}
		for _, p := range t.str.patterns {
			if p.negate {
				parts = append(parts, `{"type":"string",`+pair("pattern", quote(nil, p.ecma()))+"}")
			}
		}
	}
	if kinds&Number != 0 && t.num != nil {
		for _, n := range t.num.not {
			values = append(values, n.text)
		}
	}
	if len(values) > 0 {
		parts = append(parts, `{"enum":[`+string(bytes.Join(values, []byte(",")))+"]}")
	}
	if kinds&Number == Frac {
		parts = append(parts, `{"type":"integer"}`)
	}
	switch len(parts) {
	case 0:
	case 1:
		w.raw("not", []byte(parts[0]))
	default:
		w.raw("not", []byte(`{"anyOf":[`+strings.Join(parts, ",")+"]}"))
	}
}

func (w *schemaWriter) numbers(r *numbers) []string {
	if r.min != nil {
		w.raw(boundName("inimum", "m", r.min), r.min.text)
	}
	if r.max != nil {
		w.raw(boundName("aximum", "m", r.max), r.max.text)
	}
	var parts []string
	for _, n := range r.multiple {
		parts = append(parts, pair("multipleOf", bytes.TrimPrefix(n.text, []byte("-"))))
	}
	return w.first(parts)
}

func boundName(rest, first string, b *bound) string {
	if b.strict {
		return "exclusive" + strings.ToUpper(first) + rest
	}
	return first + rest
}

func (w *schemaWriter) items(r *items) {
	if len(r.prefix) > 0 {
		w.key("prefixItems")
		w.open('[')
		for _, t := range r.prefix {
			w.item()
			w.value(t, "")
		}
		w.close(']')
	}
	if r.rest != nil && !r.rest.any {
		w.key("items")
		w.value(r.rest, "")
	}
	if r.min > 0 {
		w.count("minItems", r.min)
	}
	if r.max >= 0 {
		w.count("maxItems", r.max)
	}
}

func (w *schemaWriter) fields(r *fields) {
	if len(r.list) > 0 {
		w.key("properties")
		w.open('{')
		for _, f := range r.list {
			w.key(f.name)
			w.value(f.typ, f.about)
		}
		w.close('}')
	}
	if r.required > 0 {
		var names [][]byte
		for _, f := range r.list {
			if f.required {
				names = append(names, quote(nil, f.name))
			}
		}
		w.key("required")
		w.list(names)
	}
	switch {
	case r.open:
		w.raw("additionalProperties", []byte("true"))
	case len(r.patterns) == 1 && r.patterns[0].key.str == nil:
		w.key("additionalProperties")
		w.value(r.patterns[0].typ, "")
		return
	}
	w.patterned(r.patterns)
}

// patterned writes what holds for fields whose name fits a pattern.
func (w *schemaWriter) patterned(all []keyed) {
	var said []string
	types := map[string][]*Type{}
	for _, p := range all {
		expr, ok := p.key.str.expression()
		if !ok {
			continue
		}
		if types[expr] == nil {
			said = append(said, expr)
		}
		types[expr] = append(types[expr], p.typ)
	}
	if len(said) == 0 {
		return
	}
	w.key("patternProperties")
	w.open('{')
	for _, expr := range said {
		w.key(expr)
		if list := types[expr]; len(list) == 1 {
			w.value(list[0], "")
			continue
		}
		w.open('{')
		w.key("allOf")
		w.open('[')
		for _, t := range types[expr] {
			w.item()
			w.value(t, "")
		}
		w.close(']')
		w.close('}')
	}
	w.close('}')
}
