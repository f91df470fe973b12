package native

import (
	"errors"
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"math"
	"strconv"
	"strings"

	"github.com/grow-platform/grow/runtime/debug"
)

// expressionMax is the bytes of an expression.
const expressionMax = 1 << 10

// evaluator evaluates expressions in a frame: paths, comparisons, arithmetic and the
// operators of logic. They are written as in Go, which has all that a path has in C and
// Rust, but for ->, :: and members that are numbers: see tidy.
type evaluator struct {
	h *halt
	f *frame
}

// operand is what an expression comes to: a value of the guest, or a constant.
type operand struct {
	value value
	c     constant.Value // not nil: it is one
	name  string         // of something that there is not: of an enumerator, perhaps
}

// scopeMark is written for ::, as a letter.
const scopeMark = "ꓽ"

// tidy makes of an expression one of Go.
func tidy(text string) string {
	var b strings.Builder
	operand := false // what comes before is one, so that a point selects
	for i := 0; i < len(text); i++ {
		rest, c := text[i:], text[i]
		switch {
		case c == '"' || c == '\'' || c == '`':
			end := i + 1
			for end < len(text) && text[end] != c {
				if text[end] == '\\' {
					end++
				}
				end++
			}
			end = min(end+1, len(text))
			b.WriteString(text[i:end])
			i, operand = end-1, true
			continue
		case strings.HasPrefix(rest, "->"):
			b.WriteString(".")
			i++
			continue
		case strings.HasPrefix(rest, "::"):
			b.WriteString(scopeMark)
			i++
			continue
		case c >= '0' && c <= '9':
			end := i
			for end < len(text) && (letter(text[end]) || text[end] == '.' && !operand) {
				end++
			}
			b.WriteString(text[i:end])
			i, operand = end-1, true
			continue
		case letter(c):
			end := i
			for end < len(text) && letter(text[end]) {
				end++
			}
			b.WriteString(text[i:end])
			i, operand = end-1, true
			continue
		case c == '.' && operand && len(rest) > 1 && rest[1] >= '0' && rest[1] <= '9':
			b.WriteString("._")
			end := i + 1
			for end < len(text) && text[end] >= '0' && text[end] <= '9' {
				end++
			}
			b.WriteString(text[i+1 : end])
			i = end - 1
			continue
		}
		operand = c == ']' || c == ')'
		b.WriteByte(c)
	}
	return b.String()
}

func letter(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c >= 0x80
}

// parse evaluates an expression.
func (e *evaluator) parse(text string) (operand, error) {
	x, err := parsed(text)
	if err != nil {
		return operand{}, err
	}
	return e.eval(x)
}

// parsed reads an expression.
func parsed(text string) (ast.Expr, error) {
	if len(text) > expressionMax {
		return nil, fmt.Errorf("an expression has at most %d bytes", expressionMax)
	}
	x, err := parser.ParseExpr(tidy(text))
	if err != nil {
		return nil, fmt.Errorf("%s: it is no expression", clip(text))
	}
	return x, nil
}

// Check implements debug.Checked.
func (p *program) Check(expression string, _ bool) error {
	x, err := parsed(expression)
	if err != nil {
		return err
	}
	ast.Inspect(x, func(n ast.Node) bool {
		switch n.(type) {
		case nil, *ast.ParenExpr, *ast.BasicLit, *ast.Ident, *ast.SelectorExpr, *ast.IndexExpr, *ast.StarExpr, *ast.UnaryExpr, *ast.BinaryExpr:
			return err == nil
		}
		err = errShape
		return false
	})
	return err
}

func (e *evaluator) eval(x ast.Expr) (operand, error) {
	switch x := x.(type) {
	case *ast.ParenExpr:
		return e.eval(x.X)
	case *ast.BasicLit:
		return operand{c: constant.MakeFromLiteral(x.Value, x.Kind, 0)}, nil
	case *ast.Ident:
		return e.ident(strings.ReplaceAll(x.Name, scopeMark, "::"))
	case *ast.SelectorExpr:
		return e.member(x)
	case *ast.IndexExpr:
		return e.index(x)
	case *ast.StarExpr:
		in, err := e.eval(x.X)
		if err != nil || in.c != nil {
			return operand{}, errors.Join(err, errShape)
		}
		to := in.value
		to.t = to.t.bare()
		return operand{value: to.pointer()}, nil
	case *ast.UnaryExpr:
		return e.unary(x)
	case *ast.BinaryExpr:
		return e.binary(x)
	}
	return operand{}, errShape
}

var errShape = errors.New("an expression is a path as order.items[0].qty, a number or a text, or several with operators between them")

func (e *evaluator) ident(name string) (operand, error) {
	switch name {
	case "true", "false":
		return operand{c: constant.MakeBool(name == "true")}, nil
	case "null", "NULL", "nil":
		return operand{c: constant.MakeInt64(0)}, nil
	}
	v, err := e.named(name)
	if errors.Is(err, debug.ErrUnknown) {
		return operand{name: name}, nil
	}
	return operand{value: v}, err
}

// named is a variable of the frame, or a global.
func (e *evaluator) named(name string) (value, error) {
	s := e.h.program.symbols
	if s == nil || e.f.function == nil {
		return value{}, fmt.Errorf("%s: %w", name, debug.ErrUnknown)
	}
	for _, v := range e.f.visible() {
		if v.name == name {
			return e.h.valueOf(e.f, v), nil
		}
	}
	var found *variable
	for _, u := range s.units {
		if u.dir != e.f.function.unit.dir || s.open(u) != nil {
			continue
		}
		for _, v := range u.vars {
			if v.name == name || found == nil && strings.HasSuffix(v.name, "::"+name) {
				found = v
			}
		}
	}
	if found == nil {
		return value{}, fmt.Errorf("%s: %w", name, debug.ErrUnknown)
	}
	return e.h.valueOf(e.f, found), nil
}

// stepWork is the units of work that it takes to look at a part of a value.
const stepWork = 16

// part is a part of a value by its name; of a pointer, one of what it points to.
func part(v value, name string) (value, error) {
	v.hops = 0
	for range chainMax {
		if v.fault != nil {
			return value{}, v.fault
		}
		w := v.view()
		for i := range min(w.parts(), scanMax) {
			if v.t.s != nil && !v.t.s.spend(stepWork) {
				return value{}, debug.ErrEndless
			}
			if n, p := w.part(i); n == name {
				return p, nil
			}
		}
		v.t = v.t.bare()
		if v.t.kind != kindPointer {
			break
		}
		v = v.pointer()
	}
	if v.fault != nil {
		return value{}, v.fault
	}
	if p := v.member(name); p.fault == nil {
		return p, nil
	}
	return value{}, fmt.Errorf("%s: %w", name, debug.ErrUnknown)
}

func (e *evaluator) member(x *ast.SelectorExpr) (operand, error) {
	in, err := e.known(x.X)
	if err != nil {
		return operand{}, err
	}
	name := x.Sel.Name
	if rest, ok := strings.CutPrefix(name, "_"); ok {
		if _, err := strconv.Atoi(rest); err == nil {
			name = rest
		}
	}
	v, err := part(in.value, name)
	return operand{value: v}, err
}

// known evaluates what must be a value of the guest.
func (e *evaluator) known(x ast.Expr) (operand, error) {
	in, err := e.eval(x)
	switch {
	case err != nil:
		return operand{}, err
	case in.name != "":
		return operand{}, fmt.Errorf("%s: %w", in.name, debug.ErrUnknown)
	case in.c != nil:
		return operand{}, errShape
	}
	return in, nil
}

func (e *evaluator) index(x *ast.IndexExpr) (operand, error) {
	in, err := e.known(x.X)
	if err != nil {
		return operand{}, err
	}
	by, err := e.eval(x.Index)
	if err != nil {
		return operand{}, err
	}
	key, err := by.constant()
	if err != nil {
		return operand{}, err
	}
	v := in.value
	w := v.view()
	i, exact := constant.Int64Val(constant.ToInt(key))
	if w.part != nil && w.open == "[" && exact {
		if i < 0 || i >= int64(w.indexed) {
			return operand{}, debug.Unknown(fmt.Sprintf("there is no [%d]: it has %d", i, w.indexed))
		}
		_, v = w.part(int(i))
		return operand{value: v}, nil
	}
	if b := v.t.bare(); b.kind == kindPointer && exact && (w.part == nil || w.named > 0) {
		v.t = b
		to := v.pointer()
		return operand{value: to.part(to.t, i*max(to.t.bytes(), 0))}, to.fault
	}
	v, err = part(v, "["+key.ExactString()+"]")
	return operand{value: v}, err
}

// constant is the operand as a constant.
func (o operand) constant() (constant.Value, error) {
	switch {
	case o.c != nil:
		return o.c, nil
	case o.name != "":
		return nil, fmt.Errorf("%s: %w", o.name, debug.ErrUnknown)
	}
	return o.value.constant()
}

// constant is a scalar, a text or what a reference leads to, as a constant.
func (v value) constant() (constant.Value, error) {
	switch {
	case v.fault != nil:
		return nil, v.fault
	case v.hops > chainMax:
		return nil, errShape
	}
	v.t = v.t.bare()
	if v.t.kind == kindPointer && (strings.HasPrefix(v.t.name, "&") || strings.HasPrefix(v.t.name, "alloc::boxed::Box<")) {
		return v.pointer().constant()
	}
	w := v.view()
	if strings.HasPrefix(w.text, `"`) {
		if text, err := strconv.Unquote(w.text); err == nil {
			return constant.MakeString(text), nil
		}
	}
	if v.t.kind == kindStruct || v.t.kind == kindArray || v.t.kind == kindUnion {
		return nil, fmt.Errorf("a %s is no number and no text", v.t.title())
	}
	n := v.t.bytes()
	bits, err := v.word()
	if err != nil {
		return nil, err
	}
	switch v.t.enc {
	case encBool:
		return constant.MakeBool(bits != 0), nil
	case encFloat:
		f := math.Float64frombits(bits)
		if n == 4 {
			f = float64(math.Float32frombits(uint32(bits)))
		}
		if c := constant.MakeFloat64(f); c.Kind() != constant.Unknown {
			return c, nil
		}
		return nil, fmt.Errorf("%v is no number", f)
	case encSigned, encChar:
		return constant.MakeInt64(v.extend(bits, n)), nil
	}
	return constant.MakeUint64(bits), nil
}

func (e *evaluator) unary(x *ast.UnaryExpr) (operand, error) {
	in, err := e.eval(x.X)
	if err != nil {
		return operand{}, err
	}
	if x.Op == token.AND {
		if in.c != nil || in.name != "" || in.value.data != nil {
			return operand{}, errors.New("it has no address")
		}
		return operand{c: constant.MakeUint64(in.value.at)}, in.value.fault
	}
	c, err := in.constant()
	if err != nil {
		return operand{}, err
	}
	number := c.Kind() == constant.Int || c.Kind() == constant.Float
	switch {
	case x.Op == token.NOT && c.Kind() == constant.Bool, x.Op == token.SUB && number, x.Op == token.ADD && number:
		return operand{c: constant.UnaryOp(x.Op, c, 0)}, nil
	}
	return operand{}, errShape
}

func (e *evaluator) binary(x *ast.BinaryExpr) (operand, error) {
	a, err := e.eval(x.X)
	if err != nil {
		return operand{}, err
	}
	if x.Op == token.LAND || x.Op == token.LOR {
		return e.logic(x, a)
	}
	b, err := e.eval(x.Y)
	if err != nil {
		return operand{}, err
	}
	if (a.name != "") != (b.name != "") && (x.Op == token.EQL || x.Op == token.NEQ) {
		return sameForm(a, b, x.Op)
	}
	p, err := a.constant()
	if err != nil {
		return operand{}, err
	}
	q, err := b.constant()
	if err != nil {
		return operand{}, err
	}
	return combine(p, x.Op, q)
}

func (e *evaluator) logic(x *ast.BinaryExpr, a operand) (operand, error) {
	first, err := a.truth()
	if err != nil || first == (x.Op == token.LOR) {
		return operand{c: constant.MakeBool(first)}, err
	}
	b, err := e.eval(x.Y)
	if err != nil {
		return operand{}, err
	}
	second, err := b.truth()
	return operand{c: constant.MakeBool(second)}, err
}

// sameForm compares the form of an enum with a name.
func sameForm(a, b operand, op token.Token) (operand, error) {
	if a.name != "" {
		a, b = b, a
	}
	if a.c != nil {
		return operand{}, fmt.Errorf("%s: %w", b.name, debug.ErrUnknown)
	}
	form, err := a.value.form()
	if err != nil {
		return operand{}, fmt.Errorf("%s: %w", b.name, err)
	}
	name := b.name[strings.LastIndex(b.name, ":")+1:]
	return operand{c: constant.MakeBool((form == name) == (op == token.EQL))}, nil
}

// form is the name of the form that an enum has.
func (v value) form() (string, error) {
	v.t = v.t.bare()
	switch {
	case v.fault != nil:
		return "", v.fault
	case v.hops > chainMax:
	case v.t.kind == kindEnum:
		return v.enumerator(), nil
	case v.t.kind == kindStruct && len(v.t.variants) > 0:
		if chosen, err := v.chosen(); err != nil || chosen != nil {
			return chosen.name(), err
		}
	case v.t.kind == kindPointer && strings.HasPrefix(v.t.name, "&"):
		return v.pointer().form()
	}
	return "", debug.ErrUnknown
}

func (x *variant) name() string {
	if x == nil {
		return ""
	}
	return x.field.name
}

// combine applies an operator.
func combine(a constant.Value, op token.Token, b constant.Value) (operand, error) {
	numbers := isNumber(a) && isNumber(b)
	same := a.Kind() == b.Kind()
	switch op {
	case token.EQL, token.NEQ:
		if same || numbers {
			return operand{c: constant.MakeBool(constant.Compare(a, op, b))}, nil
		}
	case token.LSS, token.LEQ, token.GTR, token.GEQ:
		if numbers || same && a.Kind() == constant.String {
			return operand{c: constant.MakeBool(constant.Compare(a, op, b))}, nil
		}
	case token.ADD, token.SUB, token.MUL:
		if numbers {
			return operand{c: constant.BinaryOp(a, op, b)}, nil
		}
	case token.QUO, token.REM:
		if numbers && constant.Sign(b) != 0 {
			return divide(a, op, b)
		}
	}
	return operand{}, fmt.Errorf("%s is not defined for %s and %s", op, a, b)
}

func divide(a constant.Value, op token.Token, b constant.Value) (operand, error) {
	whole := a.Kind() == constant.Int && b.Kind() == constant.Int
	switch {
	case whole && op == token.QUO:
		op = token.QUO_ASSIGN // the division of whole numbers
	case !whole && op == token.REM:
		return operand{}, errShape
	}
	return operand{c: constant.BinaryOp(a, op, b)}, nil
}

func isNumber(c constant.Value) bool {
	return c.Kind() == constant.Int || c.Kind() == constant.Float
}

func (o operand) truth() (bool, error) {
	c, err := o.constant()
	switch {
	case err != nil:
		return false, err
	case c.Kind() == constant.Bool:
		return constant.BoolVal(c), nil
	case isNumber(c):
		return constant.Sign(c) != 0, nil // as in C
	}
	return false, errors.New("a condition is true or false")
}

// Evaluate implements debug.Halt.
func (h *halt) Evaluate(frame int, text string) (debug.Variable, error) {
	f, err := h.frame(frame)
	if err != nil {
		return debug.Variable{}, err
	}
	defer h.program.look()()
	e := evaluator{h: h, f: f}
	x, err := e.parse(text)
	switch {
	case h.program.exhausted():
		return debug.Variable{}, debug.ErrEndless
	case err != nil:
		return debug.Variable{}, err
	case x.name != "":
		return debug.Variable{}, fmt.Errorf("%s: %w", x.name, debug.ErrUnknown)
	case x.c != nil:
		return debug.Variable{Name: text, Value: clip(x.c.ExactString())}, nil
	}
	return h.show(frame, text, text, x.value), nil
}

// Truth implements debug.Halt.
func (h *halt) Truth(frame int, text string) (bool, error) {
	f, err := h.frame(frame)
	if err != nil {
		return false, err
	}
	defer h.program.look()()
	x, err := (&evaluator{h: h, f: f}).parse(text)
	met := false
	if err == nil {
		met, err = x.truth()
	}
	if h.program.exhausted() {
		return false, debug.ErrEndless
	}
	return met, err
}
