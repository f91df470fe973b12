package rule

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common"
	celast "cel.dev/cel-go/common/ast"

	"github.com/grow-platform/grow/specs/shape"
)

var (
	undefinedField = regexp.MustCompile(`^undefined field '(.*)'$`)
	undeclared     = regexp.MustCompile(`^undeclared reference to '([^']*)'`)
	noFields       = regexp.MustCompile(`^type '(\w+)' does not support field selection`)
	noOverload     = regexp.MustCompile(`^found no matching overload for '(.*)' applied to '(.*)'$`)
)

// issue makes the first of CEL's issues an Error for a person. ast is nil when
// the expression could not be parsed, t when data's type is not known.
func issue(issues *cel.Issues, ast *cel.Ast, t *shape.Type, src string) *Error {
	first := issues.Errors()[0]
	e := &Error{Line: max(first.Location.Line(), 1), Col: max(first.Location.Column()+1, 1), Message: strings.TrimPrefix(first.Message, "Syntax error: ")}
	if ast == nil {
		return syntax(e, first, src)
	}
	if m := undefinedField.FindStringSubmatch(first.Message); m != nil {
		operand, of := owner(ast.NativeRep().Expr(), first.ExprID, t)
		e.Message = "there is no field " + m[1] + " in " + operand
		if of != nil {
			e.Hint = mean(m[1], of.Names())
		}
		e.Col++ // CEL points at the dot
		return e
	}
	if m := undeclared.FindStringSubmatch(first.Message); m != nil {
		e.Message = "there is nothing called " + m[1]
		if t != nil {
			if _, ok := t.Field(m[1]); ok && !t.Any() {
				e.Hint = "did you mean data." + m[1] + "?"
				return e
			}
		}
		if e.Hint = foreign[m[1]]; e.Hint != "" {
			return e
		}
		e.Hint = mean(m[1], append([]string{"data", "attributes", "has", "size", "string", "int", "double", "timestamp", "duration"}, variables...))
		if e.Hint == "" {
			e.Hint = fmt.Sprintf("text stands in quotes, %q; a field is data.NAME", m[1])
		}
		return e
	}
	if m := noFields.FindStringSubmatch(first.Message); m != nil {
		e.Message = "a " + m[1] + " has no fields"
		if strings.Contains(src, ".length") || strings.Contains(src, ".size") && !strings.Contains(src, ".size(") {
			e.Hint = "its length is size(…)"
		}
		return e
	}
	if m := noOverload.FindStringSubmatch(first.Message); m != nil {
		return overload(e, m[1], m[2])
	}
	return e
}

// foreign is what is written here for names of other languages.
var foreign = map[string]string{
	"message": "did you mean data?", "payload": "did you mean data?", "event": "did you mean data?", "msg": "did you mean data?",
	"body": "did you mean data?", "input": "did you mean data?", "this": "did you mean data?", "self": "did you mean data?",
	"undefined": "ask whether a field is there with has(data.note)", "None": "write null, or has(data.note)", "nil": "write null, or has(data.note)",
	"True": "write true", "False": "write false", "headers": "did you mean attributes?",
	"len": "write size(…)", "length": "write size(…)", "count": "write size(…)", "str": "write string(…)", "float": "write double(…)", "number": "write double(…)",
	"startswith": "write startsWith(…)", "starts_with": "write startsWith(…)", "endswith": "write endsWith(…)", "ends_with": "write endsWith(…)",
	"includes": "write contains(…)", "indexOf": "write contains(…)", "test": "write matches(…)", "match": "write matches(…)",
	"some": "write exists(x, …)", "any": "write exists(x, …)", "every": "write all(x, …)", "defined": "write has(…)", "exists": "write has(…)",
}

// slips are operators of other languages, and what is written here.
var slips = []struct {
	src           *regexp.Regexp // its first group is where the mistake begins
	message, hint string
}{
	{regexp.MustCompile(`(===|!==)`), "this is no operator", "write == or !="},
	{regexp.MustCompile(`(<>)`), "<> is no operator", "write !="},
	{regexp.MustCompile(`[^\w."'](and)\b`), "and is no operator", "write &&"},
	{regexp.MustCompile(`[^\w."'](or)\b`), "or is no operator", "write ||"},
	{regexp.MustCompile(`(?:^|[^\w."'])(not)\b`), "not is no operator", "write !(…)"},
	{regexp.MustCompile(`(\$)`), "$ begins nothing here", "a field is written data.NAME"},
	{regexp.MustCompile(`(=~)`), "=~ is no operator", `write data.name.matches("^a")`},
}

func syntax(e *Error, first *common.Error, src string) *Error {
	for _, s := range slips {
		if m := s.src.FindStringSubmatchIndex(src); m != nil {
			before := src[:m[2]]
			e.Line, e.Col = strings.Count(before, "\n")+1, utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])+1
			e.Message, e.Hint = s.message, s.hint
			return e
		}
	}
	switch {
	case strings.Contains(first.Message, "missing") && strings.Contains(first.Message, "<EOF>"),
		strings.Contains(first.Message, "mismatched input '<EOF>'"):
		e.Message = "the expression ends too early"
	case strings.Contains(first.Message, "token recognition error at: '='"), strings.Contains(first.Message, "token recognition error at: '= '"):
		e.Message, e.Hint = "= is no operator", "compare with =="
	case strings.Contains(first.Message, "token recognition error at: '&"):
		e.Message, e.Hint = "& is no operator", "write &&"
	case strings.Contains(first.Message, "token recognition error at: '|"):
		e.Message, e.Hint = "| is no operator", "write ||"
	}
	return e
}

// mean is the hint for a misspelt name.
func mean(name string, names []string) string {
	if n := shape.Near(name, names); n != "" {
		return "did you mean " + n + "?"
	}
	return ""
}

// owner finds the struct whose field is selected by the expression id: how it
// is written and its type, nil when that cannot be told.
func owner(e celast.Expr, id int64, t *shape.Type) (string, *shape.Type) {
	written, of := "it", (*shape.Type)(nil)
	celast.PostOrderVisit(e, celast.NewExprVisitor(func(e celast.Expr) {
		if e.ID() != id || e.Kind() != celast.SelectKind {
			return
		}
		path, ok := pathOf(e.AsSelect().Operand())
		if !ok {
			return
		}
		written = strings.Join(append([]string{"data"}, path...), ".")
		if t != nil {
			of, _ = t.Field(path...)
		}
	}))
	return written, of
}

// overload explains operands that do not go together.
func overload(e *Error, operator, operands string) *Error {
	op := strings.Trim(operator, "_@!")
	if operator == "!_" {
		op = "!"
	}
	if op == "[_]" || op == "[" || strings.Contains(operator, "[") {
		e.Message = "[…] does not apply to " + operands
		e.Hint = "write data.name, or data.`name` when the name is no identifier"
		return e
	}
	e.Message = op + " does not apply to " + operands
	switch {
	case strings.Contains(operands, "int") && strings.Contains(operands, "double"):
		e.Hint = "make both the same with double(…) or int(…)"
	case strings.Contains(operands, "string") && (strings.Contains(operands, "int") || strings.Contains(operands, "double")):
		e.Hint = "text stands in quotes, numbers do not; string(…) turns a number into text"
	}
	return e
}
