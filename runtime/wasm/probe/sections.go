package probe

import (
	"encoding/binary"
	"strconv"

	"github.com/grow-platform/grow/runtime/wasm"
)

// order is that of sections, but for custom ones, which come last.
var order = [...]byte{
	wasm.SectionType, wasm.SectionImport, wasm.SectionFunction, wasm.SectionTable, wasm.SectionMemory, wasm.SectionGlobal, wasm.SectionExport,
	wasm.SectionStart, wasm.SectionElement, wasm.SectionDataCount, wasm.SectionCode, wasm.SectionData,
}

// write puts the new binary together. Of custom sections nothing is left but names.
func (w *writer) write() {
	code := w.code(make([]byte, 0, len(w.m.Binary)*2))
	b := make([]byte, 0, len(w.m.Binary)+len(code))
	b = append(b, w.m.Binary[:8]...)
	var old [wasm.SectionDataCount + 1]*wasm.Section
	for i := range w.m.Sections {
		old[w.m.Sections[i].ID] = &w.m.Sections[i]
	}
	for _, id := range order {
		b = w.section(b, id, old[id], code)
	}
	b = section(b, wasm.SectionCustom, w.nameSection())
	w.out.Binary = lines(b, len(code))
}

// section appends a section; s is nil when the original has none of the kind.
func (w *writer) section(b []byte, id byte, s *wasm.Section, code []byte) []byte {
	more := len(w.out.Imports) > 0
	switch {
	case id == wasm.SectionType && more:
		return section(b, id, w.typeSection(s))
	case id == wasm.SectionImport && more:
		return section(b, id, w.importSection(s))
	case id == wasm.SectionGlobal && (s != nil || more):
		return section(b, id, w.globalSection())
	case id == wasm.SectionExport && (s != nil || more):
		return section(b, id, w.exportSection())
	case s == nil:
		return b
	case id == wasm.SectionStart:
		return section(b, id, unsigned(nil, w.function(w.m.Start)))
	case id == wasm.SectionElement:
		return section(b, id, w.elementSection())
	case id == wasm.SectionCode:
		b = section(b, id, code)
		for i := range w.out.Offsets {
			w.out.Offsets[i].New += uint32(len(b) - len(code))
		}
		return b
	}
	return section(b, id, w.m.Binary[s.Start:s.End])
}

// entries are those of a section that is a vector, as they are; count is what it says
// there are with more.
func (w *writer) entries(s *wasm.Section, more int) []byte {
	if s == nil {
		return unsigned(nil, more)
	}
	n, size := binary.Uvarint(w.m.Binary[s.Start:s.End])
	return append(unsigned(nil, int(n)+more), w.m.Binary[s.Start+size:s.End]...)
}

func (w *writer) typeSection(s *wasm.Section) []byte {
	b := w.entries(s, len(w.out.Imports))
	for _, n := range w.out.Imports {
		b = append(unsigned(append(b, 0x60), 1+n), byte(wasm.I32))
		for range n {
			b = append(b, byte(wasm.I64))
		}
		b = append(b, 0)
	}
	return b
}

func (w *writer) importSection(s *wasm.Section) []byte {
	b := w.entries(s, len(w.out.Imports))
	for i, n := range w.out.Imports {
		b = append(text(text(b, ImportModule), strconv.Itoa(n)), byte(wasm.KindFunc))
		b = unsigned(b, len(w.m.Types)+i)
	}
	return b
}

func (w *writer) globalSection() []byte {
	own := w.m.Globals[w.m.ImportedGlobals:]
	b := unsigned(nil, len(own)+w.out.Flags)
	for _, g := range own {
		b = append(b, byte(g.Type), 0)
		if g.Mutable {
			b[len(b)-1] = 1
		}
		b, _ = w.expr(b, g.Start, g.End)
	}
	for range w.out.Flags {
		b = append(b, byte(wasm.I64), 1, byte(wasm.OpI64Const), 0, byte(wasm.OpEnd))
	}
	return b
}

// expr writes a constant expression, which begins at an offset of the original, and
// says where it ends.
func (w *writer) expr(b []byte, start, end int) ([]byte, int) {
	in := wasm.Instr{}
	for scan := w.m.ScanExpr(start, end); scan.Next(&in); {
		if in.Op == wasm.OpRefFunc {
			b = unsigned(append(b, byte(in.Op)), w.function(int(in.Index)))
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
	b := unsigned(nil, len(w.m.Exports)+w.out.Flags)
	for _, e := range w.m.Exports {
		i := e.Index
		if e.Kind == wasm.KindFunc {
			i = w.function(i)
		}
		b = unsigned(append(text(b, e.Name), byte(e.Kind)), i)
	}
	for i := range w.out.Flags {
		b = unsigned(append(text(b, FlagName(i)), byte(wasm.KindGlobal)), len(w.m.Globals)+i)
	}
	return b
}

// The bits of what begins a segment of elements (core specification 2.0, section
// 5.5.12).
const (
	notActive = 1
	explicit  = 2
	expresses = 4
)

func (w *writer) elementSection() []byte {
	b := unsigned(nil, len(w.m.Elements))
	for i := range w.m.Elements {
		b = w.element(b, &w.m.Elements[i])
	}
	return b
}

// element writes a segment of elements.
func (w *writer) element(b []byte, e *wasm.Element) []byte {
	at := e.Start
	number := func() int {
		v, n := binary.Uvarint(w.m.Binary[at:e.End])
		at += n
		return int(v)
	}
	flags := number()
	b = unsigned(b, flags)
	if flags&notActive == 0 {
		if flags&explicit != 0 {
			b = unsigned(b, number())
		}
		b, at = w.expr(b, at, e.End)
	}
	if flags&(notActive|explicit) != 0 {
		b = append(b, w.m.Binary[at]) // the kind, or the type, of the elements
		at++
	}
	count := number()
	b = unsigned(b, count)
	for range count {
		if flags&expresses != 0 {
			b, at = w.expr(b, at, e.End)
		} else {
			b = unsigned(b, w.function(number()))
		}
	}
	return b
}

// The parts of the name section that are written (core specification 2.0, appendix
// A.5).
const (
	namesModule    = 0
	namesFunctions = 1
)

// namesMax bounds the names of functions, in bytes; those that come later are left
// out.
const namesMax = 8 << 20

// nameSection makes a name section for the new indexes of what can be read of the old
// one.
func (w *writer) nameSection() []byte {
	old := w.m.Names()
	b := text(nil, "name")
	if old.Module != "" {
		b = section(b, namesModule, text(nil, old.Module))
	}
	n, names := 0, []byte(nil)
	for i := range w.m.Funcs {
		if name := old.Func(i); name != "" && len(names) < namesMax {
			names = text(unsigned(names, w.function(i)), name)
			n++
		}
	}
	return section(b, namesFunctions, append(unsigned(nil, n), names...))
}

// lines appends the smallest sections by which an engine takes a module for one with debug
// information: wazero says only of those where in the binary a call is, and a trap. They
// say that all of the code, of so many bytes, is one line.
func lines(b []byte, code int) []byte {
	const (
		unit  = "\x01\x11\x00\x10\x17\x11\x01\x12\x06\x00\x00\x00" // its line table, where it begins, and its size
		table = "\x01\x01\x01\xfb\x0e\x0d\x00\x01\x01\x01\x01\x00\x00\x00\x01\x00\x00\x01\x00code\x00\x00\x00\x00\x00"
		first = "\x00\x05\x02\x01\x00\x00\x00\x01" // line 1 begins at address 1: 0 is that of nothing
		last  = "\x00\x01\x01"
	)
	u32 := binary.LittleEndian.AppendUint32
	info := append(u32(nil, 20), 4, 0, 0, 0, 0, 0, 4, 1)
	info = u32(u32(u32(info, 0), 1), uint32(code))
	program := append(unsigned(append([]byte(first), 2), code), last...)
	line := append(u32(append(u32(nil, uint32(6+len(table)+len(program))), 4, 0), uint32(len(table))), table...)
	for _, s := range []struct {
		name    string
		content []byte
	}{
		{".debug_abbrev", []byte(unit)}, {".debug_info", info}, {".debug_line", append(line, program...)},
		{".debug_ranges", nil}, {".debug_str", []byte{0}},
	} {
		b = section(b, wasm.SectionCustom, append(text(nil, s.name), s.content...))
	}
	return b
}
