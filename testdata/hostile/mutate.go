package hostile

import (
	"math/rand/v2"
	"slices"
)

// changesMax is how many changes a mutant has at most. Most have one: of those
// some are valid still.
const changesMax = 5

// Mutate makes another module of b, by a few changes of its bytes or of its
// sections; other is where foreign bytes come from. The same numbers give the
// same mutant.
func Mutate(r *rand.Rand, b, other []byte) []byte {
	b = slices.Clone(b)
	for n := 0; n == 0 || n < changesMax && r.IntN(3) == 0; n++ {
		list, ok := split(b)
		switch n := r.IntN(10); {
		case !ok || len(list) == 0 || n == 0:
			b = changed(r, b, other)
		case n == 1:
			b = assemble(rearranged(r, list, other))
		default: // sizes stay right, so that what is inside is read
			b = assemble(inside(r, list, other))
		}
	}
	return b
}

// split takes a binary apart; ok is false when it cannot be.
func split(b []byte) (list []part, ok bool) {
	if len(b) < 8 || string(b[:8]) != header {
		return nil, false
	}
	for b = b[8:]; len(b) > 0; {
		size, rest, ok := leading(b[1:])
		if !ok || size > uint64(len(rest)) {
			return nil, false
		}
		list = append(list, part{b[0], rest[:size:size]})
		b = rest[size:]
	}
	return list, true
}

// rearranged has a section moved, doubled, left out or taken from elsewhere.
func rearranged(r *rand.Rand, list []part, other []byte) []part {
	i, k := r.IntN(len(list)), r.IntN(len(list))
	switch r.IntN(4) {
	case 0:
		list[i], list[k] = list[k], list[i]
	case 1:
		list = slices.Insert(list, k, list[i])
	case 2:
		list = slices.Delete(list, i, i+1)
	default:
		if foreign, ok := split(other); ok && len(foreign) > 0 {
			f := foreign[r.IntN(len(foreign))]
			for n := range list {
				if list[n].id == f.id {
					list[n] = f
					return list
				}
			}
			list = slices.Insert(list, k, f)
		}
	}
	return list
}

// inside changes what a section holds: of the code section, one body.
func inside(r *rand.Rand, list []part, other []byte) []part {
	i := r.IntN(len(list))
	if n := slices.IndexFunc(list, func(p part) bool { return p.id == secCode }); n >= 0 && r.IntN(2) == 0 {
		i = n
	}
	s := &list[i]
	if s.id == secCode {
		if bodies, ok := splitBodies(s.content); ok && len(bodies) > 0 {
			n := r.IntN(len(bodies))
			bodies[n] = changed(r, bodies[n], other)
			s.content = uleb(nil, uint64(len(bodies)))
			for _, b := range bodies {
				s.content = append(uleb(s.content, uint64(len(b))), b...)
			}
			return list
		}
	}
	s.content = changed(r, s.content, other)
	return list
}

func splitBodies(b []byte) (list [][]byte, ok bool) {
	count, b, ok := leading(b)
	if !ok || count > uint64(len(b)) {
		return nil, false
	}
	for range count {
		size, rest, ok := leading(b)
		if !ok || size > uint64(len(rest)) {
			return nil, false
		}
		list = append(list, rest[:size:size])
		b = rest[size:]
	}
	return list, len(b) == 0
}

// telling are bytes that mean something: types, ends, prefixes, limits of LEB128.
var telling = []byte{0, 1, 2, 3, 4, 5, 0x0b, 0x0c, 0x0d, 0x0e, 0x10, 0x11, 0x1a, 0x1b, 0x1c, 0x20, 0x28, 0x3f, 0x40, 0x41, 0x42, 0x60, 0x6f, 0x70, 0x7b, 0x7c, 0x7d, 0x7e, 0x7f, 0x80, 0xc0, 0xd0, 0xd2, 0xfb, 0xfc, 0xfd, 0xfe, 0xff}

// changed is a copy of b with one change, of a few bytes.
func changed(r *rand.Rand, b, other []byte) []byte {
	b = slices.Clone(b)
	if len(b) == 0 {
		return append(b, telling[r.IntN(len(telling))])
	}
	at := r.IntN(len(b))
	n := min(1+r.IntN(8), len(b)-at)
	switch r.IntN(9) {
	case 0:
		b[at] ^= 1 << r.IntN(8)
	case 1:
		b[at] = byte(r.Uint32())
	case 2, 3:
		b[at] = telling[r.IntN(len(telling))]
	case 4:
		b[at] += byte(2*r.IntN(2) - 1) // one more or one less
	case 5:
		b = slices.Insert(b, at, telling[r.IntN(len(telling))])
	case 6:
		b = slices.Delete(b, at, at+n)
	case 7:
		b = slices.Insert(b, at, slices.Clone(b[at:at+n])...)
	default:
		if len(other) > 0 {
			from := r.IntN(len(other))
			copy(b[at:at+n], other[from:])
		}
	}
	return b
}
