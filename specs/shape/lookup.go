package shape

// Presence says what became of a path in a piece of JSON.
type Presence uint8

// The cases, from nothing to something.
const (
	Astray  Presence = iota // what should hold the field is not there either, or is a list
	Missing                 // what should hold it is there, without it or a scalar
	Present
)

// Found is the value at one path.
type Found struct {
	Raw      []byte // the value as it stands in the data, of which it is a part
	Presence Presence
}

// Paths is a set of field paths that are read out of JSON together, in one
// pass and without decoding the rest. It is immutable once built.
type Paths struct {
	root  branch
	count int
	bound *Type // that the branches of the root know their fields of; nil: none
}

// branch is one name along the paths, with what follows it.
type branch struct {
	name string
	slot int // -1: no path ends here
	at   int // place among the fields of the type that the paths are bound to
	next []*branch
}

// Add adds a path and returns its place among what Find finds. Only before the
// first Find.
func (p *Paths) Add(path ...string) int {
	if p.count == 0 && p.root.next == nil {
		p.root.slot = -1
	}
	b := &p.root
next:
	for _, name := range path {
		for _, n := range b.next {
			if n.name == name {
				b = n
				continue next
			}
		}
		n := &branch{name: name, slot: -1}
		b.next = append(b.next, n)
		b = n
	}
	if b.slot < 0 {
		b.slot = p.count
		p.count++
	}
	return b.slot
}

// Len is the number of different paths.
func (p *Paths) Len() int { return p.count }

// Find looks every path up in data and sets found, which has room for Len. Of
// repeated fields the last counts. False when data is not well formed JSON;
// found is of no use then. It allocates nothing.
func (p *Paths) Find(data []byte, found []Found) bool {
	for i := range found {
		found[i] = Found{}
	}
	i := space(data, 0)
	end := p.root.read(data, i, 0, found)
	return end >= 0 && space(data, end) == len(data)
}

// read reads the value at i and what the branch wants of it.
func (b *branch) read(d []byte, i, depth int, found []Found) int {
	var end int
	if len(b.next) > 0 {
		b.forget(found)
		if i < len(d) && d[i] != '[' {
			b.lack(found)
		}
	}
	if len(b.next) > 0 && i < len(d) && d[i] == '{' {
		end = b.object(d, i, depth+1, found)
	} else {
		end = skip(d, i, depth)
	}
	if end >= 0 && b.slot >= 0 {
		found[b.slot] = Found{Raw: d[i:end], Presence: Present}
	}
	return end
}

// forget drops what was found in an earlier value of the same name.
func (b *branch) forget(found []Found) {
	for _, n := range b.next {
		if n.slot >= 0 {
			found[n.slot] = Found{}
		}
		n.forget(found)
	}
}

// lack notes that the branch's value is there and has no field yet.
func (b *branch) lack(found []Found) {
	for _, n := range b.next {
		if n.slot >= 0 {
			found[n.slot].Presence = Missing
		}
	}
}

func (b *branch) object(d []byte, i, depth int, found []Found) int {
	if depth > DepthMax {
		return -1
	}
	i = space(d, i+1)
	if i < len(d) && d[i] == '}' {
		return i + 1
	}
	for {
		if i >= len(d) || d[i] != '"' {
			return -1
		}
		end, plain := text(d, i)
		if end < 0 {
			return -1
		}
		at := colon(d, end)
		if at < 0 {
			return -1
		}
		if n := b.find(d, i, end, plain); n != nil {
			i = n.read(d, at, depth, found)
		} else {
			i = skip(d, at, depth)
		}
		if i < 0 {
			return -1
		}
		var more bool
		if i, more = follow(d, i, '}'); !more {
			return i
		}
	}
}

// find is the branch that the name d[start:end] leads to.
func (b *branch) find(d []byte, start, end int, plain bool) *branch {
	name := inside(d, start, end, plain)
	for _, n := range b.next {
		if n.name == string(name) {
			return n
		}
	}
	return nil
}

// Text appends what a JSON string says, without quotes and escapes. False, and
// dst unchanged, when raw is not one well-formed string.
func Text(dst, raw []byte) ([]byte, bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return dst, false
	}
	end, plain := text(raw, 0)
	switch {
	case end != len(raw):
		return dst, false
	case plain:
		return append(dst, raw[1:end-1]...), true
	}
	return unescape(dst, raw[1:end-1]), true
}

// Double is the value of a JSON number; false when raw is not one.
func Double(raw []byte) (float64, bool) {
	if len(raw) == 0 || raw[0] != '-' && (raw[0] < '0' || raw[0] > '9') {
		return 0, false
	}
	n, end := value(raw, 0)
	return n.f, end == len(raw)
}

// Fields calls each with the name and the value of every field of a JSON
// object, in order; repeated ones come with their last value, in the place of
// the first. False when raw is not one well-formed object.
func Fields(raw []byte, each func(name string, raw []byte)) bool {
	if len(raw) == 0 || raw[0] != '{' || skip(raw, 0, 0) != len(raw) {
		return false
	}
	for _, m := range membersOf(raw, 0) {
		each(m.name, raw[m.at:skip(raw, m.at, 0)])
	}
	return true
}

// Items calls each with every item of a JSON list. False when raw is not one
// well-formed list.
func Items(raw []byte, each func(raw []byte)) bool {
	if len(raw) == 0 || raw[0] != '[' || skip(raw, 0, 0) != len(raw) {
		return false
	}
	i := space(raw, 1)
	for more := raw[i] != ']'; more; {
		end := skip(raw, i, 0)
		each(raw[i:end])
		i, more = follow(raw, end, ']')
	}
	return true
}
