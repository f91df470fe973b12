package app

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// secretLeast is how many bytes a secret has that is looked for: to hide less
// would hide what is none.
const secretLeast = 6

// hidden is what stands in the place of a secret.
const hidden = "***"

// mask hides secrets: all the forms in which they may stand in text. It is immutable; the
// zero mask hides nothing.
type mask struct {
	forms  []string            // the longest first, since one may begin as another does
	heads  map[uint32][]string // forms by their first four bytes, the longest first
	starts *[1 << 16 / 64]uint64
}

// newMask hides values, but for those that are too short to be told from other text.
func newMask(values []string) mask {
	var forms []string
	for _, value := range values {
		if len(value) >= secretLeast {
			forms = append(forms, formsOf(value)...)
		}
	}
	slices.SortFunc(forms, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	m := mask{forms: slices.Compact(forms), heads: map[uint32][]string{}, starts: new([1 << 16 / 64]uint64)}
	for _, form := range m.forms {
		head := headOf(form)
		m.heads[head] = append(m.heads[head], form)
		m.starts[uint16(head)/64] |= 1 << (head % 64)
	}
	return m
}

// headOf is the first four bytes of a text, which has as many.
func headOf(text string) uint32 { return binary.LittleEndian.Uint32([]byte(text[:4])) }

// at is how many bytes of a form stand at a place of a text: of the longest.
func (m mask) at(text string, i int) int {
	if start := uint16(text[i]) | uint16(text[i+1])<<8; m.starts[start/64]&(1<<(start%64)) == 0 {
		return 0
	}
	for _, form := range m.heads[headOf(text[i:])] {
		if strings.HasPrefix(text[i:], form) {
			return len(form)
		}
	}
	return 0
}

// text hides secrets in a text: what those that overlap cover together is hidden at once. Where
// the host has cut the text it may have cut a secret: what is left of that is hidden, too.
func (m mask) text(s string) string {
	if len(m.forms) == 0 {
		return s
	}
	var out strings.Builder
	cuts := m.cuts(s)
	told, from, to := 0, 0, 0 // s[from:to] is to be hidden
	for i := 0; i+4 <= len(s); i++ {
		n := m.at(s, i)
		for _, c := range cuts {
			if c.at == i {
				n = max(n, c.length)
			}
		}
		if n == 0 {
			continue
		}
		if i >= to { // it overlaps none before it
			if to > from {
				out.WriteString(s[told:from] + hidden)
				told = to
			}
			from = i
		}
		to = max(to, i+n)
	}
	if to == from {
		return s
	}
	return out.String() + s[told:from] + hidden + s[to:]
}

// cutEnd is what the host writes in the place of a text's end (see runtime/actor), and cutBegin
// what stands before the end of a fault whose midst it left out (see runtime/engine/wazero).
var cutEnd = regexp.MustCompile(`… and [0-9]+ bytes more$`)

const cutBegin = "\n…"

// span is a part of a text.
type span struct{ at, length int }

// cuts are the parts of secrets that stand where the host has cut a text.
func (m mask) cuts(s string) (all []span) {
	if strings.HasSuffix(s, " bytes more") {
		if mark := cutEnd.FindStringIndex(s); mark != nil {
			if n := m.beginning(s[:mark[0]]); n > 0 {
				all = append(all, span{mark[0] - n, n})
			}
		}
	}
	if i := strings.Index(s, cutBegin); i >= 0 {
		at := i + len(cutBegin)
		if n := m.ending(s[at:]); n > 0 {
			all = append(all, span{at, n})
		}
	}
	return all
}

// begunLeast is how many bytes of a secret are hidden at a cut.
const begunLeast = 3

// beginning is how many bytes of a secret's beginning a text ends with; fewer than begunLeast
// count for none.
func (m mask) beginning(text string) (n int) {
	if len(text) < begunLeast {
		return 0
	}
	last := text[len(text)-begunLeast:]
	for _, form := range m.forms {
		for from := 0; ; from++ {
			at := strings.Index(form[from:], last)
			if at < 0 {
				break
			}
			from += at
			if end := from + begunLeast; end > n && strings.HasSuffix(text, form[:end]) {
				n = end
			}
		}
	}
	return n
}

// ending is how many bytes of a secret's end a text begins with, likewise.
func (m mask) ending(text string) (n int) {
	if len(text) < begunLeast {
		return 0
	}
	first := text[:begunLeast]
	for _, form := range m.forms {
		for from := 0; ; from++ {
			at := strings.Index(form[from:], first)
			if at < 0 {
				break
			}
			from += at
			if rest := form[from:]; len(rest) > n && strings.HasPrefix(text, rest) {
				n = len(rest)
			}
		}
	}
	return n
}

// hide is text for bytes.
func (m mask) hide(data []byte) []byte {
	if len(m.forms) == 0 || len(data) == 0 {
		return data
	}
	text := string(data)
	if told := m.text(text); told != text {
		return []byte(told)
	}
	return data
}

// texts is text for several.
func (m mask) texts(list []string) []string {
	var out []string
	for _, s := range list {
		out = append(out, m.text(s))
	}
	return out
}

// cut is text for what a guest has printed, which it may have cut where a secret stands: what
// is left of that, before the mark of the cut, is hidden too.
func (m mask) cut(s string) string {
	parts := strings.SplitAfter(m.text(s), "…")
	for i, part := range parts[:len(parts)-1] {
		parts[i] = m.begun(part)
	}
	return strings.Join(parts, "")
}

// begun hides the beginning of a secret before the mark that text ends with.
func (m mask) begun(text string) string {
	before := strings.TrimRight(text, "\"'\n…")
	if n := m.beginning(before); n > 0 {
		return before[:len(before)-n] + hidden + text[len(before):]
	}
	return text
}

// value is data as it is told: as JSON when it is that, else as bytes.
func (m mask) value(data []byte) (json.RawMessage, []byte) {
	data = m.hide(data)
	if v := valueOf(data); v != nil {
		return v, nil
	}
	return nil, data
}
