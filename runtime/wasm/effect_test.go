package wasm

import "testing"

// TestEffect: what the instructions do to the stack whose types follow from more
// than the opcode.
func TestEffect(t *testing.T) {
	m := &Module{
		Types: []FuncType{{}, {Params: []ValType{I32, I64}, Results: []ValType{F32, F32, F32}}},
		Funcs: []Func{{Type: 1}},
	}
	for _, c := range []struct {
		in          Instr
		takes, puts int
	}{
		{Instr{Op: OpI32Add}, 2, 1},
		{Instr{Op: OpI32Store}, 2, 0},
		{Instr{Op: OpMemoryCopy}, 3, 0},
		{Instr{Op: OpCall}, 2, 3},
		{Instr{Op: OpCallIndirect, Index: 1}, 3, 3},
		{Instr{Op: OpLocalGet}, 0, 1},
		{Instr{Op: OpLocalSet}, 1, 0},
		{Instr{Op: OpLocalTee}, 1, 1},
		{Instr{Op: OpGlobalGet}, 0, 1},
		{Instr{Op: OpGlobalSet}, 1, 0},
		{Instr{Op: OpDrop}, 1, 0},
		{Instr{Op: OpSelect}, 3, 1},
		{Instr{Op: OpSelectT, Type: I32}, 3, 1},
		{Instr{Op: OpRefNull}, 0, 1},
		{Instr{Op: OpRefFunc}, 0, 1},
		{Instr{Op: OpRefIsNull}, 1, 1},
		{Instr{Op: OpTableGet}, 1, 1},
		{Instr{Op: OpTableSet}, 2, 0},
		{Instr{Op: OpTableGrow}, 2, 1},
		{Instr{Op: OpTableFill}, 3, 0},
		{Instr{Op: OpTableSize}, 0, 1},
		{Instr{Op: OpBlock}, 0, 0},
		{Instr{Op: OpReturn}, 0, 0},
	} {
		if takes, puts := m.Effect(&c.in); takes != c.takes || puts != c.puts {
			t.Errorf("%s takes %d and puts %d; want %d and %d", c.in.Op, takes, puts, c.takes, c.puts)
		}
	}
}
