package shape

import (
	"bytes"
	"math"
	"math/big"
	"strconv"
	"unsafe"
)

// number is a JSON number. f is its nearest double; exact says that it is f
// precisely, so that comparing doubles compares numbers.
type number struct {
	text  []byte
	f     float64
	exact bool
	whole bool
}

var pow10 = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// value reads a number; end is -1 when it is malformed or beyond a double's
// range, as it is for encoding/json.
func value(d []byte, i int) (n number, end int) {
	if end = n.common(d, i); end > 0 {
		return n, end
	}
	end, plain := figure(d, i)
	if end < 0 {
		return n, -1
	}
	n.text = d[i:end]
	return n.long(plain, end)
}

// common reads the number at i if it has no exponent and at most 15 digits,
// which a double holds exactly, and returns its end; 0 when it is another one,
// or none.
func (n *number) common(d []byte, i int) int {
	at := i
	neg := d[at] == '-'
	if neg {
		at++
	}
	first, point, frac := at, 0, int64(0)
	var v int64
	for ; at < len(d); at++ {
		c := d[at]
		if c >= '0' && c <= '9' {
			v = v*10 + int64(c-'0')
			if point > 0 {
				frac |= int64(c - '0')
			}
			continue
		}
		if c != '.' || point > 0 || at == first {
			break
		}
		point = at
	}
	digits, decimals := at-first, 0
	if point > 0 {
		digits--
		decimals = at - point - 1
	}
	switch {
	case digits == 0 || digits > 15, point > 0 && decimals == 0,
		d[first] == '0' && at-first > 1 && point != first+1, // 01
		at < len(d) && (d[at]|0x20 == 'e' || d[at] == '.'):
		return 0
	}
	// An exact power of ten: one rounding, which is what ParseFloat would do.
	n.f = float64(v)
	if decimals > 0 {
		n.f /= pow10[decimals]
	}
	if neg && v != 0 { // there is one zero, and one key of it
		n.f = -n.f
	}
	n.whole = frac == 0
	n.exact = n.whole
	n.text = d[i:at]
	return at
}

func (n number) long(plain bool, end int) (number, int) {
	s := n.text
	f, err := strconv.ParseFloat(unsafe.String(&s[0], len(s)), 64)
	if err != nil {
		return n, -1
	}
	n.f = f
	n.whole = plain
	if !plain {
		n.whole = split(s).whole()
	}
	return n, end
}

// compare orders two numbers by value.
func (n number) compare(m number) int {
	// Rounding to a double keeps the order, so only equal doubles need digits.
	switch {
	case n.f < m.f:
		return -1
	case n.f > m.f:
		return 1
	case n.exact && m.exact:
		return 0
	}
	return split(n.text).compare(split(m.text))
}

// multipleOf reports whether n is a whole multiple of m.
func (n number) multipleOf(m number) bool {
	if n.exact && m.exact && m.f != 0 {
		return math.Mod(n.f, m.f) == 0
	}
	a, b := split(n.text), split(m.text)
	if len(a.digits) == 0 {
		return true
	}
	const expMax = 1000 // a double's range has 308 and 324; a type's step is no finer
	if len(b.digits) == 0 || a.exp < -expMax || len(a.digits) > 10*expMax {
		return false
	}
	x, okX := new(big.Rat).SetString(string(n.text))
	y, okY := new(big.Rat).SetString(string(m.text))
	return okX && okY && x.Quo(x, y).IsInt()
}

// decimal is 0.digits x 10^exp, without zeros around the digits.
type decimal struct {
	neg    bool
	digits []byte
	exp    int64
}

// split takes a well-formed number apart.
func split(s []byte) decimal {
	var v decimal
	if s[0] == '-' {
		v.neg, s = true, s[1:]
	}
	if e := bytes.IndexAny(s, "eE"); e >= 0 {
		exp, err := strconv.ParseInt(string(s[e+1:]), 10, 32)
		if err != nil { // beyond any double: only zero gets here, or what is as good as zero
			exp = math.MinInt32
		}
		v.exp, s = exp, s[:e]
	}
	whole, frac, _ := bytes.Cut(s, []byte("."))
	v.digits = append(append(make([]byte, 0, len(s)), whole...), frac...)
	v.exp += int64(len(whole))
	for len(v.digits) > 0 && v.digits[0] == '0' {
		v.digits, v.exp = v.digits[1:], v.exp-1
	}
	v.digits = bytes.TrimRight(v.digits, "0")
	if len(v.digits) == 0 {
		return decimal{}
	}
	return v
}

func (a decimal) whole() bool { return len(a.digits) == 0 || int64(len(a.digits)) <= a.exp }

func (a decimal) sign() int {
	switch {
	case len(a.digits) == 0:
		return 0
	case a.neg:
		return -1
	}
	return 1
}

func (a decimal) compare(b decimal) int {
	if s, t := a.sign(), b.sign(); s != t || s == 0 {
		return s - t
	}
	c := bytes.Compare(a.digits, b.digits)
	if a.exp != b.exp {
		c = -1
		if a.exp > b.exp {
			c = 1
		}
	}
	if a.neg {
		return -c
	}
	return c
}

// Whole appends the digits of a JSON number whose value is whole, without
// fraction, exponent or a negative zero's sign: 10.0 and 1e1 give 10. False,
// and dst unchanged, when the value is not whole or has more than 400 digits.
func Whole(dst, figure []byte) ([]byte, bool) {
	if len(figure) == 0 {
		return dst, false
	}
	if end, plain := figureEnd(figure); end != len(figure) {
		return dst, false
	} else if plain && string(figure) != "-0" {
		return append(dst, figure...), true
	}
	v := split(figure)
	if !v.whole() || v.exp > 400 {
		return dst, false
	}
	if v.sign() < 0 {
		dst = append(dst, '-')
	}
	if v.sign() == 0 {
		return append(dst, '0'), true
	}
	dst = append(dst, v.digits...)
	for i := int64(len(v.digits)); i < v.exp; i++ {
		dst = append(dst, '0')
	}
	return dst, true
}

func figureEnd(d []byte) (int, bool) {
	if d[0] != '-' && (d[0] < '0' || d[0] > '9') {
		return -1, false
	}
	return figure(d, 0)
}
