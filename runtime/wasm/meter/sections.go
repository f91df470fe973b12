package meter

import (
	"github.com/grow-platform/grow/runtime/wasm"
)

// order is that of sections, but for the custom one, which comes last.
var order = [...]byte{
	wasm.SectionType, wasm.SectionImport, wasm.SectionFunction, wasm.SectionTable, wasm.SectionMemory, wasm.SectionGlobal, wasm.SectionExport,
	wasm.SectionStart, wasm.SectionElement, wasm.SectionDataCount, wasm.SectionCode, wasm.SectionData,
}

// write puts the new binary together. Of custom sections nothing is left but names:
// they say where code was, or what nobody here reads.
func (w *writer) write() *Module {
	w.out.Fuel, w.out.Stack = w.counter(), w.counter()+1
	w.addType(askType)
	code := w.code(make([]byte, 0, len(w.m.Binary)*3/2))
	b := make([]byte, 0, len(w.m.Binary)+len(code))
	b = append(b, w.m.Binary[:8]...)
	var old [wasm.SectionDataCount + 1]*wasm.Section
	for i := range w.m.Sections {
		old[w.m.Sections[i].ID] = &w.m.Sections[i]
	}
	for _, id := range order {
		b = w.section(b, id, old[id], code)
	}
	w.out.Binary = content(append(b, wasm.SectionCustom), w.nameSection())
	return &w.out
}

// section appends a section; s is nil when the original has none of the kind.
func (w *writer) section(b []byte, id byte, s *wasm.Section, code []byte) []byte {
	var c []byte
	switch id {
	case wasm.SectionType:
		c = w.typeSection()
	case wasm.SectionImport:
		c = w.importSection()
	case wasm.SectionFunction:
		c = w.functionSection()
	case wasm.SectionGlobal:
		c = w.globalSection()
	case wasm.SectionExport:
		c = w.exportSection()
	case wasm.SectionCode:
		c = code
	default:
		if s == nil {
			return b
		}
		c = w.rewritten(s)
	}
	b = content(append(b, id), c)
	if id == wasm.SectionCode {
		for i := range w.out.Offsets {
			w.out.Offsets[i].New += uint32(len(b) - len(code))
		}
	}
	return b
}

// rewritten is a section that is only there when the original has it.
func (w *writer) rewritten(s *wasm.Section) []byte {
	switch s.ID {
	case wasm.SectionTable:
		return w.tableSection()
	case wasm.SectionMemory:
		return w.memorySection()
	case wasm.SectionStart:
		return unsigned(nil, uint64(w.function(w.m.Start)))
	case wasm.SectionElement:
		return w.elementSection()
	}
	return w.m.Binary[s.Start:s.End]
}

func (w *writer) typeSection() []byte {
	b := unsigned(nil, uint64(len(w.m.Types)+len(w.types)))
	for _, all := range [][]wasm.FuncType{w.m.Types, w.types} {
		for _, t := range all {
			b = types(types(append(b, 0x60), t.Params), t.Results)
		}
	}
	return b
}

func types(b []byte, all []wasm.ValType) []byte {
	b = unsigned(b, uint64(len(all)))
	for _, t := range all {
		b = append(b, byte(t))
	}
	return b
}

func (w *writer) importSection() []byte {
	m := w.m
	b := unsigned(nil, uint64(len(m.Imports)+1))
	for _, i := range m.Imports {
		b = append(text(text(b, i.Module), i.Name), byte(i.Kind))
		switch i.Kind {
		case wasm.KindFunc:
			b = unsigned(b, uint64(m.Funcs[i.Index].Type))
		case wasm.KindTable:
			b = limits(append(b, byte(m.Tables[i.Index].Elem)), m.Tables[i.Index].Limits)
		case wasm.KindMemory:
			b = limits(b, m.Memories[i.Index].Limits)
		case wasm.KindGlobal:
			b = globalType(b, m.Globals[i.Index])
		}
	}
	b = append(text(text(b, ImportModule), ImportName), byte(wasm.KindFunc))
	return unsigned(b, uint64(w.addType(sliceType)))
}

var (
	fuelGlobal  = wasm.Global{Type: wasm.I64, Mutable: true}
	stackGlobal = wasm.Global{Type: wasm.I32, Mutable: true}
)

func globalType(b []byte, g wasm.Global) []byte {
	b = append(b, byte(g.Type), 0)
	if g.Mutable {
		b[len(b)-1] = 1
	}
	return b
}

func limits(b []byte, l wasm.Limits) []byte {
	if l.Max < 0 {
		return unsigned(append(b, 0), uint64(l.Min))
	}
	return unsigned(unsigned(append(b, 1), uint64(l.Min)), uint64(l.Max))
}

// clamp lowers a maximum.
func clamp(l wasm.Limits, most int64) wasm.Limits {
	if l.Max < 0 || l.Max > most {
		l.Max = most
	}
	return l
}

func (w *writer) functionSection() []byte {
	m := w.m
	b := unsigned(nil, uint64(len(m.Bodies)+len(w.helpers)+1))
	for _, f := range m.Funcs[m.ImportedFuncs:] {
		b = unsigned(b, uint64(f.Type))
	}
	b = unsigned(b, uint64(w.addType(askType)))
	for _, h := range w.helpers {
		b = unsigned(b, uint64(w.addType(h.typed())))
	}
	return b
}

func (w *writer) tableSection() []byte {
	own := w.m.Tables[w.m.ImportedTables:]
	b := unsigned(nil, uint64(len(own)))
	for _, t := range own {
		b = limits(append(b, byte(t.Elem)), clamp(t.Limits, w.o.TableMax))
	}
	return b
}

func (w *writer) memorySection() []byte {
	own := w.m.Memories[w.m.ImportedMemories:]
	b := unsigned(nil, uint64(len(own)))
	for _, mem := range own {
		if w.o.PagesMax > 0 {
			mem.Limits = clamp(mem.Limits, w.o.PagesMax)
		}
		b = limits(b, mem.Limits)
	}
	return b
}

// pagesMax is how large memory can be.
func (w *writer) pagesMax() int64 {
	l := w.m.Memories[0].Limits
	if w.o.PagesMax > 0 && w.m.ImportedMemories == 0 {
		l = clamp(l, w.o.PagesMax)
	}
	return clamp(l, wasm.PagesMax).Max
}

func (w *writer) globalSection() []byte {
	own := w.m.Globals[w.m.ImportedGlobals:]
	b := unsigned(nil, uint64(len(own)+2))
	for _, g := range own {
		b, _ = w.expr(globalType(b, g), g.Start, g.End)
	}
	// Without fuel, so that the host is asked before anything is run.
	b = ops(i64(globalType(b, fuelGlobal), 0), wasm.OpEnd)
	return ops(i32(globalType(b, stackGlobal), int32(w.o.StackMax)), wasm.OpEnd)
}

// expr writes a constant expression, which begins at an offset of the original,
// and says where it ends.
func (w *writer) expr(b []byte, start, end int) ([]byte, int) {
	in := wasm.Instr{}
	for scan := w.m.ScanExpr(start, end); scan.Next(&in); {
		if in.Op == wasm.OpRefFunc {
			b = op(b, in.Op, w.function(int(in.Index)))
		} else {
			b = append(b, w.m.Binary[in.At:in.End]...)
		}
		if in.Op == wasm.OpEnd {
			break
		}
	}
	return b, in.End
}

func (w *writer) exportSection() []byte {
	m := w.m
	w.listGlobals()
	b := unsigned(nil, uint64(len(m.Exports)+len(w.out.Globals)+2))
	for _, e := range m.Exports {
		i := e.Index
		if e.Kind == wasm.KindFunc {
			i = w.function(i)
		}
		b = export(b, e.Name, e.Kind, i)
	}
	b = export(b, ExportFuel, wasm.KindGlobal, w.counter())
	b = export(b, ExportStack, wasm.KindGlobal, w.counter()+1)
	for _, g := range w.out.Globals {
		b = export(b, g.Export, wasm.KindGlobal, g.Index)
	}
	return b
}

func export(b []byte, name string, kind wasm.Kind, i int) []byte {
	return unsigned(append(text(b, name), byte(kind)), uint64(i))
}

// listGlobals finds the globals that are to be exported.
func (w *writer) listGlobals() {
	if !w.o.Globals {
		return
	}
	for i, g := range w.m.Globals {
		if g.Mutable && i >= w.m.ImportedGlobals {
			w.out.Globals = append(w.out.Globals, Global{Index: i, Type: g.Type, Export: GlobalName(i)})
		}
	}
}
