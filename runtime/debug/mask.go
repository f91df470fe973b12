package debug

import (
	"bytes"
	"slices"
)

// mask hides secrets in what is shown, each byte of them by an asterisk, so that what is
// around them stays where it was.
type mask struct {
	secrets [][]byte
	starts  map[[2]byte][][]byte // secrets by their first two bytes, the longest first
	longest int                  // of them, in bytes
}

// tailLeast is how many bytes a secret's beginning has that is hidden where a value was
// shortened in its midst.
const tailLeast = 3

func newMask(secrets []string) mask {
	m := mask{starts: map[[2]byte][][]byte{}}
	for _, s := range secrets {
		if s == "" {
			continue
		}
		m.secrets, m.longest = append(m.secrets, []byte(s)), max(m.longest, len(s))
	}
	slices.SortFunc(m.secrets, func(a, b []byte) int { return len(b) - len(a) })
	for _, s := range m.secrets {
		var start [2]byte
		copy(start[:], s)
		if len(s) > 1 {
			m.starts[start] = append(m.starts[start], s)
		}
	}
	return m
}

// at is how many bytes of a secret stand at a place of p: of the longest.
func (m mask) at(p []byte) int {
	var start [2]byte
	if copy(start[:], p) == len(start) {
		for _, secret := range m.starts[start] {
			if bytes.HasPrefix(p, secret) {
				return len(secret)
			}
		}
	}
	for _, secret := range slices.Backward(m.secrets) { // those of one byte are the last
		if len(secret) > 1 {
			break
		}
		if len(p) > 0 && p[0] == secret[0] {
			return 1
		}
	}
	return 0
}

// bytes returns p with its secrets hidden, those that overlap, too; p itself stays as it is.
func (m mask) bytes(p []byte) []byte {
	var out []byte
	for i := range p {
		if n := m.at(p[i:]); n > 0 {
			if out == nil {
				out = slices.Clone(p)
			}
			stars(out[i : i+n])
		}
	}
	if out == nil {
		return p
	}
	return out
}

func stars(p []byte) {
	for i := range p {
		p[i] = '*'
	}
}

func (m mask) text(s string) string {
	if len(m.secrets) == 0 {
		return s
	}
	return string(m.bytes([]byte(s)))
}

// shortened is text for a value that may have been shortened: where it was, the beginning
// of a secret is hidden, too.
func (m mask) shortened(s string) string {
	if len(m.secrets) == 0 {
		return s
	}
	p := slices.Clone(m.bytes([]byte(s)))
	if len(p) >= ValueMax {
		m.tail(p)
	}
	for _, mark := range ellipses {
		for at := 0; ; at += len(mark) {
			next := bytes.Index(p[at:], mark)
			if next < 0 {
				break
			}
			at += next
			m.tail(p[:at])
		}
	}
	return string(p)
}

// ellipses are what languages write in the place of what they leave out.
var ellipses = [][]byte{[]byte("…"), []byte("...")}

// tail hides a secret's beginning that p ends with, before quotes.
func (m mask) tail(p []byte) {
	p = bytes.TrimRight(p, `"'`)
	if len(p) < tailLeast {
		return
	}
	last := slices.Clone(p[len(p)-tailLeast:])
	most := 0
	for _, secret := range m.secrets {
		for from := 0; ; from++ {
			at := bytes.Index(secret[from:], last)
			if at < 0 {
				break
			}
			from += at
			if n := from + tailLeast; n > most && n < len(secret) && bytes.HasSuffix(p, secret[:n]) {
				most = n
			}
		}
	}
	stars(p[len(p)-most:])
}
