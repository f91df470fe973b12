package debug

import (
	"bytes"
	"slices"
)

// mask hides secrets in what is shown, each byte of them by an asterisk, so that what is
// around them stays where it was.
type mask struct {
	secrets [][]byte
	longest int // of them, in bytes
}

// tailLeast is how many bytes a secret's beginning has that is hidden where a value was
// shortened in its midst.
const tailLeast = 3

func newMask(secrets []string) mask {
	var m mask
	for _, s := range secrets {
		if s != "" {
			m.secrets, m.longest = append(m.secrets, []byte(s)), max(m.longest, len(s))
		}
	}
	return m
}

// bytes returns p with its secrets hidden; p itself stays as it is.
func (m mask) bytes(p []byte) []byte {
	var out []byte
	for _, secret := range m.secrets {
		for at := 0; ; at++ { // those that overlap, too
			next := bytes.Index(p[at:], secret)
			if next < 0 {
				break
			}
			if out == nil {
				out = slices.Clone(p)
			}
			at += next
			stars(out[at : at+len(secret)])
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
	for _, secret := range m.secrets {
		for n := min(len(secret)-1, len(p)); n >= tailLeast; n-- {
			if bytes.HasSuffix(p, secret[:n]) {
				stars(p[len(p)-n:])
				break
			}
		}
	}
}
