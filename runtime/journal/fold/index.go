package fold

import (
	"hash/maphash"
	"iter"
)

// index finds the messages that wait by their ids: a table with open addressing
// and linear probing. A map from strings takes three times as much memory, and
// never gives any of it back. The zero index is empty; it is its world's.
type index struct {
	slots []*Wait // as many as a power of two
	tags  []uint8 // of each slot: 0 when it is empty, else seven bits of the id's hash and the highest one
	n     int
}

const slotsMin = 64

// seed is one for all: what is in a table never leaves the process.
var seed = maphash.MakeSeed()

func tagged(id string) (hash uint64, tag uint8) {
	hash = maphash.String(seed, id)
	return hash, uint8(hash>>57) | 0x80
}

// get is the message of an id, or nil.
func (x *index) get(id string) *Wait {
	if x.n == 0 {
		return nil
	}
	hash, tag := tagged(id)
	for i := x.slot(hash); x.tags[i] != 0; i = x.slot(i + 1) {
		if x.tags[i] == tag && x.slots[i].messageID() == id {
			return x.slots[i]
		}
	}
	return nil
}

// add adds a message whose id is not there.
func (x *index) add(m *Wait) {
	if x.n >= len(x.slots)/8*5 {
		x.resize(max(slotsMin, 2*len(x.slots)))
	}
	x.n++
	x.put(m)
}

// remove takes a message away that is there, and closes the gap.
func (x *index) remove(m *Wait) {
	hash, _ := tagged(m.messageID())
	gap := x.slot(hash)
	for x.slots[gap] != m {
		gap = x.slot(gap + 1)
	}
	for i := x.slot(gap + 1); x.tags[i] != 0; i = x.slot(i + 1) {
		hash, _ := tagged(x.slots[i].messageID())
		// What is found from a slot in front of the gap, or from the gap, may go into it.
		if x.slot(i-hash) >= x.slot(i-gap) {
			x.slots[gap], x.tags[gap] = x.slots[i], x.tags[i]
			gap = i
		}
	}
	x.slots[gap], x.tags[gap] = nil, 0
	if x.n--; x.n < len(x.slots)/8 && len(x.slots) > slotsMin {
		x.resize(len(x.slots) / 2)
	}
}

// all visits every message, in no particular order.
func (x *index) all() iter.Seq[*Wait] {
	return func(yield func(*Wait) bool) {
		for _, m := range x.slots {
			if m != nil && !yield(m) {
				return
			}
		}
	}
}

// slot is a place in the table.
func (x *index) slot(i uint64) uint64 { return i & uint64(len(x.slots)-1) }

func (x *index) put(m *Wait) {
	hash, tag := tagged(m.messageID())
	i := x.slot(hash)
	for x.tags[i] != 0 {
		i = x.slot(i + 1)
	}
	x.slots[i], x.tags[i] = m, tag
}

func (x *index) resize(n int) {
	old := x.slots
	x.slots, x.tags = make([]*Wait, n), make([]uint8, n)
	for _, m := range old {
		if m != nil {
			x.put(m)
		}
	}
}
