package shape

import "strconv"

// Defaults fills in what data leaves out and checks the result: the way config
// is read. Nil or empty data stands for {}. The error is a *[Violation]; unlike
// in messages, a field that the type does not declare is one. The result is
// data itself when the type is Any or Raw.
func (t *Type) Defaults(data []byte) ([]byte, error) {
	out, err := t.Fill(data)
	if err != nil {
		return nil, err
	}
	if err := t.Check(out); err != nil {
		return nil, err
	}
	return out, nil
}

// Fill is Defaults without the last check: required fields may be missing, and
// what is there may be wrong. It serves to know an actor's own defaults before
// a node has given the rest.
func (t *Type) Fill(data []byte) ([]byte, error) {
	if len(data) == 0 {
		data = []byte("{}")
	}
	if t.any || t.raw {
		return data, nil
	}
	if v := wellFormed(data); v != nil {
		return nil, v
	}
	w := &walker{d: data}
	out, v := w.fill(nil, t, space(data, 0))
	if v != nil {
		return nil, v
	}
	return out, nil
}

// fill appends the value at i with what it leaves out.
func (w *walker) fill(out []byte, t *Type, i int) ([]byte, *Violation) {
	end := skip(w.d, i, 0)
	k, _ := kindAt(w.d, i)
	if t.arms != nil {
		t = w.arm(t, k, i)
	}
	switch {
	case k == Object && t.obj != nil && !t.any:
		return w.fillObject(out, t.obj, i)
	case k == List && t.list != nil && !t.any:
		return w.fillList(out, t.list, i)
	}
	return append(out, w.d[i:end]...), nil
}

// arm picks the alternative that a value is meant to be.
func (w *walker) arm(t *Type, k Kind, i int) *Type {
	if t.tag != nil && k == Object {
		if a := t.tag.arm(w.d, i); a != nil {
			return a
		}
	}
	var first *Type
	for _, a := range t.arms {
		if a.kinds&k == 0 {
			continue
		}
		if first == nil {
			first = a
		}
		if filled, v := w.fill(nil, a, i); v == nil && a.Check(filled) == nil {
			return a
		}
	}
	if first == nil {
		return t.arms[0]
	}
	return first
}

func (w *walker) fillList(out []byte, r *items, i int) ([]byte, *Violation) {
	out = append(out, '[')
	i = space(w.d, i+1)
	n := 0
	for more := w.d[i] != ']'; more; n++ {
		t := r.rest
		if n < len(r.prefix) {
			t = r.prefix[n]
		}
		if t == nil {
			t = anything // one too many, which Check says
		}
		if n > 0 {
			out = append(out, ',')
		}
		w.path = append(w.path, strconv.Itoa(n))
		var v *Violation
		if out, v = w.fill(out, t, i); v != nil {
			return nil, v
		}
		w.path = w.path[:len(w.path)-1]
		i, more = follow(w.d, skip(w.d, i, 0), ']')
	}
	return append(out, ']'), nil
}

func (w *walker) fillObject(out []byte, r *fields, i int) ([]byte, *Violation) {
	all := w.members(i)
	byName := map[string]*member{}
	for _, m := range all {
		byName[m.name] = m
		if r.index[m.name] == nil && !r.open && !r.mapped(m.name) {
			w.path = append(w.path, m.name)
			return nil, w.violation("there is no such field%s", mean(m.name, r.names()))
		}
	}
	out = append(out, '{')
	add := func(name string, t *Type, at int) *Violation {
		if out[len(out)-1] != '{' {
			out = append(out, ',')
		}
		out = append(quote(out, name), ':')
		w.path = append(w.path, name)
		var v *Violation
		if out, v = w.fill(out, t, at); v != nil {
			return v
		}
		w.path = w.path[:len(w.path)-1]
		return nil
	}
	for _, f := range r.list {
		if m := byName[f.name]; m != nil {
			if v := add(f.name, f.typ, m.at); v != nil {
				return nil, v
			}
		} else if def := f.fallback(); def != nil {
			if out[len(out)-1] != '{' {
				out = append(out, ',')
			}
			out = append(append(quote(out, f.name), ':'), def...)
		}
	}
	for _, m := range all {
		if r.index[m.name] != nil {
			continue
		}
		t := anything
		for _, p := range r.patterns {
			if p.key.admitsText(m.name) {
				t = p.typ
			}
		}
		if v := add(m.name, t, m.at); v != nil {
			return nil, v
		}
	}
	return append(out, '}'), nil
}

func (r *fields) mapped(name string) bool {
	for _, p := range r.patterns {
		if p.key.admitsText(name) {
			return true
		}
	}
	return false
}

func (r *fields) names() []string {
	names := make([]string, len(r.list))
	for i, f := range r.list {
		names[i] = f.name
	}
	return names
}

// fallback is what CUE makes of a field that was left out: its default, a
// constant, a struct all of whose fields fall back, or an empty list.
func (f *field) fallback() []byte {
	if f.typ.def != nil {
		return f.typ.def
	}
	if !f.required || f.must {
		return nil
	}
	t := f.typ
	switch {
	case t.arms != nil || t.any:
	case t.kinds == String && t.str != nil && len(t.str.enum) == 1:
		return quote(nil, t.str.enum[0])
	case t.kinds&^Number == 0 && t.num != nil && len(t.num.enum) == 1:
		return t.num.enum[0].text
	case t.kinds == True, t.kinds == False, t.kinds == Null:
		return []byte(t.kinds.String())
	case t.kinds == List && (t.list == nil || t.list.min == 0):
		return []byte("[]")
	case t.kinds == Object:
		filled, err := t.Defaults(nil)
		if err == nil {
			return filled
		}
	}
	return nil
}
