package abi

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"strconv"
	"unsafe"
)

// IDMax is the length in bytes from which a message's id is shortened to a
// digest before it grows further, so that ids of long chains stay bounded.
const IDMax = 96

// AddRoot adds the lineage of a message from outside: its id, which is its
// correlation too, and its trace context.
func (m *Message) AddRoot(id, traceparent string) {
	m.addID(id)
	m.flow = Share(Correlation, id, TraceParent, traceparent)
	m.attrs += m.flow.n
}

// AddMoment adds the attributes of the time at which a message from outside was
// made.
func (m *Message) AddMoment(s *Shared) {
	m.moment = s
	m.attrs += s.n
}

// StartChild begins the nth message, from 1, that parent caused: with an id
// made of the parent's and n, the parent's id as causation, the correlation and
// trace context that the parent carries, and what sender and moment hold. room
// is how many bytes of data and further attributes are expected. Finish ends it.
func (m *Message) StartChild(parent *Message, n int, sender, moment *Shared, room int) {
	id := parent.ID()
	var short [shortSize]byte
	if len(id) >= IDMax-24 {
		id = alias(appendShort(short[:0], id))
	}
	const fixed = 6 + len(ID) + 6 + len(Causation) + 12 + lengthSize
	if need := fixed + 2*len(id) + room; cap(m.own) < need {
		m.own = make([]byte, need+need/4)
	}
	b := m.own[:cap(m.own)]
	copy(b, "\x02\x00"+ID)
	const idAt = 2 + len(ID) + 4
	at := idAt + copy(b[idAt:], id)
	b[at] = '.'
	at++
	if n < 10 {
		b[at] = byte('0' + n)
		at++
	} else {
		at = len(strconv.AppendInt(b[:at], int64(n), 10))
	}
	binary.LittleEndian.PutUint32(b[idAt-4:], uint32(at-idAt))
	m.id, m.idEnd = uint32(idAt), uint32(at)
	at += copy(b[at:], "\x09\x00"+Causation)
	binary.LittleEndian.PutUint32(b[at:], uint32(len(id)))
	at += 4
	at += copy(b[at:], id)
	m.own = b[:at]
	// One by one: a struct put together elsewhere would be waited for.
	m.sender, m.flow, m.moment = sender, parent.lineage(), moment
	m.length, m.end = 0, 0
	m.attrs = 2 + sender.count() + m.flow.count() + moment.count()
}

// lineage is the attributes that every descendant carries.
func (m *Message) lineage() *Shared {
	if m.flow != nil {
		return m.flow
	}
	var attrs []string
	for _, name := range [...]string{Correlation, TraceParent} {
		if v, ok := m.Attr(name); ok {
			attrs = append(attrs, name, v)
		}
	}
	return Share(attrs...)
}

// Fork makes the kth copy, from 2, of a finished message that goes to several
// places: the same but for its id. The copy may reuse the memory of into.
func (m *Message) Fork(into *Message, k int) *Message {
	id := append(appendShort(nil, m.ID()), '-')
	m.rewrite(into, ID, string(strconv.AppendInt(id, int64(k), 10)))
	return into
}

func (m *Message) addID(id string) {
	m.Add(ID, id)
	m.idEnd = uint32(len(m.own))
	m.id = m.idEnd - uint32(len(id))
}

func appendShort(b []byte, id string) []byte {
	if len(id) < IDMax-24 {
		return append(b, id...)
	}
	sum := sha256.Sum256(unsafe.Slice(unsafe.StringData(id), len(id)))
	b = append(b, '~')
	return digits.AppendEncode(b, sum[:15])
}

// shortSize is the length of a shortened id: 15 bytes in base 32, and a mark.
const shortSize = 25

var digits = base32.HexEncoding.WithPadding(base32.NoPadding)
