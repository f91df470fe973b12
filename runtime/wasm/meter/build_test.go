package meter

import "github.com/grow-platform/grow/runtime/wasm"

// plan is a module that a test makes. Its types are () and then those of funcs, in
// their order, each once.
type plan struct {
	imports []string // functions of type ()
	funcs   []fn
	table   []int // elements of a table of functions; -1: none
	most    int64 // of the table; 0: not said
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
	b := []byte("\x00asm\x01\x00\x00\x00")
	section := func(id byte, n int, c []byte) {
		if n > 0 {
			c = append(unsigned(nil, uint64(n)), c...)
			b = append(unsigned(append(b, id), uint64(len(c))), c...)
		}
	}
	kinds, byKind := []byte{0x60, 0, 0}, map[string]int{"()": 0}
	var imports, funcs, exports, code, names []byte
	exported := 0
	for _, name := range p.imports {
		imports = append(text(text(imports, "host"), name), 0, 0)
	}
	for i, f := range p.funcs {
		t := wasm.FuncType{Params: f.params, Results: f.results}
		if _, known := byKind[t.String()]; !known {
			byKind[t.String()] = len(byKind)
			kinds = types(types(append(kinds, 0x60), f.params), f.results)
		}
		funcs = unsigned(funcs, uint64(byKind[t.String()]))
		if f.export != "" {
			exported++
			exports = export(exports, f.export, wasm.KindFunc, len(p.imports)+i)
		}
		body := unsigned(nil, uint64(len(f.locals)))
		for _, l := range f.locals {
			body = append(body, 1, byte(l))
		}
		body = append(append(body, f.code...), byte(wasm.OpEnd))
		code = append(unsigned(code, uint64(len(body))), body...)
		names = text(unsigned(names, uint64(len(p.imports)+i)), f.export)
	}
	section(sectionType, len(byKind), kinds)
	section(sectionImport, len(p.imports), imports)
	section(sectionFunction, len(p.funcs), funcs)
	if p.table != nil {
		l := wasm.Limits{Min: int64(len(p.table)), Max: -1}
		if p.most > 0 {
			l.Max = p.most
		}
		section(sectionTable, 1, limits([]byte{byte(wasm.FuncRef)}, l))
	}
	if p.pages > 0 {
		section(sectionMemory, 1, unsigned([]byte{0}, uint64(p.pages)))
		exports = export(exports, "memory", wasm.KindMemory, 0)
		exported++
	}
	var globals []byte
	for i := range p.globals {
		globals = ops(i32(append(globals, byte(wasm.I32), 1), int32(i)), wasm.OpEnd)
	}
	section(sectionGlobal, p.globals, globals)
	section(sectionExport, exported, exports)
	if p.start > 0 {
		b = append(b, sectionStart, 1, byte(p.start-1))
	}
	if len(p.table) > 0 {
		e := append(ops(i32([]byte{0}, 0), wasm.OpEnd), unsigned(nil, uint64(len(p.table)))...)
		for _, f := range p.table {
			e = unsigned(e, uint64(f))
		}
		section(sectionElement, 1, e)
	}
	if p.data != nil {
		section(sectionCount, 1, nil)
	}
	section(sectionCode, len(p.funcs), code)
	if p.data != nil {
		section(sectionData, 1, append(unsigned([]byte{1}, uint64(len(p.data))), p.data...))
	}
	if p.names {
		c := append(unsigned(nil, uint64(len(p.funcs))), names...)
		c = append(unsigned([]byte{namesFunctions}, uint64(len(c))), c...)
		c = append(text(nil, "name"), c...)
		b = append(unsigned(append(b, sectionCustom), uint64(len(c))), c...)
	}
	return b
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
