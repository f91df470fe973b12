package wasm

import "iter"

// Instr is one instruction of a body. Which of its fields have a meaning
// follows from Op; the others are zero.
type Instr struct {
	Op           Op
	At, Imm, End int // offsets of the opcode, of what follows it, and of the next instruction

	// Index is the index, the label, or how many labels a br_table has without
	// its default. Second is the other index: the table of call_indirect and
	// table.init, the source of table.copy.
	Index, Second uint32
	Block         BlockType // of block, loop and if
	Type          ValType   // of select with a type and of ref.null
	Align, Offset uint32    // of what touches memory; Align is the exponent
	Lane          byte
	Value         uint64 // of a constant: sign-extended, or the bits of a float
}

// BlockType is the type of a block: the index of a function type, or
// negative.
type BlockType int32

// BlockEmpty is the type of blocks without parameters and results. One with a
// single result is that type's byte less 128.
const BlockEmpty BlockType = -64

// Block is the type of a block as that of a function.
func (m *Module) Block(t BlockType) FuncType {
	switch {
	case t >= 0:
		return m.Types[t]
	case t == BlockEmpty:
		return FuncType{}
	}
	return FuncType{Results: one(ValType(t + 128))}
}

// one is a type as a slice, for which nothing is allocated.
func one(t ValType) []ValType { return singles[t : t+1 : t+1] }

var singles = func() (all [256]ValType) {
	for i := range all {
		all[i] = ValType(i)
	}
	return all
}()

// Scanner steps through the instructions of a body.
type Scanner struct{ c cursor }

// Scan begins at the first instruction of a body, which is an index into
// Bodies.
func (m *Module) Scan(body int) Scanner {
	b := &m.Bodies[body]
	return Scanner{c: cursor{b: m.Binary, at: b.Code, end: b.End}}
}

// ScanExpr begins at the first instruction of a constant expression: that of a
// global, say.
func (m *Module) ScanExpr(start, end int) Scanner {
	return Scanner{c: cursor{b: m.Binary, at: start, end: end}}
}

// Next reads the next instruction, or says that there is none: the end of the
// body was the last.
func (s *Scanner) Next(in *Instr) bool {
	if s.c.at >= s.c.end {
		return false
	}
	s.c.instr(in)
	return s.c.err == nil
}

// Labels are the targets of a br_table, its default last.
func (m *Module) Labels(in *Instr) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		c := cursor{b: m.Binary, at: in.Imm, end: in.End}
		c.u32()
		for c.at < c.end && yield(c.u32()) {
		}
	}
}
