package amend

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/grow-platform/grow/specs/schema"
	"go.yaml.in/yaml/v3"
)

// change replaces a stretch of a file's text.
type change struct {
	from, to int
	text     string
}

// apply makes changes, which do not overlap.
func apply(text string, changes []change) string {
	changes = slices.Clone(changes)
	slices.SortStableFunc(changes, func(a, b change) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)) })
	var b strings.Builder
	at := 0
	for _, c := range changes {
		if c.from < at {
			continue // overlaps; what comes of it is checked and refused
		}
		b.WriteString(text[at:c.from])
		b.WriteString(c.text)
		at = c.to
	}
	b.WriteString(text[at:])
	return b.String()
}

// slot is a value in the file: as YAML has it, with places, and as it is read.
type slot struct {
	y     *yaml.Node
	s     *schema.Node
	flow  bool // it stands inside of a flow collection
	from  int  // behind the colon of its key, or the dash of its item
	deep  int  // column of the lines of a block that stands for it
	where string
}

// shared reports a value that other places of the file share: one with an
// anchor, one that repeats another, a map that takes fields from one.
func (c slot) shared() bool {
	if c.y.Anchor != "" || c.y.Kind == yaml.AliasNode {
		return true
	}
	for i := 0; i < len(c.y.Content) && c.y.Kind == yaml.MappingNode; i += 2 {
		if c.y.Content[i].Tag == "!!merge" {
			return true
		}
	}
	return false
}

// anchored reports a value that others may repeat, or a part of one.
func anchored(y *yaml.Node) bool {
	return y.Anchor != "" || y.Kind != yaml.AliasNode && slices.ContainsFunc(y.Content, anchored)
}

// isFlow reports whether a collection is written between brackets.
func isFlow(y *yaml.Node) bool { return y.Style&yaml.FlowStyle != 0 }

// fieldAt is the slot of a map's field, by its number.
func (e *editor) fieldAt(c slot, i int) (slot, error) {
	key, value := c.y.Content[2*i], c.y.Content[2*i+1]
	flow := c.flow || isFlow(c.y)
	from, err := e.src.colon(key, flow)
	if err != nil {
		return slot{}, err
	}
	return slot{
		y: value, s: c.s.Get(key.Value), flow: flow, from: from, deep: key.Column + 1, where: schema.Join(c.where, key.Value),
	}, nil
}

// field is the slot of a field by its name; ok is false when there is none.
func (e *editor) field(c slot, name string) (f slot, ok bool, err error) {
	i := index(c.y, name)
	if i < 0 {
		return slot{}, false, nil
	}
	f, err = e.fieldAt(c, i)
	return f, err == nil, err
}

// index is the number of a field of a map, -1 when it has none of the name.
func index(y *yaml.Node, name string) int {
	for i := 0; i+1 < len(y.Content); i += 2 {
		if y.Kind == yaml.MappingNode && y.Content[i].Value == name {
			return i / 2
		}
	}
	return -1
}

// item is the slot of a list's item.
func (e *editor) item(c slot, i int) slot {
	y := c.y.Content[i]
	flow := c.flow || isFlow(c.y)
	it := slot{y: y, s: c.s.Items[i], flow: flow, from: e.src.start(y), deep: c.y.Column + 1, where: schema.At(c.where, i)}
	if !flow {
		if dash, err := e.dash(y); err == nil {
			it.from = dash + 1
		}
	}
	return it
}

// dash is where the dash of a block list's item stands: before it, or on a line
// above of which nothing but a comment follows.
func (e *editor) dash(y *yaml.Node) (int, error) {
	begin := e.src.lineStart(e.src.start(y))
	text := e.src.text[begin:e.src.start(y)]
	for {
		if trimmed := strings.TrimRight(text, " \t\r\n"); strings.HasSuffix(trimmed, "-") {
			return begin + len(trimmed) - 1, nil
		} else if trimmed != "" || begin == 0 {
			return 0, errPlace
		}
		begin = e.src.lineStart(begin - 1)
		text = e.src.text[begin:e.src.lineEnd(begin)]
		if i := strings.IndexByte(text, '#'); i >= 0 {
			text = text[:i]
		}
	}
}

// replace writes another value into a slot.
func (e *editor) replace(c slot, n *schema.Node) error {
	return e.replaceText(c, n, flowText(n))
}

func (e *editor) replaceText(c slot, n *schema.Node, one string) error {
	start, end := c.from, c.from
	var err error
	if !empty(c.y) {
		start = e.src.start(c.y)
		if end, err = e.src.end(c.y, c.flow); err != nil {
			return err
		}
	}
	sameLine := !empty(c.y) && !strings.ContainsAny(e.src.text[c.from:start], "\r\n")
	column := e.src.column(c.from) + 1
	if sameLine {
		column = e.src.column(start)
	}
	rest := e.src.text[end:e.src.lineEnd(end)]
	if c.flow || n.Kind != schema.Map && n.Kind != schema.List || column+utf8.RuneCountInString(one+rest) <= lineMax || len(n.Fields)+len(n.Items) == 0 {
		if sameLine || c.flow && !empty(c.y) {
			e.add(start, end, one)
			return nil
		}
		comment := ""
		if i := strings.IndexByte(e.src.text[c.from:start], '#'); i >= 0 { // beside the key
			comment = "  " + e.src.text[c.from+i:e.src.lineEnd(c.from+i)]
		}
		e.add(c.from, end, " "+one+comment)
		return nil
	}
	lines := blockLines(n, c.deep)
	text := e.src.newline() + strings.Join(lines, e.src.newline())
	if strings.HasSuffix(e.src.text[:c.from], "-") {
		text = " " + strings.TrimLeft(text, " \r\n")
	}
	e.add(c.from, end, text)
	return nil
}

func (e *editor) add(from, to int, text string) {
	if e.src.text[from:to] != text {
		e.changes = append(e.changes, change{from, to, text})
	}
}

// addition is an entry that a collection gets, before one that it has.
type addition struct {
	before int    // number of that entry; the number of all for the end
	key    string // of a map's
	value  *schema.Node
}

func (a addition) text(list bool) string {
	if list {
		return flowText(a.value)
	}
	return keyText(a.key) + ": " + flowText(a.value)
}

// piece is an entry of a collection in the file.
type piece struct{ from, to int }

// pieces are the entries of a collection: keys with values, or items, with
// their dashes in a block.
func (e *editor) pieces(c slot) ([]piece, error) {
	var list []piece
	flow := c.flow || isFlow(c.y)
	step := 2
	if c.y.Kind == yaml.SequenceNode {
		step = 1
	}
	for i := 0; i < len(c.y.Content); i += step {
		first, last := c.y.Content[i], c.y.Content[i+step-1]
		p := piece{from: e.src.start(first)}
		var err error
		if empty(last) && step == 2 {
			p.to, err = e.src.colon(first, flow)
		} else {
			p.to, err = e.src.end(last, flow)
		}
		if err == nil && !flow && step == 1 {
			p.from, err = e.dash(first)
		}
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

// restructure takes entries out of a collection and puts others in.
func (e *editor) restructure(c slot, drop map[int]bool, add []addition) error {
	if len(drop) == 0 && len(add) == 0 {
		return nil
	}
	n := len(c.s.Items) + len(c.s.Fields)
	if n-len(drop) == 0 {
		whole := &schema.Node{Kind: c.s.Kind}
		for _, a := range add {
			if c.s.Kind == schema.List {
				whole.Items = append(whole.Items, a.value)
			} else {
				whole.Fields = append(whole.Fields, &schema.Field{Key: a.key, Value: a.value})
			}
		}
		return e.replace(c, whole)
	}
	pieces, err := e.pieces(c)
	if err != nil {
		return err
	}
	if len(pieces) != n {
		return errPlace
	}
	if c.flow || isFlow(c.y) {
		e.reflow(c, pieces, drop, add)
		return nil
	}
	return e.reblock(c, pieces, drop, add)
}

// reflow does it between brackets.
func (e *editor) reflow(c slot, pieces []piece, drop map[int]bool, add []addition) {
	last := len(pieces) - 1
	for drop[last] {
		last--
	}
	list := c.s.Kind == schema.List
	for i := range last {
		if drop[i] {
			e.changes = append(e.changes, change{pieces[i].from, pieces[i+1].from, ""})
		}
	}
	tail := ""
	column := e.src.column(pieces[last].to)
	for _, a := range add {
		text := a.text(list)
		if a.before <= last {
			for drop[a.before] {
				a.before++
			}
			e.changes = append(e.changes, change{pieces[a.before].from, pieces[a.before].from, text + ", "})
			continue
		}
		if column += 2 + utf8.RuneCountInString(text); column > lineMax && !c.flow {
			pad := strings.Repeat(" ", e.src.column(pieces[0].from))
			tail += "," + e.src.newline() + pad + text
			column = len(pad) + utf8.RuneCountInString(text)
			continue
		}
		tail += ", " + text
	}
	e.add(pieces[last].to, pieces[len(pieces)-1].to, tail)
}

// reblock does it line by line.
func (e *editor) reblock(c slot, pieces []piece, drop map[int]bool, add []addition) error {
	first := 0
	for drop[first] {
		first++
	}
	list, indent := c.s.Kind == schema.List, c.y.Column-1
	for i, p := range pieces {
		if !drop[i] {
			continue
		}
		if i < first { // what comes before the first entry of all stays: it may be a dash
			e.changes = append(e.changes, change{p.from, pieces[i+1].from, ""})
			continue
		}
		begin := e.src.lineStart(p.from)
		if strings.TrimLeft(e.src.text[begin:p.from], " ") != "" {
			return errPlace
		}
		// With the line break above, not the one below: what is added goes there.
		e.changes = append(e.changes, change{e.src.lineBefore(begin), e.src.lineEnd(p.to), ""})
	}
	for _, a := range add {
		whole := &schema.Node{Kind: schema.Map, Fields: []*schema.Field{{Key: a.key, Value: a.value}}}
		if list {
			whole = &schema.Node{Kind: schema.List, Items: []*schema.Node{a.value}}
		}
		lines := blockLines(whole, indent)
		at := a.before - 1
		for at >= 0 && drop[at] {
			at--
		}
		if at >= 0 {
			end := e.src.lineEnd(pieces[at].to)
			e.changes = append(e.changes, change{end, end, e.src.newline() + strings.Join(lines, e.src.newline())})
			continue
		}
		from := pieces[first].from
		pad := e.src.newline() + strings.Repeat(" ", indent)
		e.changes = append(e.changes, change{from, from, strings.TrimLeft(strings.Join(lines, e.src.newline()), " ") + pad})
	}
	return nil
}
