package abi

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"strconv"
)

// IDMax is the length in bytes from which a message's id is shortened to a
// digest before it grows further, so that ids of long chains stay bounded.
const IDMax = 96

// AddRoot adds the lineage of a message from outside: its id, which is its
// correlation too, and its trace context.
func (m *Message) AddRoot(id, traceparent string) {
	m.addID(id)
	m.carry = len(m.frame)
	m.Add(Correlation, id)
	m.Add(TraceParent, traceparent)
	m.carryEnd, m.carried = len(m.frame), 2
}

// Stamp is what every message made at one moment by one sender has in common,
// encoded once: Head goes before the lineage (type, source, content type),
// Tail after it (time, attempt).
type Stamp struct {
	Head, Tail   []byte
	HeadN, TailN int // how many attributes they are
}

// StartChild begins the nth message, from 1, that parent caused, with the
// attributes of s and its lineage: an id made of the parent's and n, the
// parent's id as causation, and the correlation and trace context that the
// parent carries. room is how many bytes of data and further attributes are
// expected. Finish ends it.
func (m *Message) StartChild(parent *Message, n int, s Stamp, room int) {
	id := parent.ID()
	if len(id) >= IDMax-24 {
		id = string(appendShort(nil, id))
	}
	carry, carried := parent.carries()
	const fixed = attrsAt + 6 + len(ID) + 6 + len(Causation) + 12 + 4
	need := fixed + len(s.Head) + 2*len(id) + len(carry) + len(s.Tail) + room
	if cap(m.frame) < need {
		m.frame = make([]byte, need+need/4)
	}
	b := m.frame[:cap(m.frame)]
	at := copy(b, "\x01\x00\x00\x00\x00\x00")
	at += copy(b[at:], s.Head)
	at += copy(b[at:], "\x02\x00"+ID)
	size := at
	at += 4
	idAt := at
	at += copy(b[at:], id)
	b[at] = '.'
	at++
	if n < 10 {
		b[at] = byte('0' + n)
		at++
	} else {
		at = len(strconv.AppendInt(b[:at], int64(n), 10))
	}
	binary.LittleEndian.PutUint32(b[size:], uint32(at-idAt))
	idEnd := at
	at += copy(b[at:], "\x09\x00"+Causation)
	binary.LittleEndian.PutUint32(b[at:], uint32(len(id)))
	at += 4
	at += copy(b[at:], id)
	carryAt := at
	at += copy(b[at:], carry)
	carryEnd := at
	at += copy(b[at:], s.Tail)
	*m = Message{
		frame: b[:at], attrs: s.HeadN + 2 + carried + s.TailN,
		id: idAt, idEnd: idEnd, carry: carryAt, carryEnd: carryEnd, carried: carried,
	}
}

// carries returns the encoded attributes that every descendant carries.
func (m *Message) carries() ([]byte, int) {
	if m.carryEnd > 0 {
		return m.frame[m.carry:m.carryEnd], m.carried
	}
	var b []byte
	n := 0
	for _, name := range [...]string{Correlation, TraceParent} {
		if v, ok := m.Attr(name); ok {
			b = AppendAttr(b, name, v)
			n++
		}
	}
	return b, n
}

// Fork makes the kth copy, from 2, of a finished message that goes to several
// places: the same but for its id. The copy may reuse the memory of into.
func (m *Message) Fork(into *Message, k int) *Message {
	into.Start()
	for name, value := range eachAttr(m.encoded()) {
		if string(name) == ID {
			id := appendShort(nil, string(value))
			id = append(id, '-')
			into.addID(string(strconv.AppendInt(id, int64(k), 10)))
			continue
		}
		into.frame = append(binary.LittleEndian.AppendUint16(into.frame, uint16(len(name))), name...)
		into.frame = append(binary.LittleEndian.AppendUint32(into.frame, uint32(len(value))), value...)
		into.attrs++
	}
	into.Finish(m.Data())
	return into
}

func (m *Message) addID(id string) {
	m.Add(ID, id)
	m.idEnd = len(m.frame)
	m.id = m.idEnd - len(id)
}

func appendShort(b []byte, id string) []byte {
	if len(id) < IDMax-24 {
		return append(b, id...)
	}
	sum := sha256.Sum256([]byte(id))
	b = append(b, '~')
	return base32.HexEncoding.WithPadding(base32.NoPadding).AppendEncode(b, sum[:15])
}
