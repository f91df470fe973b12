package wasm

// Effect is how many values an instruction takes off the stack and how many it
// puts there. Those of control (blocks, branches, return, unreachable) take and
// put nothing here: what they do is said by the types of blocks.
func (m *Module) Effect(in *Instr) (takes, puts int) {
	if o := in.Op.operation(); o.plain {
		return len(o.pops), len(o.push)
	}
	switch in.Op {
	case OpCall:
		t := m.TypeOf(int(in.Index))
		return len(t.Params), len(t.Results)
	case OpCallIndirect:
		t := &m.Types[in.Index]
		return len(t.Params) + 1, len(t.Results)
	case OpLocalGet, OpGlobalGet, OpRefNull, OpRefFunc:
		return 0, 1
	case OpLocalSet, OpGlobalSet, OpDrop:
		return 1, 0
	case OpLocalTee, OpRefIsNull, OpTableGet:
		return 1, 1
	case OpSelect, OpSelectT:
		return 3, 1
	case OpTableFill:
		return 3, 0
	case OpTableSet:
		return 2, 0
	case OpTableGrow:
		return 2, 1
	}
	return 0, 0
}
