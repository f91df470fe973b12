package meter

import "github.com/grow-platform/grow/runtime/wasm"

// unsigned appends a number in LEB128.
func unsigned(b []byte, v uint64) []byte {
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

// signed appends a signed number in LEB128.
func signed(b []byte, v int64) []byte {
	for v < -64 || v > 63 {
		b = append(b, byte(v&0x7f)|0x80)
		v >>= 7
	}
	return append(b, byte(v&0x7f))
}

// text appends a name.
func text(b []byte, s string) []byte { return append(unsigned(b, uint64(len(s))), s...) }

// content appends what a section, or a part of one, holds, behind its size.
func content(b, c []byte) []byte { return append(unsigned(b, uint64(len(c))), c...) }

// op appends an instruction with one index, or a number that may be negative.
func op(b []byte, o wasm.Op, index int) []byte { return unsigned(append(b, byte(o)), uint64(index)) }

func i32(b []byte, v int32) []byte { return signed(append(b, byte(wasm.OpI32Const)), int64(v)) }

func i64(b []byte, v int64) []byte { return signed(append(b, byte(wasm.OpI64Const)), v) }

// ops appends instructions without immediates.
func ops(b []byte, all ...wasm.Op) []byte {
	for _, o := range all {
		b = append(b, byte(o))
	}
	return b
}

// reader reads what Decode has checked.
type reader struct {
	b  []byte
	at int
}

func (r *reader) byte() byte {
	r.at++
	return r.b[r.at-1]
}

func (r *reader) u32() uint32 {
	var v uint32
	for shift := 0; ; shift += 7 {
		c := r.byte()
		v |= uint32(c&0x7f) << shift
		if c < 0x80 {
			return v
		}
	}
}
