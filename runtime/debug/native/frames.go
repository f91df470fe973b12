package native

import (
	"encoding/binary"
	"errors"

	"github.com/grow-platform/grow/runtime/debug"
	"github.com/grow-platform/grow/runtime/wasm"
)

// stackPointer is the global that LLVM's linker makes the stack pointer of linear
// memory: the first one, of type i32.
const stackPointer = 0

// frameInfo is what the beginning of a function says of its frame in linear memory,
// which lies below that of its caller.
type frameInfo struct {
	uses  bool   // it moves the stack pointer, or looks at it
	known bool   // and how is understood:
	local uint32 // the local that has the address of the frame
	size  uint32 // in bytes
	set   uint32 // offset of the instruction that sets the local
	moved uint32 // and of the one that moves the stack pointer there; 0: none, it calls nothing
}

// symbol is a value while the beginning of a function is followed: the stack pointer
// and a constant, or a constant alone.
type symbol struct {
	known, pointer bool
	c              uint32
}

// frame follows the first instructions of a function, up to where its frame has an
// address: global.get 0, a constant, i32.sub, and moves between locals.
func (p *program) frame(body int) frameInfo {
	m := p.m
	info := frameInfo{uses: p.movesStack(body)}
	if !info.uses {
		return info
	}
	locals := map[uint32]symbol{}
	var stack []symbol
	pop := func() symbol {
		n := len(stack)
		if n == 0 {
			return symbol{}
		}
		x := stack[n-1]
		stack = stack[:n-1]
		return x
	}
	in := wasm.Instr{}
	for scan := m.Scan(body); scan.Next(&in); {
		switch in.Op {
		case wasm.OpGlobalGet:
			stack = append(stack, symbol{known: in.Index == stackPointer, pointer: true})
		case wasm.OpI32Const:
			stack = append(stack, symbol{known: true, c: uint32(in.Value)})
		case wasm.OpLocalGet:
			stack = append(stack, locals[in.Index])
		case wasm.OpI32Sub:
			b, a := pop(), pop()
			stack = append(stack, symbol{known: a.known && b.known && !b.pointer, pointer: a.pointer, c: a.c - b.c})
		case wasm.OpLocalSet, wasm.OpLocalTee:
			x := pop()
			locals[in.Index] = x
			if x.known && x.pointer && x.c != 0 {
				info.known, info.local, info.size, info.set = true, in.Index, -x.c, uint32(in.At)
				info.moved = moved(scan)
				return info
			}
			if in.Op == wasm.OpLocalTee {
				stack = append(stack, x)
			}
		default:
			return info
		}
	}
	return info
}

// moved is where the stack pointer is moved in what is still to be scanned; 0: nowhere.
func moved(scan wasm.Scanner) uint32 {
	in := wasm.Instr{}
	for scan.Next(&in) {
		if in.Op == wasm.OpGlobalSet && in.Index == stackPointer {
			return uint32(in.At)
		}
	}
	return 0
}

// movesStack says whether a function has to do with the stack pointer.
func (p *program) movesStack(body int) bool {
	m := p.m
	if len(m.Globals) == 0 || m.Globals[stackPointer].Type != wasm.I32 || !m.Globals[stackPointer].Mutable {
		return false
	}
	in := wasm.Instr{}
	for scan := m.Scan(body); scan.Next(&in); {
		if (in.Op == wasm.OpGlobalGet || in.Op == wasm.OpGlobalSet) && in.Index == stackPointer {
			return true
		}
	}
	return false
}

// errTrapped is for what a function that trapped kept in a local of WebAssembly.
var errTrapped = errors.New("optimised out: it was in a register, which a trap leaves nothing of")

// errCaller is for what a function further out keeps in a local of WebAssembly.
var errCaller = errors.New("optimised out: a caller keeps it in a register, which cannot be read")

// base is the address of a call's frame.
type base struct {
	frameInfo
	address uint32
	known   bool
}

// bases works out where the frames of all calls lie, innermost first: each one's is
// its caller's stack pointer less its size, and the innermost one's is in a local.
func (h *halt) bases() []base {
	if h.based != nil {
		return h.based
	}
	calls := h.calls()
	h.based = make([]base, len(calls))
	top, ok := h.global(stackPointer)
	pointer := uint32(top)
	for i, c := range calls {
		b := &h.based[i]
		b.frameInfo = h.program.frame(c.Body)
		switch {
		case !b.uses:
			continue
		case !b.frameInfo.known || !ok:
			ok = false // and so are all further out
			continue
		case i == 0 && (c.At <= b.set || h.trapped && (b.moved == 0 || c.At <= b.moved)):
			b.address = pointer - b.size
		case i == 0 && h.trapped:
			b.address = pointer
		case i == 0:
			v, err := h.spilled(uint64(b.local))
			b.address = uint32(v)
			if ok = err == nil; !ok {
				continue
			}
		default:
			b.address = pointer
		}
		b.known = true
		pointer = b.address + b.size
	}
	return h.based
}

// spilled is a local that the probe handed over.
func (h *halt) spilled(local uint64) (uint64, error) {
	if o := h.program.owners[h.place.body]; o != nil {
		for i, l := range o.locals {
			if uint64(l) == local && i < len(h.arrival.Locals) {
				return h.arrival.Locals[i], nil
			}
		}
	}
	return 0, debug.ErrOptimizedOut
}

// at implements machine for a frame.
type at struct {
	h *halt
	f *frame
}

func (a at) local(i uint64) (uint64, error) {
	b := a.h.bases()[a.f.call]
	if b.known && uint64(b.local) == i {
		return uint64(b.address), nil
	}
	if a.f.call == 0 && !a.h.trapped {
		return a.h.spilled(i)
	}
	if v, ok := a.h.guest.noted(a.h.calls()[a.f.call].Body, b.address, i); ok && b.known {
		return v, nil
	}
	if a.f.call == 0 {
		return 0, errTrapped
	}
	return 0, errCaller
}

func (a at) global(i uint64) (uint64, error) {
	if i == stackPointer {
		if b := a.h.bases()[a.f.call]; b.known {
			return uint64(b.address), nil
		}
	}
	if v, ok := a.h.global(int(min(i, 1<<30))); ok && (i != stackPointer || a.f.call == 0) {
		return v, nil
	}
	return 0, errCaller
}

func (a at) frameBase() (uint64, error) {
	if a.f.function == nil {
		return 0, errExpression
	}
	got, err := a.h.program.symbols.evaluate(a.f.function.base, a.f.function.unit, a.baseOnly())
	if err != nil {
		return 0, err
	}
	if got.value != nil {
		return word(got.value[:min(len(got.value), 4)]), nil
	}
	return got.address, nil
}

// baseOnly is the machine for the expression of a frame base, which must not ask for
// the frame base.
func (a at) baseOnly() machine { return baseless{a} }

type baseless struct{ at }

func (baseless) frameBase() (uint64, error) { return 0, errExpression }

func (a at) read(address uint64, n int) ([]byte, error) {
	return value{t: void, mem: a.h.memory(), at: address}.read(int64(n))
}

// low is where the stack in linear memory ends now: it grows down; false: that is not known.
func (h *halt) low() (uint64, bool) {
	pointer, ok := h.global(stackPointer)
	if !ok || h.program.symbols == nil || h.program.stackTop() == 0 {
		return 0, false
	}
	low := uint32(pointer)
	if b := h.bases(); len(b) > 0 && b[0].known && b[0].uses {
		low = min(low, b[0].address) // a function that calls none need not move the pointer
	}
	return uint64(low), true
}

// Gone implements debug.Stacked.
func (h *halt) Gone(address uint64) bool {
	low, ok := h.low()
	return ok && address < low
}

// stackTop is where the stack begins: what the pointer is before all calls; 0: it is not known.
func (p *program) stackTop() uint64 {
	if len(p.m.Globals) == 0 || p.m.Globals[stackPointer].Type != wasm.I32 || !p.m.Globals[stackPointer].Mutable {
		return 0
	}
	b := p.m.Binary[p.m.Globals[stackPointer].Start:p.m.Globals[stackPointer].End]
	if len(b) < 2 || wasm.Op(b[0]) != wasm.OpI32Const {
		return 0
	}
	at, n := binary.Uvarint(b[1:]) // it is signed, and never less than 0
	if n <= 0 || at > 1<<31 {
		return 0
	}
	return at
}
