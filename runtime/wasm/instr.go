package wasm

import "encoding/binary"

// instr reads one instruction. Only its form is checked here: neither indexes
// nor types.
func (c *cursor) instr(in *Instr) *operation {
	at := c.at
	b := c.byte()
	*in = Instr{Op: Op(b), At: at}
	o := &dense[0][b]
	if o.name == "" {
		if o = c.prefixed(in); o.name == "" {
			c.foreign(in)
			return o
		}
	}
	in.Imm = c.at
	if o.takes != noImm {
		c.immediates(in, o)
	}
	in.End = c.at
	return o
}

// prefixed reads the second part of an opcode.
func (c *cursor) prefixed(in *Instr) *operation {
	if in.Op != prefixMisc && in.Op != prefixVector {
		return &noOperation
	}
	n := c.u32()
	if n > 0xff {
		in.Index = n
		return &noOperation
	}
	in.Op = in.Op<<8 | Op(n)
	return in.Op.operation()
}

func (c *cursor) immediates(in *Instr, o *operation) {
	switch o.takes {
	case indexImm:
		in.Index = c.u32()
	case indexesImm:
		in.Index = c.u32()
		in.Second = c.u32()
	case blockImm:
		in.Block = c.block()
	case memoryImm, memlaneImm:
		c.memarg(in, o)
	case laneImm:
		c.lane(in, 1<<o.width)
	case i32Imm:
		in.Value = uint64(c.signed(32))
	case i64Imm:
		in.Value = uint64(c.signed(64))
	case labelsImm:
		c.labels(in)
	default:
		c.rare(in, o)
	}
}

func (c *cursor) rare(in *Instr, o *operation) {
	switch o.takes {
	case zeroImm:
		c.zero(in)
	case zerosImm:
		c.zero(in)
		c.zero(in)
	case indexzeroImm:
		in.Index = c.u32()
		c.zero(in)
	case typesImm:
		c.types(in)
	case reftypeImm:
		in.Type = c.refType()
	case f32Imm:
		if b := c.bytes(4); b != nil {
			in.Value = uint64(binary.LittleEndian.Uint32(b))
		}
	case f64Imm:
		if b := c.bytes(8); b != nil {
			in.Value = binary.LittleEndian.Uint64(b)
		}
	case v128Imm:
		c.bytes(16)
	case shuffleImm:
		for range 16 {
			c.lane(in, 32)
		}
		in.Lane = 0
	}
}

// block reads the type of a block.
func (c *cursor) block() BlockType {
	at := c.at
	n := c.signed(33)
	switch {
	case c.err != nil:
		return BlockEmpty
	case n == int64(BlockEmpty):
		return BlockEmpty
	case n < 0:
		if n >= -64 && c.at == at+1 {
			c.at = at
			return BlockType(c.valType()) - 128
		}
		c.invalid(at, "the type of a block is neither empty, nor a value type, nor an index")
	case n >= TypesMax:
		c.invalid(at, "a block has the type %d, which there is not", n)
	}
	return BlockType(n)
}

// memarg reads alignment and offset, and the lane of those that have one.
func (c *cursor) memarg(in *Instr, o *operation) {
	at := c.at
	in.Align = c.u32()
	if in.Align >= 0x40 && in.Align < 0x80 {
		c.feature(at, "%s with the index of a memory", "multi-memory", in.Op)
		return
	}
	in.Offset = c.u32()
	if in.Align > uint32(o.width) {
		c.invalid(at, "%s has the alignment 2**%d; at most 2**%d is natural", in.Op, in.Align, o.width)
	}
	if o.takes == memlaneImm {
		c.lane(in, 16>>o.width)
	}
}

func (c *cursor) lane(in *Instr, lanes int) {
	at := c.at
	if in.Lane = c.byte(); int(in.Lane) >= lanes {
		c.invalid(at, "%s has the lane %d; there are %d", in.Op, in.Lane, lanes)
	}
}

// zero reads the byte in which later proposals say which memory is meant.
func (c *cursor) zero(in *Instr) {
	at := c.at
	b := c.byte()
	if c.err == nil && b != 0 {
		if b >= 0x80 {
			c.invalid(at, "%s is followed by the byte %#x; it must be 0", in.Op, b)
			return
		}
		c.feature(at, "%s with the index of a memory", "multi-memory", in.Op)
	}
}

// labels reads over the targets of a br_table, and checks that they are numbers.
func (c *cursor) labels(in *Instr) {
	n := c.count(1, limitLabels)
	in.Index = uint32(n)
	for range n + 1 {
		c.u32()
	}
}

// types reads those of a select, which must be one.
func (c *cursor) types(in *Instr) {
	at := c.at
	n := c.u32()
	if c.err == nil && n != 1 {
		c.invalid(at, "select has %d types; it must have one", n)
		return
	}
	in.Index = n
	in.Type = c.valType()
}
