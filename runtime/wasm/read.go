package wasm

import (
	"fmt"
	"unicode/utf8"
)

// cursor reads a part of a binary, from at to end. The first thing that is wrong
// stays in err; what is read after that is of no meaning.
type cursor struct {
	b       []byte
	at, end int
	err     *Error
	peaks   *[limitsEnd]int
}

func (c *cursor) fail(code string, at int, format string, args ...any) {
	if c.err == nil {
		c.err = &Error{Code: code, At: at, Reason: fmt.Sprintf(format, args...)}
	}
}

func (c *cursor) invalid(at int, format string, args ...any) {
	c.fail(CodeInvalid, at, format, args...)
}

// limit fails when there is more of something than is allowed.
func (c *cursor) limit(at, found int, l limit) bool {
	if found <= limits[l].max {
		if c.peaks != nil && found > c.peaks[l] {
			c.peaks[l] = found
		}
		return true
	}
	c.fail(CodeLimit, at, "%s: %d; at most %d are allowed", limits[l].what, found, limits[l].max)
	return false
}

func (c *cursor) left() int { return c.end - c.at }

// short is the end of what there is to read.
func (c *cursor) short() {
	c.invalid(c.at, "the bytes end here, in the middle of something")
	c.at = c.end
}

func (c *cursor) byte() byte {
	if c.at >= c.end {
		c.short()
		return 0
	}
	v := c.b[c.at]
	c.at++
	return v
}

func (c *cursor) bytes(n int) []byte {
	if n > c.left() {
		c.short()
		return nil
	}
	v := c.b[c.at : c.at+n]
	c.at += n
	return v
}

// u32 reads an unsigned number of 32 bits (core specification 2.0, section 5.2.2).
func (c *cursor) u32() uint32 {
	if c.at < c.end && c.b[c.at] < 0x80 {
		v := c.b[c.at]
		c.at++
		return uint32(v)
	}
	return uint32(c.unsigned(32))
}

func (c *cursor) unsigned(bits int) uint64 {
	begin := c.at
	var v uint64
	for shift := 0; ; shift += 7 {
		b := c.byte()
		if c.err != nil {
			return 0
		}
		if shift+7 > bits && b>>(bits-shift) != 0 {
			c.overlong(begin, b, bits)
			return 0
		}
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v
		}
	}
}

// signed reads a signed number, sign-extended.
func (c *cursor) signed(bits int) int64 {
	if c.at < c.end && c.b[c.at] < 0x80 {
		v := int8(c.b[c.at]<<1) >> 1
		c.at++
		return int64(v)
	}
	begin := c.at
	var v int64
	for shift := 0; ; shift += 7 {
		b := c.byte()
		if c.err != nil {
			return 0
		}
		if rest := bits - shift; rest < 7 {
			// The bits that are too many must repeat the sign.
			if over := int8(b<<1) >> rest; b >= 0x80 || over != 0 && over != -1 {
				c.overlong(begin, b, bits)
				return 0
			}
		}
		v |= int64(b&0x7f) << shift
		if b < 0x80 {
			if shift += 7; shift < 64 {
				v = v << (64 - shift) >> (64 - shift)
			}
			return v
		}
	}
}

func (c *cursor) overlong(begin int, last byte, bits int) {
	if last >= 0x80 {
		c.invalid(begin, "a number of %d bits takes more bytes than it may", bits)
		return
	}
	c.invalid(begin, "a number is too large for %d bits", bits)
}

// count reads how many entries follow, each of which takes at least so many
// bytes.
func (c *cursor) count(bytes int, l limit) int {
	at := c.at
	n := c.u32()
	if uint64(n)*uint64(bytes) > uint64(c.left()) {
		c.invalid(at, "%s: %d are announced, and %d bytes are left for them", limits[l].what, n, c.left())
		return 0
	}
	if !c.limit(at, int(n), l) {
		return 0
	}
	return int(n)
}

// name reads a name, which must be UTF-8.
func (c *cursor) name() string {
	at := c.at
	n := c.u32()
	if c.err == nil && uint64(n) > uint64(c.left()) {
		c.invalid(at, "a name of %d bytes is announced, and %d are left", n, c.left())
	}
	if c.err != nil || !c.limit(at, int(n), limitName) {
		return ""
	}
	b := c.bytes(int(n))
	if !utf8.Valid(b) {
		c.invalid(at, "a name is not UTF-8")
		return ""
	}
	return string(b)
}
