// Package rule compiles CEL expressions over messages: the conditions of
// routes and the keys of actors.
//
// An expression is over data and attributes of one message:
//
//	data                     the JSON value; bytes when the type is bytes
//	type, id, source, subject, time, correlation
//	                         attributes as strings, "" when absent
//	attributes               all of them by name; an absent one is an error
//
// It is checked against the types data may have when it is compiled, so a
// misspelt field is an error with a place. When it runs, only the fields it
// names are read out of the message's bytes. Fields whose type is int are CEL
// ints, all other JSON numbers doubles; a whole-number literal beside a double
// is taken as a double, so `data.total * 2 > 1000` needs no points.
package rule

import (
	"errors"
	"fmt"
	"strings"

	"cel.dev/cel-go/cel"
	celast "cel.dev/cel-go/common/ast"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/specs/shape"
)

// Limits of expressions.
const (
	SourceMax = 4096    // bytes
	CostMax   = 100_000 // CEL's units of cost, of one evaluation; about 10 ms
	LoopsMax  = 8       // uses of all, exists, exists_one, filter and map
)

// Rule is a condition on messages. It is immutable and may be used concurrently.
type Rule struct{ code }

// Key is an expression that gives a message's key. It is immutable and may be
// used concurrently.
type Key struct{ code }

// ErrNoKey says that a message has no key: a field on the way is missing, or
// its value is null or neither a string, a whole number nor a bool.
var ErrNoKey = errors.New("the key is missing, null, or neither a string, a whole number nor true or false")

// errNotBool is a rule over untyped data that gives something else.
var errNotBool = errors.New("match rule: its value is neither true nor false")

// Error says what is wrong with an expression, and where in it.
type Error struct {
	Line, Col int    // from 1, in the expression
	Message   string // lower case
	Hint      string // what to write instead, or ""
}

// Error is place, message and hint in one line.
func (e *Error) Error() string {
	s := fmt.Sprintf("%d:%d: %s", e.Line, e.Col, e.Message)
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	return s
}

// code is a compiled expression: a plan of our own for the common forms, or
// else a CEL program.
type code struct {
	plan    *plan
	program cel.Program
	view    *view // how data's numbers are read
	raw     bool  // data is bytes
}

// Compile compiles a rule for data of any of the types; no types, or a nil or
// Any one among them, leave its fields unchecked. The error is an *[Error].
func Compile(src string, types []*shape.Type) (*Rule, error) {
	c, err := compile(src, types, checkBool)
	if err != nil {
		return nil, err
	}
	return &Rule{*c}, nil
}

// CompileKey compiles a key, which must be a string, an int or a bool, for data
// of any of the types, as Compile does. The error is an *[Error].
func CompileKey(src string, types []*shape.Type) (*Key, error) {
	c, err := compile(src, types, checkKey)
	if err != nil {
		return nil, err
	}
	return &Key{*c}, nil
}

// CompileKeyAt is CompileKey for a key of several types that is used for one of
// them, at: it reads numbers as the keys of the others do.
func CompileKeyAt(src string, types []*shape.Type, at *shape.Type) (*Key, error) {
	k, err := CompileKey(src, types)
	if err == nil && k.plan != nil {
		k.plan.paths.Bind(at)
	}
	return k, err
}

// Match reports whether the rule holds for m. An error, such as a missing field
// or a cost over CostMax, means that it is not taken; the caller counts it.
func (r *Rule) Match(m *abi.Message) (bool, error) { return r.MatchAt(m, nil) }

// MatchAt is Match for data whose check has noted in at where its fields are.
// nil, or what was noted of another type than the one the rule was compiled for,
// has them searched.
func (r *Rule) MatchAt(m *abi.Message, at *shape.Places) (bool, error) {
	if r.plan != nil {
		return r.plan.match(m, at)
	}
	v, err := r.run(m)
	if err != nil {
		return false, fmt.Errorf("match rule: %w", err)
	}
	ok, isBool := v.Value().(bool)
	if !isBool {
		return false, errNotBool
	}
	return ok, nil
}

// Append appends the key of m to dst as text: a string as it is, a whole number
// in digits, true or false. The error is [ErrNoKey] or wraps it, and dst is
// returned as it was.
func (k *Key) Append(dst []byte, m *abi.Message) ([]byte, error) { return k.AppendAt(dst, m, nil) }

// AppendAt is Append as MatchAt is Match.
func (k *Key) AppendAt(dst []byte, m *abi.Message, at *shape.Places) ([]byte, error) {
	if k.plan != nil {
		return k.plan.append(dst, m, at)
	}
	v, err := k.run(m)
	if err != nil {
		return dst, fmt.Errorf("%w: %v", ErrNoKey, err)
	}
	return appendKey(dst, v)
}

func checkBool(t *cel.Type) string {
	if t.IsAssignableType(cel.BoolType) || t.Kind() == cel.DynKind {
		return ""
	}
	return fmt.Sprintf("a rule must be true or false, this is %s", people(t))
}

func checkKey(t *cel.Type) string {
	switch t.Kind() {
	case cel.DynKind:
		return ""
	case cel.DoubleKind:
		return "a key must be a string, an int or a bool, this is a number: declare the field as int, or write string(…)"
	}
	for _, ok := range []*cel.Type{cel.StringType, cel.IntType, cel.BoolType} {
		if t.IsAssignableType(ok) {
			return ""
		}
	}
	return fmt.Sprintf("a key must be a string, an int or a bool, this is %s", people(t))
}

func compile(src string, types []*shape.Type, check func(*cel.Type) string) (*code, error) {
	if len(src) > SourceMax {
		return nil, &Error{Line: 1, Col: 1, Message: fmt.Sprintf("the expression has %d bytes; at most %d are allowed", len(src), SourceMax)}
	}
	if strings.TrimSpace(src) == "" {
		return nil, &Error{Line: 1, Col: 1, Message: "the expression is empty"}
	}
	c := &code{view: look(types)}
	raw := 0
	for _, t := range types {
		if t != nil && t.Raw() {
			raw++
		}
		if err := c.check(src, t, check); err != nil {
			return nil, err
		}
	}
	if raw > 0 && raw < len(types) {
		return nil, &Error{Line: 1, Col: 1, Message: "data may be bytes or JSON here; give each type its own expression"}
	}
	c.raw = raw > 0
	if err := c.build(src, check); err != nil {
		return c, err
	}
	if c.plan != nil && len(types) == 1 && types[0] != nil {
		c.plan.paths.Bind(types[0])
	}
	return c, nil
}

// check compiles src against one type, for its errors only.
func (c *code) check(src string, t *shape.Type, check func(*cel.Type) string) error {
	if t == nil || t.Any() || t.Raw() {
		return nil // build does
	}
	env, err := typed(t)
	if err != nil {
		return fmt.Errorf("compile expression: %w", err)
	}
	_, err = checked(env, src, look([]*shape.Type{t}), t, check)
	return err
}

// checked parses and checks an expression.
func checked(env *cel.Env, src string, v *view, t *shape.Type, check func(*cel.Type) string) (*cel.Ast, error) {
	parsed, issues := env.Parse(src)
	if issues.Err() != nil {
		return nil, issue(issues, nil, t, src)
	}
	if err := bounded(parsed); err != nil {
		return nil, err
	}
	widen(parsed.NativeRep().Expr(), v)
	ast, issues := env.Check(parsed)
	if issues.Err() != nil {
		return nil, issue(issues, parsed, t, src)
	}
	if message := check(ast.OutputType()); message != "" {
		return nil, &Error{Line: 1, Col: 1, Message: message}
	}
	return ast, nil
}

// bounded returns what in an expression could take the checker long: it writes
// types out, and .map(x, {x: x}) doubles the one it is given.
func bounded(a *cel.Ast) *Error {
	loops, made := 0, false
	celast.PreOrderVisit(a.NativeRep().Expr(), celast.NewExprVisitor(func(e celast.Expr) {
		if e.Kind() != celast.ComprehensionKind {
			return
		}
		loops++
		celast.PreOrderVisit(e.AsComprehension().LoopStep(), celast.NewExprVisitor(func(e celast.Expr) {
			made = made || e.Kind() == celast.MapKind
		}))
	}))
	switch {
	case loops > LoopsMax:
		return &Error{Line: 1, Col: 1, Message: fmt.Sprintf("the expression has more than %d loops (all, exists, filter, map)", LoopsMax)}
	case made:
		return &Error{Line: 1, Col: 1, Message: "a map, {…}, cannot be made inside of a loop (all, exists, filter, map)"}
	}
	return nil
}

// build makes what runs: checked against no type, since data may have any of
// several, and types have served their purpose.
func (c *code) build(src string, check func(*cel.Type) string) error {
	env, err := untyped(c.raw)
	if err != nil {
		return fmt.Errorf("compile expression: %w", err)
	}
	ast, err := checked(env, src, c.view, nil, check)
	if err != nil {
		return err
	}
	if c.plan = makePlan(ast.NativeRep(), c); c.plan != nil {
		return nil
	}
	return c.link(env, ast)
}

// link makes the CEL program, which also refuses what only shows then, such as
// a pattern that is no regular expression.
func (c *code) link(env *cel.Env, ast *cel.Ast) error {
	program, err := env.Program(ast, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(CostMax))
	if err != nil {
		return &Error{Line: 1, Col: 1, Message: err.Error()}
	}
	c.program = program
	return nil
}
