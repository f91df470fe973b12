package rule

import (
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/grow-platform/grow/specs/shape"
)

// variables are the attributes that have names of their own.
var variables = []string{"type", "id", "source", "subject", "time", "correlation"}

// base is what every expression may use, but for data.
var base = sync.OnceValues(func() (*cel.Env, error) {
	o := []cel.EnvOption{
		cel.Variable("attributes", cel.MapType(cel.StringType, cel.StringType)),
		cel.CrossTypeNumericComparisons(true),
		cel.EnableIdentifierEscapeSyntax(),
		cel.ParserRecursionLimit(100),
	}
	for _, name := range variables {
		o = append(o, cel.Variable(name, cel.StringType))
	}
	return cel.NewEnv(o...)
})

var (
	dynamic = sync.OnceValues(func() (*cel.Env, error) { return with(cel.DynType) })
	binary  = sync.OnceValues(func() (*cel.Env, error) { return with(cel.BytesType) })
)

func with(data *cel.Type) (*cel.Env, error) {
	env, err := base()
	if err != nil {
		return nil, err
	}
	return env.Extend(cel.Variable("data", data))
}

// untyped is the environment where nothing is known of data, or that it is bytes.
func untyped(raw bool) (*cel.Env, error) {
	if raw {
		return binary()
	}
	return dynamic()
}

// typed is the environment where data is of a type.
func typed(t *shape.Type) (*cel.Env, error) {
	env, err := base()
	if err != nil {
		return nil, err
	}
	p := &provider{Provider: env.CELTypeProvider(), types: map[string]*shape.Type{}}
	return env.Extend(cel.CustomTypeProvider(p), cel.Variable("data", p.typ("data", t)))
}

// provider gives CEL's checker the fields of our structs. Each struct is an
// object type that is named by its path from data.
type provider struct {
	types.Provider
	types map[string]*shape.Type
}

// FindStructType implements types.Provider.
func (p *provider) FindStructType(name string) (*types.Type, bool) {
	if p.types[name] != nil {
		return types.NewTypeTypeWithParam(types.NewObjectType(name)), true
	}
	return p.Provider.FindStructType(name)
}

// FindStructFieldType implements types.Provider.
func (p *provider) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	t := p.types[name]
	if t == nil {
		return p.Provider.FindStructFieldType(name, field)
	}
	f, ok := t.Field(field)
	if !ok {
		return nil, false
	}
	return &types.FieldType{Type: p.typ(strings.TrimPrefix(name, "object ")+"."+field, f)}, true
}

// FindStructFieldNames implements types.Provider.
func (p *provider) FindStructFieldNames(name string) ([]string, bool) {
	if t := p.types[name]; t != nil {
		return t.Names(), true
	}
	return p.Provider.FindStructFieldNames(name)
}

// NewValue implements types.Provider; expressions make no structs.
func (p *provider) NewValue(name string, fields map[string]ref.Val) ref.Val {
	if p.types[name] != nil {
		return types.NewErr("a message cannot be made in an expression")
	}
	return p.Provider.NewValue(name, fields)
}

// typ is a type of ours as one of CEL's.
func (p *provider) typ(name string, t *shape.Type) *types.Type {
	if t.Any() {
		return cel.DynType
	}
	nullable := func(t *cel.Type) *cel.Type { return t }
	kinds := t.Kinds()
	if kinds&shape.Null != 0 && kinds != shape.Null {
		nullable, kinds = cel.NullableType, kinds&^shape.Null
	}
	switch {
	case kinds == shape.String:
		return nullable(cel.StringType)
	case kinds == shape.Int:
		return nullable(cel.IntType)
	case kinds&^shape.Number == 0:
		return nullable(cel.DoubleType)
	case kinds&^shape.Bool == 0:
		return nullable(cel.BoolType)
	case kinds == shape.Null:
		return cel.NullType
	case kinds == shape.List && kinds == t.Kinds():
		if e, ok := t.Elem(); ok {
			return cel.ListType(p.typ(name+"[]", e))
		}
		return cel.ListType(cel.DynType)
	case kinds == shape.Object:
		if v, ok := t.Map(); ok {
			if kinds != t.Kinds() {
				return cel.DynType
			}
			return cel.MapType(cel.StringType, p.typ(name+"[]", v))
		}
		if len(t.Names()) == 0 {
			return cel.DynType
		}
		// Not a name an expression could spell: CEL would take it for the type.
		name = "object " + name
		p.types[name] = t
		return cel.ObjectType(name)
	}
	return cel.DynType
}

// people names a CEL type for a person.
func people(t *cel.Type) string {
	switch t.Kind() {
	case cel.BoolKind:
		return "a bool"
	case cel.IntKind, cel.UintKind:
		return "an int"
	case cel.DoubleKind:
		return "a number"
	case cel.StringKind:
		return "a string"
	case cel.BytesKind:
		return "bytes"
	case cel.ListKind:
		return "a list"
	case cel.MapKind, cel.StructKind:
		return "an object"
	case cel.NullTypeKind:
		return "null"
	case cel.TimestampKind:
		return "a timestamp"
	case cel.DurationKind:
		return "a duration"
	}
	return strings.TrimPrefix(t.String(), "wrapper")
}

// view says which numbers in data are ints; a nil one says none. What several
// types differ in is a double.
type view struct {
	int    bool
	fields map[string]*view
	elem   *view // of a list's items, or of a map's values
}

// look makes the view of data that may have any of the types.
func look(list []*shape.Type) *view {
	if len(list) == 0 {
		return nil
	}
	for _, t := range list {
		if t == nil || t.Any() || t.Raw() {
			return nil
		}
	}
	v := &view{int: true}
	var elems []*shape.Type
	names := map[string][]*shape.Type{}
	for _, t := range list {
		v.int = v.int && t.Kinds()&shape.Number == shape.Int
		for _, n := range t.Names() {
			f, _ := t.Field(n)
			names[n] = append(names[n], f)
		}
		if e, ok := t.Elem(); ok {
			elems = append(elems, e)
		}
		if e, ok := t.Map(); ok {
			elems = append(elems, e)
		}
	}
	for n, fields := range names {
		if f := look(fields); f != nil {
			if v.fields == nil {
				v.fields = map[string]*view{}
			}
			v.fields[n] = f
		}
	}
	v.elem = look(elems)
	if !v.int && v.fields == nil && v.elem == nil {
		return nil
	}
	return v
}

// field is the view of a field.
func (v *view) field(name string) *view {
	if v == nil {
		return nil
	}
	if f := v.fields[name]; f != nil {
		return f
	}
	if v.fields == nil {
		return v.elem
	}
	return nil
}

// item is the view of a list's items.
func (v *view) item() *view {
	if v == nil {
		return nil
	}
	return v.elem
}
