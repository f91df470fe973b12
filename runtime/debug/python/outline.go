package python

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
)

// outline is what of a source matters for breakpoints. It is read by the form of its
// lines alone: what is no Python gives an outline that is of no use, and no error.
type outline struct {
	statements []statement // in the order of their lines
	functions  []function  // in the order of their beginnings
}

// statement is a logical line (Python's reference, 2.1.5): one or several lines.
type statement struct {
	first, last int
	indent      int    // columns
	text        string // without comments and line ends; strings are empty
	in          int    // index of its function; -1: the module, or a class in it
	code        bool   // something is executed there
	function    int    // index of the function that it is the head of; -1: of none
}

// function is a definition by def.
type function struct {
	name string // with the classes and functions that it is in, as __qualname__ has it
	last int    // line
	body int    // line of the first statement with code; 0: there is none
}

// tabSize is what a tab goes to the next multiple of (Python's reference, 2.1.8).
const tabSize = 8

// outlineOf reads a source.
func outlineOf(text []byte) *outline {
	o := &outline{}
	s := scanner{text: text, line: 1}
	for {
		statement, ok := s.next()
		if !ok {
			break
		}
		o.statements = append(o.statements, statement)
	}
	o.nest()
	return o
}

// block is a class or a function that the statement read is in.
type block struct {
	indent   int
	name     string
	function int // index; -1: it is a class
	fresh    bool
}

// nest finds out which statements are in which functions.
func (o *outline) nest() {
	var open []block
	for k := range o.statements {
		s := &o.statements[k]
		for len(open) > 0 && s.indent <= open[len(open)-1].indent {
			open = open[:len(open)-1]
		}
		s.in, s.function = -1, -1
		first := false
		if n := len(open); n > 0 {
			first, open[n-1].fresh = open[n-1].fresh, false
		}
		for _, b := range open {
			if b.function >= 0 {
				s.in = b.function
				o.functions[b.function].last = s.last
			}
		}
		s.code = executed(s.text, s.in >= 0, first)
		if s.in >= 0 && s.code && o.functions[s.in].body == 0 && open[len(open)-1].function == s.in {
			o.functions[s.in].body = s.first
		}
		if name, def, inline := definition(s.text); name != "" {
			open = append(open, o.opened(s, open, name, def, inline))
		}
	}
}

// opened is the block that a definition opens.
func (o *outline) opened(s *statement, open []block, name string, def, inline bool) block {
	b := block{indent: s.indent, name: name, function: -1, fresh: true}
	if len(open) > 0 {
		around := open[len(open)-1]
		if around.function >= 0 {
			name = "<locals>." + name
		}
		b.name = around.name + "." + name
	}
	if def {
		f := function{name: b.name, last: s.last}
		if inline {
			f.body = s.first
		}
		b.function, s.function = len(o.functions), len(o.functions)
		o.functions = append(o.functions, f)
	}
	return b
}

// definition is the name that a statement defines, whether as a function, and whether
// the body stands on the same line.
func definition(text string) (name string, def, inline bool) {
	rest := strings.TrimPrefix(text, "async ")
	rest, def = strings.CutPrefix(strings.TrimLeft(rest, " \t"), "def ")
	if !def {
		var class bool
		if rest, class = strings.CutPrefix(text, "class "); !class {
			return "", false, false
		}
	}
	rest = strings.TrimLeft(rest, " \t")
	end := strings.IndexAny(rest, "([: \t")
	if end <= 0 {
		return "", false, false
	}
	return rest[:end], def, !strings.HasSuffix(strings.TrimRight(text, " \t"), ":")
}

// executed reports whether a statement is code. first: it is the first of its class or
// function, where a text is documentation.
func executed(text string, inFunction, first bool) bool {
	word := text
	if end := strings.IndexAny(text, " \t:([=.\"'"); end >= 0 {
		word = text[:end]
	}
	rest := strings.TrimLeft(text[len(word):], " \t")
	switch {
	case word == "global" || word == "nonlocal":
		return false
	case word == "else" || word == "finally":
		return strings.TrimRight(rest, " \t") != ":" // on one line with what is executed
	case first && (strings.HasPrefix(text, `""`) || strings.HasPrefix(text, `r""`)):
		return false
	case inFunction && strings.HasPrefix(rest, ":") && word != "try" && word != "lambda":
		return strings.Contains(rest, "=") // an annotation otherwise
	}
	return true
}

// bind returns the line where a breakpoint comes to lie; 0: nowhere. Outside of
// functions it is only that of a statement: what is there runs once, when the module
// is loaded.
func (o *outline) bind(line int) int {
	in := o.at(line)
	for _, s := range o.statements {
		switch {
		case s.last < line:
		case s.first <= line && s.function >= 0:
			return o.functions[s.function].body
		case s.first > line && in < 0:
			return 0
		case s.in == in && s.code:
			return s.first
		}
	}
	return 0
}

// decorated is the line of what a line decorates; the line itself if that is no decorator.
func (o *outline) decorated(line int) int {
	for _, s := range o.statements {
		switch {
		case s.last < line:
		case s.first <= line && strings.HasPrefix(s.text, "@"):
			line = s.last + 1
		default:
			return line
		}
	}
	return line
}

// once reports whether the statement that begins at a line runs as its module is loaded,
// and nothing that is made on it later.
func (o *outline) once(first int) bool {
	k, ok := slices.BinarySearchFunc(o.statements, first, func(s statement, line int) int { return cmp.Compare(s.first, line) })
	return ok && o.statements[k].in < 0 && !strings.Contains(o.statements[k].text, "lambda")
}

// end is the last line of the statement that begins at a line.
func (o *outline) end(first int) int {
	k, ok := slices.BinarySearchFunc(o.statements, first, func(s statement, line int) int { return cmp.Compare(s.first, line) })
	if !ok {
		return first
	}
	return o.statements[k].last
}

// at is the index of the innermost function that a line is in; -1: of none.
func (o *outline) at(line int) int {
	in := -1
	for _, s := range o.statements {
		if s.first > line {
			break
		}
		if s.function >= 0 && line <= o.functions[s.function].last {
			in = s.function
		}
	}
	return in
}

// scanner reads logical lines.
type scanner struct {
	text []byte
	at   int
	line int // that at is on
}

// next reads one.
func (s *scanner) next() (statement, bool) {
	for s.at < len(s.text) {
		indent := s.indent()
		if s.at == len(s.text) {
			break
		}
		if c := s.text[s.at]; c == '\n' || c == '\r' || c == '#' {
			s.skipLine()
			continue
		}
		st := statement{first: s.line, indent: indent}
		st.text = s.logical()
		st.last = s.line
		s.skipLine()
		return st, true
	}
	return statement{}, false
}

// indent reads the columns before a line.
func (s *scanner) indent() (columns int) {
	for ; s.at < len(s.text); s.at++ {
		switch s.text[s.at] {
		case ' ':
			columns++
		case '\t':
			columns += tabSize - columns%tabSize
		case '\f':
			columns = 0
		default:
			return columns
		}
	}
	return columns
}

// skipLine goes behind the end of the line.
func (s *scanner) skipLine() {
	if n := bytes.IndexByte(s.text[s.at:], '\n'); n >= 0 {
		s.at += n + 1
		s.line++
		return
	}
	s.at = len(s.text)
}

// logical reads up to the end of a logical line, which it leaves.
func (s *scanner) logical() string {
	var b strings.Builder
	for depth := 0; s.at < len(s.text); {
		c := s.text[s.at]
		switch {
		case c == '\n' && depth == 0:
			return b.String()
		case c == '#':
			for s.at < len(s.text) && s.text[s.at] != '\n' {
				s.at++
			}
			continue
		case c == '\\' && s.at+1 < len(s.text):
			s.at++
			if s.text[s.at] == '\r' && s.at+1 < len(s.text) {
				s.at++
			}
			c = ' '
			s.newline()
		case c == '"' || c == '\'':
			s.quoted(formatted(b.String()), 0)
			b.WriteString(`""`)
			continue
		case strings.IndexByte("([{", c) >= 0:
			depth++
		case strings.IndexByte(")]}", c) >= 0 && depth > 0:
			depth--
		case c == '\n' || c == '\r':
			s.newline()
			c = ' '
		}
		b.WriteByte(c)
		s.at++
	}
	return b.String()
}

// newline counts the line that ends here, if one does.
func (s *scanner) newline() {
	if s.text[s.at] == '\n' {
		s.line++
	}
}

// formatted reports whether a string that follows on a text has expressions in it.
func formatted(before string) bool {
	word := before[strings.LastIndexFunc(before, func(r rune) bool { return r >= 0x80 || !letter(byte(r)) })+1:]
	return len(word) <= 2 && strings.ContainsAny(word, "fFtT")
}

func letter(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

// nestedMax is how deep expressions in strings in expressions go.
const nestedMax = 16

// quoted goes behind a string. One that is not closed ends with its line, or with the
// text if it may have lines.
func (s *scanner) quoted(format bool, depth int) {
	quote := s.text[s.at : s.at+1]
	if triple := bytes.Repeat(quote, 3); bytes.HasPrefix(s.text[s.at:], triple) {
		quote = triple
	}
	s.at += len(quote)
	for s.at < len(s.text) {
		rest := s.text[s.at:]
		switch {
		case bytes.HasPrefix(rest, quote):
			s.at += len(quote)
			return
		case rest[0] == '\n' && len(quote) == 1:
			return
		case rest[0] == '\\' && len(rest) > 1:
			s.at++
			s.newline()
		case format && depth < nestedMax && bytes.HasPrefix(rest, []byte("{{")):
			s.at++
		case format && depth < nestedMax && rest[0] == '{':
			s.field(depth)
			continue
		default:
			s.newline()
		}
		s.at++
	}
}

// field goes behind an expression in braces.
func (s *scanner) field(depth int) {
	for open := 0; s.at < len(s.text); s.at++ {
		switch s.text[s.at] {
		case '{':
			open++
		case '}':
			if open--; open == 0 {
				s.at++
				return
			}
		case '"', '\'':
			from := max(0, s.at-2)
			s.quoted(formatted(string(s.text[from:s.at])), depth+1)
			s.at--
		default:
			s.newline()
		}
	}
}
