package shape

import (
	"fmt"
	"regexp/syntax"
	"strconv"
	"strings"
)

// ecmaWriter writes a regular expression in words that Go and ECMA-262 both
// read, and read alike.
type ecmaWriter struct {
	b    strings.Builder
	lost bool // something has no such words
}

func (e *ecmaWriter) write(r *syntax.Regexp) {
	switch r.Op {
	case syntax.OpEmptyMatch:
		e.b.WriteString("(?:)")
	case syntax.OpLiteral:
		if r.Flags&syntax.FoldCase != 0 {
			e.folded(r.Rune)
		} else {
			e.literal(r.Rune)
		}
	case syntax.OpCharClass:
		e.class(r.Rune)
	case syntax.OpAnyChar:
		e.b.WriteString(`[\s\S]`)
	case syntax.OpAnyCharNotNL:
		e.b.WriteString(`[^\n]`)
	case syntax.OpBeginText:
		e.b.WriteByte('^')
	case syntax.OpEndText:
		e.b.WriteByte('$')
	case syntax.OpWordBoundary:
		e.b.WriteString(`\b`)
	case syntax.OpNoWordBoundary:
		e.b.WriteString(`\B`)
	case syntax.OpCapture:
		e.group(r.Sub[0])
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat:
		e.group(r.Sub[0])
		e.repeat(r)
	case syntax.OpConcat:
		for _, s := range r.Sub {
			if s.Op == syntax.OpAlternate {
				e.group(s)
			} else {
				e.write(s)
			}
		}
	case syntax.OpAlternate:
		for i, s := range r.Sub {
			if i > 0 {
				e.b.WriteByte('|')
			}
			e.write(s)
		}
	default: // lines of a text, and what matches nothing
		e.lost = true
	}
}

// group writes a part that something is said of as a whole.
func (e *ecmaWriter) group(r *syntax.Regexp) {
	single := r.Op == syntax.OpCharClass || r.Op == syntax.OpAnyChar || r.Op == syntax.OpAnyCharNotNL ||
		r.Op == syntax.OpLiteral && len(r.Rune) == 1 && r.Flags&syntax.FoldCase == 0
	if single {
		e.write(r)
		return
	}
	e.b.WriteString("(?:")
	e.write(r)
	e.b.WriteByte(')')
}

func (e *ecmaWriter) repeat(r *syntax.Regexp) {
	switch r.Op {
	case syntax.OpStar:
		e.b.WriteByte('*')
	case syntax.OpPlus:
		e.b.WriteByte('+')
	case syntax.OpQuest:
		e.b.WriteByte('?')
	default:
		e.b.WriteString("{" + strconv.Itoa(r.Min))
		if r.Max != r.Min {
			e.b.WriteByte(',')
			if r.Max >= 0 {
				e.b.WriteString(strconv.Itoa(r.Max))
			}
		}
		e.b.WriteByte('}')
	}
	if r.Flags&syntax.NonGreedy != 0 {
		e.b.WriteByte('?')
	}
}

func (e *ecmaWriter) literal(text []rune) {
	for _, c := range text {
		e.char(c, `\.+*?()|[]{}^$/`)
	}
}

// folded writes a literal in upper and lower case.
func (e *ecmaWriter) folded(text []rune) {
	for _, c := range text {
		tree, err := syntax.Parse("(?i)["+string([]rune{'\\', c})+"]", syntax.Perl)
		if c >= 0x80 || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			tree, err = syntax.Parse("(?i)["+string(c)+"]", syntax.Perl)
		}
		switch {
		case err != nil:
			e.lost = true
		case tree.Op == syntax.OpLiteral:
			e.literalOrBoth(tree)
		default:
			e.write(tree)
		}
	}
}

// literalOrBoth writes one character that Go has made a literal of again.
func (e *ecmaWriter) literalOrBoth(tree *syntax.Regexp) {
	c := string(tree.Rune)
	low, up := strings.ToLower(c), strings.ToUpper(c)
	if low == up || tree.Flags&syntax.FoldCase == 0 {
		e.literal(tree.Rune)
		return
	}
	e.b.WriteByte('[')
	e.literal([]rune(up))
	e.literal([]rune(low))
	e.b.WriteByte(']')
}

func (e *ecmaWriter) class(ranges []rune) {
	if len(ranges) == 0 {
		e.lost = true
		return
	}
	e.b.WriteByte('[')
	if ranges[0] == 0 && ranges[len(ranges)-1] == 0x10ffff && len(ranges) > 2 { // what it leaves out is shorter
		e.b.WriteByte('^')
		for i := 1; i+1 < len(ranges); i += 2 {
			e.span(ranges[i]+1, ranges[i+1]-1)
		}
	} else {
		for i := 0; i+1 < len(ranges); i += 2 {
			e.span(ranges[i], ranges[i+1])
		}
	}
	e.b.WriteByte(']')
}

func (e *ecmaWriter) span(low, high rune) {
	const special = `\]^-[`
	e.char(low, special)
	if high > low {
		if high > low+1 {
			e.b.WriteByte('-')
		}
		e.char(high, special)
	}
}

// char writes one character, with a backslash when it is special.
func (e *ecmaWriter) char(c rune, special string) {
	switch {
	case c < ' ' || c == 0x7f:
		fmt.Fprintf(&e.b, `\x%02x`, c)
	case c >= 0xd800 && c <= 0xdfff:
		e.lost = true
	case strings.ContainsRune(special, c):
		e.b.WriteByte('\\')
		e.b.WriteRune(c)
	default:
		e.b.WriteRune(c)
	}
}

// expression is one regular expression that says the same as the rules, if
// there is one.
func (r *texts) expression() (string, bool) {
	switch {
	case r == nil:
		return "^", true
	case r.enumOnly():
		quoted := make([]string, len(r.enum))
		for i, s := range r.enum {
			quoted[i] = literal(s)
		}
		return "^(?:" + strings.Join(quoted, "|") + ")$", true
	case r.enum != nil || r.not != nil || r.formats != nil:
		return "", false
	case len(r.patterns) == 0:
		return lengths(r.min, r.max)
	case len(r.patterns) == 1 && r.min == 0 && r.max < 0 && !r.patterns[0].negate:
		return r.patterns[0].ecma(), true
	}
	return "", false
}

func lengths(least, most int) (string, bool) {
	const repeatMax = 1000 // as Go's own limit on {n,m}
	if least > repeatMax || most > repeatMax {
		return "", false
	}
	upper := ""
	if most >= 0 {
		upper = strconv.Itoa(most)
	}
	return `^[\s\S]{` + strconv.Itoa(least) + "," + upper + "}$", true
}

// literal is an expression that a text alone matches.
func literal(s string) string {
	e := &ecmaWriter{}
	e.literal([]rune(s))
	return e.b.String()
}

// ecma is the expression in ECMA-262's words, where Go's differ: editors and
// other languages read it so. What cannot be said there stays as it is.
func (p *pattern) ecma() string {
	expr := p.re.String()
	if !differs(expr) {
		return expr
	}
	tree, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return expr
	}
	e := &ecmaWriter{}
	if e.write(tree); e.lost {
		return expr
	}
	return e.b.String()
}

// differs reports whether an expression may mean something else, or nothing, in
// ECMA-262: escapes other than those of both, groups with flags or names,
// classes in brackets, dots, and braces that count nothing.
func differs(expr string) bool {
	for i := 0; i < len(expr); i++ {
		rest := expr[i:]
		switch expr[i] {
		case '\\':
			i++
			if i == len(expr) || !strings.ContainsRune(`dDwWbBtnrf.*+?()|[]{}\^$/`, rune(expr[i])) {
				return true
			}
		case '.':
			return true
		case '(':
			if strings.HasPrefix(rest, "(?") && !strings.HasPrefix(rest, "(?:") {
				return true
			}
		case '[':
			if strings.HasPrefix(rest, "[[") || strings.HasPrefix(rest, "[]") || strings.HasPrefix(rest, "[^]") {
				return true
			}
		case '{':
			end := strings.IndexByte(rest, '}')
			if end < 2 || rest[1] == ',' || strings.Trim(rest[1:end], "0123456789,") != "" {
				return true
			}
			i += end
		case '}':
			return true
		}
	}
	return false
}
