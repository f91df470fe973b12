package schema

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// ReadYAML reads a file of one YAML document. The tree is nil when there are
// faults that leave nothing to go on with.
func ReadYAML(data []byte) (*Node, []Fault) {
	if f := readable(data); f != nil {
		return nil, []Fault{*f}
	}
	d := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	if err := d.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, []Fault{empty()}
	} else if err != nil {
		return nil, broken(data, err)
	}
	if len(doc.Content) == 0 || doc.Content[0].Kind == yaml.ScalarNode && doc.Content[0].Tag == "!!null" && doc.Content[0].Value == "" {
		return nil, []Fault{empty()}
	}
	var next yaml.Node
	if err := d.Decode(&next); err == nil {
		return nil, []Fault{{Pos: Pos{next.Line, max(next.Column, 1)}, Code: "spec.yaml", Message: "a second document begins here; a file holds one"}}
	} else if !errors.Is(err, io.EOF) {
		return nil, broken(data, err)
	}
	r := &yamlReader{busy: map[*yaml.Node]bool{}}
	n := r.node(doc.Content[0], "", 0)
	if r.over {
		return nil, r.faults
	}
	return n, r.faults
}

func empty() Fault {
	return Fault{Pos: Pos{1, 1}, Code: "spec.empty", Message: "the file is empty"}
}

// readable finds what no parser should see.
func readable(data []byte) *Fault {
	if len(data) > SizeMax {
		return &Fault{Pos: Pos{1, 1}, Code: "spec.limit", Message: fmt.Sprintf("the file is larger than %d KiB", SizeMax>>10)}
	}
	if len(bytes.TrimSpace(data)) == 0 {
		f := empty()
		return &f
	}
	line, col := 1, 1
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return &Fault{Pos: Pos{line, col}, Code: "spec.encoding", Message: fmt.Sprintf("the byte 0x%02x is not UTF-8", data[i]), Hint: "save the file as UTF-8"}
		}
		if r < ' ' && r != '\n' && r != '\r' && r != '\t' || r == 0x7f {
			return &Fault{Pos: Pos{line, col}, Code: "spec.encoding", Message: fmt.Sprintf("the control character 0x%02x cannot stand in a file", r)}
		}
		i += size
		if col++; r == '\n' {
			line, col = line+1, 1
		}
	}
	return nil
}

// tabs finds a tab that indents a key or an item in a file that is not YAML, as
// it forbids tabs and its parser reports them at the wrong place. Inside of block
// text one may be meant.
func tabs(data []byte) *Fault {
	line := 0
	for text := range bytes.Lines(data) {
		line++
		blank := len(text) - len(bytes.TrimLeft(text, " \t"))
		i := bytes.IndexByte(text[:blank], '\t')
		if i < 0 || len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		var probe yaml.Node
		if yaml.Unmarshal(data, &probe) == nil {
			return nil
		}
		return &Fault{Pos: Pos{line, i + 1}, Code: "spec.yaml", Message: "a tab indents this line; YAML is indented with spaces"}
	}
	return nil
}

type yamlReader struct {
	faults []Fault
	nodes  int
	over   bool                // a limit was reached
	busy   map[*yaml.Node]bool // aliases being followed
}

func (r *yamlReader) fault(y *yaml.Node, path, code, format string, args ...any) {
	r.faults = append(r.faults, Fault{Pos: position(y), Path: path, Code: code, Message: fmt.Sprintf(format, args...)})
}

func position(y *yaml.Node) Pos { return Pos{y.Line, y.Column} }

func (r *yamlReader) node(y *yaml.Node, path string, depth int) *Node {
	n := &Node{Pos: position(y)}
	if r.over {
		return n
	}
	if r.nodes++; r.nodes > NodesMax {
		r.over = true
		r.fault(y, "", "spec.limit", "the file has more than %d values, with those its aliases repeat", NodesMax)
		return n
	}
	if depth > DepthMax {
		r.over = true
		r.fault(y, "", "spec.limit", "values are more than %d levels inside each other", DepthMax)
		return n
	}
	switch y.Kind {
	case yaml.AliasNode:
		if r.busy[y.Alias] {
			r.over = true
			r.fault(y, path, "spec.yaml", "*%s stands inside of what it repeats", y.Value)
			return n
		}
		r.busy[y.Alias] = true
		defer delete(r.busy, y.Alias)
		n = r.node(y.Alias, path, depth+1)
		n.Pos, n.Plain = position(y), false
	case yaml.SequenceNode:
		n.Kind = List
		for i, item := range y.Content {
			n.Items = append(n.Items, r.node(item, At(path, i), depth+1))
		}
	case yaml.MappingNode:
		n.Kind = Map
		r.fields(n, y, path, depth)
	case yaml.ScalarNode:
		r.scalar(n, y, path)
	}
	if t := y.ShortTag(); y.Kind != yaml.AliasNode && !strings.HasPrefix(t, "!!") && t != "" {
		r.fault(y, path, "spec.yaml", "the tag %s has no meaning here", t)
	}
	return n
}

func (r *yamlReader) fields(n *Node, y *yaml.Node, path string, depth int) {
	var merged []*yaml.Node
	seen := map[string]int{} // key -> line
	for i := 0; i+1 < len(y.Content) && !r.over; i += 2 {
		k, v := y.Content[i], y.Content[i+1]
		if k.Kind == yaml.AliasNode {
			k = k.Alias
		}
		if k.Kind != yaml.ScalarNode {
			r.fault(y.Content[i], path, "spec.yaml", "a key must be text")
			continue
		}
		if k.Tag == "!!merge" {
			merged = append(merged, v)
			continue
		}
		at := Join(path, k.Value)
		if line, dup := seen[k.Value]; dup {
			r.fault(k, at, "spec.duplicate", "is given twice; the first is on line %d", line)
			continue
		}
		seen[k.Value] = k.Line
		n.Fields = append(n.Fields, &Field{Key: k.Value, Pos: position(y.Content[i]), Value: r.node(v, at, depth+1)})
	}
	for _, m := range merged {
		r.merge(n, m, path, depth)
	}
}

// merge adds what the key << names: fields that the map does not have itself.
func (r *yamlReader) merge(n *Node, y *yaml.Node, path string, depth int) {
	from := r.node(y, path, depth+1)
	all := []*Node{from}
	if from.Kind == List {
		all = from.Items
	}
	own := map[string]bool{}
	for _, f := range n.Fields {
		own[f.Key] = true
	}
	for _, m := range all {
		if m.Kind != Map {
			r.fault(y, path, "spec.yaml", "<< needs a map, or a list of maps")
			return
		}
		for _, f := range m.Fields {
			if !own[f.Key] {
				own[f.Key] = true
				n.Fields = append(n.Fields, &Field{Key: f.Key, Pos: position(y), Value: f.Value})
			}
		}
	}
}

func (r *yamlReader) scalar(n *Node, y *yaml.Node, path string) {
	n.Kind, n.Text = String, y.Value
	quoted := y.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0
	n.Plain = y.Style&(yaml.LiteralStyle|yaml.FoldedStyle) == 0 && !strings.ContainsAny(y.Value, "\n\\\"'")
	n.Quoted = quoted
	switch y.ShortTag() {
	case "!!null":
		n.Kind, n.Text = Null, ""
	case "!!bool":
		var b bool
		if y.Decode(&b) == nil {
			n.Kind, n.Text = Bool, strconv.FormatBool(b)
		}
	case "!!int":
		if text, ok := whole(y); ok {
			n.Kind, n.Text = Int, text
		}
	case "!!float":
		var f float64
		if y.Decode(&f) != nil {
			return
		}
		if math.IsInf(f, 0) || math.IsNaN(f) {
			r.fault(y, path, "spec.type", "%s is not a number that a file can hold", y.Value)
			return
		}
		n.Kind, n.Text = Float, number(y.Value, f)
	}
}

// whole writes a whole number as JSON does.
func whole(y *yaml.Node) (string, bool) {
	var i int64
	if y.Decode(&i) == nil {
		return strconv.FormatInt(i, 10), true
	}
	var u uint64
	if y.Decode(&u) == nil {
		return strconv.FormatUint(u, 10), true
	}
	return "", false
}

// number keeps the digits of a number that JSON would read as it stands.
func number(text string, f float64) string {
	var ok bool
	if len(text) > 0 && (text[0] >= '0' && text[0] <= '9' || text[0] == '-') {
		ok = jsonNumber(text)
	}
	if ok {
		return text
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

func jsonNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	digits := func() bool {
		i := 0
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		s = s[i:]
		return i > 0
	}
	if len(s) > 1 && s[0] == '0' && s[1] >= '0' && s[1] <= '9' || !digits() {
		return false
	}
	if strings.HasPrefix(s, ".") {
		if s = s[1:]; !digits() {
			return false
		}
	}
	if s != "" && (s[0] == 'e' || s[0] == 'E') {
		if s = s[1:]; s != "" && (s[0] == '+' || s[0] == '-') {
			s = s[1:]
		}
		if !digits() {
			return false
		}
	}
	return s == ""
}
