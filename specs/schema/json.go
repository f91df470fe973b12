package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"
	"unicode/utf8"
)

// ReadJSON reads a file of one JSON value. The tree is nil when there are
// faults that leave nothing to go on with. YAML would read most of it too, but
// for tabs, long keys and halves of surrogate pairs.
func ReadJSON(data []byte) (*Node, []Fault) {
	if f := readable(data); f != nil {
		return nil, []Fault{*f}
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	r := &jsonReader{data: data, d: json.NewDecoder(bytes.NewReader(data)), col: 1}
	r.d.UseNumber()
	for i, c := range data {
		if c == '\n' {
			r.lines = append(r.lines, i+1)
		}
	}
	n, err := r.value("", 0)
	if err == nil {
		if _, err = r.d.Token(); errors.Is(err, io.EOF) {
			return n, r.faults
		}
	}
	return nil, append(r.faults, r.broken(err))
}

type jsonReader struct {
	data   []byte
	d      *json.Decoder
	lines  []int // where lines but the first begin
	last   int   // the byte whose place was last asked for
	col    int   // its column
	nodes  int
	faults []Fault
}

// jsonFault ends the reading.
type jsonFault struct{ Fault }

func (f *jsonFault) Error() string { return f.Message }

func (r *jsonReader) broken(err error) Fault {
	var f *jsonFault
	if errors.As(err, &f) {
		return f.Fault
	}
	end := len(bytes.TrimRight(r.data, " \t\r\n"))
	out := Fault{Pos: r.at(end), Code: "spec.json", Message: "the file ends before its value does", Hint: "a bracket or a brace is not closed"}
	// The decoder of tokens knows less of places than that of whole values.
	var raw json.RawMessage
	var syntax *json.SyntaxError
	if !errors.As(json.Unmarshal(r.data, &raw), &syntax) || syntax.Offset >= int64(end) && strings.HasPrefix(syntax.Error(), "unexpected end") {
		return out
	}
	out.Pos, out.Message, out.Hint = r.at(int(syntax.Offset-1)), "is not JSON: "+syntax.Error(), ""
	for _, known := range jsonSaid {
		if strings.Contains(syntax.Error(), known.said) {
			out.Message, out.Hint = known.message, known.hint
		}
	}
	return out
}

// jsonSaid maps what the JSON decoder says to what a person may have done.
var jsonSaid = []struct{ said, message, hint string }{
	{"looking for beginning of object key", "a name in double quotes must stand here", "is the comma before it one too many?"},
	{"looking for beginning of value", "a value must stand here", "text goes in double quotes; behind the last item there is no comma"},
	{"after object key:value pair", "a comma or a closing brace must stand here", ""},
	{"after object key", "a colon must stand here", ""},
	{"after array element", "a comma or a closing bracket must stand here", ""},
	{"in string literal", "a line of text is not closed", "a line break in text is written \\n"},
	{"after top-level value", "something stands behind the value", "a file holds one"},
	{"in string escape code", "a backslash begins no such escape", "a backslash itself is written twice"},
}

// at is the place of a byte. Places are mostly asked for in order, and a file
// may be one line, so that characters are counted from the last on.
func (r *jsonReader) at(i int) Pos {
	i = max(0, min(i, len(r.data)))
	line := sort.SearchInts(r.lines, i+1)
	from, col := 0, 1
	if line > 0 {
		from = r.lines[line-1]
	}
	if r.last >= from && r.last <= i {
		from, col = r.last, r.col
	}
	col += utf8.RuneCount(r.data[from:i])
	r.last, r.col = i, col
	return Pos{line + 1, col}
}

// place is where the next token begins.
func (r *jsonReader) place() Pos {
	i := int(r.d.InputOffset())
	for i < len(r.data) && strings.IndexByte(" \t\r\n,:", r.data[i]) >= 0 {
		i++
	}
	return r.at(i)
}

func (r *jsonReader) value(path string, depth int) (*Node, error) {
	n := &Node{Pos: r.place()}
	if r.nodes++; r.nodes > NodesMax {
		return nil, &jsonFault{Fault{Pos: n.Pos, Code: "spec.limit", Message: fmt.Sprintf("the file has more than %d values", NodesMax)}}
	}
	if depth > DepthMax {
		return nil, &jsonFault{Fault{Pos: n.Pos, Path: path, Code: "spec.limit", Message: fmt.Sprintf("values are more than %d levels inside each other", DepthMax)}}
	}
	t, err := r.d.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Delim:
		if t == '[' {
			return n, r.list(n, path, depth)
		}
		return n, r.fields(n, path, depth)
	case string:
		n.Kind, n.Text, n.Quoted = String, t, true
	case json.Number:
		n.Kind, n.Text = Float, t.String()
		if _, err := t.Float64(); err != nil {
			r.faults = append(r.faults, Fault{Pos: n.Pos, Path: path, Code: "spec.type", Message: n.Text + " is not a number that a file can hold"})
		}
		if !strings.ContainsAny(n.Text, ".eE") {
			n.Kind = Int
		}
	case bool:
		n.Kind, n.Text = Bool, fmt.Sprint(t)
	}
	return n, nil
}

func (r *jsonReader) list(n *Node, path string, depth int) error {
	n.Kind = List
	for r.d.More() {
		item, err := r.value(At(path, len(n.Items)), depth+1)
		if err != nil {
			return err
		}
		n.Items = append(n.Items, item)
	}
	_, err := r.d.Token()
	return err
}

func (r *jsonReader) fields(n *Node, path string, depth int) error {
	n.Kind = Map
	seen := map[string]Pos{}
	for r.d.More() {
		at := r.place()
		t, err := r.d.Token()
		if err != nil {
			return err
		}
		key, _ := t.(string) // the decoder takes nothing else here
		v, err := r.value(Join(path, key), depth+1)
		if err != nil {
			return err
		}
		if before, again := seen[key]; again {
			r.faults = append(r.faults, Fault{Pos: at, Path: Join(path, key), Code: "spec.duplicate", Message: fmt.Sprintf("is given twice; the first is on line %d", before.Line)})
			continue
		}
		seen[key] = at
		n.Fields = append(n.Fields, &Field{Key: key, Pos: at, Value: v})
	}
	_, err := r.d.Token()
	return err
}
