package wasm

// checker validates bodies by the algorithm of the core specification 2.0,
// appendix A.3. Its stacks are used again from body to body.
//
// A value of type unknown is what there may be any of: it comes off the stack
// of code that is never reached.
type checker struct {
	cursor
	m        *Module
	declared []bool

	in     Instr
	stack  []ValType
	frames []frame
	locals []ValType

	effort            // of this body
	spent, budget int // work of all bodies, and how much there may be
	mutable       int // globals that change
}

const unknown ValType = 0

// frame is a block that is open.
type frame struct {
	op          Op
	unreachable bool
	height      int // of the stack where it begins
	FuncType
}

// body validates a body whose locals have been read.
func (c *checker) body(b *Body, t FuncType) *Error {
	c.cursor = cursor{b: c.m.Binary, at: b.Code, end: b.End, peaks: &c.m.peaks}
	c.effort = effort{}
	c.stack, c.frames = c.stack[:0], c.frames[:0]
	c.locals = append(c.locals[:0], t.Params...)
	for _, l := range b.Locals {
		for range l.Count {
			c.locals = append(c.locals, l.Type)
		}
	}
	c.frames = append(c.frames, frame{op: OpBlock, FuncType: FuncType{Results: t.Results}})
	for len(c.frames) > 0 {
		o := c.instr(&c.in)
		if c.err != nil {
			return c.err
		}
		if o.plain {
			c.plain(o)
		} else {
			c.special()
		}
		if c.err != nil {
			return c.err
		}
	}
	if c.at != c.end {
		c.invalid(c.at, "%d bytes are left behind the end of the function", c.end-c.at)
	}
	c.weigh(b)
	return c.err
}

// weigh holds what the body demands of a compiler against the limits.
func (c *checker) weigh(b *Body) {
	c.limit(b.Start, c.blocks, limitBlocks)
	c.limit(b.Start, c.targets, limitLabelsTotal)
	c.spent += c.work(len(c.locals), c.mutable)
	if c.spent > c.budget {
		c.fail(CodeLimit, b.Start, "%s: %d; at most %d are allowed of a module with so much code", limits[limitWork].what, c.spent, c.budget)
	}
	c.peaks[limitWork] = c.spent
}

func (c *checker) top() *frame { return &c.frames[len(c.frames)-1] }

func (c *checker) push(t ValType) { c.stack = append(c.stack, t) }

// pop takes a value of a type off the stack, and returns what was there.
func (c *checker) pop(want ValType) ValType {
	f := c.top()
	n := len(c.stack)
	if n > f.height {
		got := c.stack[n-1]
		c.stack = c.stack[:n-1]
		if got != want && got != unknown && want != unknown {
			c.invalid(c.in.At, "%s finds %s on the stack; it takes %s", c.in.Op, got, want)
		}
		return got
	}
	if !f.unreachable {
		c.invalid(c.in.At, "%s finds no value on the stack; it takes %s", c.in.Op, want)
	}
	return unknown
}

func (c *checker) popAll(types []ValType) {
	n := len(c.stack) - len(types)
	if n >= c.top().height && string(c.stack[n:]) == string(types) {
		c.stack = c.stack[:n]
		return
	}
	for i := len(types) - 1; i >= 0 && c.err == nil; i-- {
		c.pop(types[i])
	}
}

// holds checks that values of these types lie on top of the stack, and leaves
// them there.
func (c *checker) holds(types []ValType) {
	f := c.top()
	n := len(c.stack) - len(types)
	if n >= f.height && string(c.stack[n:]) == string(types) {
		return
	}
	for i := len(types) - 1; i >= 0; i-- {
		at := n + i
		switch {
		case at < f.height && !f.unreachable:
			c.invalid(c.in.At, "%s finds no value on the stack; it takes %s", c.in.Op, types[i])
			return
		case at >= f.height && c.stack[at] != types[i] && c.stack[at] != unknown:
			c.invalid(c.in.At, "%s finds %s on the stack; it takes %s", c.in.Op, c.stack[at], types[i])
			return
		}
	}
}

// unreachable says that what follows in this block is never run.
func (c *checker) unreachable() {
	f := c.top()
	c.stack = c.stack[:f.height]
	f.unreachable = true
}

// plain is an instruction whose types the table has.
func (c *checker) plain(o *operation) {
	n := len(c.stack) - len(o.pops)
	if n >= c.top().height {
		same := true
		for i, t := range o.pops {
			same = same && c.stack[n+i] == t
		}
		if same {
			c.stack = append(c.stack[:n], o.push...)
		} else {
			c.popAll(o.pops)
			c.stack = append(c.stack, o.push...)
		}
	} else {
		c.popAll(o.pops)
		c.stack = append(c.stack, o.push...)
	}
	if o.takes >= indexImm && o.takes <= memlaneImm {
		c.plainIndexes(o)
	}
}

// plainIndexes checks what a plain instruction names.
func (c *checker) plainIndexes(o *operation) {
	in := &c.in
	switch o.takes {
	case memoryImm, memlaneImm, zeroImm, zerosImm, indexzeroImm:
		c.within(in.At, 0, len(c.m.Memories), "memory")
	}
	switch in.Op {
	case OpMemoryInit, OpDataDrop:
		c.segment()
	case OpElemDrop:
		c.within(in.Imm, in.Index, len(c.m.Elements), "segment of elements")
	case OpTableSize:
		c.within(in.Imm, in.Index, len(c.m.Tables), "table")
	case OpTableInit:
		c.tableInit()
	case OpTableCopy:
		c.tableCopy()
	}
}

func (c *checker) segment() {
	in := &c.in
	if c.m.DataCount < 0 {
		c.invalid(in.At, "%s needs a data count section, and there is none", in.Op)
		return
	}
	c.within(in.Imm, in.Index, c.m.DataCount, "segment of data")
}

func (c *checker) tableInit() {
	in := &c.in
	if c.within(in.Imm, in.Index, len(c.m.Elements), "segment of elements") && c.within(in.Imm, in.Second, len(c.m.Tables), "table") {
		c.sameElem(c.m.Elements[in.Index].Elem, c.m.Tables[in.Second].Elem)
	}
}

func (c *checker) tableCopy() {
	in := &c.in
	if c.within(in.Imm, in.Index, len(c.m.Tables), "table") && c.within(in.Imm, in.Second, len(c.m.Tables), "table") {
		c.sameElem(c.m.Tables[in.Second].Elem, c.m.Tables[in.Index].Elem)
	}
}

func (c *checker) sameElem(from, to ValType) {
	if from != to {
		c.invalid(c.in.At, "%s brings %s to a table of %s", c.in.Op, from, to)
	}
}
