package shape

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// textRule is one of the rules for a string.
type textRule struct {
	admits func(s []byte) bool
	// expr is the rule as a regular expression, "" when it is none; negate: one
	// that must not match.
	expr   string
	negate bool
	// format is the rule as a named form.
	format *format
}

// texts are the rules for a string, none spelled out.
func (t *Type) texts() *texts {
	if t.str == nil {
		return &texts{max: -1}
	}
	return t.str
}

// few are all texts that the rules admit, when these can be counted.
func (r *texts) few() ([]string, bool) {
	values := r.enum
	switch {
	case values != nil:
	case r.max == 0:
		values = []string{""}
	default:
		return nil, false
	}
	return slices.DeleteFunc(slices.Clone(values), func(s string) bool { return !r.admits([]byte(s)) }), true
}

// refuses is what a rule refuses of the texts that r admits; left is for beyond.
func (r *texts) refuses(rule textRule, left *int) loss {
	if values, few := r.few(); few {
		return when(slices.ContainsFunc(values, func(s string) bool { return !rule.admits([]byte(s)) }), lost)
	}
	if rule.format != nil && slices.ContainsFunc(r.formats, rule.format.covers) {
		return none
	}
	if rule.expr != "" {
		_, l := r.beyond(left, rule)
		return l
	}
	if len(r.patterns) == 0 && len(r.formats) == 0 {
		return lost
	}
	return unsure
}

// covers reports whether all texts of another format are of this one.
func (f *format) covers(other *format) bool {
	switch other.name {
	case f.name:
		return true
	case "net.IPv4", "net.IPv6":
		return f.name == "net.IP"
	case "net.AbsURL":
		return f.name == "net.URL"
	}
	return false
}

// textRules compares the rules for a string.
func (c *comparison) textRules(s *spot) {
	a, b := s.old.texts(), s.new.texts()
	if a == b {
		return
	}
	report := func(code, message string, was, is *textRule) {
		f := finding{at: s, code: code, message: message}
		if is != nil {
			f.narrows = a.refuses(*is, c.regular)
		}
		if was != nil {
			f.widens = b.refuses(*was, c.regular)
		}
		c.add(f)
	}
	if message := enumMoved(quotedOrNone(a.enum), quotedOrNone(b.enum)); message != "" {
		report("enum", message, a.enumRule(), b.enumRule())
	}
	for _, v := range less(a.not, b.not) {
		if !b.admits([]byte(v)) {
			continue // another rule excludes it
		}
		report("excluded", strconv.Quote(v)+" is allowed now", notText(v), nil)
	}
	for _, v := range less(b.not, a.not) {
		if !a.admits([]byte(v)) {
			continue
		}
		report("excluded", strconv.Quote(v)+" is no longer allowed", nil, notText(v))
	}
	if a.min != b.min {
		report("length", moved("the least number of characters", a.min, b.min), minText(a.min), minText(b.min))
	}
	if a.max != b.max {
		report("length", moved("the greatest number of characters", a.max, b.max), maxText(a.max), maxText(b.max))
	}
	was, is := unlikePatterns(a.patterns, b.patterns), unlikePatterns(b.patterns, a.patterns)
	if len(was) == 1 && len(is) == 1 && was[0].negate == is[0].negate {
		report("pattern", fmt.Sprintf("the pattern changed from %s to %s", was[0].re, is[0].re), was[0].rule(), is[0].rule())
		was, is = nil, nil
	}
	for _, p := range was {
		report("pattern", "need no longer"+p.says(), p.rule(), nil)
	}
	for _, p := range is {
		report("pattern", "must"+p.says()+" now", nil, p.rule())
	}
	before, after := unlikeFormats(a.formats, b.formats), unlikeFormats(b.formats, a.formats)
	if len(before) == 1 && len(after) == 1 {
		report("format", "the format changed from "+before[0].about+" to "+after[0].about, before[0].rule(), after[0].rule())
		before, after = nil, nil
	}
	for _, f := range before {
		report("format", "need no longer be "+f.about, f.rule(), nil)
	}
	for _, f := range after {
		report("format", "now must be "+f.about, nil, f.rule())
	}
}

func quotedOrNone(enum []string) []string {
	if enum == nil {
		return nil
	}
	return quoted(enum)
}

// enumMoved says what a list of values lost and gained; "" when nothing did.
func enumMoved(old, new []string) string {
	switch {
	case old == nil && new == nil:
		return ""
	case old == nil:
		return "must be " + either(new) + " now"
	case new == nil:
		return "need no longer be " + either(old)
	}
	var parts []string
	if gone := less(old, new); len(gone) > 0 {
		parts = append(parts, "lost "+shorten(strings.Join(gone, ", ")))
	}
	if more := less(new, old); len(more) > 0 {
		parts = append(parts, "gained "+shorten(strings.Join(more, ", ")))
	}
	if parts == nil {
		return ""
	}
	return "the enum " + strings.Join(parts, " and ")
}

// less are those of a that are not in b.
func less(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}

const enumExprMax = 100 // values of an enum that are held against patterns

func (r *texts) enumRule() *textRule {
	if r.enum == nil {
		return nil
	}
	rule := &textRule{admits: func(s []byte) bool { return among(r.enum, s) }}
	if len(r.enum) <= enumExprMax {
		var parts []string
		for _, v := range r.enum {
			parts = append(parts, regexp.QuoteMeta(v))
		}
		rule.expr = "^(?:" + strings.Join(parts, "|") + ")$"
	}
	return rule
}

func notText(v string) *textRule {
	return &textRule{admits: func(s []byte) bool { return string(s) != v }, expr: "^" + regexp.QuoteMeta(v) + "$", negate: true}
}

const lengthExprMax = 1000 // Go's own limit on {n}

func minText(n int) *textRule {
	rule := &textRule{admits: func(s []byte) bool { return utf8.RuneCount(s) >= n }}
	if n <= lengthExprMax {
		rule.expr = fmt.Sprintf("(?s)^.{%d}", n)
	}
	return rule
}

func maxText(n int) *textRule {
	if n < 0 {
		return nil
	}
	rule := &textRule{admits: func(s []byte) bool { return utf8.RuneCount(s) <= n }}
	if n <= lengthExprMax {
		rule.expr = fmt.Sprintf("(?s)^.{0,%d}$", n)
	}
	return rule
}

func (p *pattern) rule() *textRule {
	return &textRule{admits: p.admits, expr: p.re.String(), negate: p.negate}
}

func (p *pattern) says() string {
	if p.negate {
		return " not match the pattern " + p.re.String()
	}
	return " match the pattern " + p.re.String()
}

func (f *format) rule() *textRule { return &textRule{admits: f.admits, format: f} }

func unlikePatterns(a, b []*pattern) []*pattern {
	return slices.DeleteFunc(slices.Clone(a), func(p *pattern) bool {
		return slices.ContainsFunc(b, func(q *pattern) bool { return p.negate == q.negate && p.re.String() == q.re.String() })
	})
}

func unlikeFormats(a, b []*format) []*format {
	return slices.DeleteFunc(slices.Clone(a), func(f *format) bool {
		return slices.ContainsFunc(b, func(g *format) bool { return f.name == g.name })
	})
}
