// Package schema reads the files a user writes, YAML or CUE, and holds them
// against the embedded CUE schema.
//
// What is read becomes a tree of [Node] that keeps the place of every key and
// value. A [Form] is one definition of the schema; [Form.Check] finds every
// mistake of a tree at once, in words for somebody who does not know CUE, and
// fills in the defaults that the schema declares.
package schema

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// Limits of one file.
const (
	SizeMax  = 1 << 20 // bytes
	DepthMax = 64      // maps and lists inside each other
	NodesMax = 100_000 // values, those repeated by aliases counted each time
)

// Pos is a place in a file. Both count from 1, Col in characters; 0 means unknown.
type Pos struct{ Line, Col int }

// Kind is the kind of value that a Node is.
type Kind uint8

// The kinds of value.
const (
	Null Kind = iota
	Bool
	Int
	Float
	String
	List
	Map
)

var kindNames = [...]string{"nothing", "true or false", "a whole number", "a number", "text", "a list", "a map"}

// String names the kind as a sentence would.
func (k Kind) String() string { return kindNames[k] }

// Node is one value of a file. It is not safe for concurrent use.
type Node struct {
	Kind   Kind
	Pos    Pos
	Text   string   // text of a scalar; numbers as JSON writes them
	Plain  bool     // text stands in the file as it is, on one line
	Quoted bool     // and between quotes, which Pos points at
	Items  []*Node  // of a list
	Fields []*Field // of a map, in the order of the file
	// Filled says that the value stands in no file: it is the schema's default.
	Filled bool

	index map[string]*Field // of a map with many fields; made when first needed
}

// Field is one entry of a map.
type Field struct {
	Key   string
	Pos   Pos // of the key
	Value *Node
}

// Fault is one mistake in a file.
type Fault struct {
	Pos     Pos
	Path    string // of the value: http."POST /orders".timeout; "" is the whole file
	Code    string // stable, such as spec.type
	Message string // what is wrong
	Hint    string // what to do about it, or ""
}

// Get returns the value under key, or nil. It may be called on nil.
func (n *Node) Get(key string) *Node {
	if f := n.field(key); f != nil {
		return f.Value
	}
	return nil
}

func (n *Node) field(key string) *Field {
	if n == nil || n.Kind != Map {
		return nil
	}
	const few = 16
	if len(n.Fields) > few {
		return n.indexed()[key]
	}
	for _, f := range n.Fields {
		if f.Key == key {
			return f
		}
	}
	return nil
}

// indexed returns the fields by key. Fields are only ever added or taken away,
// so their number tells whether the index is of them.
func (n *Node) indexed() map[string]*Field {
	if len(n.index) != len(n.Fields) {
		n.index = make(map[string]*Field, len(n.Fields))
		for _, f := range n.Fields {
			n.index[f.Key] = f
		}
	}
	return n.index
}

// Place is Pos, and unknown for nil.
func (n *Node) Place() Pos {
	if n == nil {
		return Pos{}
	}
	return n.Pos
}

// String returns the text of a scalar; "" for everything else and for nil.
func (n *Node) String() string {
	if n == nil {
		return ""
	}
	return n.Text
}

// Bool reports whether the value is true; nil is false.
func (n *Node) Bool() bool { return n != nil && n.Kind == Bool && n.Text == "true" }

// Int returns a whole number, or 0. 10.0 is one too.
func (n *Node) Int() int64 {
	if n == nil {
		return 0
	}
	if i, err := strconv.ParseInt(n.Text, 10, 64); err == nil {
		return i
	}
	return int64(n.Float())
}

// Float returns a number, or 0.
func (n *Node) Float() float64 {
	if n == nil || n.Kind != Int && n.Kind != Float {
		return 0
	}
	f, err := strconv.ParseFloat(n.Text, 64)
	if err != nil {
		return 0
	}
	return f
}

// Texts returns the texts of a list of scalars; of a scalar the one it is.
func (n *Node) Texts() []string {
	if n == nil {
		return nil
	}
	if n.Kind != List {
		return []string{n.Text}
	}
	out := make([]string, len(n.Items))
	for i, item := range n.Items {
		out[i] = item.Text
	}
	return out
}

// JSON appends the value in JSON to dst. Numbers keep their digits.
func (n *Node) JSON(dst []byte) []byte {
	switch n.Kind {
	case Null:
		return append(dst, "null"...)
	case Bool, Int, Float:
		return append(dst, n.Text...)
	case String:
		return appendText(dst, n.Text)
	case List:
		dst = append(dst, '[')
		for i, item := range n.Items {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = item.JSON(dst)
		}
		return append(dst, ']')
	default:
		dst = append(dst, '{')
		for i, f := range n.Fields {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendText(dst, f.Key), ':')
			dst = f.Value.JSON(dst)
		}
		return append(dst, '}')
	}
}

func appendText(dst []byte, s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always has a form in JSON
	return append(dst, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
}

// Value returns the value as encoding/json gives it, but whole numbers that fit as int64.
func (n *Node) Value() any {
	switch n.Kind {
	case Null:
		return nil
	case Bool:
		return n.Bool()
	case Int:
		if i, err := strconv.ParseInt(n.Text, 10, 64); err == nil {
			return i
		}
		return n.Float()
	case Float:
		return n.Float()
	case String:
		return n.Text
	case List:
		out := make([]any, len(n.Items))
		for i, item := range n.Items {
			out[i] = item.Value()
		}
		return out
	default:
		out := make(map[string]any, len(n.Fields))
		for _, f := range n.Fields {
			out[f.Key] = f.Value.Value()
		}
		return out
	}
}

// Join appends a key to a path, quoting it where it would be misread.
func Join(path, key string) string {
	plain := key != ""
	for _, r := range key {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-", r)) {
			plain = false
			break
		}
	}
	if !plain {
		key = strconv.Quote(key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// At appends an index to a path.
func At(path string, index int) string { return path + "[" + strconv.Itoa(index) + "]" }

// show is the value as a message quotes it, cut short.
func (n *Node) show() string {
	const limit = 60
	if text := []rune(n.Text); n.Kind == String && len(text) > limit {
		n = &Node{Kind: String, Text: string(text[:limit-3]) + "..."}
	}
	b := []rune(string(n.JSON(nil)))
	if len(b) > 2*limit {
		return string(b[:limit-3]) + "..."
	}
	return string(b)
}
