package grow

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"sync"
	"unicode"
)

// decode decodes the data of a message. Package json takes a field ID for one that is called
// id. What the host has checked is id, and that is what is read: a field that has the name of
// another but for capitals is one that the type does not name, and left out.
func decode(data []byte, into any) error {
	return namesUnder(reflect.TypeOf(into)).decode(data, into)
}

func (n *names) decode(data []byte, into any) error {
	if n.doubtful(data) {
		data = exactly([]reflect.Type{reflect.TypeOf(into)}, data)
	}
	return json.Unmarshal(data, into)
}

// names are those of all fields that a type has, and the types within it.
type names struct {
	list   []string // in the order in which most senders write them
	exact  map[string]bool
	folded map[string]bool
	twins  bool // two of them differ by capitals alone
}

// known and shapes are what is known of types: *names, and *shape.
var known, shapes sync.Map

func namesUnder(t reflect.Type) *names {
	if n, ok := known.Load(t); ok {
		return n.(*names)
	}
	n := &names{exact: map[string]bool{}, folded: map[string]bool{}}
	seen := map[reflect.Type]bool{}
	var add func(t reflect.Type)
	add = func(t reflect.Type) {
		if t == nil || seen[t] {
			return
		}
		seen[t] = true
		s := shapeOf(t)
		add(s.elem)
		for _, name := range s.order {
			f := fold(name)
			n.twins = n.twins || n.folded[f] && !n.exact[name]
			n.exact[name], n.folded[f] = true, true
			n.list = append(n.list, name)
			for _, t := range s.fields[name] {
				add(t)
			}
		}
		for _, t := range s.loose {
			add(t)
		}
	}
	add(t)
	known.Store(t, n)
	return n
}

// doubtful says whether data may have a field whose name is one of n but for capitals.
func (n *names) doubtful(data []byte) bool {
	if n.twins || len(n.list) == 0 {
		return n.twins
	}
	next := 0
	for i := 0; i < len(data); i++ {
		if data[i] != '"' {
			continue
		}
		from, escapes := i+1, false
		for i++; i < len(data) && data[i] != '"'; i++ {
			if data[i] == '\\' {
				escapes = true
				i++
			}
		}
		end := i
		for i++; i < len(data) && (data[i] == ' ' || data[i] == '\t' || data[i] == '\r' || data[i] == '\n'); i++ {
		}
		if i >= len(data) || data[i] != ':' {
			i-- // whatever this is, it is looked at next
			continue
		}
		name := data[from:end]
		if next < len(n.list) && n.list[next] == string(name) {
			next++
		} else if at := slices.Index(n.list, string(name)); at >= 0 {
			next = at + 1
		} else if escapes || n.folded[fold(string(name))] {
			return true
		}
	}
	return false
}

// exactly leaves out of JSON what package json would take for a field of another name. Where
// the types are several, it is of one of them.
func exactly(types []reflect.Type, data []byte) []byte {
	data = bytes.TrimSpace(data)
	var elems []reflect.Type
	fields, folded, loose, open := map[string][]reflect.Type{}, map[string]bool{}, map[string]reflect.Type{}, false
	for _, t := range types {
		s := shapeOf(t)
		if s.elem != nil {
			elems, open = append(elems, s.elem), true
		}
		for name, types := range s.fields {
			fields[name] = append(fields[name], types...)
			folded[fold(name)] = true
		}
		for name, t := range s.loose {
			loose[name] = t
		}
	}
	switch {
	case len(data) == 0 || len(elems) == 0 && len(fields) == 0 && len(loose) == 0:
	case data[0] == '[':
		var list []json.RawMessage
		if json.Unmarshal(data, &list) != nil {
			return data // which is said of it again
		}
		for i := range list {
			list[i] = exactly(elems, list[i])
		}
		return encoded(list, data)
	case data[0] == '{':
		var object map[string]json.RawMessage
		if json.Unmarshal(data, &object) != nil {
			return data
		}
		for name, value := range object {
			f := fold(name)
			switch within, named := fields[name]; {
			case named:
				object[name] = exactly(within, value)
			case loose[f] != nil:
				object[name] = exactly([]reflect.Type{loose[f]}, value)
			case folded[f] && !open:
				delete(object, name)
			default:
				object[name] = exactly(elems, value)
			}
		}
		return encoded(object, data)
	}
	return data
}

func encoded(v any, otherwise []byte) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(v) != nil {
		return otherwise // never: it was JSON
	}
	return b.Bytes()
}

// shape is what package json reads into a type, as far as names go.
type shape struct {
	fields map[string][]reflect.Type // whose name is in a tag
	order  []string                  // their names
	loose  map[string]reflect.Type   // whose name is Go's, folded: those are meant to be found whatever their capitals
	elem   reflect.Type              // of lists and maps
}

func shapeOf(t reflect.Type) *shape {
	if s, ok := shapes.Load(t); ok {
		return s.(*shape)
	}
	s := &shape{fields: map[string][]reflect.Type{}, loose: map[string]reflect.Type{}}
	at := t
	for at.Kind() == reflect.Pointer {
		at = at.Elem()
	}
	switch at.Kind() {
	case reflect.Slice, reflect.Array, reflect.Map:
		s.elem = at.Elem()
	case reflect.Struct:
		s.structure(at, reflect.PointerTo(at).Implements(unmarshaler), 0)
	}
	shapes.Store(t, s)
	return s
}

// depthMax is how many structs within structs are looked into that add to the fields of one.
const depthMax = 16

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

// structure adds the fields of a struct. One that decodes itself, as alternatives of grow types
// do, may be what its fields without a tag point to.
func (s *shape) structure(t reflect.Type, itself bool, depth int) {
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		name, _, _ := strings.Cut(tag, ",")
		switch {
		case tag == "-":
		case name != "" && f.IsExported():
			if s.fields[name] == nil {
				s.order = append(s.order, name)
			}
			s.fields[name] = append(s.fields[name], f.Type)
		case f.Anonymous || itself && f.Type.Kind() == reflect.Pointer:
			part := f.Type
			for part.Kind() == reflect.Pointer {
				part = part.Elem()
			}
			if part.Kind() == reflect.Struct && depth < depthMax {
				s.structure(part, false, depth+1)
			}
		case f.IsExported():
			s.loose[fold(f.Name)] = f.Type
		}
	}
}

// fold is the same of names that differ by capitals alone, as package json compares them.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		for {
			next := unicode.SimpleFold(r)
			if next <= r {
				return next
			}
			r = next
		}
	}, name)
}
