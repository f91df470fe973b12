package sql

import (
	"fmt"
	"strconv"
	"strings"
)

// What statements may begin with. All else is refused: what ends or nests transactions,
// sets what outlives them, or reaches files.
var (
	queries = verbs("select with values table explain")
	changes = verbs("select with values insert update delete replace merge create alter drop truncate")
)

func verbs(list string) map[string]bool {
	set := map[string]bool{}
	for verb := range strings.FieldsSeq(list) {
		set[verb] = true
	}
	return set
}

// inboxName is the table that actors have no part in.
const inboxName = "grow_inbox"

// lexicon is how a database's statements are divided into words.
type lexicon struct {
	brackets bool // [name] is a name
	dollars  bool // $tag$…$tag$ is a text
	escapes  bool // e'…\'…' is a text
	nested   bool // comments hold comments
}

// read finds out whether text is one statement that begins with one of some verbs.
func (l lexicon) read(text string, verbs map[string]bool) (*statement, error) {
	if strings.Contains(text, "\x00") {
		return nil, fmt.Errorf("the statement holds the character NUL")
	}
	if strings.Contains(strings.ToLower(text), inboxName) {
		return nil, &refusal{"the table " + inboxName + " is the host's"}
	}
	if l.escapes && strings.Contains(strings.ToLower(text), `u&"`) {
		return nil, &refusal{"names written U&\"…\" are refused: write the name itself"}
	}
	var first, before string
	changing, returning, ended := false, false, false
	params := 0
	for word := range l.words(text) {
		if ended && word != ";" {
			return nil, fmt.Errorf("the text holds several statements: send each by itself, as statements: they are one transaction")
		}
		switch {
		case word == ";":
			ended = first != ""
			continue
		case first == "" && word == "(":
			continue
		case first == "":
			first = word
		}
		switch word {
		case "returning":
			returning = true
		case "update":
			changing = changing || before != "for" && before != "key" // select … for no key update
		case "insert", "delete", "merge", "into":
			changing = true
		}
		if params >= 0 {
			params = parameters(params, before, word)
		}
		before = word
	}
	if first == "" {
		return nil, fmt.Errorf("the statement is empty")
	}
	if !verbs[first] {
		if changes[first] {
			return nil, &refusal{Query + " changes nothing: send " + strings.ToUpper(first) + " by " + Exec}
		}
		return nil, &refusal{fmt.Sprintf("a statement cannot begin with %.20q", strings.ToUpper(first))}
	}
	if first == "create" { // whose text may hold the parameters of a function
		params = -1
	}
	asks := first == "select" || first == "values" || first == "table" || first == "explain" || first == "with" && !changing
	return &statement{text: text, rows: asks || returning, params: params}, nil
}

// parameters is how many parameters a statement has, up to a word; -1: some are not numbered.
func parameters(n int, before, word string) int {
	switch {
	case before == "$":
		if number, err := strconv.Atoi(word); err == nil {
			return max(n, number)
		}
		return -1
	case word == "?", word == ":", word == "@": // as SQLite has them, too; or operators of PostgreSQL
		return -1
	}
	return n
}

// words yields the words of a statement in lower case, and each of its other characters;
// texts and quoted names are one character, comments and space are left out.
func (l lexicon) words(s string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for s != "" {
			n, word := l.next(s)
			if word != "" && !yield(word) {
				return
			}
			s = s[n:]
		}
	}
}

// next is how long the first part of s is, which is not empty, and what it is; "": nothing.
func (l lexicon) next(s string) (int, string) {
	switch c := s[0]; {
	case c == '\'', c == '"', c == '`' && l.brackets:
		return quoted(s, c, false), "'"
	case c == '[' && l.brackets:
		return until(s, 1, "]"), "'"
	case (c == 'e' || c == 'E') && l.escapes && strings.HasPrefix(s[1:], "'"):
		return 1 + quoted(s[1:], '\'', true), "'"
	case strings.HasPrefix(s, "--"):
		return until(s, 2, "\n"), ""
	case strings.HasPrefix(s, "/*"):
		return l.comment(s), ""
	case c == '$' && l.dollars:
		if tag := dollarTag(s); tag != "" {
			return until(s, len(tag), tag), "'"
		}
	case c <= ' ':
		return 1, ""
	}
	n := 0
	for n < len(s) && (inWord(s[n]) || n > 0 && s[n] == '$') {
		n++
	}
	if n == 0 {
		return 1, s[:1]
	}
	return n, strings.ToLower(s[:n])
}

func inWord(c byte) bool {
	return c == '_' || c >= 0x80 || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// until is where end ends in s, searched from a place; without it, where s does.
func until(s string, from int, end string) int {
	if i := strings.Index(s[from:], end); i >= 0 {
		return from + i + len(end)
	}
	return len(s)
}

// quoted is how long the text is that s begins with. A mark in it stands twice.
func quoted(s string, mark byte, escapes bool) int {
	for i := 1; i < len(s); i++ {
		switch {
		case escapes && s[i] == '\\':
			i++
		case s[i] == mark && i+1 < len(s) && s[i+1] == mark:
			i++
		case s[i] == mark:
			return i + 1
		}
	}
	return len(s)
}

func (l lexicon) comment(s string) int {
	depth := 0
	for i := 0; i+1 < len(s); i++ {
		switch {
		case s[i] == '/' && s[i+1] == '*' && (depth == 0 || l.nested):
			depth++
			i++
		case s[i] == '*' && s[i+1] == '/':
			if depth--; depth == 0 {
				return i + 2
			}
			i++
		}
	}
	return len(s)
}

// dollarTag is the $tag$ that s begins with; "" when it does not.
func dollarTag(s string) string {
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '$':
			return s[:i+1]
		case !inWord(c), i == 1 && c >= '0' && c <= '9':
			return ""
		}
	}
	return ""
}
