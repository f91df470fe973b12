package shape

// PlacesMax is the number of fields of an object whose places are noted.
const PlacesMax = 12

// Places says where the fields of an object lie in a piece of JSON that has
// been checked: rules and keys read them without looking for them again. The
// zero Places knows nothing. It belongs to one goroutine.
type Places struct {
	of    *Type             // that the data was checked against; nil: nothing is known
	start [PlacesMax]uint32 // of the value of each field, in the order of the type
	seen  uint16            // the fields that are there, a bit each
}

// CheckPlaces is [Type.Check] and notes in p where the fields are, when the type
// is a struct and data fits it.
func (t *Type) CheckPlaces(data []byte, p *Places) error {
	p.Forget()
	i := space(data, 0)
	if t.obj == nil || t.arms != nil || t.kinds&Object == 0 || i >= len(data) || data[i] != '{' || uint64(len(data)) > 1<<32-1 {
		return t.Check(data)
	}
	p.seen = 0
	if end := t.obj.scan(data, i, 1, p); end < 0 || space(data, end) != len(data) {
		return t.Check(data)
	}
	p.of = t
	return nil
}

// Forget makes p know nothing.
func (p *Places) Forget() { p.of = nil }

func (p *Places) note(field, at int) {
	if field < PlacesMax {
		p.start[field] = uint32(at)
		p.seen |= 1 << field
	}
}

// Bind prepares the paths for data of type t, so that FindAt need not search.
// Only after the last Add.
func (p *Paths) Bind(t *Type) {
	p.bound = nil
	if t.obj == nil || t.arms != nil || p.root.slot >= 0 {
		return
	}
	for _, b := range p.root.next {
		f := t.obj.index[b.name]
		if f == nil || f.at >= PlacesMax {
			return
		}
		b.at = f.at
	}
	p.bound = t
}

// FindAt is [Paths.Find] in data of the type that the paths are bound to. at is
// what checking data noted; nil, or what was noted of another type, has it searched.
func (p *Paths) FindAt(data []byte, at *Places, found []Found) bool {
	if at == nil || at.of == nil || at.of != p.bound {
		return p.Find(data, found)
	}
	for i := range found {
		found[i] = Found{}
	}
	for _, b := range p.root.next {
		switch {
		case at.seen&(1<<b.at) != 0:
			if b.read(data, int(at.start[b.at]), 1, found) < 0 {
				return false // never: data is well formed
			}
		case b.slot >= 0:
			found[b.slot].Presence = Missing
		}
	}
	return true
}
