// Package cover rewrites modules so that they note which of their blocks they run.
//
// A block is what begins where a function does, a loop, an arm of an if, behind a
// br_if, and where a block ends: a stretch of code that runs, but for traps, when its
// first instruction does. Each has a bit, in globals that are added behind those of the
// module, and exported: what runs a block sets its bit, and whoever runs the module
// reads the globals and clears them. Nothing else of the module changes: no index, no
// label, no place in memory.
package cover

import (
	"fmt"
	"strconv"

	"github.com/grow-platform/grow/runtime/wasm"
)

// wordBits is how many blocks a global has bits for.
const wordBits = 32

// exported begins the names of the globals, which no other export of a module may have.
const exported = "cover:"

// Name is the name under which the i-th global is exported, an i32.
func Name(i int) string { return exported + strconv.Itoa(i) }

// Module is a rewritten module.
type Module struct {
	Binary []byte
	Blocks int // that have a bit
	Words  int // globals: bit b of the i-th is that of block 32*i + b
}

// Rewrite rewrites a module, which must be one that [wasm.Decode] has accepted. It fails
// with an *wasm.Error of code module.limit when the module has more blocks than there may
// be globals for, and of module.invalid when it uses names that are taken here.
func Rewrite(m *wasm.Module) (*Module, error) {
	for _, e := range m.Exports {
		if len(e.Name) >= len(exported) && e.Name[:len(exported)] == exported {
			return nil, &wasm.Error{Code: wasm.CodeInvalid, Reason: "it exports " + e.Name + ", a name that coverage needs"}
		}
	}
	w := writer{m: m}
	code := w.code()
	words := (w.blocks + wordBits - 1) / wordBits
	if most := wasm.GlobalsMax - len(m.Globals); words > most {
		return nil, &wasm.Error{Code: wasm.CodeLimit, Reason: fmt.Sprintf("it has %d blocks, and coverage counts at most %d", w.blocks, most*wordBits)}
	}
	return &Module{Binary: w.whole(code, words), Blocks: w.blocks, Words: words}, nil
}

// writer writes a module anew.
type writer struct {
	m      *wasm.Module
	blocks int
}

// headerSize is the bytes that a binary begins with, before its sections.
const headerSize = 8

// whole is the binary, with what its sections become. Those of globals and exports are
// there in any case, where they belong.
func (w *writer) whole(code []byte, words int) []byte {
	m := w.m
	out := append([]byte{}, m.Binary[:headerSize]...)
	add := func(id byte, body []byte) { out = append(unsigned(append(out, id), uint64(len(body))), body...) }
	missing := []section{{wasm.SectionGlobal, w.globals(words)}, {wasm.SectionExport, w.exports(words)}}
	for i := range m.Sections {
		s := &m.Sections[i]
		end := len(m.Binary)
		if i+1 < len(m.Sections) {
			end = m.Sections[i+1].At
		}
		for len(missing) > 0 && s.ID != wasm.SectionCustom && s.ID > missing[0].id {
			add(missing[0].id, missing[0].body)
			missing = missing[1:]
		}
		switch {
		case len(missing) > 0 && s.ID == missing[0].id:
			add(s.ID, missing[0].body)
			missing = missing[1:]
		case s.ID == wasm.SectionCode:
			add(s.ID, code)
		default:
			out = append(out, m.Binary[s.At:end]...)
		}
	}
	for _, s := range missing {
		add(s.id, s.body)
	}
	return out
}

// section is a section that is written anew.
type section struct {
	id   byte
	body []byte
}

// globals is the section of globals: those there are, and the words.
func (w *writer) globals(words int) []byte {
	own := w.m.Globals[w.m.ImportedGlobals:]
	b := unsigned(nil, uint64(len(own)+words))
	for _, g := range own {
		mutable := byte(0)
		if g.Mutable {
			mutable = 1
		}
		b = append(append(b, byte(g.Type), mutable), w.m.Binary[g.Start:g.End]...)
	}
	for range words {
		b = append(b, byte(wasm.I32), 1, byte(wasm.OpI32Const), 0, byte(wasm.OpEnd))
	}
	return b
}

func (w *writer) exports(words int) []byte {
	m := w.m
	b := unsigned(nil, uint64(len(m.Exports)+words))
	put := func(name string, kind wasm.Kind, index int) {
		b = append(unsigned(b, uint64(len(name))), name...)
		b = unsigned(append(b, byte(kind)), uint64(index))
	}
	for _, e := range m.Exports {
		put(e.Name, e.Kind, e.Index)
	}
	for i := range words {
		put(Name(i), wasm.KindGlobal, len(m.Globals)+i)
	}
	return b
}

// code is the section of code.
func (w *writer) code() []byte {
	m := w.m
	b := unsigned(nil, uint64(len(m.Bodies)))
	var body []byte
	for i := range m.Bodies {
		body = w.body(body[:0], i)
		b = append(unsigned(b, uint64(len(body))), body...)
	}
	return b
}

// body is one body, with what sets the bit of each block where it begins.
func (w *writer) body(b []byte, i int) []byte {
	of := &w.m.Bodies[i]
	b = w.mark(append(b, w.m.Binary[of.Start:of.Code]...))
	from := of.Code
	in := wasm.Instr{}
	for scan := w.m.Scan(i); scan.Next(&in); {
		switch in.Op {
		case wasm.OpLoop, wasm.OpIf, wasm.OpElse, wasm.OpBrIf, wasm.OpEnd:
			if in.End < of.End { // which is behind the final end
				b = w.mark(append(b, w.m.Binary[from:in.End]...))
				from = in.End
			}
		}
	}
	return append(b, w.m.Binary[from:of.End]...)
}

// mark adds a block, and what sets its bit.
func (w *writer) mark(b []byte) []byte {
	global := uint64(len(w.m.Globals) + w.blocks/wordBits)
	bit := int32(uint32(1) << (w.blocks % wordBits))
	w.blocks++
	b = unsigned(append(b, byte(wasm.OpGlobalGet)), global)
	b = signed(append(b, byte(wasm.OpI32Const)), bit)
	return unsigned(append(b, byte(wasm.OpI32Or), byte(wasm.OpGlobalSet)), global)
}

// unsigned appends a number in LEB128 (core specification 2.0, section 5.2.2).
func unsigned(b []byte, v uint64) []byte {
	for v >= 0x80 {
		b, v = append(b, byte(v)|0x80), v>>7
	}
	return append(b, byte(v))
}

// signed appends a signed number in LEB128.
func signed(b []byte, v int32) []byte {
	for v < -64 || v > 63 {
		b, v = append(b, byte(v)&0x7f|0x80), v>>7
	}
	return append(b, byte(v)&0x7f)
}
