package shape

import (
	"math/big"
	"slices"
	"strings"
)

// moreTexts are texts of a format besides its sample.
var moreTexts = map[string][]string{
	"time.Time": {"2026-01-31T12:00:00.5+02:00"}, "time.Duration": {"-1.5h", "0"}, "net.IP": {"2001:db8::1"}, "net.IPCIDR": {"2001:db8::/32"},
	"net.URL": {"/path", "text", "https://example.com/a?b=c"}, "net.AbsURL": {"mailto:ops@example.com", "https://example.com/a?b=c"},
}

// values are texts that r admits, many at the borders of y's rules.
func (r *texts) values(y *Type, left *int) [][]byte {
	var out []string
	add := func(s string) {
		if !slices.Contains(out, s) && r.admits([]byte(s)) {
			out = append(out, s)
		}
	}
	rules := []*texts{r}
	if y != nil && !y.any {
		for _, a := range y.having(String) {
			rules = append(rules, a.texts())
		}
	}
	for _, o := range rules[1:] {
		for _, rule := range o.rules() {
			if s, l := r.beyond(left, *rule); rule.expr != "" && l == lost {
				add(s)
			}
		}
	}
	for _, s := range r.enum {
		add(s)
	}
	add(r.sample("text"))
	for _, o := range rules {
		for _, s := range slices.Concat(o.enum, o.not) {
			add(s)
		}
		for _, f := range o.formats {
			for _, s := range append([]string{f.sample}, moreTexts[f.name]...) {
				add(s)
			}
		}
		for _, n := range []int{o.min - 1, o.min, o.max, o.max + 1} {
			if n >= 0 && n <= exampleLengthMax {
				add(strings.Repeat("x", n))
			}
		}
		add(o.sample("text"))
	}
	for _, s := range []string{"text", "", "x", "X", "0", "a b", "é"} {
		add(s)
	}
	quoted := make([][]byte, len(out))
	for i, s := range out {
		quoted[i] = quote(nil, s)
	}
	return quoted
}

// rules are all the rules for a string, one by one.
func (r *texts) rules() []*textRule {
	var all []*textRule
	for _, rule := range []*textRule{r.enumRule(), maxText(r.max)} {
		if rule != nil {
			all = append(all, rule)
		}
	}
	if r.min > 0 {
		all = append(all, minText(r.min))
	}
	for _, v := range r.not {
		all = append(all, notText(v))
	}
	for _, p := range r.patterns {
		all = append(all, p.rule())
	}
	for _, f := range r.formats {
		all = append(all, f.rule())
	}
	return all
}

// numbersNear are numbers of x, many at the borders of y's rules.
func (t *Type) numbersNear(y *Type) [][]byte {
	var out [][]byte
	seen := map[string]bool{}
	add := func(s string) {
		if n, end := value([]byte(s), 0); end == len(s) && !seen[s] && t.admitsNumber(n) {
			seen[s] = true
			out = append(out, []byte(s))
		}
	}
	rules := []*numbers{t.numbers()}
	if y != nil && !y.any {
		for _, a := range y.having(Number) {
			rules = append(rules, a.numbers())
		}
	}
	var steps []*big.Rat
	for _, o := range rules {
		for _, m := range o.multiple {
			if x := m.rat(); x != nil {
				steps = append(steps, x)
			}
		}
	}
	add(t.sampleNumber())
	for _, o := range rules {
		for _, n := range slices.Concat(o.enum, o.not) {
			add(string(n.text))
			around(n.rat(), steps, add)
		}
		for _, b := range []*bound{o.min, o.max} {
			if b != nil {
				add(string(b.text))
				around(b.rat(), steps, add)
			}
		}
	}
	around(new(big.Rat), steps, add)
	for _, s := range []string{"0", "1", "-1", "0.5", "1.5", "-0.5", "7", "1000000", "-1000000"} {
		add(s)
	}
	return out
}

// around adds numbers near x: a little beside it, and the multiples of the steps.
func around(x *big.Rat, steps []*big.Rat, add func(string)) {
	if x == nil {
		return
	}
	for _, by := range []*big.Rat{big.NewRat(1, 1), big.NewRat(-1, 1), big.NewRat(1, 2), big.NewRat(-1, 2), big.NewRat(1, 1000), big.NewRat(-1, 1000)} {
		add(spellRat(new(big.Rat).Add(x, by)))
	}
	for _, m := range steps {
		q := new(big.Rat).Quo(x, m)
		whole := new(big.Int).Div(q.Num(), q.Denom())
		for k := int64(-2); k <= 2; k++ {
			n := new(big.Rat).SetInt(new(big.Int).Add(whole, big.NewInt(k)))
			add(spellRat(n.Mul(n, m)))
		}
	}
}
