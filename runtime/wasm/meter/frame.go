package meter

import "github.com/grow-platform/grow/runtime/wasm"

// frame estimates the stack that a call of a function takes, from above: wazero
// gives a place to each value that is alive across a call or finds no register,
// and does not use it again. Values are those of locals, a new one at each
// assignment and where two meet, and those of the operand stack.
type frame struct {
	m      *wasm.Module
	values int // that may need a place
	meets  int // of two values of a local
	sets   int // assignments so far
	locals int
	height int // of the operand stack
	placed int // how many of its values have been counted, from the bottom
	wide   bool
}

const (
	frameMin  = 128 // bytes: addresses and registers that are kept
	registers = 8   // values on top of the operand stack that need no place
	wordSize  = 8   // bytes of a value; where there are some of 128 bits:
	wideSize  = 24
	meetShare = 5
)

func (f *frame) begin(m *wasm.Module, body int) {
	t := m.TypeOf(m.ImportedFuncs + body)
	*f = frame{m: m, locals: len(t.Params), values: len(t.Params) + len(t.Results)}
	for _, l := range m.Bodies[body].Locals {
		f.locals += int(l.Count)
		f.wide = f.wide || l.Type == wasm.V128
	}
	for _, p := range t.Params {
		f.wide = f.wide || p == wasm.V128
	}
}

// step follows an instruction that can be reached.
func (f *frame) step(in *wasm.Instr) {
	takes, puts := f.m.Effect(in)
	f.height -= takes
	f.placed = min(f.placed, f.height)
	switch in.Op {
	case wasm.OpLocalSet, wasm.OpLocalTee:
		f.sets++
		f.values++
	case wasm.OpCall, wasm.OpCallIndirect:
		f.place(f.height)
	}
	f.height += puts
	f.place(f.height - registers)
	f.wide = f.wide || in.Op>>8 == 0xfd
}

// place counts the values of the operand stack up to a height.
func (f *frame) place(height int) {
	if height > f.placed {
		f.values += height - f.placed
		f.placed = height
	}
}

// meet is where ways come together: a local that was assigned on one of them is
// a new value if it is read again, which meetShare of eight are.
func (f *frame) meet(sets int) { f.meets += min(f.sets-sets, f.locals) }

// at sets the height of the stack, where a block begins or ends.
func (f *frame) at(height int) {
	f.height, f.placed = height, min(f.placed, height)
}

func (f *frame) size() int {
	values := f.values + f.meets*meetShare/8
	if f.wide {
		return frameMin + wideSize*values
	}
	return frameMin + wordSize*values
}
