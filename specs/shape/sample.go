package shape

import (
	"math"
	"math/big"
	"regexp/syntax"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Sample is one value of the type, as JSON: what a request to try may send. It
// holds what is required and what has a default, and takes the default, the
// first of an enum, or the plainest value within the bounds. Where it finds
// none (patterns that exclude each other, say) the value does not pass Check.
// For Raw types it is empty.
func (t *Type) Sample() []byte {
	if t.raw {
		return nil
	}
	return t.sample(nil, "")
}

// sample appends a value; name is that of its field, for strings to say.
func (t *Type) sample(out []byte, name string) []byte {
	switch {
	case t.def != nil:
		return append(out, t.def...)
	case t.any:
		return append(out, "{}"...)
	case t.arms != nil:
		for _, a := range t.arms {
			if s := a.sample(nil, name); a.Check(s) == nil {
				return append(out, s...)
			}
		}
		return t.arms[0].sample(out, name)
	}
	var first []byte
	for _, k := range []Kind{Object, String, Number, List, True, False, Null} {
		if t.kinds&k == 0 {
			continue
		}
		one := t.sampleOf(k, name)
		if t.kinds&^k == 0 || t.Check(one) == nil {
			return append(out, one...)
		}
		if first == nil {
			first = one
		}
	}
	return append(out, first...)
}

// sampleOf is a value of one kind.
func (t *Type) sampleOf(k Kind, name string) []byte {
	switch k {
	case Object:
		return t.obj.sample(nil)
	case String:
		return quote(nil, t.str.sample(name))
	case Number:
		return []byte(t.sampleNumber())
	case List:
		return t.list.sample(nil, name)
	}
	return []byte(k.String())
}

func (r *fields) sample(out []byte) []byte {
	out = append(out, '{')
	if r != nil {
		for _, f := range r.list {
			if !f.required && f.typ.def == nil {
				continue
			}
			if out[len(out)-1] != '{' {
				out = append(out, ',')
			}
			out = append(quote(out, f.name), ':')
			out = f.typ.sample(out, f.name)
		}
	}
	return append(out, '}')
}

func (r *items) sample(out []byte, name string) []byte {
	out = append(out, '[')
	if r != nil {
		const most = 1000 // a list that must be longer is not worth printing
		for i := range min(max(r.min, len(r.prefix)), most) {
			if i > 0 {
				out = append(out, ',')
			}
			switch {
			case i < len(r.prefix):
				out = r.prefix[i].sample(out, name)
			case r.rest != nil:
				out = r.rest.sample(out, name)
			}
		}
	}
	return append(out, ']')
}

func (r *texts) sample(name string) string {
	if name == "" {
		name = "text"
	}
	if r == nil {
		return name
	}
	candidates := append([]string{}, r.enum...)
	for _, f := range r.formats {
		candidates = append(candidates, f.sample)
	}
	candidates = append(candidates, name)
	for _, p := range r.patterns {
		if tree, err := syntax.Parse(p.re.String(), syntax.Perl); err == nil {
			for _, more := range []int{0, 1, 2, 3} {
				var b strings.Builder
				spell(&b, tree, more)
				candidates = append(candidates, b.String())
			}
		}
	}
	for _, c := range candidates {
		const most = 10_000 // characters worth printing
		pad := strings.Repeat("x", max(0, min(r.min, most)-utf8.RuneCountInString(c)))
		for _, c := range []string{c + pad, pad + c} {
			if runes := []rune(c); r.max >= 0 && len(runes) > r.max {
				c = string(runes[:r.max])
			}
			if r.admits([]byte(c)) {
				return c
			}
		}
	}
	return candidates[0]
}

// spell writes a text that an expression matches; more is how often parts that
// may repeat are repeated beyond the least.
func spell(b *strings.Builder, r *syntax.Regexp, more int) {
	const repeats = 100
	switch r.Op {
	case syntax.OpLiteral:
		for _, c := range r.Rune {
			b.WriteRune(c)
		}
	case syntax.OpCharClass:
		b.WriteRune(plainest(r.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte('x')
	case syntax.OpCapture, syntax.OpPlus:
		spell(b, r.Sub[0], more)
		if r.Op == syntax.OpPlus {
			for range more {
				spell(b, r.Sub[0], more)
			}
		}
	case syntax.OpStar:
		for range more {
			spell(b, r.Sub[0], more)
		}
	case syntax.OpQuest:
		if more > 0 {
			spell(b, r.Sub[0], more)
		}
	case syntax.OpRepeat:
		n := r.Min + more
		if r.Max >= 0 {
			n = min(n, r.Max)
		}
		for range min(n, repeats) {
			spell(b, r.Sub[0], more)
		}
	case syntax.OpConcat:
		for _, s := range r.Sub {
			spell(b, s, more)
		}
	case syntax.OpAlternate:
		spell(b, r.Sub[0], more)
	}
}

// plainest picks a character of a class: a letter, a digit, or its first.
func plainest(ranges []rune) rune {
	for _, want := range "a1A" {
		for i := 0; i+1 < len(ranges); i += 2 {
			if ranges[i] <= want && want <= ranges[i+1] {
				return want
			}
		}
	}
	for i := 0; i+1 < len(ranges); i += 2 {
		if c := max(ranges[i], '!'); c <= ranges[i+1] {
			return c
		}
	}
	if len(ranges) == 0 {
		return 'x'
	}
	return ranges[0]
}

func (t *Type) sampleNumber() string {
	r := t.num
	if r == nil {
		return "1"
	}
	var candidates []string
	for _, n := range r.enum {
		candidates = append(candidates, string(n.text))
	}
	candidates = append(candidates, "1", "0", "0.5", "-0.5", "-1")
	for _, n := range r.multiple {
		candidates = append(candidates, string(n.text), "-"+string(n.text))
	}
	for _, b := range []*bound{r.min, r.max} {
		if b == nil {
			continue
		}
		x, ok := new(big.Rat).SetString(string(b.text))
		if !ok {
			continue
		}
		for _, by := range []string{"0", "1", "-1", "0.001", "-0.001"} {
			y, _ := new(big.Rat).SetString(by)
			y.Add(y, x)
			candidates = append(candidates, spellRat(y))
		}
		for _, m := range r.multiple {
			up := math.Ceil(b.f/m.f) * m.f
			candidates = append(candidates, strconv.FormatFloat(up, 'f', -1, 64), strconv.FormatFloat(up+m.f, 'f', -1, 64), strconv.FormatFloat(up-m.f, 'f', -1, 64))
		}
	}
	if r.min != nil && r.max != nil {
		candidates = append(candidates, strconv.FormatFloat((r.min.f+r.max.f)/2, 'f', -1, 64))
	}
	for _, c := range candidates {
		if n, end := value([]byte(c), 0); end == len(c) && t.admitsNumber(n) {
			return c
		}
	}
	return candidates[0]
}

// spellRat writes a whole number exactly, any other to six places.
func spellRat(x *big.Rat) string {
	if x.IsInt() {
		return x.Num().String()
	}
	return strings.TrimRight(x.FloatString(6), "0")
}
