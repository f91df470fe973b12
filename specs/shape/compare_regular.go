package shape

import (
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"
)

// Limits of holding one pattern against another.
const (
	regularStepsMax   = 500_000   // instructions followed in one search
	regularTotalMax   = 1_500_000 // instructions followed in one comparison of two types
	regularClassesMax = 300       // characters that are different to any of them
)

// beyond looks for a text that r admits and none of the rules does, by walking the
// automata of all expressions side by side (subset construction). With none,
// some rule holds of every text: that is proof. Formats are no expressions, so
// a text that only they speak against leaves it unsure. The steps it takes are
// taken from left.
func (r *texts) beyond(left *int, rules ...textRule) (string, loss) {
	w := &regular{left: left}
	for _, p := range r.patterns {
		w.join(p.re.String(), p.negate)
	}
	for _, v := range r.not {
		n := notText(v)
		w.join(n.expr, true)
	}
	if r.min > 0 {
		w.join(minText(r.min).expr, false)
	}
	if r.max >= 0 {
		w.join(maxText(r.max).expr, false)
	}
	for _, rule := range rules { // turned around: a text that all of these take is beyond the rules
		w.join(rule.expr, !rule.negate)
	}
	return w.search(func(s string) bool {
		return r.admits([]byte(s)) && !slices.ContainsFunc(rules, func(rule textRule) bool { return rule.admits([]byte(s)) })
	})
}

// regular is a search for a text that several expressions agree on.
type regular struct {
	all     []*machine
	partial bool // some expression had to be left out
	left    *int // steps that may still be taken
}

type machine struct {
	prog   *syntax.Prog
	negate bool
	stack  []uint32 // of follow
	mark   []uint32 // the turn in which follow came by an instruction
	turn   uint32
	steps  *int // counts down
}

// places is where each machine may be before the next character; before is
// the one that was read last, -1 at the beginning.
type places struct {
	sets    [][]uint32
	matched []bool
	before  rune
	text    string
}

func (w *regular) join(expr string, negate bool) {
	tree, err := syntax.Parse(expr, syntax.Perl)
	if err != nil || expr == "" {
		w.partial = true
		return
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err == nil {
		*w.left -= len(prog.Inst) // it costs as much to read
	}
	if err != nil {
		w.partial = true
		return
	}
	w.all = append(w.all, &machine{prog: prog, negate: negate, mark: make([]uint32, len(prog.Inst)), steps: w.left})
}

func (w *regular) search(shows func(string) bool) (string, loss) {
	if *w.left <= 0 {
		return "", unsure
	}
	letters := w.letters()
	if len(letters) > regularClassesMax {
		return "", unsure
	}
	start := places{sets: make([][]uint32, len(w.all)), matched: make([]bool, len(w.all)), before: -1}
	queue, seen := []places{start}, map[string]bool{start.key(): true}
	least := *w.left - regularStepsMax
	doubt := w.partial
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		if w.ends(at) {
			if shows(at.text) {
				return at.text, lost
			}
			doubt = true
		}
		for _, r := range letters {
			next, alive := w.step(at, r)
			if *w.left < max(0, least) {
				return "", unsure
			}
			if k := next.key(); alive && !seen[k] {
				seen[k] = true
				queue = append(queue, next)
			}
		}
	}
	return "", when(doubt, unsure)
}

// key tells places apart that differ in what may follow.
func (p *places) key() string {
	var b strings.Builder
	for i, set := range p.sets {
		if p.matched[i] {
			b.WriteByte('!')
		}
		for _, pc := range set {
			b.WriteRune(rune(pc) + '0')
		}
		b.WriteByte(' ')
	}
	switch {
	case p.before < 0:
		b.WriteByte('^')
	case p.before == '\n':
		b.WriteByte('n')
	case syntax.IsWordChar(p.before):
		b.WriteByte('w')
	}
	return b.String()
}

// ends reports whether the text so far is one that all agree on.
func (w *regular) ends(p places) bool {
	for i, m := range w.all {
		matched := p.matched[i]
		if !matched {
			_, matched = m.follow(p.sets[i], p.before, -1)
		}
		if matched == m.negate {
			return false
		}
	}
	return true
}

// step reads one character; not alive: no longer text will do.
func (w *regular) step(p places, r rune) (next places, alive bool) {
	next = places{sets: make([][]uint32, len(w.all)), matched: slices.Clone(p.matched), before: r, text: p.text + string(r)}
	for i, m := range w.all {
		if !next.matched[i] {
			next.sets[i], next.matched[i] = m.follow(p.sets[i], p.before, r)
		}
		if next.matched[i] {
			next.sets[i] = nil
			if m.negate {
				return next, false
			}
		} else if !m.negate && len(next.sets[i]) == 0 && m.anchored() {
			return next, false
		}
	}
	return next, true
}

// anchored reports whether a match can only begin where the text does.
func (m *machine) anchored() bool { return m.prog.StartCond()&syntax.EmptyBeginText != 0 }

// follow is where a machine is after reading r, which is -1 at the end.
func (m *machine) follow(from []uint32, before, r rune) (to []uint32, matched bool) {
	flags := syntax.EmptyOpContext(before, r)
	m.turn++
	stack := append(append(m.stack[:0], from...), uint32(m.prog.Start)) // a match may begin anywhere
	defer func() { m.stack = stack[:0] }()
	for len(stack) > 0 {
		pc := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if m.mark[pc] == m.turn {
			continue
		}
		m.mark[pc] = m.turn
		*m.steps--
		in := &m.prog.Inst[pc]
		switch in.Op {
		case syntax.InstMatch:
			return nil, true
		case syntax.InstAlt, syntax.InstAltMatch:
			stack = append(stack, in.Out, in.Arg)
		case syntax.InstCapture, syntax.InstNop:
			stack = append(stack, in.Out)
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(in.Arg)&^flags == 0 {
				stack = append(stack, in.Out)
			}
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			if r >= 0 && in.MatchRune(r) {
				to = append(to, in.Out)
			}
		}
	}
	slices.Sort(to)
	return slices.Compact(to), false
}

// letters is one character of each sort that the expressions tell apart.
func (w *regular) letters() []rune {
	cuts := []rune{0, '\n', '\n' + 1, ' ', '0', '9' + 1, 'A', 'Z' + 1, '_', '_' + 1, 'a', 'z' + 1, 0x7f, 0xd800, 0xe000, unicode.MaxRune + 1}
	for _, m := range w.all {
		for i := range m.prog.Inst {
			in := &m.prog.Inst[i]
			if in.Op != syntax.InstRune && in.Op != syntax.InstRune1 {
				continue
			}
			if len(in.Rune) == 1 {
				cuts = append(cuts, in.Rune[0], in.Rune[0]+1)
				for f := unicode.SimpleFold(in.Rune[0]); f != in.Rune[0]; f = unicode.SimpleFold(f) {
					cuts = append(cuts, f, f+1)
				}
				continue
			}
			for k := 0; k+1 < len(in.Rune); k += 2 {
				cuts = append(cuts, in.Rune[k], in.Rune[k+1]+1)
			}
		}
	}
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	var letters []rune
	for i := range len(cuts) - 1 {
		if cuts[i] != 0xd800 && cuts[i] <= unicode.MaxRune { // half of a pair is no text
			letters = append(letters, plainest([]rune{cuts[i], cuts[i+1] - 1}))
		}
	}
	// What people read easily comes first, and so stands in the examples.
	slices.SortStableFunc(letters, func(a, b rune) int { return rank(a) - rank(b) })
	return letters
}

func rank(r rune) int {
	switch {
	case r >= 'a' && r <= 'z':
		return 0
	case r >= '0' && r <= '9':
		return 1
	case r > ' ' && r < 0x7f:
		return 2
	}
	return 3
}
