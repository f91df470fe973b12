package hostile

import "slices"

// module puts a binary together section by section (WebAssembly core
// specification 2.0, chapter 5), and checks nothing. Each list holds encoded
// entries.
type module struct {
	types, imports, funcs, tables, memories, globals, exports, elements, bodies, data [][]byte
	start                                                                             []byte // content of the start section; nil: there is none
	dataCount                                                                         int    // of the data count section; -1: there is none
	imported                                                                          int    // functions
	bare                                                                              bool   // made without the memory and functions of an actor
}

// Types of values.
const (
	i32  = "\x7f"
	i64  = "\x7e"
	f32  = "\x7d"
	f64  = "\x7c"
	v128 = "\x7b"
	fref = "\x70"
	xref = "\x6f"
)

// header begins a core module.
const header = "\x00asm\x01\x00\x00\x00"

// The numbers of sections.
const (
	secCustom = iota
	secType
	secImport
	secFunc
	secTable
	secMemory
	secGlobal
	secExport
	secStart
	secElement
	secCode
	secData
	secDataCount
)

// blank is a module of nothing.
func blank() *module { return &module{dataCount: -1, bare: true} }

// actor is a module with a page of memory, to which finish adds what of the ABI
// is not exported yet.
func actor() *module {
	m := &module{dataCount: -1}
	m.memories = [][]byte{{0, 1}}
	m.export("memory", 2, 0)
	return m
}

// imports adds an imported function, before any other, and returns its index.
func (m *module) import_(from, name, params, results string) int {
	t := m.typ(params, results)
	m.imports = append(m.imports, uleb(append(text(nil, from, name), 0), uint64(t)))
	m.imported++
	return m.imported - 1
}

// typ adds a type and returns its index.
func (m *module) typ(params, results string) int {
	m.types = append(m.types, signature(params, results))
	return len(m.types) - 1
}

// locals are runs of declared locals.
type locals []struct {
	count uint64
	of    string
}

// fn adds a function and returns its index. export "" exports nothing.
func (m *module) fn(export, params, results string, code ...[]byte) int {
	return m.fnWith(export, params, results, nil, code...)
}

func (m *module) fnWith(export, params, results string, l locals, code ...[]byte) int {
	index := m.imported + len(m.funcs)
	m.funcs = append(m.funcs, uleb(nil, uint64(m.typ(params, results))))
	m.bodies = append(m.bodies, body(l, code...))
	if export != "" {
		m.export(export, 0, index)
	}
	return index
}

// next is the index the next function will have.
func (m *module) next() int { return m.imported + len(m.funcs) }

func (m *module) export(name string, kind byte, index int) {
	m.exports = append(m.exports, uleb(append(text(nil, name), kind), uint64(index)))
}

func (m *module) exported(name string) bool {
	return slices.ContainsFunc(m.exports, func(e []byte) bool { return string(e[1:1+min(int(e[0]), len(e)-1)]) == name })
}

// put adds an active data segment.
func (m *module) put(at int, bytes string) *module {
	m.data = append(m.data, text(join([]byte{0}, c32(int32(at)), op(0x0b)), bytes))
	return m
}

// finish adds the functions of the ABI that are missing: an input block at 1024
// and no answer.
func (m *module) finish() *module {
	if m.bare {
		return m
	}
	if !m.exported("grow_alloc") {
		m.fn("grow_alloc", i32, i32, c32(1024))
	}
	if !m.exported("grow_handle") {
		m.fn("grow_handle", i32+i32, i64, c64(0))
	}
	return m
}

// sections are the sections of the binary, in their order.
func (m *module) sections() []part {
	m.finish()
	var list []part
	add := func(id byte, entries [][]byte) {
		if len(entries) > 0 {
			list = append(list, part{id, vector(entries...)})
		}
	}
	add(secType, m.types)
	add(secImport, m.imports)
	add(secFunc, m.funcs)
	add(secTable, m.tables)
	add(secMemory, m.memories)
	add(secGlobal, m.globals)
	add(secExport, m.exports)
	if m.start != nil {
		list = append(list, part{secStart, m.start})
	}
	add(secElement, m.elements)
	if m.dataCount >= 0 {
		list = append(list, part{secDataCount, uleb(nil, uint64(m.dataCount))})
	}
	add(secCode, m.bodies)
	add(secData, m.data)
	return list
}

// bytes is the binary.
func (m *module) bytes() []byte { return assemble(m.sections()) }

// part is one section.
type part struct {
	id      byte
	content []byte
}

// assemble puts sections together.
func assemble(list []part) []byte {
	b := []byte(header)
	for _, s := range list {
		b = append(b, s.id)
		b = uleb(b, uint64(len(s.content)))
		b = append(b, s.content...)
	}
	return b
}

// custom is a custom section.
func custom(name string, content ...byte) part {
	return part{secCustom, append(text(nil, name), content...)}
}

// body is an entry of the code section; code goes without its final end.
func body(l locals, code ...[]byte) []byte {
	b := uleb(nil, uint64(len(l)))
	for _, run := range l {
		b = append(uleb(b, run.count), run.of...)
	}
	b = append(append(b, join(code...)...), 0x0b)
	return append(uleb(nil, uint64(len(b))), b...)
}

func signature(params, results string) []byte { return text([]byte{0x60}, params, results) }

// vector is entries after their number.
func vector(entries ...[]byte) []byte {
	return append(uleb(nil, uint64(len(entries))), join(entries...)...)
}

// text appends strings, each after its length.
func text(b []byte, list ...string) []byte {
	for _, s := range list {
		b = append(uleb(b, uint64(len(s))), s...)
	}
	return b
}

// uleb appends an unsigned integer in LEB128.
func uleb(b []byte, n uint64) []byte {
	for ; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}

// leading is the number that b begins with, and what follows it.
func leading(b []byte) (n uint64, rest []byte, ok bool) {
	for i, c := range b[:min(len(b), 5)] {
		n |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			return n, b[i+1:], true
		}
	}
	return 0, nil, false
}

// sleb appends a signed integer in LEB128.
func sleb(b []byte, n int64) []byte {
	for {
		low := byte(n) & 0x7f
		n >>= 7
		if n == 0 && low&0x40 == 0 || n == -1 && low&0x40 != 0 {
			return append(b, low)
		}
		b = append(b, low|0x80)
	}
}

// Exports is a module with the exports of an actor and nothing in them, for
// those who make modules with exports of these types.
func Exports() []byte {
	m := actor()
	m.fn("_initialize", "", "")
	m.fn("grow_init", i32+i32, i32, c32(0))
	return m.bytes()
}

// Imports is a module that imports all an actor may.
func Imports() []byte {
	m := actor()
	growCall(m)
	m.import_("grow", "answer", i32+i32, i32)
	for _, f := range wasiFunctions {
		importWASI(m, f.name, f.params, 0)
	}
	return m.bytes()
}
