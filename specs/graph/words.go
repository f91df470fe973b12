package graph

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/mattn/go-runewidth"
)

// widths are of characters in a terminal, the same in every locale.
var widths = &runewidth.Condition{StrictEmojiNeutral: true}

// plain makes text of a file safe to print on one line of a terminal.
func plain(text string) string {
	var b strings.Builder
	for _, r := range text {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// ascii writes what is not ASCII as an escape.
func ascii(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r < 0x80 {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

func widest(lines []string) int {
	w := 0
	for _, l := range lines {
		w = max(w, widths.StringWidth(l))
	}
	return w
}

// wrap breaks text into lines of at most width columns where its words allow it.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case widths.StringWidth(line)+1+widths.StringWidth(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// fill breaks text like wrap, and words that are too long too; lines after the
// first begin with indent.
func fill(text string, width int, indent string) string {
	width = max(width, len(indent)+8)
	var out []string
	for _, line := range wrap(text, width-len(indent)) {
		for widths.StringWidth(line) > width-len(indent) {
			head := widths.Truncate(line, width-len(indent), "")
			out, line = append(out, head), line[len(head):]
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n"+indent)
}
