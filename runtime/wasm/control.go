package wasm

// special is an instruction whose types follow from more than its opcode.
func (c *checker) special() {
	switch in := &c.in; in.Op {
	case OpLocalGet, OpLocalSet, OpLocalTee:
		c.local()
	case OpGlobalGet, OpGlobalSet:
		c.global()
	case OpCall:
		if c.within(in.Imm, in.Index, len(c.m.Funcs), "function") {
			c.call(c.m.TypeOf(int(in.Index)))
		}
	case OpCallIndirect:
		c.callIndirect()
	case OpBlock, OpLoop, OpIf:
		c.open()
	case OpElse:
		c.otherwise()
	case OpEnd:
		c.close()
	case OpBr, OpBrIf, OpBrTable:
		c.branch()
	case OpReturn:
		c.popAll(c.frames[0].Results)
		c.unreachable()
	case OpUnreachable:
		c.unreachable()
	case OpDrop:
		c.pop(unknown)
	case OpSelect, OpSelectT:
		c.choose()
	default:
		c.reference()
	}
}

func (c *checker) local() {
	in := &c.in
	if uint64(in.Index) >= uint64(len(c.locals)) {
		c.within(in.Imm, in.Index, len(c.locals), "local")
		return
	}
	t := c.locals[in.Index]
	if in.Op == OpLocalGet {
		c.push(t)
		return
	}
	c.pop(t)
	if in.Op == OpLocalTee {
		c.push(t)
	}
}

func (c *checker) global() {
	in := &c.in
	if !c.within(in.Imm, in.Index, len(c.m.Globals), "global") {
		return
	}
	g := &c.m.Globals[in.Index]
	if in.Op == OpGlobalGet {
		c.push(g.Type)
		return
	}
	if !g.Mutable {
		c.invalid(in.At, "global.set changes the global %d, which is constant", in.Index)
	}
	c.pop(g.Type)
}

func (c *checker) call(t FuncType) {
	c.calls++
	c.values += len(t.Params) + len(t.Results)
	c.popAll(t.Params)
	c.stack = append(c.stack, t.Results...)
}

func (c *checker) callIndirect() {
	in := &c.in
	if !c.within(in.Imm, in.Second, len(c.m.Tables), "table") || !c.within(in.Imm, in.Index, len(c.m.Types), "type") {
		return
	}
	if t := c.m.Tables[in.Second].Elem; t != FuncRef {
		c.invalid(in.At, "call_indirect goes through table %d, which is of %s", in.Second, t)
		return
	}
	c.pop(I32)
	c.call(c.m.Types[in.Index])
}

func (c *checker) open() {
	in := &c.in
	if in.Block >= 0 && !c.within(in.Imm, uint32(in.Block), len(c.m.Types), "type") {
		return
	}
	t := c.m.Block(in.Block)
	if in.Op == OpIf {
		c.pop(I32)
	}
	c.popAll(t.Params)
	c.frames = append(c.frames, frame{op: in.Op, height: len(c.stack), FuncType: t})
	c.stack = append(c.stack, t.Params...)
	c.blocks++
	c.weight += weights[in.Op]
	c.values += len(t.Params) + len(t.Results)
	if in.Op == OpLoop {
		c.loops++
		c.nested += c.loops
	}
	c.limit(in.At, len(c.frames)-1, limitNesting)
}

// finish takes the results of the innermost block, which must be all there is.
func (c *checker) finish() *frame {
	f := c.top()
	c.popAll(f.Results)
	if n := len(c.stack) - f.height; n > 0 && c.err == nil {
		c.invalid(c.in.At, "%d values too many are on the stack at the %s of a block with the results %s", n, c.in.Op, FuncType{Results: f.Results})
	}
	return f
}

func (c *checker) otherwise() {
	f := c.finish()
	if f.op != OpIf {
		c.invalid(c.in.At, "else without if")
		return
	}
	f.op, f.unreachable = OpElse, false
	c.stack = append(c.stack, f.Params...)
}

func (c *checker) close() {
	f := c.finish()
	if f.op == OpIf && string(f.Params) != string(f.Results) {
		c.invalid(c.in.At, "an if of type %s has no else", f.FuncType)
	}
	if f.op == OpLoop {
		c.loops--
	}
	c.frames = c.frames[:len(c.frames)-1]
	c.stack = append(c.stack, f.Results...)
}

// label is what a branch to a label brings.
func (c *checker) label(at int, n uint32) []ValType {
	if !c.within(at, n, len(c.frames), "label") {
		return nil
	}
	f := &c.frames[len(c.frames)-1-int(n)]
	if f.op == OpLoop {
		return f.Params
	}
	return f.Results
}

func (c *checker) branch() {
	in := &c.in
	switch in.Op {
	case OpBrTable:
		c.table()
		c.unreachable()
		return
	case OpBrIf:
		c.pop(I32)
	}
	types := c.label(in.Imm, in.Index)
	c.values += len(types)
	c.popAll(types)
	if in.Op == OpBr {
		c.unreachable()
		return
	}
	c.stack = append(c.stack, types...)
}

// table checks each target of a br_table against the stack.
func (c *checker) table() {
	in := &c.in
	c.targets += int(in.Index) + 1
	c.pop(I32)
	targets := cursor{b: c.b, at: in.Imm, end: in.End}
	targets.u32()
	last, arity := ^uint32(0), -1
	for range in.Index + 1 {
		at := targets.at
		n := targets.u32()
		if n == last {
			c.values += arity
			continue
		}
		last = n
		types := c.label(at, n)
		c.values += len(types)
		if arity >= 0 && len(types) != arity {
			c.invalid(at, "the targets of a br_table take %d values and %d", arity, len(types))
		}
		arity = len(types)
		if c.holds(types); c.err != nil {
			return
		}
	}
}

func (c *checker) choose() {
	in := &c.in
	c.pop(I32)
	if in.Op == OpSelectT {
		c.pop(in.Type)
		c.pop(in.Type)
		c.push(in.Type)
		return
	}
	a := c.pop(unknown)
	b := c.pop(unknown)
	switch {
	case a.Ref() || b.Ref():
		c.invalid(in.At, "select without a type chooses between references")
	case a != b && a != unknown && b != unknown:
		c.invalid(in.At, "select chooses between %s and %s", b, a)
	}
	if a == unknown {
		a = b
	}
	c.push(a)
}

// reference is an instruction on references or tables.
func (c *checker) reference() {
	in := &c.in
	switch in.Op {
	case OpRefNull:
		c.push(in.Type)
		return
	case OpRefIsNull:
		if t := c.pop(unknown); !t.Ref() && t != unknown {
			c.invalid(in.At, "ref.is_null finds %s on the stack; it takes a reference", t)
		}
		c.push(I32)
		return
	case OpRefFunc:
		if c.within(in.Imm, in.Index, len(c.m.Funcs), "function") && (c.declared == nil || !c.declared[in.Index]) {
			c.invalid(in.At, "ref.func names function %d, which neither an export, a global nor a segment of elements does", in.Index)
		}
		c.push(FuncRef)
		return
	}
	if c.within(in.Imm, in.Index, len(c.m.Tables), "table") {
		c.tableOf(c.m.Tables[in.Index].Elem)
	}
}

func (c *checker) tableOf(t ValType) {
	switch c.in.Op {
	case OpTableGet:
		c.pop(I32)
		c.push(t)
	case OpTableSet:
		c.pop(t)
		c.pop(I32)
	case OpTableGrow:
		c.pop(I32)
		c.pop(t)
		c.push(I32)
	case OpTableFill:
		c.pop(I32)
		c.pop(t)
		c.pop(I32)
	}
}
