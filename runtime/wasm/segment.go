package wasm

// The bits of what begins a segment of elements.
const (
	notActive = 1 // passive or, with explicit, declarative
	explicit  = 2 // the table is said; or declarative
	expresses = 4 // elements are expressions
	flagsMax  = 7
)

func (d *decoder) elementSection() {
	n := d.count(3, limitElements)
	d.m.Elements = make([]Element, 0, n)
	for range n {
		e := d.element()
		d.elements += e.Funcs
		if d.err != nil || !d.limit(e.Start, d.elements, limitElement) {
			return
		}
		d.m.Elements = append(d.m.Elements, e)
	}
}

func (d *decoder) element() Element {
	e := Element{Start: d.at, Elem: FuncRef}
	flags := d.u32()
	if flags > flagsMax {
		d.invalid(e.Start, "a segment of elements begins with %d", flags)
		return e
	}
	d.mode(&e, flags)
	if flags&(notActive|explicit) != 0 {
		at := d.at
		if flags&expresses != 0 {
			e.Elem = d.refType()
		} else if kind := d.byte(); kind != 0 {
			d.invalid(at, "%#x is not the kind of an element", kind)
		}
	}
	if e.Mode == Active && d.err == nil && d.m.Tables[e.Table].Elem != e.Elem {
		d.invalid(e.Start, "a segment of %s is for table %d, which is of %s", e.Elem, e.Table, d.m.Tables[e.Table].Elem)
	}
	d.elementsOf(&e, flags&expresses != 0)
	e.End = d.at
	return e
}

// mode reads when a segment takes effect, and where.
func (d *decoder) mode(e *Element, flags uint32) {
	switch flags & (notActive | explicit) {
	case notActive:
		e.Mode = Passive
	case notActive | explicit:
		e.Mode = Declarative
	default:
		at := d.at
		var table uint32
		if flags&explicit != 0 {
			table = d.u32()
		}
		if d.within(at, table, len(d.m.Tables), "table") {
			e.Table = int(table)
			d.constant(I32)
		}
	}
}

func (d *decoder) elementsOf(e *Element, expressions bool) {
	bytes := 1
	if expressions {
		bytes = 2
	}
	e.Funcs = d.count(bytes, limitElement)
	for range e.Funcs {
		if d.err != nil {
			return
		}
		if expressions {
			d.constant(e.Elem)
			continue
		}
		at := d.at
		if f := d.u32(); d.within(at, f, len(d.m.Funcs), "function") {
			d.declare(f)
		}
	}
}

func (d *decoder) dataCountSection() { d.m.DataCount = int(d.u32()) }

func (d *decoder) dataSection() {
	n := d.count(2, limitData)
	d.m.Data = make([]Data, 0, n)
	for range n {
		s := d.data()
		if d.err != nil {
			return
		}
		d.m.Data = append(d.m.Data, s)
	}
}

func (d *decoder) data() Data {
	s := Data{Start: d.at}
	at := d.at
	switch flags := d.u32(); flags {
	case 1:
		s.Mode = Passive
	case 0, 2:
		var memory uint32
		if flags == 2 {
			at = d.at
			memory = d.u32()
		}
		if d.within(at, memory, len(d.m.Memories), "memory") {
			d.constant(I32)
		}
	default:
		d.invalid(at, "a segment of data begins with %d", flags)
	}
	at = d.at
	n := d.u32()
	if d.err == nil && uint64(n) > uint64(d.left()) {
		d.invalid(at, "%d bytes of data are announced, and %d are left", n, d.left())
	}
	if d.err != nil {
		return s
	}
	s.Size = int(n)
	d.at += s.Size
	s.End = d.at
	return s
}

// constant reads an expression that makes one value (core specification 2.0,
// section 3.3.8.2).
func (d *decoder) constant(want ValType) {
	at := d.at
	got, n := ValType(0), 0
	for d.err == nil {
		var in Instr
		d.instr(&in)
		if in.Op == OpEnd || d.err != nil {
			break
		}
		got = d.constantOf(&in)
		n++
	}
	switch {
	case d.err != nil:
	case n != 1:
		d.invalid(at, "a constant expression makes %d values; it must make one", n)
	case got != want:
		d.invalid(at, "a constant expression makes %s; %s is wanted", got, want)
	}
}

// constantOf is the type of what an instruction of a constant expression makes.
func (d *decoder) constantOf(in *Instr) ValType {
	switch in.Op {
	case OpI32Const, OpI64Const, OpF32Const, OpF64Const, OpV128Const:
		return in.Op.operation().push[0]
	case OpRefNull:
		return in.Type
	case OpRefFunc:
		if d.within(in.Imm, in.Index, len(d.m.Funcs), "function") {
			d.declare(in.Index)
		}
		return FuncRef
	case OpGlobalGet:
		return d.constantGlobal(in)
	case OpI32Add, OpI32Sub, OpI32Mul, OpI64Add, OpI64Sub, OpI64Mul:
		d.feature(in.At, "the instruction %s in a constant expression", ProposalExtendedConst, in.Op)
	default:
		d.invalid(in.At, "the instruction %s is not constant", in.Op)
	}
	return 0
}

// constantGlobal: only imported globals have a value at that time.
func (d *decoder) constantGlobal(in *Instr) ValType {
	if !d.within(in.Imm, in.Index, len(d.m.Globals), "global") {
		return 0
	}
	g := d.m.Globals[in.Index]
	switch {
	case int(in.Index) >= d.m.ImportedGlobals:
		d.feature(in.At, "a constant expression that reads the global %d, which is not imported,", ProposalGC, in.Index)
	case g.Mutable:
		d.invalid(in.At, "a constant expression reads the mutable global %d", in.Index)
	}
	return g.Type
}
