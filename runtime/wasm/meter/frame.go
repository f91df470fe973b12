package meter

import "github.com/grow-platform/grow/runtime/wasm"

// frame estimates the stack that a call of a function takes.
type frame struct{ sets, values, calls, width int }

func (f *frame) begin(m *wasm.Module, body int) {
	t := m.TypeOf(m.ImportedFuncs + body)
	*f = frame{sets: len(t.Params) + len(t.Results)}
}

func (f *frame) step(m *wasm.Module, in *wasm.Instr) {
	switch in.Op {
	case wasm.OpLocalSet, wasm.OpLocalTee:
		f.sets++
	case wasm.OpCall, wasm.OpCallIndirect:
		f.calls++
	}
}

func (f *frame) size() int { return 64 + 8*f.sets }
