package shape

import (
	"regexp"
	"regexp/syntax"
	"strings"
	"testing"
)

// expressions are Go's, with what ECMA-262 is given for each.
var expressions = []struct{ expr, want string }{
	{`^o-[0-9]+$`, `^o-[0-9]+$`},
	{`^\d{2,3}(?:a|b)\.x$`, `^\d{2,3}(?:a|b)\.x$`},
	{`(?i)^a1-$`, `^[Aa]1-$`},
	{`(?i)sk`, ``},
	{`\Aa\z`, `^a$`},
	{`^(?P<name>ab)+$`, `^(?:(?:ab))+$`},
	{`^[[:alpha:]_]*$`, `^[A-Z_a-z]*$`},
	{`^\x{e4}\pN?$`, ``},
	{`^.{2}(?s:.)$`, `^[^\n]{2}[\s\S]$`},
	{`\Qa.b\E`, `a\.b`},
	{`a{,2}`, `a\{,2\}`},
	{`^[^\]a-c-]$`, `^[^\]a-c-]$`},
	{`^(a|b|)(?:c*?)$`, ``},
	{"^[\\x00-\\x1f]\\a$", `^[\x00-\x1f]\x07$`},
	{`(?m)^a$`, `(?m)^a$`}, // not to be said there
}

// TestECMA: what is written for other languages matches what the expression matches.
func TestECMA(t *testing.T) {
	texts := []string{"", "o-12", "a", "A1-", "a1-", "ABAB", "abab", "12a.x", "ä", "ä5", "xy\n", "a.b", "axb", "a{,2}", "d", "]", "-", "sk", "SK", "ſK", "\x01\a", "bcc", "c", "Zz_"}
	for _, tt := range expressions {
		p, err := newPattern(tt.expr, false)
		if err != nil {
			t.Fatal(err)
		}
		got := p.ecma()
		if tt.want != "" && got != tt.want {
			t.Errorf("%s is written %s, want %s", tt.expr, got, tt.want)
		}
		sameMatches(t, tt.expr, got, texts)
	}
}

func sameMatches(t *testing.T, expr, written string, texts []string) {
	t.Helper()
	re, err := regexp.Compile(written)
	if err != nil {
		t.Fatalf("%s is written %s: %v", expr, written, err)
	}
	for _, s := range texts {
		if want := regexp.MustCompile(expr).MatchString(s); re.MatchString(s) != want {
			t.Fatalf("%s is written %s: on %q they differ", expr, written, s)
		}
	}
}

// FuzzECMA holds it for any expression.
func FuzzECMA(f *testing.F) {
	for _, tt := range expressions {
		f.Add(tt.expr, "ab1")
	}
	f.Fuzz(func(t *testing.T, expr, s string) {
		if _, err := syntax.Parse(expr, syntax.Perl); err != nil || len(expr) > 100 || strings.Contains(expr, "{1") {
			return
		}
		p, err := newPattern(expr, false)
		if err != nil {
			return
		}
		sameMatches(t, expr, p.ecma(), []string{s})
	})
}
