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
// field in turn; reading calls the method, and each field found is taken by the
// one of that number, again and again as long as there are fields: once, when
// they come in the order in which they are written.
type coder struct {
	b       []byte // what has been written
	reading bool
	number  protowire.Number // of the field found; 0: there is none
	value   uint64           // of it, when it is a varint
	bytes   []byte           // of it, when it is not
	rest    []byte           // of the message, behind it
	moved   bool             // another one was found
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
			c.next()
		}
	case *p != "":
		c.tag(n, protowire.BytesType)
		c.b = append(varint(c.b, uint64(len(*p))), *p...)
	}
}

// strings is a repeated string.
func (c *coder) strings(n protowire.Number, p *[]string) {
	if c.reading {
		for c.number == n {
			*p = append(*p, unsafe.String(unsafe.SliceData(c.bytes), len(c.bytes)))
			c.next()
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
			c.next()
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
			c.next()
		}
	case *p != 0:
		c.tag(n, protowire.VarintType)
		c.b = varint(c.b, *p)
	}
}

func (c *coder) int64(n protowire.Number, p *int64) {
	v := uint64(*p)
	c.uint64(n, &v)
	if c.reading { // others may read what is written
		*p = int64(v)
	}
}

func (c *coder) uint32(n protowire.Number, p *uint32) {
	v := uint64(*p)
	c.uint64(n, &v)
	if c.reading {
		*p = uint32(v)
	}
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
			c.next()
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
		for c.number == n {
			var zero T
			*p = append(*p, zero)
			c.read(c.bytes, P(&(*p)[len(*p)-1]))
			c.next()
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
	number, value, bytes, rest := c.number, c.value, c.bytes, c.rest
	c.rest = b
	for c.next(); c.number != 0; {
		if c.moved = false; c.err == nil {
			m.fields(c)
		}
		if !c.moved { // nothing has this number
			c.next()
		}
	}
	c.number, c.value, c.bytes, c.rest = number, value, bytes, rest
}

// next finds the next field of the message.
func (c *coder) next() {
	c.moved, c.number = true, 0
	for len(c.rest) > 0 && c.number == 0 && c.err == nil {
		c.rest = c.field(c.rest)
	}
	if c.err != nil {
		c.number, c.rest = 0, nil
	}
}

// field reads one field and returns what follows it. Its number is 0 if it is
// of a kind that nothing here has.
func (c *coder) field(b []byte) []byte {
	number, kind, n := protowire.Number(0), protowire.Type(0), 1
	if len(b) > 0 && b[0] < 0x80 && b[0] >= 1<<3 {
		number, kind = protowire.Number(b[0]>>3), protowire.Type(b[0]&7)
	} else if number, kind, n = protowire.ConsumeTag(b); n < 0 {
		return c.fail(n)
	}
	b = b[n:]
	c.number, c.value, c.bytes = number, 0, nil
	switch kind {
	case protowire.VarintType:
		if len(b) > 0 && b[0] < 0x80 {
			c.value = uint64(b[0])
			return b[1:]
		}
		c.value, n = protowire.ConsumeVarint(b)
	case protowire.BytesType:
		if len(b) > 0 && b[0] < 0x80 && int(b[0]) < len(b) {
			c.bytes = b[1 : 1+int(b[0])]
			return b[1+int(b[0]):]
		}
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
