package wasm

// typeSection: core specification 2.0, section 5.5.4; the others follow it.
func (d *decoder) typeSection() {
	n := d.count(1, limitTypes)
	d.m.Types = make([]FuncType, 0, n/3) // a type that takes fewer bytes is a mistake
	for range n {
		if d.funcType(); d.err != nil {
			return
		}
	}
}

func (d *decoder) importSection() {
	n := d.count(4, limitImports)
	d.m.Imports = make([]Import, 0, n)
	for range n {
		if d.importEntry(); d.err != nil {
			return
		}
	}
	m := d.m
	m.ImportedFuncs, m.ImportedTables, m.ImportedMemories, m.ImportedGlobals = len(m.Funcs), len(m.Tables), len(m.Memories), len(m.Globals)
}

func (d *decoder) importEntry() {
	i := Import{Module: d.name(), Name: d.name()}
	at := d.at
	i.Kind = Kind(d.byte())
	m := d.m
	switch i.Kind {
	case KindFunc:
		i.Index = len(m.Funcs)
		m.Funcs = append(m.Funcs, Func{Type: d.typeIndex()})
	case KindTable:
		i.Index = len(m.Tables)
		d.table()
	case KindMemory:
		i.Index = len(m.Memories)
		d.memory()
	case KindGlobal:
		i.Index = len(m.Globals)
		m.Globals = append(m.Globals, d.globalType())
	default:
		d.kind(at, i.Kind, "imported")
	}
	m.Imports = append(m.Imports, i)
}

// kind refuses what is neither function, table, memory nor global.
func (d *decoder) kind(at int, k Kind, what string) {
	if k == 4 {
		d.feature(at, "the %s tag", ProposalExceptions, what)
		return
	}
	d.invalid(at, "there is no kind %d of what may be %s", k, what)
}

// typeIndex reads the index of a type that there must be.
func (d *decoder) typeIndex() int {
	at := d.at
	n := d.u32()
	d.within(at, n, len(d.m.Types), "type")
	return int(n)
}

// within fails unless an index is one of those there are.
func (c *cursor) within(at int, n uint32, have int, what string) bool {
	if c.err == nil && uint64(n) >= uint64(have) {
		c.invalid(at, "%s %d is named, and there are %d", what, n, have)
	}
	return c.err == nil
}

func (d *decoder) functionSection() {
	at := d.at
	n := d.count(1, limitFuncs)
	if !d.limit(at, n+len(d.m.Funcs), limitFuncs) {
		return
	}
	all := make([]Func, len(d.m.Funcs), n+len(d.m.Funcs))
	copy(all, d.m.Funcs)
	for range n {
		all = append(all, Func{Type: d.typeIndex()})
	}
	d.m.Funcs = all
}

func (d *decoder) tableSection() {
	for range d.count(3, limitTables) {
		if d.err == nil {
			d.table()
		}
	}
}

func (d *decoder) table() {
	at := d.at
	if d.left() > 0 && d.b[d.at] == 0x40 {
		d.feature(at, "a table with an initial value", ProposalTypedReferences)
		return
	}
	t := Table{Elem: d.refType()}
	t.Limits = d.limits(1<<32-1, "table")
	d.m.Tables = append(d.m.Tables, t)
	d.tables += int(t.Min)
	d.limit(at, d.tables, limitTable)
	d.limit(at, len(d.m.Tables), limitTables)
}

func (d *decoder) memorySection() {
	for n := d.u32(); n > 0 && d.err == nil; n-- {
		d.memory()
	}
}

func (d *decoder) memory() {
	if len(d.m.Memories) == MemoriesMax {
		d.feature(d.at, "a second memory", ProposalMultiMemory)
		return
	}
	d.m.Memories = append(d.m.Memories, Memory{d.limits(PagesMax, "memory")})
}

// limits reads the bounds of a table or a memory.
func (d *decoder) limits(most uint64, what string) Limits {
	at := d.at
	flags := d.byte()
	switch {
	case flags >= 0x10:
		d.invalid(at, "the limits of a %s begin with %#x", what, flags)
	case flags >= 0x08:
		d.feature(at, "a %s with a page size of its own", ProposalPageSizes, what)
	case flags >= 0x04:
		d.feature(at, "a %s with 64-bit addresses", ProposalMemory64, what)
	case flags >= 0x02:
		d.feature(at, "a shared %s", ProposalThreads, what)
	}
	l := Limits{Min: int64(d.u32()), Max: -1}
	if flags == 1 {
		l.Max = int64(d.u32())
		if d.err == nil && l.Max < l.Min {
			d.invalid(at, "the %s begins with %d, which is more than its maximum of %d", what, l.Min, l.Max)
		}
	}
	if d.err == nil && uint64(max(l.Min, l.Max)) > most {
		d.invalid(at, "the %s has the size %d; at most %d can be addressed", what, max(l.Min, l.Max), most)
	}
	return l
}

func (d *decoder) globalType() Global {
	d.limit(d.at, len(d.m.Globals)+1, limitGlobals)
	g := Global{Type: d.valType()}
	at := d.at
	switch b := d.byte(); {
	case b == 1:
		g.Mutable = true
	case b >= 2 && b < 4:
		d.feature(at, "a shared global", ProposalSharedEverything)
	case b >= 4:
		d.invalid(at, "a global is neither constant (0) nor mutable (1), but %d", b)
	}
	return g
}

func (d *decoder) globalSection() {
	for range d.count(4, limitGlobals) {
		g := d.globalType()
		g.Start = d.at
		d.constant(g.Type)
		if g.End = d.at; d.err != nil {
			return
		}
		d.m.Globals = append(d.m.Globals, g)
	}
}

func (d *decoder) startSection() {
	at := d.at
	n := d.u32()
	if !d.within(at, n, len(d.m.Funcs), "function") {
		return
	}
	if t := d.m.TypeOf(int(n)); len(t.Params)+len(t.Results) > 0 {
		d.invalid(at, "the start function %d is of type %s; it must be of type ()", n, t)
	}
	d.m.Start = int(n)
}

// TypeOf is the type of a function.
func (m *Module) TypeOf(function int) FuncType { return m.Types[m.Funcs[function].Type] }

func (d *decoder) exportSection() {
	n := d.count(3, limitExports)
	d.m.Exports = make([]Export, 0, n)
	seen := make(map[string]struct{}, n)
	for range n {
		at := d.at
		e := Export{Name: d.name()}
		if _, twice := seen[e.Name]; twice {
			d.invalid(at, "two exports have the name %q", e.Name)
		}
		seen[e.Name] = struct{}{}
		kind := d.at
		e.Kind = Kind(d.byte())
		at = d.at
		index := d.u32()
		e.Index = int(index)
		if d.err != nil {
			return
		}
		switch e.Kind {
		case KindFunc:
			if d.within(at, index, len(d.m.Funcs), "function") {
				d.declare(index)
			}
		case KindTable:
			d.within(at, index, len(d.m.Tables), "table")
		case KindMemory:
			d.within(at, index, len(d.m.Memories), "memory")
		case KindGlobal:
			d.within(at, index, len(d.m.Globals), "global")
		default:
			d.kind(kind, e.Kind, "exported")
		}
		if d.err != nil {
			return
		}
		d.m.Exports = append(d.m.Exports, e)
	}
}

// declare notes that ref.func may name a function.
func (d *decoder) declare(function uint32) {
	if d.declared == nil {
		d.declared = make([]bool, len(d.m.Funcs))
	}
	d.declared[function] = true
}
