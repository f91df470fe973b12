// Package shape holds message, state and config types as plain Go data, read
// once from CUE with [FromCUE] or from JSON Schema with [FromSchema], and checks
// JSON bytes against them without decoding them.
//
// A type is a subset of CUE: scalars with bounds, patterns and formats, enums,
// structs, lists, maps, unions and defaults. What a type cannot say (recursion,
// loops, computed fields) FromCUE refuses, because checking must cost no more
// than the data is long.
//
// The rules for messages, where they are not CUE's own:
//   - A field without `?` and without a default must be there.
//   - Fields a struct does not name pass, even in a definition or close():
//     consumers ignore what they do not know. In config and in text parameters
//     they are refused, unless the struct ends in `...`.
//   - A number is an int when its value is whole: 10.0 is one, and 10 is a float.
//   - Of a name that occurs twice in an object the last value counts, as it
//     does for encoding/json.
//   - Text is Unicode: invalid UTF-8 and half surrogate pairs are refused.
package shape

import (
	"slices"
	"strings"
)

// Limits of a type and of the data it checks.
const (
	DepthMax  = 128    // objects and lists within each other, in data
	NestMax   = 64     // structs, lists and unions within each other, in a type
	NodesMax  = 20_000 // values, fields and alternatives in a type, references written out
	FieldsMax = 1024   // fields of one struct
)

// Kind is a set of kinds of JSON value.
type Kind uint8

// The kinds. A whole number is Int, any other is Frac; a type that admits
// numbers admits both.
const (
	Null Kind = 1 << iota
	False
	True
	Int
	Frac
	String
	List
	Object

	Bool   = False | True
	Number = Int | Frac
	all    = Null | Bool | Number | String | List | Object
)

// Type is a type of JSON values, or of bytes. It is immutable and may be used
// concurrently.
type Type struct {
	kinds Kind
	any   bool // nothing is checked
	raw   bool // bytes, not JSON
	// arms are alternatives that cannot be folded into one Type; the rules
	// below are unused then, and kinds is what the arms have together.
	arms []*Type
	tag  *tag // tells object arms apart by one field
	// Rules for values of a kind; nil: every value of the kind passes.
	str  *texts
	num  *numbers
	list *items
	obj  *fields
	def  []byte // default as JSON, nil for none
	// about is what the definition says the whole is for; parts have theirs
	// with their field.
	about string
}

// tag is a field whose text names the arm of a union.
type tag struct {
	name  string
	byVal map[string]*Type
	order []string
}

// texts are the rules for a string.
type texts struct {
	enum     []string // nil: any
	not      []string
	patterns []*pattern
	formats  []*format
	min, max int // characters; max < 0: no limit
}

// numbers are the rules for a number.
type numbers struct {
	enum     []number // nil: any
	not      []number
	multiple []number
	min, max *bound
}

type bound struct {
	number
	strict bool // the bound itself is outside
}

// items are the rules for a list.
type items struct {
	prefix   []*Type
	rest     *Type // of what follows the prefix; nil: nothing may
	min, max int   // items; max < 0: no limit
}

// fields are the rules for an object.
type fields struct {
	list     []*field
	index    map[string]*field
	patterns []keyed
	required int
	open     bool // ends in `...`: fields that it does not name belong to it
}

type field struct {
	name     string
	quoted   []byte // the name as it usually stands in JSON, with quotes and colon
	about    string // what the definition says it is for
	typ      *Type
	at       int  // place in the list
	required bool // nothing stands for it when it is left out of a message
	must     bool // marked with `!`: nothing stands for it in config either
}

// keyed is the type of the fields whose name fits key.
type keyed struct {
	key *Type
	typ *Type
}

// Any reports whether the type admits everything: data is passed on as it is,
// unchecked, and need not be JSON.
func (t *Type) Any() bool { return t.any }

// Raw reports whether data of the type is bytes (CUE's `bytes`), not JSON.
func (t *Type) Raw() bool { return t.raw }

// Kinds is the set of kinds of JSON value that the type admits; 0 for raw bytes.
func (t *Type) Kinds() Kind { return t.kinds }

// Default returns the default as JSON, nil when there is none. The caller does
// not change it.
func (t *Type) Default() []byte { return t.def }

// About is what the definition says the type is for, or, of a field that is
// named, what it says of that; "" when it says nothing.
func (t *Type) About(field ...string) string {
	if len(field) == 0 {
		return t.about
	}
	within, ok := t.Field(field[:len(field)-1]...)
	if !ok {
		return ""
	}
	for _, a := range within.branches() {
		if a.obj == nil {
			continue
		}
		if f := a.obj.index[field[len(field)-1]]; f != nil && f.about != "" {
			return f.about
		}
	}
	return ""
}

// Requires reports whether a message must have a field.
func (t *Type) Requires(name string) bool {
	for _, a := range t.branches() {
		if a.kinds&Object == 0 {
			continue
		}
		if a.obj == nil || a.obj.index[name] == nil || !a.obj.index[name].required {
			return false
		}
	}
	return t.kinds&Object != 0 && !t.any
}

// Names lists the fields that a struct names, in the order of its definition,
// those of a union once each.
func (t *Type) Names() []string {
	var names []string
	for _, a := range t.branches() {
		if a.obj == nil {
			continue
		}
		for _, f := range a.obj.list {
			if !slices.Contains(names, f.name) {
				names = append(names, f.name)
			}
		}
	}
	return names
}

// Field returns the type of a field, following path from struct to struct. In
// a union it is the union of what its alternatives say. False when no such
// field is declared.
func (t *Type) Field(path ...string) (*Type, bool) {
	for _, name := range path {
		if t.any {
			return t, true
		}
		var found *Type
		for _, a := range t.branches() {
			f := a.member(name)
			switch {
			case f == nil:
			case found == nil:
				found = f
			case found != f:
				found = join(found, f)
			}
		}
		if found == nil {
			return nil, false
		}
		t = found
	}
	return t, true
}

// member is the type of one field of an alternative, nil when it has none.
func (t *Type) member(name string) *Type {
	if t.any {
		return t
	}
	if t.kinds&Object == 0 {
		return nil
	}
	if t.obj == nil {
		return anything
	}
	if f := t.obj.index[name]; f != nil {
		return f.typ
	}
	for _, p := range t.obj.patterns {
		if p.key.admitsText(name) {
			return p.typ
		}
	}
	if t.obj.open {
		return anything
	}
	return nil
}

// Map returns the type of the values of a map: an object that names no fields.
func (t *Type) Map() (*Type, bool) {
	if t.arms != nil || t.kinds&Object == 0 || t.obj == nil || len(t.obj.list) > 0 || len(t.obj.patterns) != 1 {
		return nil, false
	}
	return t.obj.patterns[0].typ, true
}

// Elem returns the type that every item of a list has; false when items differ
// or anything may be one.
func (t *Type) Elem() (*Type, bool) {
	var found *Type
	for _, a := range t.branches() {
		if a.kinds&List == 0 {
			continue
		}
		if a.list == nil || a.any {
			return nil, false
		}
		for _, e := range append(slices.Clone(a.list.prefix), a.list.rest) {
			switch {
			case e == nil:
			case found == nil:
				found = e
			case found != e:
				found = join(found, e)
			}
		}
	}
	return found, found != nil
}

// Open reports whether a struct may have fields it does not name as part of
// what it says: it ends in `...`, or is any object.
func (t *Type) Open() bool {
	for _, a := range t.branches() {
		if a.any || a.kinds&Object != 0 && (a.obj == nil || a.obj.open) {
			return true
		}
	}
	return false
}

// branches are the alternatives of a union, or the type itself.
func (t *Type) branches() []*Type {
	if t.arms != nil {
		return t.arms
	}
	return []*Type{t}
}

// anything is the type of a value nothing is known of.
var anything = &Type{kinds: all, any: true}

// names of the kinds, for people.
func (k Kind) String() string {
	var names []string
	add := func(want Kind, name string) {
		if k&want != 0 {
			names = append(names, name)
		}
	}
	add(Object, "an object")
	add(List, "a list")
	add(String, "a string")
	switch k & Number {
	case Int:
		names = append(names, "an integer")
	case Number, Frac:
		names = append(names, "a number")
	}
	switch k & Bool {
	case Bool:
		names = append(names, "true or false")
	case True:
		names = append(names, "true")
	case False:
		names = append(names, "false")
	}
	add(Null, "null")
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, " or ")
}

// Violation says where and why data does not fit its type.
type Violation struct {
	Path    string // JSON pointer (RFC 6901), "" for the whole value
	Message string // lower case, without the path
}

// Error is path and message in one line.
func (v *Violation) Error() string {
	if v.Path == "" {
		return v.Message
	}
	return v.Path + ": " + v.Message
}
