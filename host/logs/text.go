package logs

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Append writes a record as a line for people, ending in a line break:
//
//	15:04:05.000 WARN  checkout/pricing  no rate for DE  country=DE  01JBZ5…
//
// What actors write cannot pass for another line: line breaks, control
// characters and what changes the direction of text are escaped.
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
		b = clean(b, r.Node, false)
		paint("0")
		b = append(b, ' ')
	}
	b = append(b, ' ')
	b = clean(b, r.Text, false)
	for _, name := range slices.Sorted(maps.Keys(r.Fields)) {
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
	return append(b, '\n')
}

// Plain appends text without what could fake or hide a line on a terminal.
func Plain(b []byte, text string) []byte { return clean(b, text, false) }

// clean is Plain; a field is quoted where its end could be mistaken.
func clean(b []byte, text string, field bool) []byte {
	if field && (text == "" || strings.ContainsAny(text, " =\"\t")) {
		return strconv.AppendQuote(b, text)
	}
	for _, c := range text {
		switch {
		case c == '\t':
			b = append(b, ' ')
		case unicode.IsControl(c) || unicode.Is(unicode.Cf, c) || c == '\u2028' || c == '\u2029':
			quoted := strconv.QuoteRune(c)
			b = append(b, quoted[1:len(quoted)-1]...)
		default:
			b = append(b, string(c)...)
		}
	}
	return b
}

func itoa(n int) string { return strconv.Itoa(n) }
