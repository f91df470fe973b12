package python

import (
	"errors"
	"fmt"
	"strings"
)

// Check implements debug.Checked. Who parses Python is the guest, once it stands somewhere;
// what brackets, quotes and operators show is found here.
func (*program) Check(expression string, condition bool) error {
	if strings.Contains(expression, `f"`) || strings.Contains(expression, "f'") {
		return nil // strings may lie in strings
	}
	text, err := bare(expression)
	if err != nil {
		return err
	}
	switch text = strings.TrimSpace(text); {
	case text == "":
		return errors.New("there is nothing to evaluate")
	case strings.IndexByte(dangling, text[len(text)-1]) >= 0 || wordAt(text, true, "and", "or", "not", "in", "is", "if", "else", "lambda"):
		return fmt.Errorf("%q ends where something must follow", expression)
	case strings.IndexByte(leading, text[0]) >= 0 || wordAt(text, false, "and", "or", "in", "is", "else"):
		return fmt.Errorf("%q begins with an operator", expression)
	case condition && assigns(text):
		return fmt.Errorf("%q assigns: compare with ==", expression)
	}
	return nil
}

// What an expression does not end with, or begin with.
const (
	dangling = "+-*/%@&|^~<>=!:"
	leading  = "/%@&|^<>=!,:"
)

// wordAt reports whether a text ends with one of some words, or begins with one.
func wordAt(text string, last bool, words ...string) bool {
	all := strings.FieldsFunc(text, func(r rune) bool {
		return r != '_' && r < 0x80 && !(r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z')
	})
	if len(all) == 0 {
		return false
	}
	for _, w := range words {
		if last && all[len(all)-1] == w && strings.HasSuffix(text, w) || !last && all[0] == w && strings.HasPrefix(text, w) {
			return true
		}
	}
	return false
}

// assigns reports whether an = stands outside of brackets that compares nothing.
func assigns(text string) bool {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth--
		case '=':
			if i+1 < len(text) && text[i+1] == '=' {
				i++
				continue
			}
			if depth == 0 && (i == 0 || strings.IndexByte("<>!:", text[i-1]) < 0) && !strings.Contains(text, "lambda") {
				return true
			}
		}
	}
	return false
}

// bare is an expression with nothing in its strings. It fails where a string or a bracket
// has no end, or no beginning.
func bare(text string) (string, error) {
	var out strings.Builder
	var open []byte
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch c {
		case '\'', '"':
			n := quoted(text[i:])
			if n == 0 {
				return "", fmt.Errorf("%q: a string has no end", text)
			}
			i += n - 1
			out.WriteString("''")
			continue
		case '#': // a comment ends with the line
			n := strings.IndexByte(text[i:], '\n')
			if n < 0 {
				n = len(text) - i
			}
			i += n - 1
			continue
		case '(', '[', '{':
			open = append(open, c)
		case ')', ']', '}':
			if len(open) == 0 || closes[open[len(open)-1]] != c {
				return "", fmt.Errorf("%q: %c closes nothing", text, c)
			}
			open = open[:len(open)-1]
		}
		out.WriteByte(c)
	}
	if len(open) > 0 {
		return "", fmt.Errorf("%q: %c is not closed", text, open[len(open)-1])
	}
	return out.String(), nil
}

var closes = map[byte]byte{'(': ')', '[': ']', '{': '}'}

// quoted is the length of the string that a text begins with; 0: it has no end.
func quoted(text string) int {
	quote := text[:1]
	if strings.HasPrefix(text, strings.Repeat(quote, 3)) {
		quote = text[:3]
	}
	for i := len(quote); i < len(text); i++ {
		switch {
		case text[i] == '\\':
			i++
		case text[i] == '\n' && len(quote) == 1:
			return 0
		case strings.HasPrefix(text[i:], quote):
			return i + len(quote)
		}
	}
	return 0
}
