package schema

import "regexp"

// cueSaid maps what CUE says to what a person can do something with. $1 and
// $2 are the parts in parentheses.
var cueSaid = []struct {
	said    *regexp.Regexp
	message string
	hint    string
}{
	{regexp.MustCompile(`^reference "([^"]+)" not found`), `there is no "$1"`, "text goes in quotes; a definition is written #Name: …"},
	{regexp.MustCompile(`^undefined field: (\S+)`), `there is no field $1`, ""},
	{regexp.MustCompile(`^imported and not used: "([^"]+)"`), `the package "$1" is imported and not used`, "remove the import"},
	{regexp.MustCompile(`^conflicting values (.+) and (.+) \(mismatched types (\S+) and (\S+)\)`), `cannot be $3 and $4 at once`, "the field is described twice, or its default is of another kind"},
	{regexp.MustCompile(`^conflicting values (.+) and (.+)`), `cannot be $1 and $2 at once`, "the field is described twice"},
	{regexp.MustCompile(`^invalid value (.+) \(out of bound (.+)\)`), `$1 is not $2`, ""},
	{regexp.MustCompile(`^structural cycle`), "holds itself, and so has no end", "a type that holds itself is not served; bound its depth by writing the levels out"},
	{regexp.MustCompile(`^cycle error`), "refers to itself", ""},
	{regexp.MustCompile(`^field not allowed`), "there is no such field", ""},
	{regexp.MustCompile(`^incompatible (?:integer |number )?bounds (\S+) and (\S+)`), `no value is both $1 and $2`, ""},
	{regexp.MustCompile(`^unreferenced alias or let clause (.+)`), `= gives a name, $1, that nothing uses`, `a default is written *"none" | string`},
	{regexp.MustCompile(`^optional marker \(\?\) can only`), `? stands behind the name of a field, not behind its type`, "write id?: string"},
	{regexp.MustCompile(`^(?:its pattern is not a regular expression: )?error parsing regexp: invalid (?:named capture|or unsupported Perl syntax): (.+)`), "its pattern looks ahead or behind, $1, which is not served", "patterns are of RE2: say it without (?=…), (?!…) and (?<…)"},
	{regexp.MustCompile(`^its pattern is not a regular expression: error parsing regexp: (.+)`), "its pattern is no regular expression: $1", ""},
	{regexp.MustCompile(`^illegal character U\+\S+ '(.+)'`), "the character $1 begins no value", "text goes in double quotes"},
	{regexp.MustCompile(`^expected operand, found '?([^']+)'?`), "a value is missing before $1", ""},
	{regexp.MustCompile(`^expected '?([^',]+)'?, found '?(newline|EOF)'?`), "$1 is missing at the end", ""},
	{regexp.MustCompile(`^expected label or ':', found '?([^']+)'?`), "a name and a colon must come before $1", ""},
	{regexp.MustCompile(`^missing ',' (?:in|before newline in) (.+)`), "a comma or a new line is missing before this, or a quote around it", ""},
	{regexp.MustCompile(`^string literal not terminated`), "this quote is not closed", ""},
	{regexp.MustCompile(`^incomplete value (.+)`), "has no value yet: it is $1", "a definition needs values, not types"},
	{regexp.MustCompile(`^non-concrete value (.+)`), "has no value yet: it is $1", "a definition needs values, not types"},
	{regexp.MustCompile(`^invalid regular expression: (.+)`), "is no regular expression: $1", ""},
	{regexp.MustCompile(`^error parsing regexp: (.+)`), "is no regular expression: $1", ""},
}

// Says puts CUE's words into ours, with a hint or "".
func Says(said string) (message, hint string) {
	for _, known := range cueSaid {
		if m := known.said.FindStringSubmatchIndex(said); m != nil {
			return string(known.said.ExpandString(nil, known.message, said, m)), known.hint
		}
	}
	return said, ""
}
