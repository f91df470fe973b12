package app

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
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

// text hides secrets in a text: what those that overlap cover together is hidden at once. Only
// whole ones are: who may write a part of one beside what looks like a cut would learn by the
// answer whether it is one. The host cuts no text within a secret, see whole.
func (m mask) text(s string) string {
	if len(m.forms) == 0 {
		return s
	}
	var out strings.Builder
	told, from, to := 0, 0, 0 // s[from:to] is to be hidden
	for i := 0; i+4 <= len(s); i++ {
		n := m.at(s, i)
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

// whole is where to cut a text that is to be cut at a place: there, or before the secrets that
// cover it.
func (m mask) whole(text string, at int) int {
	if len(m.forms) == 0 {
		return at
	}
	from, to := 0, 0 // text[from:to] is to be hidden
	for i := 0; i < at && i+4 <= len(text); i++ {
		if n := m.at(text, i); n > 0 {
			if i >= to {
				from = i
			}
			to = max(to, i+n)
		}
	}
	if to > at {
		return from
	}
	return at
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

// value is data as it is told: as JSON when it is that, else as bytes.
func (m mask) value(data []byte) (json.RawMessage, []byte) {
	data = m.hide(data)
	if v := valueOf(data); v != nil {
		return v, nil
	}
	return nil, data
}
