package mail

import (
	"fmt"
	"net/mail"
	"strings"

	"golang.org/x/net/idna"
)

// addressMax is how many bytes an address has at most (RFC 5321 section 4.5.3.1.3).
const addressMax = 254

// address is where a mail goes to, or comes from.
type address struct {
	name          string // for people; may be empty
	local, domain string // domain is in ASCII and lower case
}

// String is the address without its name.
func (a address) String() string { return a.local + "@" + a.domain }

// parseAddress reads ops@example.com or Ops <ops@example.com>. Of what RFC 5322 allows,
// quoted local parts and comments are not taken: servers differ in what they make of them.
func parseAddress(text string) (address, error) {
	wrong := func(why string) (address, error) {
		return address{}, fmt.Errorf("%.100q is not a mail address: %s", text, why)
	}
	if strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c == 0x7f || c == 0x2028 || c == 0x2029 || c == 0x85 }) {
		return wrong("it has a control character")
	}
	parsed, err := mail.ParseAddress(text)
	if err != nil {
		return wrong("it is as ops@example.com or Ops <ops@example.com>")
	}
	at := strings.LastIndexByte(parsed.Address, '@')
	a := address{name: parsed.Name, local: parsed.Address[:at]}
	if a.domain, err = idna.Lookup.ToASCII(parsed.Address[at+1:]); err != nil || !strings.Contains(a.domain+".", ".") {
		return wrong("its domain is none")
	}
	if a.local != everybody && !isAtom(a.local) {
		return wrong("before the @ are letters, digits and . ! # $ % & ' * + / = ? ^ _ ` { | } ~ -")
	}
	if len(a.String()) > addressMax {
		return wrong("it is too long")
	}
	if strings.ContainsFunc(a.name, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		return wrong("its name has a control character")
	}
	return a, nil
}

// isAtom reports whether a local part is a dot-atom of ASCII (RFC 5322 section 3.2.3).
func isAtom(local string) bool {
	for part := range strings.SplitSeq(local, ".") {
		if part == "" || strings.ContainsFunc(part, func(c rune) bool {
			return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", c)
		}) {
			return false
		}
	}
	return true
}
