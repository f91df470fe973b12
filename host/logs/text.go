package logs

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Append writes a record as a line for people, ending in a line break:
//
//	15:04:05.000 WARN  checkout/pricing  no rate for DE country=DE 01JBZ5…
//	15:04:06.000 ERROR [checkout/pricing]  message was given up on code=trap 01JBZ5…
//
// What the host says of a node has the node's name in brackets, which no node
// has in its name. What actors and clients write cannot pass for another line:
// a record is one line whatever is in it, so that tools which read lines read
// records, and what would break a line, move the cursor or change the direction
// of text is escaped. On a terminal, which is read by people alone, a field of
// several lines stands below the line, each of its lines behind a bar.
func (r *Record) Append(b []byte, color bool) []byte {
	paint := func(code string) {
		if color {
			b = append(b, "\x1b["+code+"m"...)
		}
	}
	paint("2")
	b = r.Time.Local().AppendFormat(b, "15:04:05.000")
	paint("0")
	b = append(b, ' ')
	paint(map[string]string{"warn": "33", "error": "31", "debug": "2"}[r.Level])
	b = clean(b, strings.ToUpper(r.Level), false)
	b = append(b, "     "[min(5, len(r.Level)):]...)
	paint("0")
	if r.Node != "" {
		b = append(b, ' ')
		paint("36")
		if r.Host {
			b = append(clean(append(b, '['), r.Node, false), ']')
		} else {
			b = clean(b, r.Node, false)
		}
		paint("0")
		b = append(b, ' ')
	}
	b = append(b, ' ')
	b = clean(b, r.Text, false)
	var below []string
	for _, name := range slices.Sorted(maps.Keys(r.Fields)) {
		if color && strings.Contains(r.Fields[name], "\n") {
			below = append(below, name)
			continue
		}
		b = append(b, ' ')
		b = clean(b, name, true)
		b = append(b, '=')
		b = clean(b, r.Fields[name], true)
	}
	if r.Message != "" {
		b = append(b, ' ')
		paint("2")
		b = clean(b, r.Message, false)
		paint("0")
	}
	b = append(b, '\n')
	for _, name := range below {
		b = append(b, barred...)
		b = clean(b, name, true)
		b = append(b, ": "...)
		b = append(b, Lines(strings.TrimRight(r.Fields[name], "\n"), barred)...)
		b = append(b, '\n')
	}
	return b
}

// barred begins what stands below a line: none begins so itself.
const barred = "  | "

// Plain appends text, which somebody else wrote, as it can stand in a line: line
// breaks, control characters and what changes the direction of text are escaped.
func Plain(b []byte, text string) []byte { return clean(b, text, false) }

// Lines is text of several lines, each of them plain. All but the first begin
// with indent, so that none can be taken for a line of whoever prints it.
func Lines(text, indent string) string {
	var b []byte
	first := true
	for line := range strings.SplitSeq(text, "\n") {
		if !first {
			b = append(append(b, '\n'), indent...)
		}
		b, first = clean(b, line, false), false
	}
	return string(b)
}

// JSON returns JSON text with the characters escaped that a terminal obeys and
// JSON allows as they are. It stays the same value.
func JSON(b []byte) []byte {
	if !bytes.ContainsFunc(b, disturbsJSON) {
		return b
	}
	out := make([]byte, 0, len(b)+16)
	for i, n := 0, 0; i < len(b); i += n {
		var c rune
		c, n = utf8.DecodeRune(b[i:])
		switch {
		case !disturbsJSON(c):
			out = append(out, b[i:i+n]...)
		case c > 0xffff:
			high, low := utf16.EncodeRune(c)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, c)
		}
	}
	return out
}

// disturbsJSON reports what is escaped in JSON: such a character stands within a
// string, for the line breaks between values are no such.
func disturbsJSON(c rune) bool { return c >= 0x7f && (disturbs(c) || c == utf8.RuneError) }

// disturbs reports a character that a terminal obeys, or that hides or turns
// around what stands beside it.
func disturbs(c rune) bool {
	return unicode.IsControl(c) || unicode.Is(unicode.Cf, c) || c == '\u2028' || c == '\u2029'
}

// clean is Plain; a field is quoted where its end could be mistaken.
func clean(b []byte, text string, field bool) []byte {
	if field && (text == "" || strings.ContainsAny(text, " =\"\t")) {
		return strconv.AppendQuote(b, text)
	}
	for _, c := range text {
		switch {
		case c == '\t':
			b = append(b, ' ')
		case disturbs(c):
			quoted := strconv.QuoteRune(c)
			b = append(b, quoted[1:len(quoted)-1]...)
		default:
			b = utf8.AppendRune(b, c)
		}
	}
	return b
}

func itoa(n int) string { return strconv.Itoa(n) }
