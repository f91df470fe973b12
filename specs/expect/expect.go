// Package expect holds JSON data against what a test expects of it.
//
// An expected value is written as data. It must be equal: every field that is
// expected is there, and no other; numbers are equal by value, so 180 is 180.0.
// Text that begins with "= " is a CUE expression instead, which the value must
// satisfy: `= >=180 & <200`. A field `...` says that there may be others, and an
// item `...` at the end of a list that there may be more.
package expect

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"sort"
	"strconv"
	"strings"

	"github.com/grow-platform/grow/specs/schema"
	"github.com/grow-platform/grow/specs/shape"
)

// Mark begins the text of an expression.
const Mark = "= "

// more is the field or the item that stands for any others.
const more = "..."

// Value is what one JSON value is held against. It is immutable once the
// [Compiler] that read it has finished, and may be used concurrently then.
type Value struct {
	Pos    schema.Pos
	source string      // of an expression, without the mark
	typ    *shape.Type // what it says
	kind   schema.Kind
	text   string // of a scalar
	items  []*Value
	fields []field
	open   bool // others may be there
}

type field struct {
	name  string
	value *Value
}

// Difference is one place where data is not as expected.
type Difference struct {
	Path string     // as in a file: items[0].qty; "" for the whole value
	Pos  schema.Pos // of what is expected
	Want string     // as written; "" when nothing is expected here
	Got  string     // as JSON; "" when nothing is there
	Why  string     // of an expression: what it asks for
}

// String is the difference in one line.
func (d Difference) String() string {
	at := d.Path
	if at != "" {
		at += ": "
	}
	switch {
	case d.Want == "":
		return at + d.Got + " is not expected"
	case d.Got == "":
		return at + "is missing; expected " + d.Want
	case d.Why != "":
		return at + "expected " + d.Want + ", got " + d.Got + " (" + d.Why + ")"
	}
	return at + "expected " + d.Want + ", got " + d.Got
}

// Match returns where data, which is JSON, differs. Nothing is a match.
func (v *Value) Match(data []byte) []Difference {
	got, err := decode(data)
	if err != nil {
		return []Difference{{Pos: v.Pos, Want: v.String(), Got: strconv.Quote(string(cut(data))), Why: "is not JSON"}}
	}
	var d differ
	d.value(v, got, "")
	return d.found
}

// MatchText is Match for text that is not JSON, such as an attribute. A scalar is
// compared by its text, an expression sees the text, or the number it writes.
func (v *Value) MatchText(text string) []Difference {
	quoted, _ := json.Marshal(text) // a string always has a form in JSON
	if v.source != "" {
		diffs := v.Match(quoted)
		if _, err := strconv.ParseFloat(text, 64); len(diffs) > 0 && err == nil && len(v.Match([]byte(text))) == 0 {
			return nil
		}
		return diffs
	}
	if v.kind != schema.Map && v.kind != schema.List && v.text == text {
		return nil
	}
	return []Difference{{Pos: v.Pos, Want: v.String(), Got: string(quoted)}}
}

func cut(data []byte) []byte {
	const limit = 200
	if len(data) > limit {
		return append(data[:limit:limit], "…"...)
	}
	return data
}

// decode keeps numbers as they are written.
func decode(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	if d.More() {
		return nil, fmt.Errorf("decode: more than one value")
	}
	return v, nil
}

type differ struct{ found []Difference }

func (d *differ) differ(v *Value, path string, got any, why string) {
	d.found = append(d.found, Difference{Path: path, Pos: v.Pos, Want: v.String(), Got: show(got), Why: why})
}

func (d *differ) value(v *Value, got any, path string) {
	switch {
	case v.typ != nil:
		d.expression(v, got, path)
	case v.source != "": // anything
	case v.kind == schema.Map:
		d.object(v, got, path)
	case v.kind == schema.List:
		d.list(v, got, path)
	case !v.equal(got):
		d.differ(v, path, got, "")
	}
}

func (d *differ) expression(v *Value, got any, path string) {
	data, err := json.Marshal(got)
	if err == nil {
		err = v.typ.Check(data)
	}
	if err != nil {
		d.differ(v, path, got, err.Error())
	}
}

func (d *differ) object(v *Value, got any, path string) {
	object, ok := got.(map[string]any)
	if !ok {
		d.differ(v, path, got, "")
		return
	}
	named := map[string]bool{}
	for _, f := range v.fields {
		named[f.name] = true
		at := schema.Join(path, f.name)
		if g, ok := object[f.name]; ok {
			d.value(f.value, g, at)
		} else {
			d.found = append(d.found, Difference{Path: at, Pos: f.value.Pos, Want: f.value.String()})
		}
	}
	if v.open {
		return
	}
	var others []string
	for name := range object {
		if !named[name] {
			others = append(others, name)
		}
	}
	sort.Strings(others)
	for _, name := range others {
		d.found = append(d.found, Difference{Path: schema.Join(path, name), Pos: v.Pos, Got: show(object[name])})
	}
}

func (d *differ) list(v *Value, got any, path string) {
	list, ok := got.([]any)
	if !ok {
		d.differ(v, path, got, "")
		return
	}
	for i, want := range v.items {
		at := schema.At(path, i)
		if i < len(list) {
			d.value(want, list[i], at)
		} else {
			d.found = append(d.found, Difference{Path: at, Pos: want.Pos, Want: want.String()})
		}
	}
	if v.open {
		return
	}
	for i := len(v.items); i < len(list); i++ {
		d.found = append(d.found, Difference{Path: schema.At(path, i), Pos: v.Pos, Got: show(list[i])})
	}
}

// equal compares a scalar.
func (v *Value) equal(got any) bool {
	switch g := got.(type) {
	case nil:
		return v.kind == schema.Null
	case bool:
		return v.kind == schema.Bool && strconv.FormatBool(g) == v.text
	case string:
		return v.kind == schema.String && g == v.text
	case json.Number:
		return (v.kind == schema.Int || v.kind == schema.Float) && sameNumber(v.text, g.String())
	}
	return false
}

// exponentMax bounds numbers that are compared digit by digit: 1e999999999 would
// be written out.
const exponentMax = 400

func sameNumber(a, b string) bool {
	if a == b {
		return true
	}
	if wide(a) || wide(b) {
		x, errX := strconv.ParseFloat(a, 64)
		y, errY := strconv.ParseFloat(b, 64)
		return errX == nil && errY == nil && x == y
	}
	x, okX := new(big.Rat).SetString(a)
	y, okY := new(big.Rat).SetString(b)
	return okX && okY && x.Cmp(y) == 0
}

func wide(s string) bool {
	i := strings.IndexAny(s, "eE")
	if i < 0 {
		return false
	}
	n, err := strconv.Atoi(s[i+1:])
	return err != nil || n > exponentMax || n < -exponentMax
}

// show is a value as JSON, cut short.
func show(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Sprint(v)
	}
	return string(cut(bytes.TrimSpace(b.Bytes())))
}

// String is the value as a file has it, on one line.
func (v *Value) String() string {
	switch {
	case v.source != "":
		return v.source
	case v.kind == schema.Map:
		var parts []string
		for _, f := range v.fields {
			parts = append(parts, schema.Join("", f.name)+": "+f.value.String())
		}
		if v.open {
			parts = append(parts, more)
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case v.kind == schema.List:
		var parts []string
		for _, item := range v.items {
			parts = append(parts, item.String())
		}
		if v.open {
			parts = append(parts, more)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	n := schema.Node{Kind: v.kind, Text: v.text}
	return string(n.JSON(nil))
}

// Expression returns the CUE that the value must satisfy, "" when it is data.
func (v *Value) Expression() string { return v.source }

// Fields yields the fields of an object that is expected, in order.
func (v *Value) Fields(yield func(name string, value *Value) bool) {
	for _, f := range v.fields {
		if !yield(f.name, f.value) {
			return
		}
	}
}

// Open reports whether other fields or items may be there.
func (v *Value) Open() bool { return v.open }

// IsObject reports whether an object is expected, written as data.
func (v *Value) IsObject() bool { return v.source == "" && v.kind == schema.Map }
