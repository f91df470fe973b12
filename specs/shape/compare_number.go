package shape

import (
	"math/big"
	"slices"
	"strings"
)

// numberRule is one of the rules for a number.
type numberRule struct {
	admits func(n number) bool
	// holds reports whether the rule is plain from the other rules of a type.
	holds func(t *Type) bool
}

// numbers are the rules for a number, none spelled out.
func (t *Type) numbers() *numbers {
	if t.num == nil {
		return &numbers{}
	}
	return t.num
}

const fewMax = 4096 // whole numbers that are counted out

// few are all numbers of the type, when these can be counted.
func (t *Type) few() ([]number, bool) {
	r := t.numbers()
	values := slices.Clone(r.enum)
	if r.enum == nil {
		low, above := t.edge(r.min, 1)
		high, below := t.edge(r.max, -1)
		if low == nil || high == nil {
			return nil, false
		}
		span := new(big.Rat).Sub(high, low)
		switch {
		case t.kinds&Frac == 0 && low.IsInt() && high.IsInt() && span.Cmp(big.NewRat(fewMax, 1)) < 0:
			for n := new(big.Int).Set(low.Num()); span.Sign() >= 0 && n.Cmp(high.Num()) <= 0; n.Add(n, big.NewInt(1)) {
				values = append(values, numeral(n.String()))
			}
		case span.Sign() < 0 || span.Sign() == 0 && (above || below):
		case span.Sign() == 0 && low.IsInt():
			values = []number{numeral(low.Num().String())}
		default:
			return nil, false
		}
	}
	return slices.DeleteFunc(values, func(n number) bool { return !t.admitsNumber(n) }), true
}

func numeral(s string) number {
	n, _ := value([]byte(s), 0)
	return n
}

// edge is the outermost number that a bound of the type leaves: of whole
// numbers the next one, of multiples the next multiple. sign is 1 for lower
// bounds. strict: the edge itself is outside. Nil: there is no bound, or none
// that can be counted with.
func (t *Type) edge(b *bound, sign int64) (x *big.Rat, strict bool) {
	if b == nil {
		return nil, false
	}
	if x = b.rat(); x == nil {
		return nil, false
	}
	var step *big.Rat
	if t.kinds&Frac == 0 {
		step = big.NewRat(1, 1)
	}
	for _, m := range t.numbers().multiple {
		if r := m.rat(); r != nil && (step == nil || r.Cmp(step) > 0) {
			step = r.Abs(r)
		}
	}
	if step == nil {
		return x, b.strict
	}
	q := new(big.Rat).Quo(x, step)
	n := new(big.Int).Div(q.Num(), q.Denom()) // rounds down
	if q.IsInt() && b.strict || !q.IsInt() && sign > 0 {
		n.Add(n, big.NewInt(sign))
	}
	return step.Mul(step, new(big.Rat).SetInt(n)), false
}

// rat is the exact value, nil when it is too long to count with.
func (n number) rat() *big.Rat {
	const expMax = 1000
	if v := split(n.text); v.exp > expMax || v.exp < -expMax || len(v.digits) > expMax {
		return nil
	}
	x, ok := new(big.Rat).SetString(string(n.text))
	if !ok {
		return nil
	}
	return x
}

// refuses is what a rule refuses of the numbers of a type.
func (t *Type) refuses(rule numberRule) loss {
	if values, few := t.few(); few {
		return when(slices.ContainsFunc(values, func(n number) bool { return !rule.admits(n) }), lost)
	}
	switch r := t.numbers(); {
	case rule.holds(t):
		return none
	case len(r.multiple) > 0 || len(r.not) > 0:
		return unsure
	}
	return lost
}

// numberRules compares the rules for a number.
func (c *comparison) numberRules(s *spot) {
	x, y := s.old, s.new
	a, b := x.numbers(), y.numbers()
	report := func(code, message string, was, is *numberRule) {
		f := finding{at: s, code: code, message: message}
		if is != nil {
			f.narrows = x.refuses(*is)
		}
		if was != nil {
			f.widens = y.refuses(*was)
		}
		c.add(f)
	}
	if x.kinds&Number != y.kinds&Number && (a.enum == nil || b.enum == nil) {
		message := "was " + (x.kinds & Number).String() + ", is " + (y.kinds & Number).String() + " now"
		report("type.changed", message, x.sort(), y.sort())
	}
	if message := enumMoved(figures(a.enum), figures(b.enum)); message != "" {
		report("enum", message, a.enumRule(), b.enumRule())
	}
	for _, n := range unlikeNumbers(a.not, b.not) {
		if y.Check(n.text) != nil {
			continue // another rule excludes it
		}
		report("excluded", string(n.text)+" is allowed now", notNumber(n), nil)
	}
	for _, n := range unlikeNumbers(b.not, a.not) {
		if x.Check(n.text) != nil {
			continue
		}
		report("excluded", string(n.text)+" is no longer allowed", nil, notNumber(n))
	}
	if !sameBound(a.min, b.min) {
		report("min", boundMoved("min", "more than ", a.min, b.min), a.min.rule(1), b.min.rule(1))
	}
	if !sameBound(a.max, b.max) {
		report("max", boundMoved("max", "less than ", a.max, b.max), a.max.rule(-1), b.max.rule(-1))
	}
	for _, n := range unlikeNumbers(a.multiple, b.multiple) {
		report("multiple", "need no longer be a multiple of "+string(n.text), multipleRule(n), nil)
	}
	for _, n := range unlikeNumbers(b.multiple, a.multiple) {
		report("multiple", "must be a multiple of "+string(n.text)+" now", nil, multipleRule(n))
	}
}

// sort is the rule that numbers are whole, or are not; nil when they may be either.
func (t *Type) sort() *numberRule {
	k := t.kinds & Number
	if k == Number {
		return nil
	}
	return &numberRule{
		admits: func(n number) bool { return kindOfNumber(n) == k },
		holds: func(t *Type) bool {
			return t.kinds&Number == k || k == Int && slices.ContainsFunc(t.numbers().multiple, func(m number) bool { return m.whole })
		},
	}
}

func figures(list []number) []string {
	if list == nil {
		return nil
	}
	out := make([]string, len(list))
	for i, n := range list {
		out[i] = string(n.text)
		if w, ok := Whole(nil, n.text); ok {
			out[i] = string(w)
		}
	}
	return out
}

func (r *numbers) enumRule() *numberRule {
	if r.enum == nil {
		return nil
	}
	return &numberRule{admits: func(n number) bool { return equalAny(r.enum, n) }, holds: func(*Type) bool { return false }}
}

func notNumber(v number) *numberRule {
	return &numberRule{admits: func(n number) bool { return n.compare(v) != 0 }, holds: func(t *Type) bool { return !t.admitsNumber(v) }}
}

func unlikeNumbers(a, b []number) []number {
	return slices.DeleteFunc(slices.Clone(a), func(n number) bool { return equalAny(b, n) })
}

func sameBound(a, b *bound) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.strict == b.strict && a.compare(b.number) == 0
}

func boundMoved(what, strictly string, from, to *bound) string {
	say := func(b *bound) string {
		if b.strict {
			return strictly + string(b.text)
		}
		return string(b.text)
	}
	switch {
	case from == nil:
		return what + " is " + say(to) + " now; there was none"
	case to == nil:
		return what + " was " + say(from) + "; there is none now"
	}
	verb := " changed"
	switch from.compare(to.number) {
	case -1:
		verb = " rose"
	case 1:
		verb = " fell"
	}
	return strings.Join([]string{what + verb, "from", say(from), "to", say(to)}, " ")
}

// rule is a bound as a rule; sign is 1 for lower bounds.
func (b *bound) rule(sign int) *numberRule {
	if b == nil {
		return nil
	}
	return &numberRule{
		admits: func(n number) bool {
			c := sign * n.compare(b.number)
			return c > 0 || c == 0 && !b.strict
		},
		holds: func(t *Type) bool {
			own := t.numbers().min
			if sign < 0 {
				own = t.numbers().max
			}
			edge, strict := t.edge(own, int64(sign))
			limit := b.rat()
			if edge == nil || limit == nil {
				return false
			}
			c := sign * edge.Cmp(limit)
			return c > 0 || c == 0 && (!b.strict || strict)
		},
	}
}

func multipleRule(m number) *numberRule {
	return &numberRule{
		admits: func(n number) bool { return n.multipleOf(m) },
		holds: func(t *Type) bool {
			if slices.ContainsFunc(t.numbers().multiple, func(n number) bool { return n.multipleOf(m) }) {
				return true
			}
			return t.kinds&Number == Int && numeral("1").multipleOf(m)
		},
	}
}
