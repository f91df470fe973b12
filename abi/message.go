package abi

import (
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
	"unsafe"
)

// Message is one message as a host keeps it: the frame that a guest will be
// given, so that handing it over is one copy. It is built once, with
// [NewMessage], [ParseMessage] or [Message.Start] to [Message.Finish], and not
// changed afterwards but by its owner through [Message.SetAttempt] and Start.
// Strings and slices it returns alias its memory and are valid until its owner
// starts it anew; whoever keeps them longer clones them.
type Message struct {
	frame []byte
	data  int // offset of data's first byte
	attrs int // number of attributes
	// Where lineage lies, so that children need not search for it: the value
	// of id, and the encoded attributes that every descendant carries. 0 when
	// the message was not built with AddRoot or StartChild.
	id, idEnd       int
	carry, carryEnd int
	carried         int
	// The value of subject, when Insert added it.
	key, keyEnd int
}

// attrsAt is where a one-message frame's attributes begin: after the u32 count
// and the u16 number of attributes.
const attrsAt = 6

// NewMessage makes a message of data and attributes, given as name, value,
// name, value. It panics when a name lacks its value.
func NewMessage(data []byte, attrs ...string) *Message {
	if len(attrs)%2 != 0 {
		panic("abi: attribute without a value")
	}
	m := new(Message)
	m.Start()
	for i := 0; i < len(attrs); i += 2 {
		m.Add(attrs[i], attrs[i+1])
	}
	m.Finish(data)
	return m
}

// ParseMessage reads a frame that holds exactly one message, keeping b.
func ParseMessage(b []byte) (*Message, error) {
	r, err := NewReader(b)
	if err != nil {
		return nil, fmt.Errorf("parse message: %w", err)
	}
	if r.Left() != 1 {
		return nil, fmt.Errorf("parse message: %d messages in the frame, not one: %w", r.Left(), ErrCount)
	}
	var v View
	if _, err := r.Next(&v); err != nil {
		return nil, fmt.Errorf("parse message: %w", err)
	}
	return &Message{frame: b, data: len(b) - len(v.Data), attrs: v.n}, nil
}

// Start begins the message anew, reusing its memory.
func (m *Message) Start() {
	m.frame = append(m.frame[:0], 1, 0, 0, 0, 0, 0)
	*m = Message{frame: m.frame}
}

// Grow makes room for n bytes in all, so that what follows does not move it.
func (m *Message) Grow(n int) { m.frame = slices.Grow(m.frame, n-len(m.frame)) }

// Add appends an attribute; only between Start and Finish. The caller keeps
// names unique and within the limits.
func (m *Message) Add(name, value string) {
	m.frame = AppendAttr(m.frame, name, value)
	m.attrs++
}

// AddBytes is Add with a value that is not copied into a string first.
func (m *Message) AddBytes(name string, value []byte) {
	m.frame = AppendAttr(m.frame, name, value)
	m.attrs++
}

// AddEncoded appends n attributes that [AppendAttr] has encoded before.
func (m *Message) AddEncoded(attrs []byte, n int) {
	m.frame = append(m.frame, attrs...)
	m.attrs += n
}

// Finish ends the message with its data, which is copied.
func (m *Message) Finish(data []byte) {
	binary.LittleEndian.PutUint16(m.frame[4:], uint16(m.attrs))
	m.frame = binary.LittleEndian.AppendUint32(m.frame, uint32(len(data)))
	m.data = len(m.frame)
	m.frame = append(m.frame, data...)
}

// Insert adds an attribute to a finished message. The caller keeps names
// unique and within the limits.
func (m *Message) Insert(name string, value []byte) {
	data := len(m.frame) - m.data
	at := m.data - 4
	grow := attrMin - 1 + len(name) + len(value)
	m.frame = append(m.frame, make([]byte, grow)...)
	copy(m.frame[at+grow:], m.frame[at:at+4+data])
	AppendAttr(m.frame[:at], name, value)
	if name == Subject {
		m.key, m.keyEnd = at+grow-len(value), at+grow
	}
	m.data += grow
	m.attrs++
	binary.LittleEndian.PutUint16(m.frame[4:], uint16(m.attrs))
}

// Frame is the message as a frame of one.
func (m *Message) Frame() []byte { return m.frame }

// Size is the number of bytes of the frame.
func (m *Message) Size() int { return len(m.frame) }

// Cap is the number of bytes of memory the message holds on to.
func (m *Message) Cap() int { return cap(m.frame) }

// Data is the message's data, byte for byte as received.
func (m *Message) Data() []byte { return m.frame[m.data:len(m.frame):len(m.frame)] }

// Attrs is the number of attributes.
func (m *Message) Attrs() int { return m.attrs }

func (m *Message) encoded() []byte { return m.frame[attrsAt : m.data-4] }

// Encoded is the message's attributes in their encoding, for [Message.AddEncoded].
func (m *Message) Encoded() []byte { return m.encoded() }

// Attr returns the value of an attribute.
func (m *Message) Attr(name string) (string, bool) {
	v, ok := findAttr(m.encoded(), name)
	return alias(v), ok
}

// All yields name and value of every attribute, in order.
func (m *Message) All() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for name, value := range eachAttr(m.encoded()) {
			if !yield(alias(name), alias(value)) {
				return
			}
		}
	}
}

func (m *Message) attr(name string) string {
	v, _ := findAttr(m.encoded(), name)
	return alias(v)
}

// Type returns the attribute type, or "".
func (m *Message) Type() string { return m.attr(Type) }

// ID returns the attribute id, or "".
func (m *Message) ID() string {
	if m.id > 0 {
		return alias(m.frame[m.id:m.idEnd])
	}
	return m.attr(ID)
}

// Key returns the attribute subject, which holds the message's key, or "".
func (m *Message) Key() string {
	switch {
	case m.key > 0:
		return alias(m.frame[m.key:m.keyEnd])
	case m.carryEnd > 0: // built here, and Insert has not been called
		return ""
	}
	return m.attr(Subject)
}

// Source returns the attribute source, or "".
func (m *Message) Source() string { return m.attr(Source) }

// Correlation returns the attribute correlation, or "".
func (m *Message) Correlation() string { return m.attr(Correlation) }

// Attempt is the number of this delivery, from 1.
func (m *Message) Attempt() int {
	n := 0
	for _, c := range m.attr(Attempt) {
		if c < '0' || c > '9' || n > 1<<20 {
			return max(n, 1)
		}
		n = n*10 + int(c-'0')
	}
	return max(n, 1)
}

// SetAttempt rewrites the attribute attempt, which must be there.
func (m *Message) SetAttempt(n int) {
	data := m.Data()
	next := new(Message)
	next.Start()
	for name, value := range m.All() {
		if name == Attempt {
			value = fmt.Sprint(n)
		}
		next.Add(name, value)
	}
	next.Finish(data)
	*m = *next
}

// Clone returns a copy that shares no memory with m.
func (m *Message) Clone() *Message {
	c := *m
	c.frame = append([]byte(nil), m.frame...)
	return &c
}

// alias gives bytes that do not change the face of a string.
func alias(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
