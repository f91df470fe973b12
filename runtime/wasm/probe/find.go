package probe

import (
	"slices"
	"sort"

	"github.com/grow-platform/grow/runtime/wasm"
)

// Limits of what is probed.
const (
	// FunctionMax is the probes of a function: compilers take a time that grows with
	// the square of its blocks, of which each probe is one.
	FunctionMax = 4_000
	// ProbesMax is the probes of a module.
	ProbesMax = 250_000
	// LocalsMax is the locals that a probe hands over.
	LocalsMax = 32
)

// Function says what is probed in a function.
type Function struct {
	Body int // an index into Bodies
	// At are the offsets in the binary of the instructions that probes stand before,
	// ascending.
	At []uint32
	// Locals are the locals that probes hand over, by index. Those of other types than
	// numbers are left out.
	Locals []uint32
}

// Find makes a function of the places where statements begin, in any order. A place
// within an instruction, or where the declarations of locals are, is that of the next
// one. Where loops begin is added, so that one without statements can be stopped too.
// more says whether before an instruction stands one besides; nil: before none.
func Find(m *wasm.Module, body int, rows []uint32, locals []uint32, more func(*wasm.Instr) bool) Function {
	rows = slices.Clone(rows)
	slices.Sort(rows)
	f := Function{Body: body, Locals: kept(m, body, locals)}
	next, turn := 0, false
	in := wasm.Instr{}
	for scan := m.Scan(body); scan.Next(&in) && len(f.At) < FunctionMax; {
		here := turn || more != nil && more(&in)
		for next < len(rows) && rows[next] <= uint32(in.At) {
			here = true
			next++
		}
		if here {
			f.At = append(f.At, uint32(in.At))
		}
		turn = in.Op == wasm.OpLoop
	}
	return f
}

// kept are the locals that are numbers, each once, ascending.
func kept(m *wasm.Module, body int, locals []uint32) []uint32 {
	locals = slices.Clone(locals)
	slices.Sort(locals)
	locals = slices.Compact(locals)
	locals = slices.DeleteFunc(locals, func(l uint32) bool { return conversions[typeOf(m, body, l)] == nil })
	return locals[:min(len(locals), LocalsMax)]
}

// typeOf is the type of a local; 0: there is none.
func typeOf(m *wasm.Module, body int, local uint32) wasm.ValType {
	params := m.TypeOf(m.ImportedFuncs + body).Params
	if uint64(local) < uint64(len(params)) {
		return params[local]
	}
	local -= uint32(len(params))
	for _, l := range m.Bodies[body].Locals {
		if local < l.Count {
			return l.Type
		}
		local -= l.Count
	}
	return 0
}

// conversions make an i64 of a number.
var conversions = map[wasm.ValType][]wasm.Op{
	wasm.I32: {wasm.OpI64ExtendI32U},
	wasm.I64: {},
	wasm.F32: {wasm.OpI32ReinterpretF32, wasm.OpI64ExtendI32U},
	wasm.F64: {wasm.OpI64ReinterpretF64},
}

// Offset is a place in code, in bytes from the beginning of the binary.
type Offset struct{ Old, New uint32 }

// Offsets say where code now lies, ascending. What is between two of them has been
// moved by as much as the one before.
type Offsets []Offset

// New is where a place of the old binary is in the new one.
func (o Offsets) New(old uint32) uint32 {
	i := sort.Search(len(o), func(i int) bool { return o[i].Old > old })
	if i == 0 {
		return old
	}
	return o[i-1].New + old - o[i-1].Old
}

// Old is where a place of the new binary was in the old one. That of what was
// inserted is within what stood before it.
func (o Offsets) Old(new uint32) uint32 {
	i := sort.Search(len(o), func(i int) bool { return o[i].New > new })
	if i == 0 {
		return new
	}
	old := o[i-1].Old + new - o[i-1].New
	if i < len(o) {
		old = min(old, max(o[i].Old, 1)-1)
	}
	return old
}

// Move has functions be those of a module that was made of theirs, with the same
// bodies and locals.
func Move(all []Function, o Offsets) []Function {
	moved := slices.Clone(all)
	for i := range moved {
		moved[i].At = make([]uint32, len(all[i].At))
		for k, at := range all[i].At {
			moved[i].At[k] = o.New(at)
		}
	}
	return moved
}
