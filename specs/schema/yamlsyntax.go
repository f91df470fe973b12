package schema

import (
	"bytes"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// yamlSaid maps what the YAML parser says, which speaks of tokens and of block
// mappings, to what a person may have done, and to the text in the line that
// most likely did it.
var yamlSaid = []struct {
	said    string
	message string
	hint    string
	where   *regexp.Regexp // its last match in the line is the column; nil: where the text begins
}{
	{"mapping values are not allowed", "a colon and a space begin a value inside of another value", "put the text in quotes, or the key on a line of its own", regexp.MustCompile(`: |:$`)},
	{"did not find expected key", "this line fits into no map: it is indented too much or too little, or a value goes on after its closing quote", "", nil},
	{"did not find expected '-' indicator", "this line fits into no list: an item begins with a dash, below the others", "", nil},
	{"could not find expected ':'", "a key without a colon", "write key: value", nil},
	{"did not find expected ',' or '}'", "this brace is not closed, or a comma is missing behind it", "", regexp.MustCompile(`\{`)},
	{"did not find expected ',' or ']'", "this bracket is not closed, or a comma is missing behind it", "", regexp.MustCompile(`\[`)},
	{"did not find expected node content", "a value is missing here", "", regexp.MustCompile(`[\[{:,]`)},
	{"found unexpected end of stream", "this quote is not closed", "", regexp.MustCompile(`["']`)},
	{"found unexpected document indicator", "this quote is not closed", "", regexp.MustCompile(`["']`)},
	{"found character that cannot start any token", "this character begins no value", "put the text in quotes", regexp.MustCompile("[@`%\t]")},
	{"found unknown escape character", "a backslash in double quotes begins no such escape", "use single quotes, in which a backslash is itself", regexp.MustCompile(`\\`)},
	{"unknown anchor", "this alias repeats something that has no name", "text that begins with * goes in quotes", regexp.MustCompile(`\*`)},
	{"exceeded max depth", "values are too many levels inside each other", "", nil},
}

var unknownAnchor = regexp.MustCompile(`unknown anchor '(.+)' referenced`)

// syntax makes a fault of the YAML parser's error. The parser gives no column,
// and a line that may be where the map around began, so both are looked for.
func syntax(data []byte, err error) Fault {
	said := strings.TrimPrefix(err.Error(), "yaml: ")
	lines := bytes.SplitAfter(data, []byte("\n"))
	line := firstWrong(data, lines)
	m := unknownAnchor.FindStringSubmatch(said)
	if m != nil {
		line = lineWith(lines, "*"+m[1])
	}
	for line > 1 && len(bytes.TrimSpace(lines[line-1])) == 0 {
		line-- // it is noticed behind
	}
	text := strings.TrimRight(string(lines[line-1]), "\r\n")
	at := len(text) - len(strings.TrimLeft(text, " "))
	f := Fault{Code: "spec.yaml", Message: said}
	for _, known := range yamlSaid {
		if !strings.Contains(said, known.said) {
			continue
		}
		f.Message, f.Hint = known.message, known.hint
		if known.where != nil {
			if all := known.where.FindAllStringIndex(text, -1); len(all) > 0 {
				at = all[len(all)-1][0]
			}
		}
		break
	}
	f.Pos = Pos{line, utf8.RuneCountInString(text[:at]) + 1}
	if m == nil {
		f.slipAt(lines, line)
	}
	return f
}

// Bounds of what is looked for behind a first mistake of syntax.
const (
	brokenMax     = 10       // mistakes
	brokenSizeMax = 64 << 10 // bytes of a file
)

// broken returns the mistakes of syntax in a file: the first, and those that are
// left when its line is taken away. A mistake in the next line may only follow
// from the one before, and ends the search.
func broken(data []byte, err error) []Fault {
	if f := merged(data); f != nil {
		return []Fault{*f}
	}
	if f := tabs(data); f != nil {
		return []Fault{*f}
	}
	faults := []Fault{syntax(data, err)}
	if len(data) > brokenSizeMax {
		return faults
	}
	lines := bytes.SplitAfter(bytes.Clone(data), []byte("\n"))
	for len(faults) < brokenMax {
		last := faults[len(faults)-1].Pos.Line
		blank := bytes.TrimRight(lines[last-1], "\r\n")
		for i := range blank {
			blank[i] = ' '
		}
		left := bytes.Join(lines, nil)
		err := yaml.Unmarshal(left, new(yaml.Node))
		if err == nil {
			return faults
		}
		next := syntax(left, err)
		if next.Pos.Line <= last+1 {
			return faults
		}
		faults = append(faults, next)
	}
	return faults
}

func lineWith(lines [][]byte, text string) int {
	for i, l := range lines {
		if bytes.Contains(l, []byte(text)) {
			return i + 1
		}
	}
	return 1
}

// searchMax bounds what is parsed again to find the line of a mistake, in bytes.
const searchMax = 4 << 20

// firstWrong is the line behind the longest beginning of the file that is YAML
// by itself: there the mistake begins, wherever the parser noticed it.
func firstWrong(data []byte, lines [][]byte) int {
	feed := &lineReader{lines: lines}
	d := yaml.NewDecoder(feed)
	for {
		var doc yaml.Node
		if d.Decode(&doc) != nil {
			break
		}
	}
	end, work := 0, 0
	for _, l := range lines[:feed.read] {
		end += len(l)
	}
	for n := feed.read; n > 0; n-- {
		if work += end; work > searchMax {
			return feed.read // far from where it began; this is where it was noticed
		}
		if n < feed.read && parses(data[:end]) {
			return n + 1
		}
		end -= len(lines[n-1])
	}
	return 1
}

func parses(data []byte) bool {
	d := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var doc yaml.Node
		if err := d.Decode(&doc); err != nil {
			return err == io.EOF
		}
	}
}

// lineReader gives a line at a time, and so tells how far the parser read.
type lineReader struct {
	lines [][]byte
	read  int
	rest  []byte
}

func (r *lineReader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		if r.read == len(r.lines) {
			return 0, io.EOF
		}
		r.rest = r.lines[r.read]
		r.read++
		if len(r.rest) == 0 {
			return 0, io.EOF
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}
