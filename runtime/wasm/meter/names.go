package meter

// The parts of the name section that name things by index (core specification
// 2.0, appendix A.4.2, and the proposal for extended names).
const (
	namesFunctions = 1
	namesLocals    = 2
	namesLabels    = 3
	namesGlobals   = 7
)

// names writes the name section for the new indexes. What cannot be read ends it:
// names are for people, and a module is none the worse without.
func (w *writer) names(c []byte) (b []byte, ok bool) {
	r := careful{reader: reader{b: c}}
	for r.at < len(c) && !r.bad {
		id := r.byte()
		part := r.part()
		if r.bad {
			break
		}
		if moved, ok := w.part(id, part); ok {
			b = append(unsigned(append(b, id), uint64(len(moved))), moved...)
		}
	}
	return b, len(b) > 0
}

// part writes one part of the section.
func (w *writer) part(id byte, c []byte) (b []byte, ok bool) {
	place := w.function
	switch id {
	case namesFunctions, namesLocals, namesLabels:
	case namesGlobals:
		place = w.global
	default:
		return c, true
	}
	r := careful{reader: reader{b: c}}
	n := r.u32()
	entries := uint32(0)
	for range n {
		i := int(r.u32())
		begin := r.at
		if id == namesLocals || id == namesLabels {
			r.list()
		} else {
			r.skip(r.u32())
		}
		if r.bad {
			break
		}
		b = append(unsigned(b, uint64(place(i))), c[begin:r.at]...)
		entries++
	}
	if id == namesFunctions && !r.bad {
		b, entries = w.ownNames(b, entries)
	}
	return append(unsigned(nil, uint64(entries)), b...), entries > 0
}

// ownNames names what has been added at the end.
func (w *writer) ownNames(b []byte, entries uint32) ([]byte, uint32) {
	b = text(unsigned(b, uint64(w.sliceIndex())), reserved+ImportName)
	for i, h := range w.helpers {
		b = text(unsigned(b, uint64(w.helperIndex(i))), h.name())
	}
	return b, entries + 1 + uint32(len(w.helpers))
}

// careful reads what nobody has checked.
type careful struct {
	reader
	bad bool
}

func (r *careful) byte() byte {
	if r.at >= len(r.b) {
		r.bad = true
		return 0
	}
	return r.reader.byte()
}

func (r *careful) u32() uint32 {
	var v uint32
	for shift := 0; shift < 35; shift += 7 {
		c := r.byte()
		v |= uint32(c&0x7f) << shift
		if c < 0x80 {
			return v
		}
	}
	r.bad = true
	return 0
}

func (r *careful) skip(n uint32) {
	if uint64(n) > uint64(len(r.b)-r.at) {
		r.bad = true
		return
	}
	r.at += int(n)
}

// part is what a length is followed by.
func (r *careful) part() []byte {
	n := r.u32()
	begin := r.at
	r.skip(n)
	return r.b[begin:r.at]
}

// list reads over names by index.
func (r *careful) list() {
	for n := r.u32(); n > 0 && !r.bad; n-- {
		r.u32()
		r.skip(r.u32())
	}
}
