package abi

import (
	"bytes"
	"encoding/binary"
	"errors"
	"iter"
	"unicode/utf8"
)

// What can be wrong with a frame. Match with [errors.Is]; all of them mean
// failure with the code abi.frame (an answer) or abi.request (a request).
var (
	ErrShort     = errors.New("frame ends too early")
	ErrTrailing  = errors.New("frame has bytes after its last message")
	ErrCount     = errors.New("frame counts more messages or attributes than its bytes can hold")
	ErrDuplicate = errors.New("attribute name occurs twice")
	ErrUTF8      = errors.New("attribute is not valid UTF-8")
	ErrName      = errors.New("attribute name is empty")
	ErrLimit     = errors.New("frame exceeds a limit")
)

// Smallest encodings: an empty message is a u16 and a u32, an empty attribute
// a u16 and a u32 around a name of at least one byte.
const (
	messageMin = 6
	attrMin    = 7
)

// Reader walks the messages of one frame without copying. The zero Reader has
// no messages. It is a value for one goroutine.
type Reader struct {
	rest []byte
	left uint32
	most *bounds // nil: standard
}

// NewReader begins to read frame, which must not change while the Reader and
// the views it fills are in use. It refuses a count that the frame's length
// cannot hold, so that nothing is ever allocated by a count alone.
func NewReader(frame []byte) (Reader, error) {
	if len(frame) < 4 {
		return Reader{}, ErrShort
	}
	n := binary.LittleEndian.Uint32(frame)
	rest := frame[4:]
	if uint64(n)*messageMin > uint64(len(rest)) {
		return Reader{}, ErrCount
	}
	if n == 0 && len(rest) > 0 {
		return Reader{}, ErrTrailing
	}
	return Reader{rest: rest, left: n}, nil
}

// Left is the number of messages not yet read.
func (r *Reader) Left() int { return int(r.left) }

// Next reads the next message into v. It returns false at the end of the
// frame, and an error when the frame is malformed or trailing bytes follow.
func (r *Reader) Next(v *View) (bool, error) {
	if r.left == 0 {
		return false, nil
	}
	r.left--
	b := r.rest
	if len(b) < 2 {
		return false, ErrShort
	}
	n := int(binary.LittleEndian.Uint16(b))
	b = b[2:]
	most := r.most
	if most == nil {
		most = &standard
	}
	if n > most.attrs {
		return false, ErrLimit
	}
	if n*attrMin > len(b) {
		return false, ErrCount
	}
	v.Type, v.ContentType, v.others = nil, nil, false
	start := b
	for i := range n {
		name, value, rest, ok := cutAttr(b)
		if !ok {
			return false, ErrShort
		}
		if err := check(name, value, most); err != nil {
			return false, err
		}
		if i > 0 && seen(start[:len(start)-len(b)], name) {
			return false, ErrDuplicate
		}
		v.note(name, value)
		b = rest
	}
	v.attrs, v.n = start[:len(start)-len(b)], n
	if len(b) < 4 {
		return false, ErrShort
	}
	size := binary.LittleEndian.Uint32(b)
	b = b[4:]
	if uint64(size) > uint64(len(b)) {
		return false, ErrShort
	}
	v.Data, r.rest = b[:size:size], b[size:]
	if r.left == 0 && len(r.rest) > 0 {
		return false, ErrTrailing
	}
	return true, nil
}

// check reports what is wrong with an attribute that was cut off a frame.
func check(name, value []byte, most *bounds) error {
	switch {
	case len(name) == 0:
		return ErrName
	case len(name) > most.name || len(value) > most.value:
		return ErrLimit
	case !valid(name) || !valid(value):
		return ErrUTF8
	}
	return nil
}

// shortMax is up to how many bytes are looked at one by one: most attributes are so short
// that a call takes longer.
const shortMax = 16

// valid is utf8.Valid.
func valid(b []byte) bool {
	if len(b) > shortMax {
		return utf8.Valid(b)
	}
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return utf8.Valid(b)
		}
	}
	return true
}

// cutAttr splits the first attribute off b, checking lengths only.
func cutAttr(b []byte) (name, value, rest []byte, ok bool) {
	if len(b) < 2 {
		return nil, nil, nil, false
	}
	n := int(binary.LittleEndian.Uint16(b))
	b = b[2:]
	if len(b) < n+4 {
		return nil, nil, nil, false
	}
	name = b[:n]
	size := binary.LittleEndian.Uint32(b[n:])
	b = b[n+4:]
	if uint64(size) > uint64(len(b)) {
		return nil, nil, nil, false
	}
	return name, b[:size:size], b[size:], true
}

// seen reports whether name occurs among already validated attributes.
func seen(attrs, name []byte) bool {
	for len(attrs) > 0 {
		n, _, rest, _ := cutAttr(attrs)
		if bytes.Equal(n, name) {
			return true
		}
		attrs = rest
	}
	return false
}

// Memo lets a Reader recognise attributes it has validated before: senders
// repeat themselves. The zero Memo knows nothing. It is for one goroutine.
type Memo struct {
	block []byte // count of attributes and their encoding
	view  View   // of them, in memory of its own
	twice bool   // they came twice, and view is made: what never repeats costs no memory
}

// memoMax bounds the block that a Memo keeps, in bytes.
const memoMax = 256

// NextMemo is Next; known says that the message's attributes are the same bytes
// as those of the message that memo saw last. From the third such message on it is
// quicker.
func (r *Reader) NextMemo(v *View, memo *Memo) (more, known bool, err error) {
	n := len(memo.block)
	again := n > 0 && r.left > 0 && len(r.rest) >= n+4 && bytes.Equal(r.rest[:n], memo.block)
	if again && memo.twice {
		size := binary.LittleEndian.Uint32(r.rest[n:])
		b := r.rest[n+4:]
		if uint64(size) <= uint64(len(b)) && (r.left > 1 || uint64(size) == uint64(len(b))) {
			v.Type, v.ContentType, v.attrs = memo.view.Type, memo.view.ContentType, memo.view.attrs
			v.n, v.others = memo.view.n, memo.view.others
			v.Data, r.rest = b[:size:size], b[size:]
			r.left--
			return true, true, nil
		}
	}
	before := r.rest
	more, err = r.Next(v)
	size := 2 + len(v.attrs)
	switch {
	case !more || err != nil || size > memoMax:
	case !again:
		memo.block, memo.twice = append(memo.block[:0], before[:size]...), false
	case !memo.twice:
		kept, _ := NewReader(append(AppendCount(nil, 1), append(append([]byte(nil), memo.block...), 0, 0, 0, 0)...))
		_, _ = kept.Next(&memo.view) // it has just been read
		memo.twice = true
	}
	return more, again && err == nil, err
}

// View is one message inside somebody else's frame. Its slices are valid only
// as long as that frame is.
type View struct {
	Type        []byte // nil when absent
	ContentType []byte // nil when absent
	Data        []byte

	attrs  []byte
	n      int
	others bool
}

func (v *View) note(name, value []byte) {
	switch string(name) {
	case Type:
		v.Type = value
	case ContentType:
		v.ContentType = value
	default:
		v.others = true
	}
}

// Others reports whether the message has attributes besides type and datacontenttype.
func (v *View) Others() bool { return v.others }

// Attr returns the value of an attribute.
func (v *View) Attr(name string) ([]byte, bool) { return findAttr(v.attrs, name) }

// Encoded is the attributes in their encoding.
func (v *View) Encoded() []byte { return v.attrs }

// All yields name and value of every attribute, in order.
func (v *View) All() iter.Seq2[[]byte, []byte] { return eachAttr(v.attrs) }

func findAttr(attrs []byte, name string) ([]byte, bool) {
	for len(attrs) > 0 {
		n, value, rest, _ := cutAttr(attrs)
		if string(n) == name {
			return value, true
		}
		attrs = rest
	}
	return nil, false
}

func eachAttr(attrs []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func([]byte, []byte) bool) {
		for len(attrs) > 0 {
			name, value, rest, _ := cutAttr(attrs)
			if !yield(name, value) {
				return
			}
			attrs = rest
		}
	}
}

// AppendCount begins a frame of n messages.
func AppendCount(b []byte, n int) []byte {
	return binary.LittleEndian.AppendUint32(b, uint32(n))
}

// AppendAttrCount begins a message of n attributes.
func AppendAttrCount(b []byte, n int) []byte {
	return binary.LittleEndian.AppendUint16(b, uint16(n))
}

// AppendAttr appends one attribute.
func AppendAttr[S string | []byte](b []byte, name string, value S) []byte {
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
