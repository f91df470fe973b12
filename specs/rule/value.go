package rule

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/specs/shape"
)

// activation is one evaluation by CEL's interpreter: it gives variables their
// values when they are asked for.
type activation struct {
	m    *abi.Message
	code *code
	data ref.Val // once asked for: a macro may ask for each item of a list
}

var activations = sync.Pool{New: func() any { return new(activation) }}

func (c *code) run(m *abi.Message) (ref.Val, error) {
	a := activations.Get().(*activation)
	a.m, a.code = m, c
	v, _, err := c.program.Eval(a)
	*a = activation{}
	activations.Put(a)
	return v, err
}

// Parent implements cel.Activation.
func (a *activation) Parent() cel.Activation { return nil }

// ResolveName implements cel.Activation.
func (a *activation) ResolveName(name string) (any, bool) {
	switch name {
	case "data":
		if a.data == nil && a.code.raw {
			a.data = types.Bytes(a.m.Data())
		} else if a.data == nil {
			a.data = jsonValue(a.m.Data(), a.code.view)
		}
		return a.data, true
	case "attributes":
		return attributes{lazy{}, a.m}, true
	}
	for _, v := range variables {
		if v == name {
			text, _ := a.m.Attr(name)
			return types.String(text), true
		}
	}
	return nil, false
}

// jsonValue is a JSON value as CEL sees it; objects and lists are read when
// they are looked into.
func jsonValue(raw []byte, v *view) ref.Val {
	raw = trim(raw)
	if len(raw) == 0 {
		return types.NewErr("data is not JSON")
	}
	switch raw[0] {
	case '{':
		return &object{raw: raw, view: v}
	case '[':
		var items []ref.Val
		if !shape.Items(raw, func(raw []byte) { items = append(items, jsonValue(raw, v.item())) }) {
			return types.NewErr("data is not JSON")
		}
		return types.NewRefValList(types.DefaultTypeAdapter, items)
	case '"':
		if text, ok := shape.Text(nil, raw); ok {
			return types.String(text)
		}
	case 't', 'f', 'n':
		switch string(raw) {
		case "true":
			return types.True
		case "false":
			return types.False
		case "null":
			return types.NullValue
		}
	default:
		if _, ok := shape.Double(raw); !ok {
			break
		}
		if n := numeric(raw, v != nil && v.int); n.kind == isInt {
			return types.Int(n.int)
		} else {
			return types.Double(n.double)
		}
	}
	return types.NewErr("data is not JSON")
}

func trim(raw []byte) []byte {
	blank := func(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }
	for len(raw) > 0 && blank(raw[0]) {
		raw = raw[1:]
	}
	for len(raw) > 0 && blank(raw[len(raw)-1]) {
		raw = raw[:len(raw)-1]
	}
	return raw
}

// lazy is what our two maps have in common: they do not convert.
type lazy struct{}

// ConvertToNative implements ref.Val.
func (lazy) ConvertToNative(t reflect.Type) (any, error) {
	return nil, fmt.Errorf("convert a JSON object to %v: not supported", t)
}

// Type implements ref.Val.
func (lazy) Type() ref.Type { return types.MapType }

func convert(v ref.Val, t ref.Type) ref.Val {
	switch t {
	case types.MapType:
		return v
	case types.TypeType:
		return types.MapType
	}
	return types.NewErr("type conversion error from 'map' to '%s'", t)
}

// object is a JSON object as a CEL map. It belongs to one evaluation. What was
// found is kept, and the second name that is asked for makes an index, so that
// a macro's cost does not grow with the size of data at every step.
type object struct {
	lazy
	raw   []byte
	view  *view
	first string  // the name asked for first
	value ref.Val // and its value, nil when there is none
	asked bool
	found map[string]ref.Val
	index map[string][]byte
	all   traits.Mapper // every field, once something needs them all
}

// whole reads every field.
func (o *object) whole() traits.Mapper {
	if o.all == nil {
		fields := map[ref.Val]ref.Val{}
		shape.Fields(o.raw, func(name string, raw []byte) { fields[types.String(name)] = jsonValue(raw, o.view.field(name)) })
		o.all = types.NewRefValMap(types.DefaultTypeAdapter, fields)
	}
	return o.all
}

// Find implements traits.Mapper.
func (o *object) Find(key ref.Val) (ref.Val, bool) {
	name, ok := key.(types.String)
	if !ok {
		return nil, false
	}
	v, known := o.found[string(name)]
	switch {
	case known:
	case o.asked && o.first == string(name):
		v = o.value
	case !o.asked:
		o.first, o.value, o.asked = string(name), o.seek(string(name)), true
		v = o.value
	default:
		v = o.look(string(name))
	}
	return v, v != nil
}

// seek reads one field, nil when there is none.
func (o *object) seek(name string) ref.Val {
	var path shape.Paths
	path.Add(name)
	var found [1]shape.Found
	if !path.Find(o.raw, found[:]) {
		return types.NewErr("data is not JSON")
	}
	if found[0].Presence != shape.Present {
		return nil
	}
	return jsonValue(found[0].Raw, o.view.field(name))
}

// look reads a field by way of the index.
func (o *object) look(name string) ref.Val {
	if o.index == nil {
		o.index, o.found = map[string][]byte{}, map[string]ref.Val{}
		shape.Fields(o.raw, func(name string, raw []byte) { o.index[name] = raw })
	}
	var v ref.Val
	if raw, ok := o.index[name]; ok {
		v = jsonValue(raw, o.view.field(name))
	}
	o.found[name] = v
	return v
}

// Get implements traits.Indexer.
func (o *object) Get(key ref.Val) ref.Val {
	if v, ok := o.Find(key); ok {
		return v
	}
	return types.NewErr("no such key: %v", key)
}

// Contains implements traits.Container.
func (o *object) Contains(key ref.Val) ref.Val {
	_, ok := o.Find(key)
	return types.Bool(ok)
}

// ConvertToType implements ref.Val.
func (o *object) ConvertToType(t ref.Type) ref.Val { return convert(o, t) }

// Equal implements ref.Val.
func (o *object) Equal(other ref.Val) ref.Val {
	if x, ok := other.(*object); ok {
		other = x.whole()
	}
	return o.whole().Equal(other)
}

// Iterator implements traits.Iterable.
func (o *object) Iterator() traits.Iterator { return o.whole().Iterator() }

// Size implements traits.Sizer.
func (o *object) Size() ref.Val { return o.whole().Size() }

// Value implements ref.Val.
func (o *object) Value() any { return o.whole().Value() }

// attributes is a message's attributes as a CEL map.
type attributes struct {
	lazy
	m *abi.Message
}

func (a attributes) whole() traits.Mapper {
	all := map[string]string{}
	for name, value := range a.m.All() {
		all[name] = value
	}
	return types.NewStringStringMap(types.DefaultTypeAdapter, all)
}

// Find implements traits.Mapper.
func (a attributes) Find(key ref.Val) (ref.Val, bool) {
	name, ok := key.(types.String)
	if !ok {
		return nil, false
	}
	text, ok := a.m.Attr(string(name))
	return types.String(text), ok
}

// Get implements traits.Indexer.
func (a attributes) Get(key ref.Val) ref.Val {
	if v, ok := a.Find(key); ok {
		return v
	}
	return types.NewErr("no such key: %v", key)
}

// Contains implements traits.Container.
func (a attributes) Contains(key ref.Val) ref.Val {
	_, ok := a.Find(key)
	return types.Bool(ok)
}

// ConvertToType implements ref.Val.
func (a attributes) ConvertToType(t ref.Type) ref.Val { return convert(a, t) }

// Equal implements ref.Val.
func (a attributes) Equal(other ref.Val) ref.Val {
	if x, ok := other.(attributes); ok {
		other = x.whole()
	}
	return a.whole().Equal(other)
}

// Iterator implements traits.Iterable.
func (a attributes) Iterator() traits.Iterator { return a.whole().Iterator() }

// Size implements traits.Sizer.
func (a attributes) Size() ref.Val { return a.whole().Size() }

// Value implements ref.Val.
func (a attributes) Value() any { return a.whole().Value() }

// appendKey appends what CEL's interpreter gave as a key.
func appendKey(dst []byte, v ref.Val) ([]byte, error) {
	switch v := v.(type) {
	case types.String:
		return append(dst, v...), nil
	case types.Int:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case types.Bool:
		return strconv.AppendBool(dst, bool(v)), nil
	case types.Double:
		// Untyped JSON: a whole number that a double holds exactly is an int.
		if d := float64(v); d == math.Trunc(d) && math.Abs(d) <= 1<<53 {
			return strconv.AppendInt(dst, int64(d), 10), nil
		}
	}
	return dst, ErrNoKey
}
