package schema

import (
	"bytes"
	"regexp"
	"unicode/utf8"
)

// yamlSlips are lines that people write in YAML that is none, by what the line
// shows; its first group is where the mistake begins.
var yamlSlips = []struct {
	line    *regexp.Regexp
	message string
	hint    string
}{
	{regexp.MustCompile("^\\s*(```)"), "a fence of Markdown stands in the file", "remove it: the file holds nothing but YAML"},
	{regexp.MustCompile(`^[^#"']*(\x{00a0}|\x{2007}|\x{202f})`), "a space that is none (U+00A0) stands here", "replace it by an ordinary one"},
	{regexp.MustCompile(`^\s*(-)[^\s-]`), "a space is missing behind the dash", "write - and a space before each item"},
	{regexp.MustCompile(`\bwhen:\s*("[^"]*"|'[^']*')\s*[^\s,}\]]`), "a rule that begins with a quote ends with it", `put quotes of the other kind around the whole rule: when: '"gold" == data.tier'`},
	{regexp.MustCompile(`\b(?:when|key):\s*([!*&%@` + "`" + `])`), "a value cannot begin with this character", "put the rule in quotes: when: '!has(data.note)'"},
	{regexp.MustCompile(`\{.*\bwhen:\s*([^'"\s][^'"]*[\[{"].*)`), "inside of braces, a rule with brackets, quotes or commas goes in quotes", `write when: 'data.tier in ["gold", "none"]'`},
	{regexp.MustCompile(`:\s*(\{\{)`), "a brace begins a map", "put the text in quotes"},
	{regexp.MustCompile(`:\s*(\*)`), "* begins an alias, which repeats a value that has a name", "put the text in quotes"},
	{regexp.MustCompile(`^\s*(\w+\s*=)\s`), "a key is followed by a colon, not by =", "write key: value"},
	{regexp.MustCompile(`^\s*[a-z_]+(:)[^\s/:]\S*$`), "a space is missing behind the colon", "write key: value"},
}

var conflict = regexp.MustCompile(`(?m)^<<<<<<< `)

// slipAt puts right what is said of a line, where the line or the one before
// shows what was meant.
func (f *Fault) slipAt(lines [][]byte, line int) {
	for _, at := range []int{line, line - 1} {
		if at < 1 || at > len(lines) {
			continue
		}
		text := bytes.TrimRight(lines[at-1], "\r\n")
		for _, s := range yamlSlips {
			if m := s.line.FindSubmatchIndex(text); m != nil {
				f.Pos, f.Message, f.Hint = Pos{at, utf8.RuneCount(text[:m[2]]) + 1}, s.message, s.hint
				return
			}
		}
	}
}

// merged finds the marks that a merge of two versions leaves behind.
func merged(data []byte) *Fault {
	m := conflict.FindIndex(data)
	if m == nil {
		return nil
	}
	return &Fault{Pos: Pos{bytes.Count(data[:m[0]], []byte("\n")) + 1, 1}, Code: "spec.yaml", Message: "a merge has left its marks here",
		Hint: "keep what is right between <<<<<<< and >>>>>>>, and remove the marks"}
}
