// Package snapshot keeps what a module has become after it has run for a while:
// its memory and its globals, so that instances begin there instead of at the
// beginning.
//
// A module is parted in two: [Strip] returns it without its data, and the memory
// that its data makes. Whoever runs what is left with that memory runs the
// original. What is kept later ([Of]) takes the place of that memory.
//
// Only memory and mutable globals are kept. So nothing else of an instance may
// change while it runs: Strip refuses modules that could change a table, or that
// have something from outside.
package snapshot

import (
	"encoding/binary"
	"fmt"

	"github.com/grow-platform/grow/runtime/wasm"
)

// PageSize is the bytes of a page of linear memory.
const PageSize = 64 << 10

// Strip returns a module without its data, and the memory that its data makes. The
// module is for the rewriting of package meter, which makes a binary of it: that of
// the module returned is the original's. It fails with a *wasm.Error of code
// module.invalid when more than memory and globals can change while the module runs.
func Strip(m *wasm.Module) (*wasm.Module, *Image, error) {
	if err := keepable(m); err != nil {
		return nil, nil, err
	}
	memory := make([]byte, m.Memories[0].Min*PageSize)
	for i := range m.Data {
		if err := lay(m, i, memory); err != nil {
			return nil, nil, err
		}
	}
	bare := *m
	bare.Data, bare.DataCount, bare.Sections = nil, -1, nil
	for _, s := range m.Sections {
		if s.ID != wasm.SectionData && s.ID != wasm.SectionDataCount {
			bare.Sections = append(bare.Sections, s)
		}
	}
	return &bare, Of(memory, nil), nil
}

// keepable refuses a module whose instances are more than memory and globals.
func keepable(m *wasm.Module) error {
	switch {
	case m.Start >= 0:
		return invalid("the module has a start section: it would run in every instance")
	case len(m.Memories) == 0:
		return invalid("the module has no memory")
	case len(m.Imports) > m.ImportedFuncs:
		return invalid("the module imports a memory, a table or a global: what is kept of it would lie elsewhere")
	}
	for i, g := range m.Globals {
		if g.Mutable && g.Type != wasm.I32 && g.Type != wasm.I64 && g.Type != wasm.F32 && g.Type != wasm.F64 {
			return invalid(fmt.Sprintf("the global %d changes and is a %s, which cannot be kept", i, g.Type))
		}
	}
	for i := range m.Data {
		if m.Data[i].Mode != wasm.Active {
			return invalid(fmt.Sprintf("the segment of data %d is passive: it may be used later", i))
		}
	}
	return steady(m)
}

// steady refuses code that changes a table or drops a segment.
func steady(m *wasm.Module) error {
	var in wasm.Instr
	for i := range m.Bodies {
		for s := m.Scan(i); s.Next(&in); {
			switch in.Op {
			case wasm.OpTableSet, wasm.OpTableInit, wasm.OpElemDrop, wasm.OpTableCopy, wasm.OpTableGrow, wasm.OpTableFill, wasm.OpDataDrop, wasm.OpMemoryInit:
				return &wasm.Error{Code: wasm.CodeInvalid, At: in.At, Where: fmt.Sprintf("function %d", i+m.ImportedFuncs),
					Reason: fmt.Sprintf("%s changes what is not kept of an instance", in.Op)}
			}
		}
	}
	return nil
}

// lay writes a segment to where it belongs.
func lay(m *wasm.Module, i int, memory []byte) error {
	d := &m.Data[i]
	_, n := binary.Uvarint(m.Binary[d.Start:d.End]) // the flags, 0 or 2
	at := d.Start + n
	if m.Binary[d.Start] != 0 {
		at++ // the index of the memory, 0
	}
	var in wasm.Instr
	s := m.ScanExpr(at, d.End)
	if !s.Next(&in) || in.Op != wasm.OpI32Const {
		return invalid(fmt.Sprintf("where the segment of data %d lies is not said by a constant", i))
	}
	to := uint64(uint32(in.Value))
	if to+uint64(d.Size) > uint64(len(memory)) {
		return invalid(fmt.Sprintf("the segment of data %d, %d bytes at %d, lies outside the memory of %d bytes", i, d.Size, to, len(memory)))
	}
	copy(memory[to:], m.Binary[d.End-d.Size:d.End])
	return nil
}

func invalid(reason string) error {
	return &wasm.Error{Code: wasm.CodeInvalid, Reason: reason}
}
