package meter

import "github.com/grow-platform/grow/runtime/wasm"

// plan is a module that a test makes. Its types are () and then those of funcs, in
// their order, each once.
type plan struct {
	imports []string // functions of type ()
	funcs   []fn
	table   []int // elements of a table of functions; nil: there is none
	pages   int   // of memory; 0: there is none
	globals int   // mutable, i32
	data    []byte
	names   bool // funcs are named by their export
	start   int  // index of the start function, from 1
}

// fn is a function. Its code has no end.
type fn struct {
	export          string
	params, results []wasm.ValType
	locals          []wasm.ValType
	code            []byte
}

// binary is the module.
func (p *plan) binary() []byte {
	w := &assembler{plan: p, out: []byte("\x00asm\x01\x00\x00\x00")}
	w.functions()
	w.section(wasm.SectionType, len(w.byKind), w.kinds)
	w.section(wasm.SectionImport, len(p.imports), w.imports)
	w.section(wasm.SectionFunction, len(p.funcs), w.funcs)
	if p.table != nil {
		l := wasm.Limits{Min: int64(len(p.table)), Max: -1}
		w.section(wasm.SectionTable, 1, limits([]byte{byte(wasm.FuncRef)}, l))
	}
	if p.pages > 0 {
		w.section(wasm.SectionMemory, 1, unsigned([]byte{0}, uint64(p.pages)))
		w.export("memory", wasm.KindMemory, 0)
	}
	var globals []byte
	for i := range p.globals {
		globals = ops(i32(append(globals, byte(wasm.I32), 1), int32(i)), wasm.OpEnd)
	}
	w.section(wasm.SectionGlobal, p.globals, globals)
	w.section(wasm.SectionExport, w.exported, w.exports)
	if p.start > 0 {
		w.out = append(w.out, wasm.SectionStart, 1, byte(p.start-1))
	}
	if len(p.table) > 0 {
		w.section(wasm.SectionElement, 1, p.elements())
	}
	if p.data != nil {
		w.section(wasm.SectionDataCount, 1, nil)
	}
	w.section(wasm.SectionCode, len(p.funcs), w.code)
	if p.data != nil {
		w.section(wasm.SectionData, 1, append(unsigned([]byte{1}, uint64(len(p.data))), p.data...))
	}
	if p.names {
		c := append(unsigned(nil, uint64(len(p.funcs))), w.names...)
		c = append(unsigned([]byte{namesFunctions}, uint64(len(c))), c...)
		c = append(text(nil, "name"), c...)
		w.out = append(unsigned(append(w.out, wasm.SectionCustom), uint64(len(c))), c...)
	}
	return w.out
}

func (p *plan) elements() []byte {
	e := append(ops(i32([]byte{0}, 0), wasm.OpEnd), unsigned(nil, uint64(len(p.table)))...)
	for _, f := range p.table {
		e = unsigned(e, uint64(f))
	}
	return e
}

// assembler puts a plan together.
type assembler struct {
	*plan
	out      []byte
	byKind   map[string]int
	exported int

	kinds, imports, funcs, exports, code, names []byte // what sections hold
}

func (w *assembler) section(id byte, n int, c []byte) {
	if n > 0 {
		c = append(unsigned(nil, uint64(n)), c...)
		w.out = append(unsigned(append(w.out, id), uint64(len(c))), c...)
	}
}

func (w *assembler) export(name string, kind wasm.Kind, i int) {
	w.exported++
	w.exports = export(w.exports, name, kind, i)
}

func (w *assembler) functions() {
	w.kinds, w.byKind = []byte{0x60, 0, 0}, map[string]int{"()": 0}
	for _, name := range w.plan.imports {
		w.imports = append(text(text(w.imports, "host"), name), 0, 0)
	}
	for i, f := range w.plan.funcs {
		t := wasm.FuncType{Params: f.params, Results: f.results}
		if _, known := w.byKind[t.String()]; !known {
			w.byKind[t.String()] = len(w.byKind)
			w.kinds = types(types(append(w.kinds, 0x60), f.params), f.results)
		}
		w.funcs = unsigned(w.funcs, uint64(w.byKind[t.String()]))
		index := len(w.plan.imports) + i
		if f.export != "" {
			w.export(f.export, wasm.KindFunc, index)
		}
		body := unsigned(nil, uint64(len(f.locals)))
		for _, l := range f.locals {
			body = append(body, 1, byte(l))
		}
		body = append(append(body, f.code...), byte(wasm.OpEnd))
		w.code = append(unsigned(w.code, uint64(len(body))), body...)
		w.names = text(unsigned(w.names, uint64(index)), f.export)
	}
}

// code is instructions, given as opcodes, bytes of immediates and parts.
func code(parts ...any) []byte {
	var b []byte
	for _, p := range parts {
		switch p := p.(type) {
		case wasm.Op:
			if p>>8 != 0 {
				b = unsigned(append(b, byte(p>>8)), uint64(p&0xff))
			} else {
				b = append(b, byte(p))
			}
		case int:
			b = unsigned(b, uint64(p))
		case []byte:
			b = append(b, p...)
		}
	}
	return b
}

func get(local int) []byte { return op(nil, wasm.OpLocalGet, local) }

func number(v int) []byte { return i32(nil, int32(v)) }

// repeat is the same code so often.
func repeat(n int, c []byte) []byte {
	var b []byte
	for range n {
		b = append(b, c...)
	}
	return b
}
