package starter

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// ErrLayout says that a file is written in a way that nothing is inserted into.
var ErrLayout = errors.New("the file is not laid out so that an endpoint can be inserted")

// TakenError says that there is such an endpoint already.
type TakenError struct {
	Name string
	Line int
}

// Error implements error.
func (e *TakenError) Error() string { return fmt.Sprintf("there is an endpoint %s already", e.Name) }

// Insert adds an endpoint, written as YAML in one line, to the text of a
// grow.yaml. Every other line stays as it is. The result has been read again: it
// says what the text said, and the endpoint. The error is a *TakenError, or
// [ErrLayout].
func Insert(text []byte, name, endpoint string) ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrLayout, err)
	}
	if len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		return nil, ErrLayout
	}
	root := doc.Content[0]
	i := indexOf(root, "http")
	if i >= 0 {
		if k := indexOf(root.Content[i+1], name); k >= 0 {
			return nil, &TakenError{name, root.Content[i+1].Content[k].Line}
		}
	}
	e := edit{lines: bytes.SplitAfter(text, []byte("\n")), entry: name + ": " + endpoint}
	out := e.insert(root, i)
	if !proved(text, out, name, endpoint) {
		return nil, ErrLayout
	}
	return out, nil
}

// indexOf is the place of a key in a map, or -1.
func indexOf(n *yaml.Node, key string) int {
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == key {
				return i
			}
		}
	}
	return -1
}

// edit is a text into which an entry is put.
type edit struct {
	lines [][]byte // with their breaks
	entry string
}

func (e *edit) insert(root *yaml.Node, i int) []byte {
	switch {
	case i < 0 && root.Style&yaml.FlowStyle != 0:
		return e.inside(root, "http: {"+e.entry+"}")
	case i < 0:
		return e.at(e.end(len(e.lines)), strings.Repeat(" ", root.Column-1)+"http:\n"+strings.Repeat(" ", root.Column+1)+e.entry)
	}
	key, http := root.Content[i], root.Content[i+1]
	switch {
	case http.Kind == yaml.MappingNode && http.Style&yaml.FlowStyle != 0:
		return e.inside(http, e.entry)
	case http.Kind == yaml.MappingNode && len(http.Content) > 0:
		next := len(e.lines)
		if i+2 < len(root.Content) {
			next = root.Content[i+2].Line - 1
		}
		return e.at(e.end(next), strings.Repeat(" ", http.Content[0].Column-1)+e.entry)
	}
	return e.at(key.Line, strings.Repeat(" ", key.Column+1)+e.entry) // http: with nothing in it
}

// inside puts text first into a map that is written in braces.
func (e *edit) inside(n *yaml.Node, text string) []byte {
	if len(n.Content) > 0 {
		text += ", "
	}
	line, col := e.lines[n.Line-1], 0
	for range n.Column - 1 { // columns count characters
		_, size := utf8.DecodeRune(line[col:])
		col += size
	}
	e.lines[n.Line-1] = slices.Concat(line[:col+1], []byte(text), line[col+1:])
	return bytes.Join(e.lines, nil)
}

// end goes back from a line over what belongs to what follows: blank lines, and
// comments that are not indented.
func (e *edit) end(line int) int {
	for line > 0 {
		text := string(e.lines[line-1])
		if strings.TrimSpace(text) != "" && !strings.HasPrefix(text, "#") {
			break
		}
		line--
	}
	return line
}

// at puts a line before the one of that number, counted from 0.
func (e *edit) at(line int, text string) []byte {
	end := "\n"
	if line > 0 {
		before := e.lines[line-1]
		if bytes.HasSuffix(before, []byte("\r\n")) {
			end = "\r\n"
		}
		if !bytes.HasSuffix(before, []byte("\n")) {
			e.lines[line-1] = slices.Concat(before, []byte(end))
		}
	}
	text = strings.ReplaceAll(text, "\n", end) + end
	return bytes.Join(slices.Insert(e.lines, line, []byte(text)), nil)
}

// proved reads both texts and reports whether they differ by the endpoint alone.
func proved(before, after []byte, name, endpoint string) bool {
	var was, is map[string]any
	var added any
	if yaml.Unmarshal(before, &was) != nil || yaml.Unmarshal(after, &is) != nil || yaml.Unmarshal([]byte(endpoint), &added) != nil {
		return false
	}
	http, ok := is["http"].(map[string]any)
	if !ok || !reflect.DeepEqual(http[name], added) {
		return false
	}
	delete(http, name)
	if len(http) == 0 && !full(was["http"]) {
		delete(is, "http")
		delete(was, "http")
	}
	return reflect.DeepEqual(was, is)
}

// full reports whether there is anything in a map.
func full(v any) bool {
	m, ok := v.(map[string]any)
	return ok && len(m) > 0
}
