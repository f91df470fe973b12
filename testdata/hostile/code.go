package hostile

import "bytes"

// Instructions, encoded (WebAssembly core specification 2.0, section 5.4).

func join(code ...[]byte) []byte { return bytes.Join(code, nil) }

func op(b ...byte) []byte { return b }

func times(n int, code ...[]byte) []byte { return bytes.Repeat(join(code...), n) }

func c32(n int32) []byte { return sleb([]byte{0x41}, int64(n)) }
func c64(n int64) []byte { return sleb([]byte{0x42}, n) }

func call(f int) []byte   { return uleb([]byte{0x10}, uint64(f)) }
func get(l int) []byte    { return uleb([]byte{0x20}, uint64(l)) }
func set(l int) []byte    { return uleb([]byte{0x21}, uint64(l)) }
func tee(l int) []byte    { return uleb([]byte{0x22}, uint64(l)) }
func br(depth int) []byte { return uleb([]byte{0x0c}, uint64(depth)) }
func brIf(d int) []byte   { return uleb([]byte{0x0d}, uint64(d)) }

// indirect is call_indirect on table 0.
func indirect(typ int) []byte { return append(uleb([]byte{0x11}, uint64(typ)), 0) }

func block(code ...[]byte) []byte { return join(op(0x02, 0x40), join(code...), op(0x0b)) }
func loop(code ...[]byte) []byte  { return join(op(0x03, 0x40), join(code...), op(0x0b)) }
func when(code ...[]byte) []byte  { return join(op(0x04, 0x40), join(code...), op(0x0b)) }

// brTable branches by the value on the stack.
func brTable(depths ...int) []byte {
	b := uleb([]byte{0x0e}, uint64(len(depths)-1))
	for _, d := range depths {
		b = uleb(b, uint64(d))
	}
	return b
}

// Loads and stores of an offset.
func load32(offset int) []byte  { return uleb([]byte{0x28, 2}, uint64(offset)) }
func store32(offset int) []byte { return uleb([]byte{0x36, 2}, uint64(offset)) }
func store64(offset int) []byte { return uleb([]byte{0x37, 3}, uint64(offset)) }
func store8(offset int) []byte  { return uleb([]byte{0x3a, 0}, uint64(offset)) }

// fill sets n bytes of memory from 0 on.
func fill(n int32) []byte { return join(c32(0), c32(7), c32(n), op(0xfc, 0x0b, 0)) }

// answered is the result of grow_handle: n bytes at an address.
func answered(at, n uint32) []byte { return c64(int64(uint64(at)<<32 | uint64(n))) }

var (
	nop         = op(0x01)
	unreachable = op(0x00)
	drop        = op(0x1a)
	end         = op(0x0b)
	add32       = op(0x6a)
	memSize     = op(0x3f, 0)
	memGrow     = op(0x40, 0)
	extend64    = op(0xad) // of an unsigned i32
)
