package router

import (
	"slices"

	"github.com/grow-platform/grow/specs/rule"
	"github.com/grow-platform/grow/specs/shape"
)

// expressions are those of a table that have been compiled, so that the next table need
// not compile the same ones again: parsing and checking one costs more than all else of a
// table. They never change once the table is made.
type expressions struct {
	rules map[string][]compiled[*rule.Rule] // by source
	keys  map[string][]compiled[*rule.Key]
}

// compiled is an expression for data of some types, used for at, which is nil when it is
// used for all of them. Types are the same when they were loaded once: what reads data knows
// them by their pointers.
type compiled[T any] struct {
	types []*shape.Type
	at    *shape.Type
	code  T
}

func find[T any](list []compiled[T], types []*shape.Type, at *shape.Type) (code T, ok bool) {
	for _, c := range list {
		if c.at == at && slices.Equal(c.types, types) {
			return c.code, true
		}
	}
	return code, false
}

// rule compiles a rule, unless the last table or this one has it.
func (c *compiler) rule(source string, t *shape.Type) (*rule.Rule, error) {
	return once(c.last.rules, c.table.rules, source, []*shape.Type{t}, nil, func() (*rule.Rule, error) {
		return rule.Compile(source, []*shape.Type{t})
	})
}

// key compiles a key of any of the types, unless the last table or this one has it. at is
// the one of them that it is used for; nil: all.
func (c *compiler) key(source string, types []*shape.Type, at *shape.Type) (*rule.Key, error) {
	return once(c.last.keys, c.table.keys, source, types, at, func() (*rule.Key, error) {
		if at == nil {
			return rule.CompileKey(source, types)
		}
		return rule.CompileKeyAt(source, types, at)
	})
}

// once takes from last, or from now, what is in one of them, and has now have it.
func once[T any](last, now map[string][]compiled[T], source string, types []*shape.Type, at *shape.Type, compile func() (T, error)) (T, error) {
	if code, ok := find(now[source], types, at); ok {
		return code, nil
	}
	code, ok := find(last[source], types, at)
	if !ok {
		var err error
		if code, err = compile(); err != nil {
			return code, err
		}
	}
	now[source] = append(now[source], compiled[T]{types, at, code})
	return code, nil
}
