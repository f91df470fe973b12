package shape

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"cuelang.org/go/cue"
)

// whereBroken says what is wrong with data that skip refuses.
func whereBroken(d []byte) string {
	if !utf8.Valid(d) {
		return "is not JSON: the text is not valid UTF-8"
	}
	if depthOver(d) {
		return fmt.Sprintf("objects and lists are nested more than %d deep", DepthMax)
	}
	var raw json.RawMessage
	err := json.Unmarshal(d, &raw)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		if syntax.Offset >= int64(len(d)) && (strings.HasPrefix(syntax.Error(), "unexpected end") || strings.HasSuffix(syntax.Error(), "in numeric literal")) {
			return fmt.Sprintf("is not whole JSON: it ends at byte %d", len(d))
		}
		return fmt.Sprintf("is not JSON: %s, at byte %d", syntax.Error(), syntax.Offset)
	}
	// encoding/json accepts it, so it is one of the two things we are stricter in.
	return "is not JSON that can be read: a number is beyond the range of a double, or a \\u escape is half of a pair"
}

// depthOver reports whether brackets outside strings nest too deeply.
func depthOver(d []byte) bool {
	depth, quoted := 0, false
	for i := 0; i < len(d); i++ {
		switch c := d[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > DepthMax {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// quote appends s as a JSON string.
func quote(dst []byte, s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil { // strings never fail
		panic(fmt.Sprintf("shape: quote %q: %v", s, err))
	}
	return append(dst, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
}

// show is a CUE value as it is written.
func show(v cue.Value) string { return fmt.Sprint(v) }
