package debug

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const letters = "abcdefghijklmnopqrstuvwxyz"

// counter is a hit condition.
type counter struct {
	operator string // "": any
	n        int
}

// parseHit reads a hit condition.
func parseHit(text string) (counter, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return counter{}, nil
	}
	c := counter{operator: "=="}
	for _, operator := range []string{">=", "<=", "==", "=", ">", "<", "%"} {
		if rest, ok := strings.CutPrefix(text, operator); ok {
			c.operator, text = operator, rest
			break
		}
	}
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || n < 0 || n == 0 && c.operator == "%" {
		return counter{}, errors.New(`hit condition: want a number, as in "5", ">= 5" or "% 5"`)
	}
	c.n = n
	return c, nil
}

func (c counter) met(hits int) bool {
	switch c.operator {
	case ">=":
		return hits >= c.n
	case "<=":
		return hits <= c.n
	case ">":
		return hits > c.n
	case "<":
		return hits < c.n
	case "%":
		return hits%c.n == 0
	case "":
		return true
	}
	return hits == c.n
}

// piece is a part of a log point: text, or an expression.
type piece struct{ text, expression string }

// parseLog reads the text of a log point. Braces in an expression are in pairs;
// \{ and \} are themselves.
func parseLog(text string) ([]piece, error) {
	var list []piece
	var plain strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text) && strings.IndexByte(`{}\`, text[i+1]) >= 0:
			i++
			plain.WriteByte(text[i])
		case text[i] == '{':
			end := closing(text[i:])
			if end < 0 {
				return nil, errors.New(`log point: a { has no }; \{ is a brace`)
			}
			expression := strings.TrimSpace(text[i+1 : i+end])
			if expression == "" {
				return nil, errors.New("log point: {} has no expression")
			}
			list = append(list, piece{text: plain.String(), expression: expression})
			plain.Reset()
			i += end
		default:
			plain.WriteByte(text[i])
		}
	}
	if plain.Len() > 0 {
		list = append(list, piece{text: plain.String()})
	}
	return list, nil
}

// closing is where the brace is that closes the one text begins with.
func closing(text string) int {
	depth := 0
	for i := range len(text) {
		switch text[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// logged is the line that a log point writes where h is.
func (s *Session) logged(h Halt, list []piece) string {
	v := &view{Halt: h, session: s}
	var b strings.Builder
	for _, p := range list {
		b.WriteString(p.text)
		if p.expression == "" {
			continue
		}
		var of Variable
		err := s.attempt(func() (err error) {
			of, err = v.Evaluate(0, p.expression)
			return err
		})
		switch {
		case err != nil:
			fmt.Fprintf(&b, "{%s: %v}", p.expression, err)
		case of.Fault != "":
			fmt.Fprintf(&b, "{%s: %s}", p.expression, of.Fault)
		default:
			b.WriteString(of.Value)
		}
	}
	return s.masked(b.String())
}

// statements are what begins a statement of Python, which its Evaluate takes.
var statements = []string{"assert", "async", "await", "class", "def", "del", "for", "from", "global", "import", "nonlocal", "raise", "try", "while", "with", "yield"}

// Pure fails for an expression that may change something: one that calls or assigns, or
// is a statement. A session that is read-only takes no such.
func Pure(expression string) error {
	text := strings.TrimSpace(expression)
	if word := text[:len(text)-len(strings.TrimLeft(text, letters))]; slices.Contains(statements, word) || strings.ContainsAny(text, ";\n\r") {
		return fmt.Errorf("%q: %w: this session is read-only, and takes no statements", expression, ErrReadOnly)
	}
	for i := range len(expression) {
		switch expression[i] {
		case '(':
			return fmt.Errorf("%q: %w: this session is read-only, and takes no expression with calls or parentheses", expression, ErrReadOnly)
		case '=':
			before, after := byte(0), byte(0)
			if i > 0 {
				before = expression[i-1]
			}
			if i+1 < len(expression) {
				after = expression[i+1]
			}
			shift := i > 1 && (before == '<' || before == '>') && expression[i-2] == before
			if after == '=' || strings.IndexByte("=!<>", before) >= 0 && before != 0 && !shift {
				continue
			}
			return fmt.Errorf("%q: %w: this session is read-only, and takes no expression that assigns", expression, ErrReadOnly)
		}
	}
	return nil
}

// path is a variable, and parts of it: by names, numbers, texts.
var path = regexp.MustCompile(`^[*&]*[\pL_][\pL\pN_]*((\.|->|::)[\pL_][\pL\pN_]*|\.[0-9]+|\[(-?[0-9]+|[\pL_][\pL\pN_]*|'[^'\\]*'|"[^"\\]*")\])*$`)

// IsPath reports whether an expression names a variable or a part of one, which in no
// language changes anything.
func IsPath(expression string) bool {
	return path.MatchString(strings.TrimSpace(expression)) && Pure(expression) == nil
}
