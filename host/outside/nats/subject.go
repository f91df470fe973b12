package nats

import (
	"strconv"
	"strings"
)

// SubjectMax is how long a subject is at most, in bytes.
const SubjectMax = 256

// WrongSubject says what is wrong with a subject that messages are sent to; "": nothing.
func WrongSubject(subject string) string {
	if subject == "" || len(subject) > SubjectMax {
		return "is not one of 1 to " + strconv.Itoa(SubjectMax) + " bytes"
	}
	if strings.ContainsFunc(subject, func(c rune) bool { return c <= ' ' || c == '*' || c == '>' || c == 0x7f }) {
		return "has a blank or a wildcard"
	}
	for word := range strings.SplitSeq(subject, ".") {
		if word == "" {
			return "has an empty word"
		}
	}
	for _, own := range []string{"$", "_INBOX.", "grow.j.", "grow.b."} { // of servers, and of journals that may be there
		if strings.HasPrefix(subject, own) {
			return "is the server's own"
		}
	}
	return ""
}
