package native

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/grow-platform/grow/runtime/debug"
)

// cursor reads bytes that may lie; once it has failed it yields zeros.
type cursor struct {
	b      []byte
	failed bool
}

func (c *cursor) take(n int) []byte {
	if n < 0 || n > len(c.b) {
		c.failed, c.b = true, nil
		return make([]byte, min(max(n, 0), 8))
	}
	b := c.b[:n]
	c.b = c.b[n:]
	return b
}

func (c *cursor) u8() byte    { return c.take(1)[0] }
func (c *cursor) u16() uint16 { return binary.LittleEndian.Uint16(c.take(2)) }
func (c *cursor) u32() uint32 { return binary.LittleEndian.Uint32(c.take(4)) }
func (c *cursor) u64() uint64 { return binary.LittleEndian.Uint64(c.take(8)) }

func (c *cursor) uleb() uint64 {
	v, n := binary.Uvarint(c.b)
	if n <= 0 {
		c.failed, c.b = true, nil
		return 0
	}
	c.b = c.b[n:]
	return v
}

func (c *cursor) sleb() int64 {
	v := int64(0)
	for shift := 0; shift < 70; shift += 7 {
		b := c.u8()
		v |= int64(b&0x7f) << shift
		if b < 0x80 {
			if b&0x40 != 0 && shift < 57 {
				v |= -1 << (shift + 7)
			}
			return v
		}
	}
	c.failed = true
	return 0
}

// from is the rest of a section.
func from(section []byte, at int64) cursor {
	if at < 0 || at > int64(len(section)) {
		return cursor{failed: true}
	}
	return cursor{b: section[at:]}
}

// listAt is where the list with an index in a unit begins (DWARF 5, section 7.29).
func (s *symbols) listAt(u *unit, index uint64) int64 {
	if index > math.MaxInt32 {
		return -1
	}
	c := from(s.loclists, u.lists+int64(index)*4)
	at := u.lists + int64(c.u32())
	if c.failed {
		return -1
	}
	return at
}

// address is the address with an index in a unit.
func (s *symbols) address(u *unit, index uint64) uint64 {
	if index > math.MaxInt32 {
		return 0
	}
	c := from(s.addr, u.table+int64(index)*4)
	return uint64(c.u32())
}

// listMax bounds the entries of a list that are read.
const listMax = 10_000

// locations calls visit with each entry of a variable's list, until it returns false.
func (s *symbols) locations(v *variable, visit func(low, high uint64, place []byte) bool) {
	if v.list < 0 {
		return
	}
	if v.unit.version >= 5 {
		s.locations5(v, visit)
		return
	}
	// DWARF 4, section 2.6.2.
	base, c := v.unit.low, from(s.loc, v.list)
	for n := 0; n < listMax && s.spend(1); n++ {
		low, high := c.u32(), c.u32()
		switch {
		case c.failed || low == 0 && high == 0:
			return
		case low == math.MaxUint32:
			base = uint64(high)
			continue
		}
		place := c.take(int(c.u16()))
		if c.failed || !visit(base+uint64(low), base+uint64(high), place) {
			return
		}
	}
}

// The kinds of entries of lists (DWARF 5, section 7.7.3).
const (
	lleEnd          = 0
	lleBasex        = 1
	lleStartxEndx   = 2
	lleStartxLength = 3
	lleOffsets      = 4
	lleDefault      = 5
	lleBase         = 6
	lleStartEnd     = 7
	lleStartLength  = 8
)

func (s *symbols) locations5(v *variable, visit func(low, high uint64, place []byte) bool) {
	u, c := v.unit, from(s.loclists, v.list)
	base := u.low
	for n := 0; n < listMax && s.spend(1); n++ {
		low, high := uint64(0), uint64(0)
		switch c.u8() {
		case lleBasex:
			base = s.address(u, c.uleb())
			continue
		case lleBase:
			base = uint64(c.u32())
			continue
		case lleStartxEndx:
			low, high = s.address(u, c.uleb()), s.address(u, c.uleb())
		case lleStartxLength:
			low = s.address(u, c.uleb())
			high = low + c.uleb()
		case lleOffsets:
			low, high = base+c.uleb(), base+c.uleb()
		case lleDefault:
			high = math.MaxUint64
		case lleStartEnd:
			low, high = uint64(c.u32()), uint64(c.u32())
		case lleStartLength:
			low = uint64(c.u32())
			high = low + c.uleb()
		default: // the end, or what is not known
			return
		}
		place := c.take(int(min(c.uleb(), math.MaxInt32)))
		if c.failed || !visit(low, high, place) {
			return
		}
	}
}

// placeAt is the expression of a variable's location at an address; nil: it has none
// there.
func (s *symbols) placeAt(v *variable, pc uint64) []byte {
	place := v.place
	s.locations(v, func(low, high uint64, p []byte) bool {
		if pc >= low && pc < high {
			place = p
			return false
		}
		return true
	})
	return place
}

// machine is what expressions ask a frame for.
type machine interface {
	local(i uint64) (uint64, error)
	global(i uint64) (uint64, error)
	frameBase() (uint64, error)
	read(at uint64, n int) ([]byte, error)
}

// located is what an expression comes to: an address, or the value itself.
type located struct {
	address uint64
	value   []byte // not nil: it has no address
}

// Operations of expressions (DWARF 5, section 7.7.1, and the WebAssembly tool
// conventions).
const (
	opAddr         = 0x03
	opDeref        = 0x06
	opConst1u      = 0x08
	opConst1s      = 0x09
	opConst2u      = 0x0a
	opConst2s      = 0x0b
	opConst4u      = 0x0c
	opConst4s      = 0x0d
	opConst8u      = 0x0e
	opConst8s      = 0x0f
	opConstu       = 0x10
	opConsts       = 0x11
	opDup          = 0x12
	opDrop         = 0x13
	opOver         = 0x14
	opPick         = 0x15
	opSwap         = 0x16
	opAnd          = 0x1a
	opMinus        = 0x1c
	opMul          = 0x1e
	opNeg          = 0x1f
	opNot          = 0x20
	opOr           = 0x21
	opPlus         = 0x22
	opPlusUconst   = 0x23
	opShl          = 0x24
	opShr          = 0x25
	opShra         = 0x26
	opXor          = 0x27
	opLit0         = 0x30
	opLit31        = 0x4f
	opFbreg        = 0x91
	opPiece        = 0x93
	opDerefSize    = 0x94
	opImplicit     = 0x9e
	opStackValue   = 0x9f
	opAddrx        = 0xa1
	opConstx       = 0xa2
	opWasmLocation = 0xed
)

// Limits of expressions.
const (
	stepsMax = 1_000
	stackMax = 100
	pieceMax = 1 << 10 // bytes of a value in pieces
)

var errExpression = errors.New("its location is in a form that is not known")

// evaluation is an expression being evaluated.
type evaluation struct {
	s     *symbols
	u     *unit
	on    machine
	c     cursor
	stack []uint64
	value []byte // the pieces so far
	reg   bool   // the top of the stack is a value, not an address
	err   error
}

// evaluate evaluates the expression of a location.
func (s *symbols) evaluate(place []byte, u *unit, on machine) (located, error) {
	if len(place) == 0 {
		return located{}, debug.ErrOptimizedOut
	}
	e := evaluation{s: s, u: u, on: on, c: cursor{b: place}}
	for steps := 0; len(e.c.b) > 0 && e.err == nil; steps++ {
		if steps == stepsMax || len(e.stack) > stackMax {
			return located{}, errExpression
		}
		e.step(e.c.u8())
	}
	switch {
	case e.err != nil:
		return located{}, e.err
	case e.c.failed:
		return located{}, errExpression
	case e.value != nil:
		return located{value: e.value}, nil
	case len(e.stack) == 0:
		return located{}, debug.ErrOptimizedOut
	case e.reg:
		return located{value: binary.LittleEndian.AppendUint64(nil, e.pop())}, nil
	}
	return located{address: e.pop()}, nil
}

func (e *evaluation) push(v uint64) { e.stack = append(e.stack, v) }

func (e *evaluation) pop() uint64 {
	n := len(e.stack)
	if n == 0 {
		e.fail(errExpression)
		return 0
	}
	v := e.stack[n-1]
	e.stack = e.stack[:n-1]
	return v
}

func (e *evaluation) fail(err error) {
	if e.err == nil && err != nil {
		e.err = err
	}
}

// get pushes what the machine has.
func (e *evaluation) get(v uint64, err error) {
	e.fail(err)
	e.push(v)
}

func (e *evaluation) step(op byte) {
	if op != opPiece && op != opStackValue {
		e.reg = false
	}
	switch {
	case op >= opLit0 && op <= opLit31:
		e.push(uint64(op - opLit0))
	case op >= opConst1u && op <= opConsts:
		e.push(e.constant(op))
	case op >= opDup && op <= opSwap:
		e.shuffle(op)
	case op == opPlusUconst:
		e.push(e.pop() + e.c.uleb())
	case op >= opAnd && op <= opXor:
		e.arithmetic(op)
	default:
		e.place(op)
	}
}

func (e *evaluation) constant(op byte) uint64 {
	switch op {
	case opConst1u:
		return uint64(e.c.u8())
	case opConst1s:
		return uint64(int8(e.c.u8()))
	case opConst2u:
		return uint64(e.c.u16())
	case opConst2s:
		return uint64(int16(e.c.u16()))
	case opConst4u:
		return uint64(e.c.u32())
	case opConst4s:
		return uint64(int32(e.c.u32()))
	case opConst8u, opConst8s:
		return e.c.u64()
	case opConstu:
		return e.c.uleb()
	}
	return uint64(e.c.sleb())
}

func (e *evaluation) shuffle(op byte) {
	n := len(e.stack)
	back := 1
	switch op {
	case opDrop:
		e.pop()
		return
	case opSwap:
		a, b := e.pop(), e.pop()
		e.push(a)
		e.push(b)
		return
	case opOver:
		back = 2
	case opPick:
		back = 1 + int(e.c.u8())
	}
	if back > n {
		e.fail(errExpression)
		return
	}
	e.push(e.stack[n-back])
}

func (e *evaluation) arithmetic(op byte) {
	b := e.pop()
	switch op {
	case opNeg:
		e.push(-b)
		return
	case opNot:
		e.push(^b)
		return
	}
	a := e.pop()
	switch op {
	case opAnd:
		e.push(a & b)
	case opMinus:
		e.push(a - b)
	case opMul:
		e.push(a * b)
	case opOr:
		e.push(a | b)
	case opPlus:
		e.push(a + b)
	case opShl:
		e.push(a << (b & 63))
	case opShr:
		e.push(a >> (b & 63))
	case opShra:
		e.push(uint64(int64(a) >> (b & 63)))
	case opXor:
		e.push(a ^ b)
	default:
		e.fail(errExpression)
	}
}

// place are operations that lead to memory and to what the machine has.
func (e *evaluation) place(op byte) {
	switch op {
	case opAddr:
		e.push(uint64(e.c.u32()))
	case opAddrx, opConstx:
		e.push(e.s.address(e.u, e.c.uleb()))
	case opDeref:
		e.deref(4)
	case opDerefSize:
		e.deref(int(e.c.u8()))
	case opFbreg:
		base, err := e.on.frameBase()
		e.get(base+uint64(e.c.sleb()), err)
	case opStackValue:
		e.reg = true
	case opImplicit:
		e.value = append([]byte{}, e.c.take(int(min(e.c.uleb(), pieceMax)))...)
	case opPiece:
		e.piece()
	case opWasmLocation:
		e.wasm()
	default:
		e.fail(errExpression)
	}
}

func (e *evaluation) deref(n int) {
	if n < 1 || n > 8 {
		e.fail(errExpression)
		return
	}
	b, err := e.on.read(e.pop(), n)
	e.get(word(b), err)
}

// piece adds what the stack holds, a part of the value that lies elsewhere than others.
func (e *evaluation) piece() {
	n := int(min(e.c.uleb(), pieceMax))
	if len(e.stack) == 0 || len(e.value)+n > pieceMax {
		e.fail(debug.ErrOptimizedOut) // the part is
		return
	}
	v := e.pop()
	part := binary.LittleEndian.AppendUint64(nil, v)
	if !e.reg {
		var err error
		part, err = e.on.read(v, n)
		e.fail(err)
	}
	e.value = append(e.value, part...)[:min(len(e.value)+n, len(e.value)+len(part))]
	e.reg = false
}

// wasm is a place that WebAssembly has and other machines have not. LLVM writes a
// stack_value behind one that holds the value; without, it holds the address, as of an
// argument that is passed so.
func (e *evaluation) wasm() {
	switch kind := e.c.u8(); kind {
	case 0:
		e.get(e.on.local(e.c.uleb()))
	case 1:
		e.get(e.on.global(e.c.uleb()))
	case 3:
		e.get(e.on.global(uint64(e.c.u32())))
	default: // 2: on the operand stack, which nobody can look at
		e.fail(debug.ErrOptimizedOut)
	}
}

// word is bytes as a number.
func word(b []byte) uint64 {
	v := uint64(0)
	for i := len(b) - 1; i >= 0; i-- {
		v = v<<8 | uint64(b[i])
	}
	return v
}

// localsOf are the locals that an expression names.
func localsOf(place []byte, all []uint32) []uint32 {
	for i := 0; i+2 < len(place); i++ {
		if place[i] == opWasmLocation && place[i+1] == 0 {
			c := cursor{b: place[i+2:]}
			if l := c.uleb(); !c.failed && l <= math.MaxUint32 {
				all = append(all, uint32(l))
			}
		}
	}
	return all
}
