package starter

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/grow-platform/grow/compiler/messages"
	"github.com/grow-platform/grow/specs/shape"
)

// Message is a type of message as the code of a starter sees it.
type Message struct {
	Type   string
	Own    bool    // it is new, and the starter's own
	Fields []Field // those that the code knows; none: the message is read or sent whole
	Raw    bool    // bytes, not JSON

	typ    *shape.Type // nil when Own
	sample []byte      // what a test sends or expects
}

// kind is a kind of field that all languages have a type for.
type kind int

const (
	anyJSON kind = iota
	text
	whole
	number
	truth
)

var (
	goTypes   = map[kind]string{anyJSON: "json.RawMessage", text: "string", whole: "int64", number: "float64", truth: "bool"}
	rustTypes = map[kind]string{anyJSON: "serde_json::Value", text: "String", whole: "i64", number: "f64", truth: "bool"}
)

// Field is a field of a message, with its name in each language and, in a
// message that is sent, where its value comes from.
type Field struct {
	Name            string
	Go, GoValue     string
	Rust, RustValue string
	Py, PyValue     string
	kind            kind
	raw             []byte // its value in the sample
	rule            string // what a new type says of it, as CUE
}

// GoType is the type of the field in Go.
func (f Field) GoType() string { return goTypes[f.kind] }

// RustType is the type of the field in Rust.
func (f Field) RustType() string { return rustTypes[f.kind] }

// own is a field of a type that the starter adds.
func own(name string, k kind, rule, sample string) Field {
	return Field{Name: name, Go: goName(name), Rust: rustName(name), Py: messages.PythonField(name), kind: k, raw: []byte(sample), rule: rule}
}

// fieldsOf are the fields that a message of an existing type must have, in its
// order; false when the code of a starter cannot name them.
func fieldsOf(t *shape.Type) ([]Field, bool) {
	if t.Raw() || t.Any() || t.Kinds() != shape.Object {
		return nil, false
	}
	sample := t.Sample()
	var fields []Field
	good, seen := true, map[string]bool{}
	shape.Fields(sample, func(name string, raw []byte) {
		f := Field{Name: name, Go: goName(name), Rust: rustName(name), Py: messages.PythonField(name), raw: raw, kind: kindOf(t, name, raw)}
		if t.Check(without(sample, name)) == nil { // it may be left out
			return
		}
		good = good && nameable.MatchString(name) && !seen[f.Go] && !seen[f.Rust] && !seen[f.Py]
		seen[f.Go], seen[f.Rust], seen[f.Py] = true, true, true
		fields = append(fields, f)
	})
	return fields, good && len(fields) > 0
}

func kindOf(t *shape.Type, name string, raw []byte) kind {
	f, ok := t.Field(name)
	if !ok {
		return anyJSON
	}
	switch k := f.Kinds(); {
	case k == shape.String:
		return text
	case k == shape.Int:
		if _, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
			return whole
		}
	case k&^shape.Number == 0 && k != 0:
		return number
	case k&^shape.Bool == 0 && k != 0:
		return truth
	}
	return anyJSON
}

// without is a JSON object without one of its fields.
func without(object []byte, name string) []byte {
	var fields []Field
	shape.Fields(object, func(have string, raw []byte) {
		if have != name {
			fields = append(fields, Field{Name: have, raw: raw})
		}
	})
	return objectOf(fields)
}

// objectOf is the JSON object of the fields' values.
func objectOf(fields []Field) []byte {
	out := []byte{'{'}
	for i, f := range fields {
		if i > 0 {
			out = append(out, ',')
		}
		name, _ := json.Marshal(f.Name) // text always encodes
		out = append(append(append(out, name...), ':'), f.raw...)
	}
	return append(out, '}')
}

// nameable are names of fields that become identifiers.
var nameable = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`)

var initials = map[string]string{"id": "ID", "url": "URL", "ip": "IP", "api": "API", "http": "HTTP"}

// goName is the name of a field in Go: order_id is OrderID.
func goName(name string) string {
	var b strings.Builder
	for word := range strings.FieldsFuncSeq(name, func(r rune) bool { return r == '_' || r == '-' }) {
		if known := initials[strings.ToLower(word)]; known != "" {
			b.WriteString(known)
			continue
		}
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

var rustWords = map[string]bool{}

func init() {
	for word := range strings.FieldsSeq(`abstract as async await become box break const continue crate do dyn else enum extern
		false final fn for gen if impl in let loop macro match mod move mut override priv pub ref return self static struct super
		trait true try type typeof unsafe unsized use virtual where while yield`) {
		rustWords[word] = true
	}
}

// rustName is the name of a field in Rust: orderId is order_id, type is type_.
func rustName(name string) string {
	var b strings.Builder
	for i, r := range name {
		switch {
		case r == '-':
			r = '_'
		case r >= 'A' && r <= 'Z':
			if i > 0 && !strings.HasSuffix(b.String(), "_") && (name[i-1] < 'A' || name[i-1] > 'Z') {
				b.WriteByte('_')
			}
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	if rustWords[b.String()] {
		b.WriteByte('_')
	}
	return b.String()
}

// constant gives a field its value in the sample.
func (f *Field) constant() {
	f.PyValue = messages.PythonLiteral(f.raw)
	switch f.kind {
	case text:
		var s string
		_ = json.Unmarshal(f.raw, &s) // it is text, by its kind
		f.GoValue, f.RustValue = strconv.Quote(s), rustQuote(s)+".to_string()"
	case anyJSON:
		f.GoValue, f.RustValue = "json.RawMessage("+goRaw(f.raw)+")", "serde_json::from_str("+rustRaw(f.raw)+")?"
	case number:
		f.GoValue, f.RustValue = string(f.raw), string(f.raw)
		if !strings.ContainsAny(f.RustValue, ".eE") {
			f.RustValue += ".0"
		}
	default:
		f.GoValue, f.RustValue = string(f.raw), string(f.raw)
	}
}

// GoWhole and RustWhole are the whole message as text in the language.
func (m Message) GoWhole() string { return goRaw(m.sample) }

// RustWhole is the whole message as text in Rust.
func (m Message) RustWhole() string { return rustRaw(m.sample) }

func goRaw(data []byte) string {
	if strings.ContainsAny(string(data), "`\r\ufeff") {
		return strconv.Quote(string(data))
	}
	return "`" + string(data) + "`"
}

func rustRaw(data []byte) string {
	if strings.Contains(string(data), `"#`) || strings.Contains(string(data), "\r") {
		return rustQuote(string(data))
	}
	return `r#"` + string(data) + `"#`
}

func rustQuote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u{%x}`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String() + `"`
}
