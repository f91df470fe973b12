package main

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// What of a thread counts, in signs.
const (
	titleSignsMax = 300
	bodySignsMax  = 16_000
)

// text is a thread's title and body, and what is read of them (requirements 6 to 8).
type text struct {
	title string
	raw   string // of the body, what counts, before anything is left out
	body  string

	titleWords, bodyWords []string
}

func newText(title, body string) *text {
	t := &text{title: lines(cut(title, titleSignsMax)), raw: cut(body, bodySignsMax)}
	t.body = prose(lines(t.raw))
	t.titleWords, t.bodyWords = wordsOf(t.title), wordsOf(t.body)
	return t
}

// words are those of title and body.
func (t *text) words() []string { return slices.Concat(t.titleWords, t.bodyWords) }

func cut(s string, signs int) string {
	for at := range s {
		if signs == 0 {
			return s[:at]
		}
		signs--
	}
	return s
}

func lines(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}

// prose leaves out what is not prose.
func prose(body string) string {
	body = without(body, "<!--", func(rest string) int {
		if at := strings.Index(rest, "-->"); at >= 0 {
			return at + len("-->")
		}
		return len(rest)
	})
	body = withoutCode(body)
	body = without(body, "`", func(rest string) int {
		at := strings.IndexAny(rest, "`\n")
		if at < 0 || rest[at] == '\n' {
			return -1
		}
		return at + 1
	})
	return without(body, "http", func(rest string) int {
		address, ok := strings.CutPrefix(strings.TrimPrefix(rest, "s"), "://")
		if !ok {
			return -1
		}
		if end := strings.IndexAny(address, " \t\n)>\""); end >= 0 {
			return len(rest) - len(address) + end
		}
		return len(rest)
	})
}

// without puts a space in place of each passage that begins with open. end
// says how many bytes behind open belong to it; -1: it is no passage.
func without(s, open string, end func(string) int) string {
	var out strings.Builder
	for {
		before, behind, found := strings.Cut(s, open)
		out.WriteString(before)
		if !found {
			return out.String()
		}
		n := end(behind)
		if n < 0 {
			out.WriteString(open)
			n = 0
		} else {
			out.WriteByte(' ')
		}
		s = behind[n:]
	}
}

// withoutCode leaves out the lines of code and of quotations.
func withoutCode(s string) string {
	var kept []string
	fence := ""
	for line := range strings.SplitSeq(s, "\n") {
		begin := strings.TrimLeft(line, " ")
		mark := ""
		if strings.HasPrefix(begin, "```") || strings.HasPrefix(begin, "~~~") {
			mark = begin[:3]
		}
		switch {
		case fence != "" && mark == fence:
			fence = ""
		case fence != "":
		case mark != "":
			fence = mark
		case !strings.HasPrefix(begin, ">"):
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

func within(c rune, bounds ...rune) bool {
	for i := 0; i < len(bounds); i += 2 {
		if c >= bounds[i] && c <= bounds[i+1] {
			return true
		}
	}
	return false
}

func isCapital(c rune) bool { return c != 0xd7 && within(c, 'A', 'Z', 0xc0, 0xde, 0x400, 0x42f) }

func fold(c rune) rune {
	switch {
	case !isCapital(c):
		return c
	case within(c, 0x400, 0x40f):
		return c + 80
	}
	return c + 32
}

func isLatin(c rune) bool    { return c != 0xf7 && within(c, 'a', 'z', 0xdf, 0x17f) }
func isCyrillic(c rune) bool { return within(c, 0x430, 0x45f) }
func isHan(c rune) bool      { return within(c, 0x3400, 0x4dbf, 0x4e00, 0x9fff, 0xf900, 0xfaff) }
func isKana(c rune) bool {
	return within(c, 0x3041, 0x3096, 0x30a1, 0x30fc, 0x31f0, 0x31ff, 0xff66, 0xff9d)
}
func isHangul(c rune) bool { return within(c, 0x1100, 0x11ff, 0x3131, 0x318e, 0xac00, 0xd7a3) }

// wordsOf returns the folded words of s.
func wordsOf(s string) []string {
	var list []string
	var word []byte
	end := func() {
		if len(word) > 0 {
			list = append(list, string(word))
			word = word[:0]
		}
	}
	for _, c := range s {
		switch c = fold(c); {
		case isLatin(c), isCyrillic(c), within(c, '0', '9'):
			word = utf8.AppendRune(word, c)
		case within(c, 0x300, 0x36f): // left out
		case isHan(c), isKana(c), isHangul(c):
			end()
			list = append(list, string(c))
		default:
			end()
		}
	}
	end()
	return list
}

// entries of a table, found by their first words. Each belongs to a T.
type entries[T any] struct {
	byFirst map[string][]entry
	of      []T
}

type entry struct {
	rest   []string // its words but the first
	number int      // index in of
}

// place is where an entry begins in a list of words.
type place struct{ entry, at int }

func newEntries[T any](table []row[T]) *entries[T] {
	e := &entries[T]{byFirst: map[string][]entry{}}
	for _, row := range table {
		for text := range strings.SplitSeq(row.entries, ", ") {
			words := wordsOf(text)
			e.byFirst[words[0]] = append(e.byFirst[words[0]], entry{words[1:], len(e.of)})
			e.of = append(e.of, row.of)
		}
	}
	return e
}

// find returns the entries that occur in words, each as often as it does.
func (e *entries[T]) find(words []string) []place {
	var found []place
	for at, word := range words {
		for _, begun := range e.byFirst[word] {
			rest := words[at+1:]
			if len(rest) >= len(begun.rest) && slices.Equal(rest[:len(begun.rest)], begun.rest) {
				found = append(found, place{begun.number, at})
			}
		}
	}
	return found
}
