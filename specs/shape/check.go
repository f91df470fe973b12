package shape

import (
	"bytes"
	"unicode/utf8"
)

// Check returns nil when data is one JSON value of the type, or a *[Violation]
// that says what is wrong first. It allocates nothing when the data fits, but
// for strings with escapes that a rule looks into. A type that is Any or Raw admits
// everything.
func (t *Type) Check(data []byte) error {
	if t.any || t.raw {
		return nil
	}
	// Two ways lead to the same verdict: the scan is quick, and cannot say what
	// is wrong; explain can.
	if end := t.scan(data, space(data, 0), 0); end >= 0 && space(data, end) == len(data) {
		return nil
	}
	if v := t.explain(data); v != nil {
		return v
	}
	return nil
}

// scan reads the value at i and returns the place behind it, or -1 when it is
// malformed or anywhere not of the type. depth counts what is around it.
func (t *Type) scan(d []byte, i, depth int) int {
	if i >= len(d) {
		return -1
	}
	if t.any {
		return skip(d, i, depth)
	}
	if t.arms != nil {
		return t.scanArms(d, i, depth)
	}
	switch c := d[i]; {
	case c == '"':
		if t.kinds&String == 0 {
			return -1
		}
		return t.scanText(d, i)
	case c == '{':
		if t.kinds&Object == 0 {
			return -1
		}
		if t.obj == nil {
			return skip(d, i, depth)
		}
		return t.obj.scan(d, i, depth+1, nil)
	case c == '[':
		if t.kinds&List == 0 {
			return -1
		}
		if t.list == nil {
			return skip(d, i, depth)
		}
		return t.list.scan(d, i, depth+1)
	case c == 't':
		return word(d, i, t.word(True, "true"))
	case c == 'f':
		return word(d, i, t.word(False, "false"))
	case c == 'n':
		return word(d, i, t.word(Null, "null"))
	case (c == '-' || c >= '0' && c <= '9') && t.kinds&Number != 0:
		if t.num == nil && t.kinds&Number == Number {
			return skipNumber(d, i)
		}
		n, end := value(d, i)
		if end < 0 || !t.admitsNumber(n) {
			return -1
		}
		return end
	}
	return -1
}

// word is the word of a kind, or one that nothing fits when the type lacks it.
func (t *Type) word(k Kind, w string) string {
	if t.kinds&k == 0 {
		return "\x00"
	}
	return w
}

func (t *Type) scanArms(d []byte, i, depth int) int {
	if t.tag != nil && d[i] == '{' {
		arm := t.tag.arm(d, i)
		if arm == nil {
			return -1
		}
		return arm.scan(d, i, depth)
	}
	for _, a := range t.arms {
		if end := a.scan(d, i, depth); end >= 0 {
			return end
		}
	}
	return -1
}

// arm reads the object at i up to its tag. When the tag is repeated with
// another value the arm's own rule for it fails, and explain decides.
func (g *tag) arm(d []byte, i int) *Type {
	i = space(d, i+1)
	for i < len(d) && d[i] == '"' {
		start := i
		end, plain := text(d, i)
		if end < 0 {
			return nil
		}
		if i = colon(d, end); i < 0 || i >= len(d) {
			return nil
		}
		if string(inside(d, start, end, plain)) == g.name {
			if d[i] != '"' {
				return nil
			}
			if end, plain = text(d, i); end < 0 {
				return nil
			}
			return g.byVal[string(inside(d, i, end, plain))]
		}
		if i = skip(d, i, 0); i < 0 {
			return nil
		}
		var more bool
		if i, more = follow(d, i, '}'); !more {
			return nil
		}
	}
	return nil
}

// inside is the text of the string d[start:end]. Only escapes make a copy.
func inside(d []byte, start, end int, plain bool) []byte {
	if plain {
		return d[start+1 : end-1]
	}
	return unescape(make([]byte, 0, end-start), d[start+1:end-1])
}

func (t *Type) scanText(d []byte, i int) int {
	end, plain := text(d, i)
	if end < 0 || t.str == nil {
		return end
	}
	if !t.str.admits(inside(d, i, end, plain)) {
		return -1
	}
	return end
}

// admitsText reports whether a string is of the type.
func (t *Type) admitsText(s string) bool {
	for _, a := range t.branches() {
		if a.kinds&String != 0 && (a.str == nil || a.str.admits([]byte(s))) {
			return true
		}
	}
	return false
}

func (r *texts) admits(s []byte) bool {
	if r.enum != nil && !among(r.enum, s) || len(r.not) > 0 && among(r.not, s) {
		return false
	}
	if r.min > 0 || r.max >= 0 && len(s) > r.max {
		if n := utf8.RuneCount(s); n < r.min || r.max >= 0 && n > r.max {
			return false
		}
	}
	for _, p := range r.patterns {
		if !p.admits(s) {
			return false
		}
	}
	for _, f := range r.formats {
		if !f.admits(s) {
			return false
		}
	}
	return true
}

func among(list []string, s []byte) bool {
	for _, e := range list {
		if e == string(s) {
			return true
		}
	}
	return false
}

// admitsNumber reports whether a number is of the type.
func (t *Type) admitsNumber(n number) bool {
	if !n.whole && t.kinds&Frac == 0 || n.whole && t.kinds&Int == 0 {
		return false
	}
	r := t.num
	if r == nil {
		return true
	}
	if r.min != nil {
		if c := n.compare(r.min.number); c < 0 || c == 0 && r.min.strict {
			return false
		}
	}
	if r.max != nil {
		if c := n.compare(r.max.number); c > 0 || c == 0 && r.max.strict {
			return false
		}
	}
	if r.enum != nil && !equalAny(r.enum, n) || equalAny(r.not, n) {
		return false
	}
	for _, m := range r.multiple {
		if !n.multipleOf(m) {
			return false
		}
	}
	return true
}

func equalAny(list []number, n number) bool {
	for _, e := range list {
		if n.compare(e) == 0 {
			return true
		}
	}
	return false
}

func (r *items) scan(d []byte, i, depth int) int {
	if depth > DepthMax {
		return -1
	}
	n := 0
	i = space(d, i+1)
	if i < len(d) && d[i] == ']' {
		if r.min > 0 {
			return -1
		}
		return i + 1
	}
	for {
		t := r.rest
		if n < len(r.prefix) {
			t = r.prefix[n]
		}
		if t == nil {
			return -1
		}
		if i = t.scan(d, i, depth); i < 0 {
			return -1
		}
		n++
		var more bool
		if i, more = follow(d, i, ']'); !more {
			if n < r.min || r.max >= 0 && n > r.max {
				return -1
			}
			return i
		}
	}
}

// scan reads an object and notes in p, unless that is nil, where the values of
// its first fields begin.
func (r *fields) scan(d []byte, i, depth int, p *Places) int {
	if depth > DepthMax {
		return -1
	}
	var seen [FieldsMax / 64]uint64
	missing, next := r.required, 0
	i = space(d, i+1)
	more := i >= len(d) || d[i] != '}'
	if !more {
		i++
	}
	for more {
		var f *field
		var at int
		// Most senders write fields in the order of the type.
		if next < len(r.list) && bytes.HasPrefix(d[i:], r.list[next].quoted) {
			f = r.list[next]
			at = near(d, i+len(f.quoted))
			i = f.typ.scan(d, at, depth)
		} else {
			f, at, i = r.other(d, i, depth)
		}
		if i < 0 {
			return -1
		}
		if f != nil {
			next = f.at + 1
			if p != nil {
				p.note(f.at, at)
			}
			bit := uint64(1) << (f.at & 63)
			if seen[f.at>>6]&bit != 0 {
				return -1 // readers differ in which of two counts
			}
			seen[f.at>>6] |= bit
			if f.required {
				missing--
			}
		}
		if i < len(d) && d[i] == ',' {
			i = near(d, i+1)
		} else {
			i, more = follow(d, i, '}')
		}
	}
	if missing > 0 {
		return -1
	}
	return i
}

// other reads a field that is not the one expected next; the field is nil when
// the struct does not name it. at is where its value begins.
func (r *fields) other(d []byte, i, depth int) (f *field, at, behind int) {
	if i >= len(d) || d[i] != '"' {
		return nil, 0, -1
	}
	end, plain := text(d, i)
	if end < 0 {
		return nil, 0, -1
	}
	if at = colon(d, end); at < 0 {
		return nil, 0, -1
	}
	name := inside(d, i, end, plain)
	if f = r.find(name); f != nil {
		return f, at, f.typ.scan(d, at, depth)
	}
	fits := false
	for _, p := range r.patterns {
		if p.key.str != nil && !p.key.str.admits(name) {
			continue
		}
		fits = true
		if behind = p.typ.scan(d, at, depth); behind < 0 {
			return nil, 0, -1
		}
	}
	if !fits {
		behind = skip(d, at, depth)
	}
	return nil, 0, behind
}

// find looks a field up by its unescaped name.
func (r *fields) find(name []byte) *field {
	if len(r.list) <= 8 { // comparing few names beats hashing one
		for _, f := range r.list {
			if f.name == string(name) {
				return f
			}
		}
		return nil
	}
	return r.index[string(name)]
}
