package wasm

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// SafeMax is how many bytes of a text from a module are kept of it for people.
const SafeMax = 512

// Safe makes text of a module fit to be shown in a line of a terminal or a log:
// no line breaks, no control characters, nothing that changes the direction of
// writing or is not seen, each replaced by U+FFFD, and of more than [SafeMax]
// bytes only the first and an ellipsis.
func Safe(s string) string {
	cut := len(s) > SafeMax
	if cut {
		n := SafeMax
		for n > SafeMax-utf8.UTFMax && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n]
	}
	s = strings.Map(visible, strings.ToValidUTF8(s, "\ufffd"))
	if cut {
		s += "…"
	}
	return s
}

func visible(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return utf8.RuneError
}
