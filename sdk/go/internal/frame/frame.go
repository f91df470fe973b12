// Package frame reads and writes the one encoding that crosses between an
// actor and its host. abi/README.md of the project specifies it and
// abi/testdata/frames.json holds the vectors this package is tested with.
package frame

import (
	"encoding/binary"
	"errors"
	"unicode/utf8"
)

// Limits that a frame must keep to.
const (
	AttrsMax = 64   // attributes of one message
	NameMax  = 256  // bytes of an attribute's name
	ValueMax = 4096 // bytes of an attribute's value
)

// What can be wrong with a frame.
var (
	ErrShort     = errors.New("frame ends too early")
	ErrTrailing  = errors.New("frame has bytes after its last message")
	ErrCount     = errors.New("frame counts more than its bytes can hold")
	ErrDuplicate = errors.New("attribute name occurs twice")
	ErrUTF8      = errors.New("attribute is not valid UTF-8")
	ErrName      = errors.New("attribute name is empty")
	ErrLimit     = errors.New("attribute exceeds a limit")
)

// Message is one message of a frame; its slices lie in the frame.
type Message struct {
	Data  []byte
	attrs []byte // in their encoding, already checked
}

// Reader walks a frame. It is a value for one goroutine.
type Reader struct {
	rest     []byte
	left     uint32
	trusting bool // names and values are not looked at, only lengths
}

// Read begins to read b. It refuses a count that b cannot hold, so that a
// count alone never makes anybody allocate.
func Read(b []byte) (Reader, error) {
	if len(b) < 4 {
		return Reader{}, ErrShort
	}
	n := binary.LittleEndian.Uint32(b)
	b = b[4:]
	const smallest = 2 + 4 // of a message
	switch {
	case uint64(n)*smallest > uint64(len(b)):
		return Reader{}, ErrCount
	case n == 0 && len(b) > 0:
		return Reader{}, ErrTrailing
	}
	return Reader{rest: b, left: n}, nil
}

// Trust is [Read] for a frame that the host has written, whose attributes keep
// to the rules: checking them again would be most of the work of a small message.
func Trust(b []byte) (Reader, error) {
	r, err := Read(b)
	r.trusting = true
	return r, err
}

// Left is the number of messages not yet read.
func (r *Reader) Left() int { return int(r.left) }

// Next returns the next message; it must not be called when none is left.
func (r *Reader) Next() (Message, error) {
	b := r.rest
	if len(b) < 2 {
		return Message{}, ErrShort
	}
	n := int(binary.LittleEndian.Uint16(b))
	b = b[2:]
	const smallest = 2 + 1 + 4 // of an attribute
	switch {
	case n > AttrsMax:
		return Message{}, ErrLimit
	case n*smallest > len(b):
		return Message{}, ErrCount
	}
	start := b
	for range n {
		name, value, rest, ok := cut(b)
		if !ok {
			return Message{}, ErrShort
		}
		if !r.trusting {
			if err := check(name, value); err != nil {
				return Message{}, err
			}
			if _, twice := find(start[:len(start)-len(b)], string(name)); twice {
				return Message{}, ErrDuplicate
			}
		}
		b = rest
	}
	m := Message{attrs: start[:len(start)-len(b)]}
	if len(b) < 4 {
		return Message{}, ErrShort
	}
	size := binary.LittleEndian.Uint32(b)
	b = b[4:]
	if uint64(size) > uint64(len(b)) {
		return Message{}, ErrShort
	}
	m.Data, r.rest = b[:size:size], b[size:]
	r.left--
	if r.left == 0 && len(r.rest) > 0 {
		return Message{}, ErrTrailing
	}
	return m, nil
}

// One reads a frame of the host that must hold a single message.
func One(b []byte) (Message, error) {
	r, err := Trust(b)
	if err != nil {
		return Message{}, err
	}
	if r.left != 1 {
		return Message{}, ErrCount
	}
	return r.Next()
}

func check(name, value []byte) error {
	switch {
	case len(name) == 0:
		return ErrName
	case len(name) > NameMax || len(value) > ValueMax:
		return ErrLimit
	case !utf8.Valid(name) || !utf8.Valid(value):
		return ErrUTF8
	}
	return nil
}

// Check reports whether name and value may be an attribute.
func Check(name, value string) error {
	switch {
	case name == "":
		return ErrName
	case len(name) > NameMax || len(value) > ValueMax:
		return ErrLimit
	case !utf8.ValidString(name) || !utf8.ValidString(value):
		return ErrUTF8
	}
	return nil
}

// cut splits the first attribute off b.
func cut(b []byte) (name, value, rest []byte, ok bool) {
	if len(b) < 2 {
		return nil, nil, nil, false
	}
	n := int(binary.LittleEndian.Uint16(b))
	b = b[2:]
	if n+4 > len(b) {
		return nil, nil, nil, false
	}
	name, b = b[:n], b[n:]
	size := binary.LittleEndian.Uint32(b)
	b = b[4:]
	if uint64(size) > uint64(len(b)) {
		return nil, nil, nil, false
	}
	return name, b[:size], b[size:], true
}

func find(attrs []byte, name string) ([]byte, bool) {
	for len(attrs) > 0 {
		n, value, rest, _ := cut(attrs)
		if string(n) == name {
			return value, true
		}
		attrs = rest
	}
	return nil, false
}

// Attr returns the value of an attribute.
func (m Message) Attr(name string) ([]byte, bool) { return find(m.attrs, name) }

// Each calls f with name and value of every attribute, in order, until it returns false.
func (m Message) Each(f func(name, value []byte) bool) {
	for attrs := m.attrs; len(attrs) > 0; {
		name, value, rest, _ := cut(attrs)
		if !f(name, value) {
			return
		}
		attrs = rest
	}
}

// Count is the number of attributes.
func (m Message) Count() int {
	n := 0
	m.Each(func(_, _ []byte) bool { n++; return true })
	return n
}

// AppendCount begins a frame of n messages.
func AppendCount(b []byte, n int) []byte { return binary.LittleEndian.AppendUint32(b, uint32(n)) }

// SetCount rewrites the count of a frame that AppendCount began.
func SetCount(b []byte, n int) { binary.LittleEndian.PutUint32(b, uint32(n)) }

// AppendAttrs begins a message of n attributes.
func AppendAttrs(b []byte, n int) []byte { return binary.LittleEndian.AppendUint16(b, uint16(n)) }

// AppendAttr appends one attribute, which Check must have passed.
func AppendAttr(b []byte, name, value string) []byte {
	b = binary.LittleEndian.AppendUint16(b, uint16(len(name)))
	b = append(b, name...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(value)))
	return append(b, value...)
}

// AppendData ends a message.
func AppendData(b, data []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
	return append(b, data...)
}
