package journal

import (
	"fmt"
	"unsafe"

	"github.com/grow-platform/grow/abi"
	"google.golang.org/protobuf/encoding/protowire"
)

// coder writes or reads the fields of a message in protobuf's wire format
// (protobuf.dev/programming-guides/encoding). A message says its fields once,
// in its method fields, and both directions follow it: writing appends each
// field in turn, reading calls the method for every field found and the one of
// that number takes it.
type coder struct {
	b       []byte // what has been written
	reading bool
	number  protowire.Number // of the field found
	value   uint64           // of it, when it is a varint
	bytes   []byte           // of it, when it is not
	err     error
}

// message is what has fields.
type message interface{ fields(c *coder) }

func (c *coder) tag(n protowire.Number, t protowire.Type) {
	if n < 16 {
		c.b = append(c.b, byte(n)<<3|byte(t))
		return
	}
	c.b = protowire.AppendTag(c.b, n, t)
}

// varint is protowire.AppendVarint in a form that is inlined.
func varint(b []byte, v uint64) []byte {
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

func (c *coder) string(n protowire.Number, p *string) {
	switch {
	case c.reading:
		if c.number == n {
			*p = unsafe.String(unsafe.SliceData(c.bytes), len(c.bytes))
		}
	case *p != "":
		c.tag(n, protowire.BytesType)
		c.b = append(varint(c.b, uint64(len(*p))), *p...)
	}
}

// strings is a repeated string.
func (c *coder) strings(n protowire.Number, p *[]string) {
	if c.reading {
		if c.number == n {
			*p = append(*p, unsafe.String(unsafe.SliceData(c.bytes), len(c.bytes)))
		}
		return
	}
	for _, s := range *p {
		c.tag(n, protowire.BytesType)
		c.b = append(varint(c.b, uint64(len(s))), s...)
	}
}

func (c *coder) blob(n protowire.Number, p *[]byte) {
	switch {
	case c.reading:
		if c.number == n {
			*p = c.bytes
		}
	case len(*p) > 0:
		c.tag(n, protowire.BytesType)
		c.b = append(varint(c.b, uint64(len(*p))), *p...)
	}
}

// frame is blob for a message, which is written from its parts when it is given.
func (c *coder) frame(n protowire.Number, p *[]byte, m *abi.Message) {
	if c.reading || m == nil {
		c.blob(n, p)
		return
	}
	c.tag(n, protowire.BytesType)
	c.b = m.AppendFrame(varint(c.b, uint64(m.Size())))
}

func (c *coder) uint64(n protowire.Number, p *uint64) {
	switch {
	case c.reading:
		if c.number == n {
			*p = c.value
		}
	case *p != 0:
		c.tag(n, protowire.VarintType)
		c.b = varint(c.b, *p)
	}
}

func (c *coder) int64(n protowire.Number, p *int64) {
	v := uint64(*p)
	c.uint64(n, &v)
	*p = int64(v)
}

func (c *coder) uint32(n protowire.Number, p *uint32) {
	v := uint64(*p)
	c.uint64(n, &v)
	*p = uint32(v)
}

func (c *coder) bool(n protowire.Number, p *bool) {
	v := uint64(0)
	if *p {
		v = 1
	}
	c.uint64(n, &v)
	if c.reading {
		*p = v != 0
	}
}

// begin writes the tag of a nested message and leaves room for its length;
// end fills that in.
func (c *coder) begin(n protowire.Number) int {
	c.tag(n, protowire.BytesType)
	c.b = append(c.b, 0, 0, 0, 0)
	return len(c.b)
}

// end writes the length as a varint of four bytes: 28 bits, more than any record.
func (c *coder) end(at int) {
	n := len(c.b) - at
	c.b[at-4], c.b[at-3], c.b[at-2], c.b[at-1] = byte(n)|0x80, byte(n>>7)|0x80, byte(n>>14)|0x80, byte(n>>21)
}

// nested is a message within a message; nil is none.
func nested[T any, P interface {
	*T
	message
}](c *coder, n protowire.Number, p *P) {
	switch {
	case c.reading:
		if c.number == n {
			*p = new(T)
			c.read(c.bytes, *p)
		}
	case *p != nil:
		at := c.begin(n)
		(*p).fields(c)
		c.end(at)
	}
}

// list is a repeated message.
func list[T any, P interface {
	*T
	message
}](c *coder, n protowire.Number, p *[]T) {
	if c.reading {
		if c.number == n {
			var zero T
			*p = append(*p, zero)
			c.read(c.bytes, P(&(*p)[len(*p)-1]))
		}
		return
	}
	for i := range *p {
		at := c.begin(n)
		P(&(*p)[i]).fields(c)
		c.end(at)
	}
}

// read reads the fields of m from b. Bytes and strings alias b.
func (c *coder) read(b []byte, m message) {
	number, value, bytes := c.number, c.value, c.bytes
	for len(b) > 0 && c.err == nil {
		b = c.field(b)
		if c.err == nil {
			m.fields(c)
		}
	}
	c.number, c.value, c.bytes = number, value, bytes
}

// field reads one field and returns what follows it.
func (c *coder) field(b []byte) []byte {
	number, kind, n := protowire.ConsumeTag(b)
	if n < 0 {
		return c.fail(n)
	}
	b = b[n:]
	c.number, c.value, c.bytes = number, 0, nil
	switch kind {
	case protowire.VarintType:
		c.value, n = protowire.ConsumeVarint(b)
	case protowire.BytesType:
		c.bytes, n = protowire.ConsumeBytes(b)
	default: // of a later version: skipped
		c.number = 0
		n = protowire.ConsumeFieldValue(number, kind, b)
	}
	if n < 0 {
		return c.fail(n)
	}
	return b[n:]
}

func (c *coder) fail(n int) []byte {
	c.err = fmt.Errorf("%w: %w", ErrDamaged, protowire.ParseError(n))
	return nil
}
