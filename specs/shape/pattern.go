package shape

import (
	"regexp"
	"regexp/syntax"
)

// pattern is a regular expression (Go's, RE2) that a string must match, or
// must not.
type pattern struct {
	re     *regexp.Regexp
	negate bool
	// steps is the expression as a sequence of character sets, nil when it is
	// not of that simple form. They say the same as re for ASCII text, at a
	// tenth of the time.
	steps []step
	toEnd bool // the expression ends in $: nothing may follow the steps
}

// step is min to max characters of a set; max < 0: any number.
type step struct {
	set      [2]uint64 // of ASCII characters
	min, max int
}

const stepRepeatMax = 1000 // as Go's own limit on {n,m}

func newPattern(expr string, negate bool) (*pattern, error) {
	re, err := regexp.Compile(expr)
	if err != nil {
		return nil, err
	}
	p := &pattern{re: re, negate: negate}
	if tree, err := syntax.Parse(expr, syntax.Perl); err == nil {
		p.steps, p.toEnd = straight(tree)
	}
	return p, nil
}

func (p *pattern) admits(s []byte) bool {
	if p.steps != nil {
		if ok, known := p.walk(s); known {
			return ok != p.negate
		}
	}
	return p.re.Match(s) != p.negate
}

// walk matches with the steps; known is false when s is not ASCII.
func (p *pattern) walk(s []byte) (ok, known bool) {
	for _, c := range s {
		if c >= 0x80 {
			return false, false
		}
	}
	i := 0
	for k := range p.steps {
		st := &p.steps[k]
		n := 0
		for i < len(s) && (st.max < 0 || n < st.max) && st.has(s[i]) {
			i++
			n++
		}
		if n < st.min {
			return false, true
		}
	}
	return !p.toEnd || i == len(s), true
}

func (st *step) has(c byte) bool { return st.set[c>>6]>>(c&63)&1 != 0 }

// straight turns an expression into steps where taking as many characters as
// each step can is always right: it is anchored at the beginning, and where a
// step may take more or fewer, what follows begins with other characters.
func straight(tree *syntax.Regexp) (steps []step, toEnd bool) {
	subs := []*syntax.Regexp{tree}
	if tree.Op == syntax.OpConcat {
		subs = tree.Sub
	}
	if subs[0].Op != syntax.OpBeginText {
		return nil, false
	}
	subs = subs[1:]
	if n := len(subs); n > 0 && subs[n-1].Op == syntax.OpEndText {
		subs, toEnd = subs[:n-1], true
	}
	for _, s := range subs {
		more, ok := stepsOf(s)
		if !ok {
			return nil, false
		}
		steps = append(steps, more...)
	}
	if steps == nil {
		return nil, false
	}
	for k, st := range steps {
		if st.min == st.max {
			continue
		}
		for _, next := range steps[k+1:] {
			if st.set[0]&next.set[0]|st.set[1]&next.set[1] != 0 {
				return nil, false
			}
			if next.min > 0 {
				break
			}
		}
	}
	return steps, toEnd
}

// stepsOf are the steps of one part of an expression.
func stepsOf(s *syntax.Regexp) ([]step, bool) {
	one := func(r *syntax.Regexp, low, high int) ([]step, bool) {
		set, ok := setOf(r)
		return []step{{set, low, high}}, ok
	}
	if s.Flags&syntax.NonGreedy != 0 && s.Op != syntax.OpLiteral && s.Op != syntax.OpCharClass {
		return nil, false
	}
	switch s.Op {
	case syntax.OpLiteral:
		if s.Flags&syntax.FoldCase != 0 {
			return nil, false
		}
		var steps []step
		for _, r := range s.Rune {
			st := step{min: 1, max: 1}
			if r >= 0x80 {
				return nil, false
			}
			st.set[r>>6] |= 1 << (r & 63)
			steps = append(steps, st)
		}
		return steps, true
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return one(s, 1, 1)
	case syntax.OpStar:
		return one(s.Sub[0], 0, -1)
	case syntax.OpPlus:
		return one(s.Sub[0], 1, -1)
	case syntax.OpQuest:
		return one(s.Sub[0], 0, 1)
	case syntax.OpRepeat:
		if s.Max > stepRepeatMax {
			return nil, false
		}
		return one(s.Sub[0], s.Min, s.Max)
	}
	return nil, false
}

// setOf is the set of ASCII characters that one character of r may be.
func setOf(r *syntax.Regexp) (set [2]uint64, ok bool) {
	add := func(low, high rune) {
		for c := low; c <= high && c < 0x80; c++ {
			set[c>>6] |= 1 << (c & 63)
		}
	}
	switch r.Op {
	case syntax.OpLiteral:
		if len(r.Rune) != 1 || r.Flags&syntax.FoldCase != 0 || r.Rune[0] >= 0x80 {
			return set, false
		}
		add(r.Rune[0], r.Rune[0])
	case syntax.OpCharClass:
		for i := 0; i+1 < len(r.Rune); i += 2 {
			add(r.Rune[i], r.Rune[i+1])
		}
	case syntax.OpAnyChar:
		add(0, 0x7f)
	case syntax.OpAnyCharNotNL:
		add(0, '\n'-1)
		add('\n'+1, 0x7f)
	default:
		return set, false
	}
	return set, true
}
