package abi

import (
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
	"unsafe"
)

// Message is one message as a host keeps it. Its frame lies in parts: the
// attributes that it shares with other messages are kept once for all of them,
// and the frame is put together where it is wanted, which for a guest is the
// guest's memory. See [Shared].
//
// It is built once, with [NewMessage], [ParseMessage], or [Message.Start] or
// [Message.StartChild] to [Message.Finish], and not changed afterwards but by
// its owner, through [Message.SetAttempt], [Message.Insert] and Start. Strings
// and slices it returns alias its memory and are valid until its owner starts
// it anew; whoever keeps them longer clones them.
type Message struct {
	// What other messages have too; nil is nothing.
	sender *Shared // type, source
	flow   *Shared // correlation, trace context
	moment *Shared // time, attempt
	// Its other attributes in their encoding, length and data, and behind them
	// the attribute subject, if Insert added it.
	own         []byte
	length, end uint32 // where the length of data begins, and where data ends
	id, idEnd   uint32 // the value of id; 0: to be searched for
	attrs       int32  // in all
	size        int32  // bytes of the frame
}

// Shared is attributes that several messages have in common, encoded once. It
// never changes, so it is safe for concurrent use. nil holds none.
type Shared struct {
	encoded []byte
	n       int32
	room    [128]byte // where they lie when they are short
}

// Share encodes attributes, given as name, value, name, value.
func Share(attrs ...string) *Shared {
	s := new(Shared)
	s.encoded = s.room[:0]
	for i := 0; i+1 < len(attrs); i += 2 {
		s.encoded = AppendAttr(s.encoded, attrs[i], attrs[i+1])
		s.n++
	}
	return s
}

func (s *Shared) bytes() []byte {
	if s == nil {
		return nil
	}
	return s.encoded
}

func (s *Shared) count() int32 {
	if s == nil {
		return 0
	}
	return s.n
}

const (
	// attrsAt is where a one-message frame's attributes begin: after the u32
	// count and the u16 number of attributes.
	attrsAt    = 6
	lengthSize = 4 // of the u32 before the data
	// keyAt is where the value of the attribute subject begins in its encoding.
	keyAt = attrMin - 1 + len(Subject)
)

// NewMessage makes a message of data and attributes, given as name, value,
// name, value. It panics when a name lacks its value.
func NewMessage(data []byte, attrs ...string) *Message {
	if len(attrs)%2 != 0 {
		panic("abi: attribute without a value")
	}
	m := new(Message)
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
	own := b[attrsAt:]
	return &Message{
		own: own, length: uint32(len(own) - len(v.Data) - lengthSize), end: uint32(len(own)), attrs: int32(v.n), size: int32(len(b)),
	}, nil
}

// Use gives the message memory to lie in; only before Start.
func (m *Message) Use(room []byte) { m.own = room[:0] }

// Start begins the message anew, reusing its memory.
func (m *Message) Start() { *m = Message{own: m.own[:0]} }

// Grow makes room for n bytes in all, so that what follows does not move it.
func (m *Message) Grow(n int) { m.own = slices.Grow(m.own, max(0, n-len(m.own))) }

// Add appends an attribute; only between Start and Finish. The caller keeps
// names unique and within the limits.
func (m *Message) Add(name, value string) {
	m.own = AppendAttr(m.own, name, value)
	m.attrs++
}

// AddBytes is Add with a value that is not copied into a string first.
func (m *Message) AddBytes(name string, value []byte) {
	m.own = AppendAttr(m.own, name, value)
	m.attrs++
}

// Finish ends the message with its data, which is copied.
func (m *Message) Finish(data []byte) {
	m.length = uint32(len(m.own))
	b := binary.LittleEndian.AppendUint32(m.own, uint32(len(data)))
	m.own = append(b, data...)
	m.end = uint32(len(m.own))
	m.size = int32(attrsAt + len(m.sender.bytes()) + len(m.flow.bytes()) + len(m.moment.bytes()) + len(m.own))
}

// Insert adds the attribute subject to a finished message that has none.
func (m *Message) Insert(subject []byte) {
	before := len(m.own)
	m.own = AppendAttr(m.own, Subject, subject)
	m.size += int32(len(m.own) - before)
	m.attrs++
}

// Size is the number of bytes of the frame.
func (m *Message) Size() int { return int(m.size) }

// Touch reads a byte of each cache line that CopyTo will read, of those that
// only this message's flow uses. Called for several messages before they are
// needed, it waits for memory once instead of once for each.
func (m *Message) Touch() (sum int) {
	if m.flow != nil {
		sum = int(m.flow.n)
	}
	for i := 0; i < len(m.own); i += 64 {
		sum += int(m.own[i])
	}
	return sum
}

// CopyTo writes the message as a frame of one, Size bytes, to the beginning of b.
func (m *Message) CopyTo(b []byte) {
	b = b[:m.size]
	binary.LittleEndian.PutUint32(b, 1)
	binary.LittleEndian.PutUint16(b[4:], uint16(m.attrs))
	at := attrsAt
	at += copy(b[at:], m.sender.bytes())
	at += copy(b[at:], m.flow.bytes())
	at += copy(b[at:], m.moment.bytes())
	if int(m.end) == len(m.own) {
		copy(b[at:], m.own)
		return
	}
	at += copy(b[at:], m.own[:m.length])
	at += copy(b[at:], m.own[m.end:])
	copy(b[at:], m.own[m.length:m.end])
}

// AppendFrame appends the message as a frame of one.
func (m *Message) AppendFrame(b []byte) []byte {
	at := len(b)
	b = slices.Grow(b, int(m.size))[:at+int(m.size)]
	m.CopyTo(b[at:])
	return b
}

// Frame is the message as a frame of one, in memory of its own.
func (m *Message) Frame() []byte { return m.AppendFrame(nil) }

// Cap is the number of bytes of memory the message holds on to by itself.
func (m *Message) Cap() int { return cap(m.own) }

// Data is the message's data, byte for byte as received.
func (m *Message) Data() []byte { return m.own[m.length+lengthSize : m.end : m.end] }

// Attrs is the number of attributes.
func (m *Message) Attrs() int { return int(m.attrs) }

// parts are the attributes in their encoding, in the order of the frame.
func (m *Message) parts() [5][]byte {
	return [...][]byte{m.sender.bytes(), m.flow.bytes(), m.moment.bytes(), m.own[:m.length], m.own[m.end:]}
}

func (m *Message) find(name string) ([]byte, bool) {
	for _, part := range m.parts() {
		if v, ok := findAttr(part, name); ok {
			return v, true
		}
	}
	return nil, false
}

// Attr returns the value of an attribute.
func (m *Message) Attr(name string) (string, bool) {
	v, ok := m.find(name)
	return alias(v), ok
}

// All yields name and value of every attribute, in the order of the frame.
func (m *Message) All() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, part := range m.parts() {
			for name, value := range eachAttr(part) {
				if !yield(alias(name), alias(value)) {
					return
				}
			}
		}
	}
}

func (m *Message) attr(name string) string {
	v, _ := m.find(name)
	return alias(v)
}

// Type returns the attribute type, or "".
func (m *Message) Type() string { return m.attr(Type) }

// ID returns the attribute id, or "".
func (m *Message) ID() string {
	if m.id > 0 {
		return alias(m.own[m.id:m.idEnd])
	}
	return m.attr(ID)
}

// Key returns the attribute subject, which holds the message's key, or "".
func (m *Message) Key() string {
	switch {
	case len(m.own) > int(m.end):
		return alias(m.own[int(m.end)+keyAt:])
	case m.flow != nil: // built here, and Insert has not been called
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
	next := new(Message)
	m.rewrite(next, Attempt, fmt.Sprint(n))
	*m = *next
}

// rewrite makes a copy in the memory of into, with another value of one
// attribute, which is not of the flow.
func (m *Message) rewrite(into *Message, changed, value string) {
	into.Start()
	into.flow, into.attrs = m.flow, m.flow.count()
	for _, part := range [...][]byte{m.sender.bytes(), m.moment.bytes(), m.own[:m.length]} {
		for n, v := range eachAttr(part) {
			name, text := alias(n), alias(v)
			if name == changed {
				text = value
			}
			if name == ID {
				into.addID(text)
			} else {
				into.Add(name, text)
			}
		}
	}
	into.Finish(m.Data())
	if len(m.own) > int(m.end) {
		into.Insert(m.own[int(m.end)+keyAt:])
	}
}

// Clone returns a copy that shares no memory with m but what never changes.
func (m *Message) Clone() *Message { return m.CloneTo(new(Message)) }

// CloneTo is Clone in a place that the caller has.
func (m *Message) CloneTo(c *Message) *Message {
	*c = *m
	c.own = append([]byte(nil), m.own...)
	return c
}

// alias gives bytes that do not change the face of a string.
func alias(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
