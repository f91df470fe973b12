package shape

import (
	"errors"
	"slices"
	"strings"
)

// Limits of the search for a message that fails.
const (
	workMax          = 2_000_000 // fields and items put together in all of a comparison
	examplesMax      = 600       // values tried for one change
	triesMax         = 4         // values tried for one that fails at the very place, once any fails
	buildsMax        = 20_000    // values made of parts for one change
	exampleDepthMax  = 8         // parts within parts that are varied
	exampleLengthMax = 1100      // characters or items of one part
	variantsMax      = 24        // values of one part that are tried in the whole
)

// example looks for a message of the sending side that the other side refuses
// because of a change, best at the very place of it.
func (c *comparison) example(f finding, r Role) (data []byte, refusal string) {
	if c.build[r].work <= 0 {
		return nil, ""
	}
	sender, receiver := c.root.sides(r)
	try := func(whole []byte, there string) bool {
		if !c.accepts(sender, whole) {
			return false
		}
		err := c.refusal(receiver, whole)
		if err == nil {
			return false
		}
		var v *Violation
		exact := errors.As(err, &v) && within(v.Path, f.at.pointer())
		if data == nil || exact {
			data, refusal = whole, err.Error()
			if !exact && there != "" {
				refusal = there // several things are wrong with it, and this is the one meant
			}
		}
		return exact
	}
	b, at := &c.build[r], f.at
	b.left = buildsMax
	if f.above {
		at = at.up
	}
	x, y := at.sides(r)
	var locals [][]byte
	if f.above && f.without != "" {
		locals = [][]byte{b.object(x, y, nil, f.without)}
	} else {
		locals = b.values(x, y, 0)
		// What is refused already where it stands comes first: few are built around.
		slices.SortStableFunc(locals, func(v, w []byte) int { return standing(x, y, v) - standing(x, y, w) })
	}
	for i, v := range locals {
		if try(b.lift(at, r, v), refusedAt(at, x, y, v)) || i >= triesMax && data != nil || i >= examplesMax {
			break
		}
	}
	if data == nil {
		for _, m := range c.recorded(r) {
			if try(m, "") {
				break
			}
		}
	}
	return data, refusal
}

// refusedAt says why y refuses a value of x at a place; "" when it does not.
func refusedAt(at *spot, x, y *Type, v []byte) string {
	var why *Violation
	if x.Check(v) != nil || !errors.As(y.Check(v), &why) {
		return ""
	}
	return (&Violation{Path: at.pointer() + why.Path, Message: why.Message}).Error()
}

// standing is 0 for a value of x that y refuses.
func standing(x, y *Type, v []byte) int {
	if x.Check(v) == nil && y.Check(v) != nil {
		return 0
	}
	return 1
}

// within reports whether a path in data is of a path in a type, where * is any name.
func within(path, of string) bool {
	have, want := strings.Split(path, "/"), strings.Split(of, "/")
	if len(have) < len(want) {
		return false
	}
	for i, w := range want {
		if w != "*" && w != have[i] {
			return false
		}
	}
	return true
}

// builder makes values of one type that look at the borders of another.
type builder struct {
	left    int  // values that may still be made for one change
	work    int  // fields and items that may still be put together
	regular *int // steps that may still be taken through patterns
	plain   map[plainKey][]byte
}

// plainKey is what a plain value was made for: two types and the name of a field.
type plainKey struct {
	x, y *Type
	name string
}

// lift builds the message around a value at a place.
func (b *builder) lift(s *spot, r Role, v []byte) []byte {
	for ; s.up != nil; s = s.up {
		x, y := s.up.sides(r)
		switch s.step {
		case fieldStep:
			v = b.object(x, y, map[string][]byte{s.name: v}, "")
		case keyStep:
			v = b.keyed(s, r, v)
		case itemStep:
			v = b.list(x, y, s.index, v, 0)
		}
	}
	return v
}

// keyed builds an object with a value under a name that no field has.
func (b *builder) keyed(s *spot, r Role, v []byte) []byte {
	x, y := s.up.sides(r)
	for _, p := range slices.Concat(x.fields().patterns, y.fields().patterns) {
		if name := p.key.texts().sample("key"); p.key.admitsText(name) && x.fields().index[name] == nil {
			if x.fields().unlisted(name) != nil {
				return b.object(x, y, map[string][]byte{name: v}, "")
			}
		}
	}
	return b.object(x, y, nil, "")
}

// object builds an object of x with what both sides want, some values given.
func (b *builder) object(x, y *Type, given map[string][]byte, without string) []byte {
	b.work -= 1 + len(x.fields().list)
	out := []byte{'{'}
	add := func(name string, v []byte) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(quote(out, name), ':'), v...)
	}
	for _, f := range x.fields().list {
		v, ok := given[f.name]
		other := y.partOf(f.name)
		switch {
		case f.name == without:
		case ok:
			add(f.name, v)
		case f.required || y.wants(f.name):
			add(f.name, b.common(f.typ, other, f.name))
		}
	}
	names := make([]string, 0, len(given))
	for name := range given {
		if x.fields().index[name] == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		add(name, given[name])
	}
	return append(out, '}')
}

// partOf is the type of a field as far as one is declared, else nil.
func (t *Type) partOf(name string) *Type {
	if t == nil || t.raw {
		return nil
	}
	f, _ := t.Field(name)
	return f
}

// wants reports whether a field must be given in every alternative that is an object.
func (t *Type) wants(name string) bool {
	if t == nil {
		return false
	}
	objects := t.having(Object)
	return len(objects) > 0 && !slices.ContainsFunc(objects, func(a *Type) bool {
		f := a.fields().index[name]
		return f == nil || !f.required
	})
}

// list builds a list of x whose item at a place is given; length 0: as short as may be.
func (b *builder) list(x, y *Type, at int, v []byte, length int) []byte {
	r := x.items()
	n := max(length, r.min, at+1)
	if length == 0 && y != nil && len(y.having(List)) == 1 {
		n = max(n, y.having(List)[0].items().min)
	}
	if r.max >= 0 {
		n = min(n, r.max)
	}
	n = min(n, exampleLengthMax)
	b.work -= 1 + n
	out := []byte{'['}
	for i := range n {
		if i > 0 {
			out = append(out, ',')
		}
		switch t := r.at(i); {
		case i == at && v != nil:
			out = append(out, v...)
		case t != nil:
			out = append(out, b.common(t, y.itemOf(i), "")...)
		}
	}
	return append(out, ']')
}

// itemOf is the type of an item where there is one for all lists, else nil.
func (t *Type) itemOf(i int) *Type {
	if t == nil || t.any || t.raw {
		return nil
	}
	if lists := t.having(List); len(lists) == 1 {
		return lists[0].items().at(i)
	}
	return nil
}

// common is a value of x that y takes too, if one is found. name is that of
// its field, for texts to say.
func (b *builder) common(x, y *Type, name string) []byte {
	key := plainKey{x, y, name}
	v, ok := b.plain[key]
	if !ok {
		v = b.shared(x, y, name)
		b.plain[key] = v
	}
	return v
}

func (b *builder) shared(x, y *Type, name string) []byte {
	v := x.sample(nil, name)
	if y == nil || y.Check(v) == nil && x.Check(v) == nil {
		return v
	}
	var own []byte
	for _, w := range b.values(x, y, exampleDepthMax/2) {
		if x.Check(w) != nil {
			continue
		}
		if y.Check(w) == nil {
			return w
		}
		if own == nil {
			own = w
		}
	}
	if own == nil {
		return v
	}
	return own
}

// values are values of x, many at the borders of y; some may be of neither.
func (b *builder) values(x, y *Type, depth int) [][]byte {
	if b.left--; b.left < 0 || b.work < 0 || depth > exampleDepthMax {
		return [][]byte{x.Sample()}
	}
	if x.raw {
		return [][]byte{[]byte("some bytes"), []byte("{}")}
	}
	var out [][]byte
	if x.any {
		for _, s := range []string{`{}`, `"text"`, `1`, `null`, `[]`, `true`, `0.5`, `-1`, `{"any":"thing"}`, `[null]`, `some bytes`} {
			out = append(out, []byte(s))
		}
		if y != nil && !y.any && !y.raw {
			out = append(out, b.values(y, nil, depth+1)...)
		}
		return out
	}
	out = append(out, x.Sample())
	for _, a := range x.branches() {
		for _, w := range []struct {
			kind Kind
			text string
		}{{Null, "null"}, {True, "true"}, {False, "false"}} {
			if a.kinds&w.kind != 0 {
				out = append(out, []byte(w.text))
			}
		}
		if a.kinds&String != 0 {
			out = append(out, a.texts().values(y, b.regular)...)
		}
		if a.kinds&Number != 0 {
			out = append(out, a.numbersNear(y)...)
		}
		if a.kinds&List != 0 {
			out = append(out, b.lists(a, y, depth)...)
		}
		if a.kinds&Object != 0 {
			out = append(out, b.objects(a, y, depth)...)
		}
	}
	return out
}

// some thins values out to as many as are tried within a whole.
func some(values [][]byte) [][]byte { return values[:min(len(values), variantsMax)] }

func (b *builder) objects(x, y *Type, depth int) [][]byte {
	r := x.fields()
	out := [][]byte{b.object(x, y, nil, "")}
	full := map[string][]byte{}
	for _, f := range r.list {
		full[f.name] = b.common(f.typ, y.partOf(f.name), f.name)
		if !f.required && y.wants(f.name) {
			out = append(out, b.object(x, y, nil, f.name))
		}
	}
	out = append(out, b.object(x, y, full, ""))
	for _, f := range r.list {
		if len(out) > examplesMax {
			return out
		}
		for _, v := range some(b.values(f.typ, y.partOf(f.name), depth+1)) {
			out = append(out, b.object(x, y, map[string][]byte{f.name: v}, ""))
		}
	}
	keys := slices.Clone(r.patterns)
	if y != nil {
		for _, a := range y.having(Object) {
			keys = append(keys, a.fields().patterns...)
		}
	}
	names := []string{"extra"}
	for _, p := range keys {
		names = append(names, p.key.texts().sample("key"))
	}
	for _, name := range names {
		if r.index[name] != nil {
			continue
		}
		for _, t := range r.unlisted(name) {
			for _, v := range some(b.values(t, y.partOf(name), depth+1)) {
				out = append(out, b.object(x, y, map[string][]byte{name: v}, ""))
			}
		}
	}
	return out
}

func (b *builder) lists(x, y *Type, depth int) [][]byte {
	r := x.items()
	lengths := []int{r.min, r.min + 1, r.max}
	if y != nil {
		for _, a := range y.having(List) {
			l := a.items()
			lengths = append(lengths, l.min-1, l.min, l.max, l.max+1)
		}
	}
	var out [][]byte
	for _, n := range lengths {
		if n >= r.min && n <= exampleLengthMax && (r.max < 0 || n <= r.max) {
			if n == 0 {
				out = append(out, []byte("[]"))
			} else {
				out = append(out, b.list(x, y, 0, nil, n))
			}
		}
	}
	for i := range len(r.prefix) + 1 {
		if t := r.at(i); t != nil {
			for _, v := range some(b.values(t, y.itemOf(i), depth+1)) {
				out = append(out, b.list(x, y, i, v, 0))
			}
		}
	}
	return out
}
