package rule

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unsafe"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/specs/shape"
)

// Errors of evaluations, made once so that failing costs nothing.
var (
	errMissing = errors.New("match rule: a field or attribute is missing")
	errKind    = errors.New("match rule: a value is of another kind than what it is compared with")
	errJSON    = errors.New("match rule: data is not JSON")
)

// kind is what a value is.
type kind uint8

const (
	isNull kind = iota
	isBool
	isText
	isInt
	isDouble
	isOther // an object or a list
)

// value is a term's value or a literal.
type value struct {
	kind   kind
	yes    bool
	int    int64
	double float64
	text   string
}

// frame is one evaluation, on the caller's stack.
type frame struct {
	plan  *plan
	m     *abi.Message
	at    *shape.Places // of the fields of data; nil: not known
	read  bool          // found is filled
	sound bool          // data is JSON
	found [slotsMax]shape.Found
}

func (p *plan) match(m *abi.Message, at *shape.Places) (bool, error) {
	if p.root == nil { // a join of strings, over untyped data
		return false, errNotBool
	}
	f := frame{plan: p, m: m, at: at}
	yes, err := f.eval(p.root)
	return yes && err == nil, err
}

// eval follows CEL: && and || are decided by the side that can decide, even if
// the other fails.
func (f *frame) eval(n *node) (bool, error) {
	switch n.op {
	case opAnd, opOr:
		decides := n.op == opOr
		a, errA := f.eval(n.left)
		if errA == nil && a == decides {
			return decides, nil
		}
		b, errB := f.eval(n.more)
		if errB == nil && b == decides {
			return decides, nil
		}
		return !decides, cmp.Or(errA, errB)
	case opNot:
		yes, err := f.eval(n.left)
		return !yes, err
	case opAlways:
		return n.yes, nil
	case opHas:
		return f.has(n.term)
	}
	var buffer [128]byte
	v, err := f.value(n.term, buffer[:0])
	if err != nil {
		return false, err
	}
	switch n.op {
	case opTruth:
		if v.kind != isBool {
			return false, errNotBool
		}
		return v.yes, nil
	case opEqual:
		return equal(v, &n.lit), nil
	case opUnequal:
		return !equal(v, &n.lit), nil
	case opIn:
		for i := range n.list {
			if equal(v, &n.list[i]) {
				return true, nil
			}
		}
		return false, nil
	case opStarts, opEnds, opContains:
		if v.kind != isText {
			return false, errKind
		}
		switch n.op {
		case opStarts:
			return strings.HasPrefix(v.text, n.lit.text), nil
		case opEnds:
			return strings.HasSuffix(v.text, n.lit.text), nil
		}
		return strings.Contains(v.text, n.lit.text), nil
	}
	return order(n.op, v, &n.lit)
}

// seek returns what was found in a slot, reading data at the first call.
func (f *frame) seek(slot int) (*shape.Found, error) {
	if !f.read {
		f.read = true
		f.sound = f.plan.paths.FindAt(f.m.Data(), f.at, f.found[:f.plan.paths.Len()])
	}
	if !f.sound {
		return nil, errJSON
	}
	return &f.found[slot], nil
}

func (f *frame) has(t term) (bool, error) {
	if t.from == fromAttribute {
		_, ok := f.m.Attr(t.name)
		return ok, nil
	}
	at, err := f.seek(t.slot)
	if err != nil {
		return false, err
	}
	if at.Presence == shape.Astray {
		return false, errMissing
	}
	return at.Presence == shape.Present, nil
}

// value is the term's value; its text aliases the message or buffer.
func (f *frame) value(t term, buffer []byte) (value, error) {
	if t.from != fromData {
		text, ok := f.m.Attr(t.name)
		if !ok && t.from == fromAttribute {
			return value{}, errMissing
		}
		return value{kind: isText, text: text}, nil
	}
	at, err := f.seek(t.slot)
	if err != nil {
		return value{}, err
	}
	if at.Presence != shape.Present {
		return value{}, errMissing
	}
	switch raw := at.Raw; raw[0] {
	case 'n':
		return value{kind: isNull}, nil
	case 't', 'f':
		return value{kind: isBool, yes: raw[0] == 't'}, nil
	case '{', '[':
		return value{kind: isOther}, nil
	case '"':
		text := raw[1 : len(raw)-1]
		if bytes.IndexByte(text, '\\') >= 0 {
			text, _ = shape.Text(buffer, raw)
		}
		return value{kind: isText, text: unsafe.String(unsafe.SliceData(text), len(text))}, nil
	default:
		return numeric(raw, f.plan.ints[t.slot]), nil
	}
}

// numeric reads a JSON number: as an int when its type is int and 64 bits hold
// it, otherwise as a double.
func numeric(raw []byte, isWhole bool) value {
	if isWhole {
		var buffer [24]byte
		text := raw
		if n, err := strconv.ParseInt(unsafe.String(unsafe.SliceData(raw), len(raw)), 10, 64); err == nil {
			return value{kind: isInt, int: n}
		}
		if digits, ok := shape.Whole(buffer[:0], raw); ok {
			text = digits
		}
		if n, err := strconv.ParseInt(string(text), 10, 64); err == nil {
			return value{kind: isInt, int: n}
		}
	}
	d, _ := shape.Double(raw)
	return value{kind: isDouble, double: d}
}

func equal(v value, lit *value) bool {
	if v.kind != lit.kind {
		return (v.kind == isInt || v.kind == isDouble) && (lit.kind == isInt || lit.kind == isDouble) && compareNumbers(v, lit) == 0
	}
	switch v.kind {
	case isNull:
		return true
	case isBool:
		return v.yes == lit.yes
	case isText:
		return v.text == lit.text
	case isInt:
		return v.int == lit.int
	case isDouble:
		return v.double == lit.double
	}
	return false
}

func order(o op, v value, lit *value) (bool, error) {
	c := 0
	switch {
	case v.kind == isText && lit.kind == isText:
		c = cmp.Compare(v.text, lit.text) // strings.Compare makes its operands escape
	case (v.kind == isInt || v.kind == isDouble) && (lit.kind == isInt || lit.kind == isDouble):
		c = compareNumbers(v, lit)
	default:
		return false, errKind
	}
	switch o {
	case opLess:
		return c < 0, nil
	case opLessEqual:
		return c <= 0, nil
	case opGreater:
		return c > 0, nil
	}
	return c >= 0, nil
}

// compareNumbers is CEL's comparison across its kinds of number.
func compareNumbers(v value, lit *value) int {
	switch {
	case v.kind == isInt && lit.kind == isInt:
		return cmp.Compare(v.int, lit.int)
	case v.kind == isInt:
		return -doubleToInt(lit.double, v.int)
	case lit.kind == isInt:
		return doubleToInt(v.double, lit.int)
	}
	return cmp.Compare(v.double, lit.double)
}

func doubleToInt(d float64, i int64) int {
	switch {
	case d < math.MinInt64:
		return -1
	case d > math.MaxInt64:
		return 1
	}
	return cmp.Compare(d, float64(i))
}

// append appends a key.
func (p *plan) append(dst []byte, m *abi.Message, at *shape.Places) ([]byte, error) {
	f := frame{plan: p, m: m, at: at}
	if p.parts == nil { // a condition as a key
		yes, err := f.eval(p.root)
		if err != nil {
			return dst, fmt.Errorf("%w: %v", ErrNoKey, err)
		}
		return strconv.AppendBool(dst, yes), nil
	}
	out := dst
	for _, t := range p.parts {
		var ok bool
		if out, ok = f.appendTerm(out, t, len(p.parts) == 1); !ok {
			return dst, ErrNoKey
		}
	}
	return out, nil
}

// appendTerm appends one part of a key; in a join only strings count.
func (f *frame) appendTerm(dst []byte, t term, alone bool) ([]byte, bool) {
	switch t.from {
	case fromText:
		return append(dst, t.name...), true
	case fromNamed, fromAttribute:
		text, ok := f.m.Attr(t.name)
		return append(dst, text...), ok || t.from == fromNamed && !alone
	}
	at, err := f.seek(t.slot)
	if err != nil || at.Presence != shape.Present {
		return dst, false
	}
	switch raw := at.Raw; {
	case raw[0] == '"':
		return shape.Text(dst, raw)
	case !alone:
		return dst, false
	case raw[0] == 't' || raw[0] == 'f':
		return append(dst, raw...), true
	}
	return shape.Whole(dst, at.Raw) // exact, however many digits
}
