package meter

import "github.com/grow-platform/grow/runtime/wasm"

// helper is a function that is added for bulk operations. The zero value charges
// by the length on top of the stack and leaves it there; one for memory.grow does so
// by pages; others stand for the operation they name.
type helper struct {
	op      wasm.Op
	segment uint32 // of memory.init
}

var (
	askType    = wasm.FuncType{Params: []wasm.ValType{wasm.I64}}
	sliceType  = wasm.FuncType{Params: []wasm.ValType{wasm.I64}, Results: []wasm.ValType{wasm.I64}}
	lengthType = wasm.FuncType{Params: []wasm.ValType{wasm.I32}, Results: []wasm.ValType{wasm.I32}}
	threeType  = wasm.FuncType{Params: []wasm.ValType{wasm.I32, wasm.I32, wasm.I32}}
)

// help is the number of a helper.
func (w *writer) help(h helper) int {
	i, ok := w.byHelper[h]
	if !ok {
		i = len(w.helpers)
		w.byHelper[h] = i
		w.helpers = append(w.helpers, h)
		w.addType(h.typed())
	}
	return i
}

func (h helper) typed() wasm.FuncType {
	switch h.op {
	case 0, wasm.OpMemoryGrow:
		return lengthType
	}
	return threeType
}

// name is what the helper is called in stack traces.
func (h helper) name() string {
	switch h.op {
	case 0:
		return reserved + "length"
	case wasm.OpMemoryGrow:
		return reserved + "pages"
	}
	return reserved + h.op.String()
}

// sliceIndex is the function that asks for fuel; helpers follow it.
func (w *writer) sliceIndex() int { return len(w.m.Funcs) + 1 }

func (w *writer) helperIndex(i int) int { return w.sliceIndex() + 1 + i }

// slice is the function (left) -> () that asks the host for fuel and adds what is
// granted to the counter.
func (w *writer) slice(b []byte) []byte {
	b = append(b, 0)
	b = op(b, wasm.OpLocalGet, 0)
	b = op(b, wasm.OpCall, w.m.ImportedFuncs)
	b = op(b, wasm.OpGlobalGet, w.counter())
	b = op(ops(b, wasm.OpI64Add), wasm.OpGlobalSet, w.counter())
	return ops(b, wasm.OpEnd)
}

func (w *writer) helper(b []byte, h helper) []byte {
	switch h.op {
	case 0:
		return w.length(b)
	case wasm.OpMemoryGrow:
		return w.pages(b)
	}
	return w.pieces(b, h)
}

// length charges for a length, as far as that can be done at all.
func (w *writer) length(b []byte) []byte {
	const most = 1 << 25
	b = append(b, 0)
	b = op(b, wasm.OpGlobalGet, w.counter())
	b = i32(op(b, wasm.OpLocalGet, 0), most)
	b = i32(op(b, wasm.OpLocalGet, 0), most)
	b = ops(b, wasm.OpI32LtU, wasm.OpSelect)
	b = w.units(b)
	b = w.tally().look(b)
	return ops(op(b, wasm.OpLocalGet, 0), wasm.OpEnd)
}

// units takes what a length costs from the counter, which lies below it.
func (w *writer) units(b []byte) []byte {
	b = ops(i32(b, unitShift), wasm.OpI32ShrU, wasm.OpI64ExtendI32U, wasm.OpI64Sub)
	return op(b, wasm.OpGlobalSet, w.counter())
}

// pages charges for as many pages as there is room for: growing by more fails, and
// costs nothing. Whether a limit of the host leaves less room is not known here, so
// no more is charged than [PagesCharged]: growing that fails must not use up a
// message's fuel.
func (w *writer) pages(b []byte) []byte {
	b = append(b, 0)
	b = op(b, wasm.OpGlobalGet, w.counter())
	b = i32(op(b, wasm.OpLocalGet, 0), PagesCharged)
	b = i32(op(b, wasm.OpLocalGet, 0), PagesCharged)
	b = i32(ops(b, wasm.OpI32LtU, wasm.OpSelect), 0)
	b = i32(op(b, wasm.OpLocalGet, 0), int32(w.pagesMax()))
	b = append(b, byte(wasm.OpMemorySize), 0)
	b = ops(b, wasm.OpI32Sub, wasm.OpI32LeU, wasm.OpSelect, wasm.OpI64ExtendI32U)
	b = ops(i64(b, PageFuel), wasm.OpI64Mul, wasm.OpI64Sub)
	b = w.tally().look(op(b, wasm.OpGlobalSet, w.counter()))
	return ops(op(b, wasm.OpLocalGet, 0), wasm.OpEnd)
}

// The parameters of an operation on memory.
const (
	to = iota
	from
	count
)

// pieces does an operation on memory piece by piece. What is out of bounds is left
// to the operation itself, which then traps before it has done anything; what is
// one piece is charged for even then.
func (w *writer) pieces(b []byte, h helper) []byte {
	b = append(b, 0)
	b = append(b, byte(wasm.OpBlock), blockEmpty) // left at once when out of bounds
	b = append(b, byte(wasm.OpBlock), blockEmpty) // left when a piece remains
	b = ops(i32(op(b, wasm.OpLocalGet, count), ChunkBytes), wasm.OpI32LeU)
	b = w.beyond(op(b, wasm.OpBrIf, 0), to, -1)
	switch h.op {
	case wasm.OpMemoryCopy:
		b = w.beyond(b, from, -1)
	case wasm.OpMemoryInit:
		b = w.beyond(b, from, w.m.Data[h.segment].Size)
	}
	if h.op == wasm.OpMemoryCopy {
		b = op(op(b, wasm.OpLocalGet, to), wasm.OpLocalGet, from)
		b = append(ops(b, wasm.OpI32GtU), byte(wasm.OpIf), blockEmpty)
		b = w.repeat(b, h, true, 2) // what overlaps is read before it is overwritten
		b = ops(b, wasm.OpEnd)
	}
	b = w.repeat(b, h, false, 1)
	b = ops(b, wasm.OpEnd)
	b = op(b, wasm.OpGlobalGet, w.counter())
	b = w.tally().look(w.units(op(b, wasm.OpLocalGet, count)))
	b = ops(b, wasm.OpEnd)
	for i := range 3 {
		b = op(b, wasm.OpLocalGet, i)
	}
	return ops(h.do(b), wasm.OpEnd)
}

// beyond leaves two blocks when a range reaches beyond a size, or that of memory.
func (w *writer) beyond(b []byte, begin, size int) []byte {
	b = ops(op(b, wasm.OpLocalGet, begin), wasm.OpI64ExtendI32U)
	b = ops(op(b, wasm.OpLocalGet, count), wasm.OpI64ExtendI32U, wasm.OpI64Add)
	if size >= 0 {
		b = i64(b, int64(size))
	} else {
		b = ops(append(b, byte(wasm.OpMemorySize), 0), wasm.OpI64ExtendI32U)
		b = ops(i64(b, pageShift), wasm.OpI64Shl)
	}
	return op(ops(b, wasm.OpI64GtU), wasm.OpBrIf, 1)
}

// repeat does pieces until one remains, and then leaves so many blocks.
func (w *writer) repeat(b []byte, h helper, backwards bool, leave int) []byte {
	b = append(b, byte(wasm.OpLoop), blockEmpty)
	b = ops(i32(op(b, wasm.OpLocalGet, count), ChunkBytes), wasm.OpI32LeU)
	b = op(b, wasm.OpBrIf, leave)
	b = w.tally().look(w.tally().pay(b, ChunkBytes/UnitBytes))
	b = i32(op(b, wasm.OpLocalGet, count), ChunkBytes)
	b = op(ops(b, wasm.OpI32Sub), wasm.OpLocalSet, count)
	for _, i := range []int{to, from} {
		b = op(b, wasm.OpLocalGet, i)
		if backwards {
			b = ops(op(b, wasm.OpLocalGet, count), wasm.OpI32Add)
		}
	}
	b = h.do(i32(b, ChunkBytes))
	if !backwards {
		b = advance(b, to)
		if h.op != wasm.OpMemoryFill {
			b = advance(b, from)
		}
	}
	return ops(op(b, wasm.OpBr, 0), wasm.OpEnd)
}

func advance(b []byte, local int) []byte {
	b = i32(op(b, wasm.OpLocalGet, local), ChunkBytes)
	return op(ops(b, wasm.OpI32Add), wasm.OpLocalSet, local)
}

// do is the operation itself.
func (h helper) do(b []byte) []byte {
	b = unsigned(append(b, byte(h.op>>8)), uint64(h.op&0xff))
	switch h.op {
	case wasm.OpMemoryCopy:
		return append(b, 0, 0)
	case wasm.OpMemoryInit:
		b = unsigned(b, uint64(h.segment))
	}
	return append(b, 0)
}
