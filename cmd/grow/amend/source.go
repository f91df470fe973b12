package amend

import (
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// errPlace is returned for values whose extent in the file is not understood.
var errPlace = errors.New("it is written in a form that is not rewritten")

// source is the text of a YAML file and the places in it. Offsets are in bytes.
type source struct {
	text  string
	lines []int // offset of each line
}

func newSource(text string) *source {
	s := &source{text: text}
	begin := 0
	if strings.HasPrefix(text, "\uFEFF") {
		begin = len("\uFEFF") // it is of no column
	}
	s.lines = []int{begin}
	for i := begin; i < len(text); {
		size := lineBreak(text[i:])
		if size == 0 {
			i++
			continue
		}
		i += size
		s.lines = append(s.lines, i)
	}
	return s
}

// lineBreak is the length of the line break that text begins with; 0: none.
// YAML 1.1 has more of them than \n (section 5.4).
func lineBreak(text string) int {
	for _, br := range []string{"\r\n", "\n", "\r", "\u0085", "\u2028", "\u2029"} {
		if strings.HasPrefix(text, br) {
			return len(br)
		}
	}
	return 0
}

// offset is where a line and a column, counted from 1 in characters, are.
func (s *source) offset(line, col int) int {
	if line < 1 || line > len(s.lines) {
		return len(s.text)
	}
	at := s.lines[line-1]
	for ; col > 1 && at < len(s.text); col-- {
		_, size := utf8.DecodeRuneInString(s.text[at:])
		at += size
	}
	return at
}

func (s *source) start(y *yaml.Node) int { return s.offset(y.Line, y.Column) }

// lineStart is where the line of an offset begins, lineEnd where it ends,
// before its line break.
func (s *source) lineStart(at int) int {
	i, begins := slices.BinarySearch(s.lines, at)
	if !begins {
		i = max(0, i-1)
	}
	return s.lines[i]
}

func (s *source) lineEnd(at int) int {
	for at < len(s.text) && lineBreak(s.text[at:]) == 0 {
		at++
	}
	return at
}

// lineBefore is where the line before the one that begins at an offset ends.
func (s *source) lineBefore(begin int) int {
	if begin == 0 {
		return 0
	}
	return s.lineEnd(s.lineStart(begin - 1))
}

// newline is the line break that the file uses.
func (s *source) newline() string {
	if strings.Contains(s.text, "\r\n") {
		return "\r\n"
	}
	return "\n"
}

// column is how many characters stand before an offset on its line.
func (s *source) column(at int) int { return utf8.RuneCountInString(s.text[s.lineStart(at):at]) }

// end is where a value ends that is inside of a flow collection or not.
func (s *source) end(y *yaml.Node, flow bool) (int, error) {
	at := s.start(y)
	if y.Style&yaml.TaggedStyle != 0 || y.Anchor != "" {
		return 0, errPlace
	}
	switch {
	case y.Kind == yaml.AliasNode:
		return at + 1 + len(y.Value), nil
	case y.Kind != yaml.ScalarNode && y.Style&yaml.FlowStyle != 0:
		return s.flowEnd(at)
	case y.Kind != yaml.ScalarNode && len(y.Content) == 0:
		return 0, errPlace
	case y.Kind != yaml.ScalarNode:
		last := y.Content[len(y.Content)-1]
		if empty(last) {
			if y.Kind == yaml.SequenceNode {
				return 0, errPlace
			}
			return s.colon(y.Content[len(y.Content)-2], false)
		}
		return s.end(last, false)
	case y.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
		return s.quotedEnd(at)
	case y.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return s.blockEnd(y, at)
	}
	return s.plainEnd(y.Value, at, flow)
}

// empty reports a value that does not stand in the file: `key:` alone.
func empty(y *yaml.Node) bool {
	return y.Kind == yaml.ScalarNode && y.Value == "" && y.Style == 0 && y.ShortTag() == "!!null"
}

// colon is the offset behind the colon of a key.
func (s *source) colon(key *yaml.Node, flow bool) (int, error) {
	at, err := s.end(key, flow)
	if err != nil {
		return 0, err
	}
	for at < len(s.text) && (s.text[at] == ' ' || s.text[at] == '\t') {
		at++
	}
	if at >= len(s.text) || s.text[at] != ':' {
		return 0, errPlace
	}
	return at + 1, nil
}

func (s *source) quotedEnd(at int) (int, error) {
	if at >= len(s.text) {
		return 0, errPlace
	}
	quote := s.text[at]
	for i := at + 1; i < len(s.text); i++ {
		switch {
		case quote == '"' && s.text[i] == '\\':
			i++
		case s.text[i] != quote:
		case quote == '\'' && strings.HasPrefix(s.text[i+1:], "'"):
			i++
		default:
			return i + 1, nil
		}
	}
	return 0, errPlace
}

// flowEnd finds the bracket that closes the one at an offset.
func (s *source) flowEnd(at int) (int, error) {
	if at >= len(s.text) || s.text[at] != '{' && s.text[at] != '[' {
		return 0, errPlace
	}
	depth := 0
	before := byte(' ')
	for i := at; i < len(s.text); i++ {
		c := s.text[i]
		switch {
		case (c == '"' || c == '\'') && strings.IndexByte(" \t\r\n,[{:", before) >= 0:
			end, err := s.quotedEnd(i)
			if err != nil {
				return 0, err
			}
			i = end - 1
		case c == '#' && strings.IndexByte(" \t\r\n", before) >= 0:
			i = s.lineEnd(i) - 1
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth--; depth == 0 {
				return i + 1, nil
			}
		}
		before = s.text[i]
	}
	return 0, errPlace
}

// blockEnd is the end of a block of text: its last line that is not blank.
func (s *source) blockEnd(y *yaml.Node, at int) (int, error) {
	parent := len(s.text[s.lineStart(at):at]) - len(strings.TrimLeft(s.text[s.lineStart(at):at], " -"))
	end := s.lineEnd(at)
	for line := y.Line; line < len(s.lines); line++ {
		from := s.lines[line]
		text := s.text[from:s.lineEnd(from)]
		indent := len(text) - len(strings.TrimLeft(text, " "))
		if strings.TrimSpace(text) == "" {
			continue
		}
		if indent <= parent {
			break
		}
		end = from + len(text)
	}
	return end, nil
}

// plainLinesMax is how many lines of text without quotes are taken for one value.
const plainLinesMax = 100

// plainEnd finds how much of the text, line by line, gives the value.
func (s *source) plainEnd(value string, at int, flow bool) (int, error) {
	var parts []string
	line := at
	for range plainLinesMax {
		end := s.plainCut(line, flow)
		parts = append(parts, strings.TrimSpace(s.text[line:end]))
		if fold(parts) == value {
			return line + len(strings.TrimRight(s.text[line:end], " \t")), nil
		}
		line = s.lineEnd(line)
		size := lineBreak(s.text[line:])
		if size == 0 {
			break
		}
		line += size
	}
	return 0, errPlace
}

// plainCut is where text without quotes ends on its line at the latest.
func (s *source) plainCut(at int, flow bool) int {
	end := s.lineEnd(at)
	for i := at; i < end; i++ {
		next := byte(' ')
		if i+1 < end {
			next = s.text[i+1]
		}
		switch c := s.text[i]; {
		case flow && strings.IndexByte(",[]{}", c) >= 0:
			return i
		case c == ':' && (next == ' ' || next == '\t' || flow && strings.IndexByte(",[]{}", next) >= 0):
			return i
		case c == '#' && i > at && (s.text[i-1] == ' ' || s.text[i-1] == '\t'):
			return i
		}
	}
	return end
}

// fold joins lines as YAML does: a line break is a space, blank lines are breaks.
func fold(lines []string) string {
	var b strings.Builder
	blank := 0
	for i, l := range lines {
		switch {
		case l == "" && i > 0:
			blank++
			continue
		case i > 0 && blank > 0:
			b.WriteString(strings.Repeat("\n", blank))
		case i > 0:
			b.WriteByte(' ')
		}
		blank = 0
		b.WriteString(l)
	}
	return b.String()
}
