package grants

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	cueerrors "cuelang.org/go/cue/errors"
	"github.com/grow-platform/grow/specs/shape"
)

// fault says where the parameters of a grant are not what the definition describes, and what
// may be there instead. CUE, which has refused them, says of a choice only that nothing of it
// fits: each field is held against its own type, and what CUE said stands where none is at fault.
func fault(definition cue.Value, params map[string]any, refused error) string {
	if where, what := faultOf(definition, params); what != "" {
		return strings.Join(where, ".") + ": " + what
	}
	first := cueerrors.Errors(refused)[0]
	format, args := first.Msg()
	return strings.TrimPrefix(strings.Join(first.Path(), "."), definitionName+".") + ": " + fmt.Sprintf(format, args...)
}

// faultOf finds what is wrong with a value, innermost first; "": nothing is, as far as types say.
func faultOf(definition cue.Value, data any) (where []string, what string) {
	switch v := data.(type) {
	case map[string]any:
		if where, what = faultOfFields(definition, v); what != "" {
			return where, what
		}
	case []any:
		item, ok := itemOf(definition)
		for i, one := range v {
			if !ok {
				break
			}
			if where, what = faultOf(item, one); what != "" {
				return append([]string{fmt.Sprint(i)}, where...), what
			}
		}
	}
	return nil, faultOfWhole(definition, data)
}

// itemOf is what the items of a list must be. Where a list has a default, that stands beside it.
func itemOf(definition cue.Value) (cue.Value, bool) {
	if item := definition.LookupPath(cue.MakePath(cue.AnyIndex)); item.Exists() && item.IncompleteKind() != cue.TopKind {
		return item, true
	}
	if op, parts := definition.Expr(); op == cue.AndOp {
		for _, part := range parts {
			if item, ok := itemOf(part); ok {
				return item, true
			}
		}
	}
	return cue.Value{}, false
}

func faultOfFields(definition cue.Value, data map[string]any) (where []string, what string) {
	fields, err := definition.Fields(cue.Optional(true))
	if err != nil {
		return nil, "" // it is no struct
	}
	known, needed := map[string]cue.Value{}, []string{}
	for fields.Next() {
		name := fields.Selector().Unquoted()
		known[name] = fields.Value()
		if _, given := data[name]; !given && fields.FieldType().ConstraintType() == cue.RequiredConstraint {
			needed = append(needed, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(data)) {
		field, ok := known[name]
		if !ok {
			if field, ok = anyField(definition, name); !ok {
				return []string{cue.Str(name).String()}, "there is no such field" + mean(name, slices.Sorted(maps.Keys(known)))
			}
		}
		if where, what = faultOf(field, data[name]); what != "" {
			return append([]string{cue.Str(name).String()}, where...), what
		}
	}
	if len(needed) > 0 {
		return needed[:1], "is missing"
	}
	return nil, ""
}

// anyField is what a field must be that a definition allows and does not name.
func anyField(definition cue.Value, name string) (cue.Value, bool) {
	path := cue.MakePath(cue.Str(name))
	filled := definition.FillPath(path, cuecontext.New().CompileString("_"))
	field := filled.LookupPath(path)
	return field, definition.Allows(cue.Str(name)) && field.Err() == nil
}

func mean(name string, known []string) string {
	if near := shape.Near(name, known); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

// faultOfWhole holds a value against its type. A type that messages could not have says nothing.
func faultOfWhole(definition cue.Value, data any) string {
	kind, err := shape.FromCUE(definition)
	if err != nil {
		return ""
	}
	text, err := json.Marshal(data)
	if err != nil {
		return ""
	}
	var v *shape.Violation
	if !errors.As(kind.Check(text), &v) || v.Path != "" {
		return ""
	}
	return v.Message
}
