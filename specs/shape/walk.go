package shape

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// explain finds the first violation in data, or none. It is what Check falls
// back to: it takes the last of repeated fields and remembers where it is.
func (t *Type) explain(d []byte) *Violation {
	if v := wellFormed(d); v != nil {
		return v
	}
	w := &walker{d: d}
	return w.value(t, space(d, 0))
}

// WellFormed returns nil when data is one JSON value, or a *[Violation] that says where it is not.
func WellFormed(data []byte) error {
	if v := wellFormed(data); v != nil {
		return v
	}
	return nil
}

// wellFormed returns a violation when d is not one JSON value.
func wellFormed(d []byte) *Violation {
	i := space(d, 0)
	if i == len(d) {
		return &Violation{Message: "there is no data; a JSON value is wanted"}
	}
	end := skip(d, i, 0)
	if end < 0 {
		return &Violation{Message: whereBroken(d)}
	}
	if rest := space(d, end); rest != len(d) {
		return &Violation{Message: fmt.Sprintf("there is something behind the JSON value, at byte %d", rest)}
	}
	return nil
}

// walker walks well-formed JSON.
type walker struct {
	d    []byte
	path []string
}

func (w *walker) violation(format string, args ...any) *Violation {
	var b strings.Builder
	for _, p := range w.path {
		b.WriteByte('/')
		b.WriteString(strings.NewReplacer("~", "~0", "/", "~1").Replace(p))
	}
	return &Violation{Path: b.String(), Message: fmt.Sprintf(format, args...)}
}

// within walks the value at i under one more name.
func (w *walker) within(name string, t *Type, i int) *Violation {
	w.path = append(w.path, name)
	v := w.value(t, i)
	w.path = w.path[:len(w.path)-1]
	return v
}

func (w *walker) value(t *Type, i int) *Violation {
	if t.any {
		return nil
	}
	k, n := kindAt(w.d, i)
	if t.kinds&k == 0 {
		return w.violation("is %s, must be %v", w.show(i), t.kinds)
	}
	if t.arms != nil {
		return w.arms(t, k, i)
	}
	switch {
	case k == String && t.str != nil:
		return w.text(t.str, i)
	case k&Number != 0 && t.num != nil:
		return w.number(t, n)
	case k == List && t.list != nil:
		return w.list(t.list, i)
	case k == Object && t.obj != nil:
		return w.object(t.obj, i)
	}
	return nil
}

// kindAt is the kind of the well-formed value at i, and its number if it is one.
func kindAt(d []byte, i int) (Kind, number) {
	switch d[i] {
	case '"':
		return String, number{}
	case '{':
		return Object, number{}
	case '[':
		return List, number{}
	case 't':
		return True, number{}
	case 'f':
		return False, number{}
	case 'n':
		return Null, number{}
	}
	n, _ := value(d, i)
	return kindOfNumber(n), n
}

// show is the value at i as it stands, when it is short.
func (w *walker) show(i int) string {
	const longest = 40
	end := skip(w.d, i, 0)
	switch w.d[i] {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		if end-i > longest {
			return "a string"
		}
		return "the string " + string(w.d[i:end])
	}
	if end-i > longest {
		return "a number"
	}
	return string(w.d[i:end])
}

func (w *walker) arms(t *Type, k Kind, i int) *Violation {
	if t.tag != nil && k == Object {
		return w.tagged(t.tag, i)
	}
	var best *Violation
	forms := 0
	for _, a := range t.arms {
		if a.kinds&k == 0 {
			continue
		}
		forms++
		v := w.value(a, i)
		if v == nil {
			return nil
		}
		// The one that got furthest is most likely the one that was meant.
		if best == nil || strings.Count(v.Path, "/") > strings.Count(best.Path, "/") {
			best = v
		}
	}
	if forms > 1 {
		return &Violation{Path: best.Path, Message: fmt.Sprintf("%s (it fits none of the %d forms that are allowed)", best.Message, forms)}
	}
	return best
}

func (w *walker) tagged(g *tag, i int) *Violation {
	var at *member
	for _, m := range w.members(i) {
		if m.name == g.name {
			at = m
		}
	}
	if at == nil {
		w.path = append(w.path, g.name)
		defer func() { w.path = w.path[:len(w.path)-1] }()
		return w.violation("is missing; it is one of %s", list(g.order))
	}
	if w.d[at.at] == '"' {
		end, plain := text(w.d, at.at)
		if arm := g.byVal[string(inside(w.d, at.at, end, plain))]; arm != nil {
			return w.value(arm, i)
		}
	}
	return w.within(g.name, &Type{kinds: String, str: &texts{max: -1, enum: g.order}}, at.at)
}

func (w *walker) text(r *texts, i int) *Violation {
	end, plain := text(w.d, i)
	s := inside(w.d, i, end, plain)
	shown := w.show(i)
	if r.enum != nil && !among(r.enum, s) {
		near := ""
		if n := Near(string(s), r.enum); n != "" {
			near = "; did you mean " + strconv.Quote(n) + "?"
		}
		return w.violation("is %s, must be %s%s", shown, oneOf(r.enum), near)
	}
	if among(r.not, s) {
		return w.violation("is %s, which is not allowed", shown)
	}
	switch n := utf8.RuneCount(s); {
	case n < r.min && n == 0:
		return w.violation("is empty, must have at least %s", count(r.min, "character"))
	case n < r.min:
		return w.violation("has %s, must have at least %d", count(n, "character"), r.min)
	case r.max >= 0 && n > r.max:
		return w.violation("has %s, must have at most %d", count(n, "character"), r.max)
	}
	for _, p := range r.patterns {
		switch {
		case p.admits(s):
		case p.negate:
			return w.violation("is %s, must not match the pattern %s", shown, p.re)
		default:
			return w.violation("is %s, must match the pattern %s", shown, p.re)
		}
	}
	for _, f := range r.formats {
		if !f.admits(s) {
			return w.violation("is %s, must be %s", shown, f.about)
		}
	}
	return nil
}

func count(n int, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return strconv.Itoa(n) + " " + of + "s"
}

func (w *walker) number(t *Type, n number) *Violation {
	if t.admitsNumber(n) {
		return nil
	}
	r := t.num
	fails := func(b *bound, sign int) bool {
		if b == nil {
			return false
		}
		c := sign * n.compare(b.number)
		return c < 0 || c == 0 && b.strict
	}
	bound := func(b *bound, strict, loose string) string {
		if b.strict {
			return strict + string(b.text)
		}
		return loose + string(b.text)
	}
	switch {
	case fails(r.min, 1):
		return w.violation("is %s, must be %s", n.text, bound(r.min, "more than ", "at least "))
	case fails(r.max, -1):
		return w.violation("is %s, must be %s", n.text, bound(r.max, "less than ", "at most "))
	case r.enum != nil && !equalAny(r.enum, n):
		var names []string
		for _, e := range r.enum {
			names = append(names, string(e.text))
		}
		return w.violation("is %s, must be %s", n.text, either(names))
	case equalAny(r.not, n):
		return w.violation("is %s, which is not allowed", n.text)
	}
	return w.violation("is %s, must be a multiple of %s", n.text, r.multiple[0].text)
}

func (w *walker) list(r *items, i int) *Violation {
	n := 0
	i = space(w.d, i+1)
	for more := w.d[i] != ']'; more; n++ {
		t := r.rest
		if n < len(r.prefix) {
			t = r.prefix[n]
		}
		if t == nil {
			return w.violation("has more than %s", count(len(r.prefix), "item"))
		}
		if v := w.within(strconv.Itoa(n), t, i); v != nil {
			return v
		}
		i, more = follow(w.d, skip(w.d, i, 0), ']')
	}
	if n < r.min {
		return w.violation("has %s, must have at least %d", count(n, "item"), r.min)
	}
	if r.max >= 0 && n > r.max {
		return w.violation("has %s, must have at most %d", count(n, "item"), r.max)
	}
	return nil
}

// member is one field of an object: its name and where its last value begins.
type member struct {
	name  string
	at    int
	again bool // it is there more than once
}

// members are the fields of the object at i, each once with its last value.
func (w *walker) members(i int) []*member {
	return membersOf(w.d, i)
}

func membersOf(d []byte, i int) []*member {
	var all []*member
	index := map[string]*member{}
	i = space(d, i+1)
	for more := d[i] != '}'; more; {
		end, plain := text(d, i)
		name := string(inside(d, i, end, plain))
		at := colon(d, end)
		if m := index[name]; m != nil {
			m.at, m.again = at, true
		} else {
			m := &member{name: name, at: at}
			index[name] = m
			all = append(all, m)
		}
		i, more = follow(d, skip(d, at, 0), '}')
	}
	return all
}

func (w *walker) object(r *fields, i int) *Violation {
	all := w.members(i)
	var strange []string
	present := make([]bool, len(r.list))
	for _, m := range all {
		f := r.index[m.name]
		if f != nil {
			present[f.at] = true
			if m.again {
				w.path = append(w.path, m.name)
				v := w.violation("is there more than once")
				w.path = w.path[:len(w.path)-1]
				return v
			}
			if v := w.within(m.name, f.typ, m.at); v != nil {
				return v
			}
			continue
		}
		strange = append(strange, m.name)
		for _, p := range r.patterns {
			if !p.key.admitsText(m.name) {
				continue
			}
			if v := w.within(m.name, p.typ, m.at); v != nil {
				return v
			}
		}
	}
	for _, f := range r.list {
		if !f.required || present[f.at] {
			continue
		}
		w.path = append(w.path, f.name)
		defer func() { w.path = w.path[:len(w.path)-1] }()
		if n := Near(f.name, strange); n != "" {
			return w.violation("is missing; is %s meant for it?", strconv.Quote(n))
		}
		return w.violation("is missing")
	}
	return nil
}

func oneOf(names []string) string { return either(quoted(names)) }

// either joins alternatives for a sentence.
func either(names []string) string {
	if len(names) == 1 {
		return names[0]
	}
	const most = 20
	if len(names) > most {
		names = append(slices.Clone(names[:most]), "…")
	}
	return "one of " + strings.Join(names, ", ")
}

func list(names []string) string { return strings.Join(quoted(names), ", ") }

func quoted(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = strconv.Quote(n)
	}
	return out
}
