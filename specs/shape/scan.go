package shape

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// The scanner reads JSON (RFC 8259) strictly from bytes. Its functions take the
// place of a value's first byte and return the place behind its last one, or
// -1 when it is not well formed.

// space skips white space.
func space(d []byte, i int) int {
	for i < len(d) && (d[i] == ' ' || d[i] == '\n' || d[i] == '\t' || d[i] == '\r') {
		i++
	}
	return i
}

// near is space for places where there seldom is any.
func near(d []byte, i int) int {
	if i < len(d) && d[i] <= ' ' {
		return space(d, i)
	}
	return i
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// text reads a string from its quote. plain: it has no escapes, so that its
// bytes are d[i+1:end-1].
func text(d []byte, i int) (end int, plain bool) {
	plain = true
	i++
	for {
		for i+8 <= len(d) { // eight bytes at a time while nothing needs care
			w := binary.LittleEndian.Uint64(d[i:])
			quote, slash := w^('"'*ones), w^('\\'*ones)
			care := (w | (w - 0x20*ones) | (quote - ones) | (slash - ones)) & highs
			if care != 0 {
				i += bits.TrailingZeros64(care) / 8
				break
			}
			i += 8
		}
		if i >= len(d) {
			return -1, false
		}
		switch c := d[i]; {
		case c == '"':
			return i + 1, plain
		case c == '\\':
			plain = false
			n := escape(d[i:])
			if n == 0 {
				return -1, false
			}
			i += n
		case c < 0x20:
			return -1, false
		case c < utf8.RuneSelf:
			i++
		default:
			r, n := utf8.DecodeRune(d[i:])
			if r == utf8.RuneError && n == 1 {
				return -1, false
			}
			i += n
		}
	}
}

// escape is the length of the escape sequence d begins with, 0 when it is not
// one or half of a surrogate pair.
func escape(d []byte) int {
	if len(d) < 2 {
		return 0
	}
	switch d[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		r := hex4(d)
		switch {
		case r < 0 || r >= 0xDC00 && r < 0xE000:
			return 0
		case r < 0xD800 || r >= 0xE000:
			return 6
		}
		if low := hex4(d[6:]); low >= 0xDC00 && low < 0xE000 {
			return 12
		}
	}
	return 0
}

// hex4 is the number of the \uXXXX that d begins with, or -1.
func hex4(d []byte) rune {
	if len(d) < 6 || d[0] != '\\' || d[1] != 'u' {
		return -1
	}
	var r rune
	for _, c := range d[2:6] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

// unescape appends the text of a well-formed string's inside.
func unescape(dst, s []byte) []byte {
	for i := 0; i < len(s); {
		if s[i] != '\\' {
			dst = append(dst, s[i])
			i++
			continue
		}
		switch c := s[i+1]; c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r := hex4(s[i:])
			if r >= 0xD800 && r < 0xDC00 {
				r = 0x10000 + (r-0xD800)<<10 + (hex4(s[i+6:]) - 0xDC00)
				i += 6
			}
			dst = utf8.AppendRune(dst, r)
			i += 4
		default:
			dst = append(dst, c)
		}
		i += 2
	}
	return dst
}

// figure reads a number's grammar. whole: it has neither fraction nor exponent.
func figure(d []byte, i int) (end int, whole bool) {
	if d[i] == '-' {
		i++
	}
	switch {
	case i >= len(d):
		return -1, false
	case d[i] == '0':
		i++
	case d[i] >= '1' && d[i] <= '9':
		i = digits(d, i)
	default:
		return -1, false
	}
	whole = true
	if i < len(d) && d[i] == '.' {
		whole = false
		j := digits(d, i+1)
		if j == i+1 {
			return -1, false
		}
		i = j
	}
	if i < len(d) && d[i]|0x20 == 'e' {
		whole = false
		i++
		if i < len(d) && (d[i] == '+' || d[i] == '-') {
			i++
		}
		j := digits(d, i)
		if j == i {
			return -1, false
		}
		i = j
	}
	return i, whole
}

func digits(d []byte, i int) int {
	for i < len(d) && d[i] >= '0' && d[i] <= '9' {
		i++
	}
	return i
}

// word reads null, true or false.
func word(d []byte, i int, w string) int {
	if len(d)-i < len(w) || string(d[i:i+len(w)]) != w {
		return -1
	}
	return i + len(w)
}

// skip reads any value; depth counts the objects and lists around it.
func skip(d []byte, i, depth int) int {
	if i >= len(d) {
		return -1
	}
	switch c := d[i]; {
	case c == '"':
		end, _ := text(d, i)
		return end
	case c == '{':
		return skipObject(d, i, depth+1)
	case c == '[':
		return skipList(d, i, depth+1)
	case c == 't':
		return word(d, i, "true")
	case c == 'f':
		return word(d, i, "false")
	case c == 'n':
		return word(d, i, "null")
	case c == '-' || c >= '0' && c <= '9':
		return skipNumber(d, i)
	}
	return -1
}

// skipNumber reads a number; only a very long one or one with an exponent can
// be beyond a double's range.
func skipNumber(d []byte, i int) int {
	const plainMax = 300
	var n number
	if end := n.common(d, i); end > 0 {
		return end
	}
	end, plain := figure(d, i)
	if end < 0 || end-i > plainMax || !plain && bytes.ContainsAny(d[i:end], "eE") {
		_, end = value(d, i)
	}
	return end
}

func skipObject(d []byte, i, depth int) int {
	if depth > DepthMax {
		return -1
	}
	i = space(d, i+1)
	if i < len(d) && d[i] == '}' {
		return i + 1
	}
	for {
		if i >= len(d) || d[i] != '"' {
			return -1
		}
		if i, _ = text(d, i); i < 0 {
			return -1
		}
		if i = colon(d, i); i < 0 {
			return -1
		}
		if i = skip(d, i, depth); i < 0 {
			return -1
		}
		var more bool
		if i, more = follow(d, i, '}'); !more {
			return i
		}
	}
}

func skipList(d []byte, i, depth int) int {
	if depth > DepthMax {
		return -1
	}
	i = space(d, i+1)
	if i < len(d) && d[i] == ']' {
		return i + 1
	}
	for {
		if i = skip(d, i, depth); i < 0 {
			return -1
		}
		var more bool
		if i, more = follow(d, i, ']'); !more {
			return i
		}
	}
}

// colon goes from behind a name to its value.
func colon(d []byte, i int) int {
	if i = space(d, i); i >= len(d) || d[i] != ':' {
		return -1
	}
	return space(d, i+1)
}

// follow goes from behind a value to the next one of its object or list, or
// behind the end of it.
func follow(d []byte, i int, end byte) (int, bool) {
	i = space(d, i)
	switch {
	case i >= len(d):
		return -1, false
	case d[i] == ',':
		return space(d, i+1), true
	case d[i] == end:
		return i + 1, false
	}
	return -1, false
}
