package snapshot

import (
	"encoding/binary"

	"github.com/grow-platform/grow/runtime/wasm"
)

// empty is a body that is valid for a function of any type: without locals, it traps.
var empty = []byte{3, 0, byte(wasm.OpUnreachable), byte(wasm.OpEnd)}

// Hull returns a module that has empty bodies in place of its own, and is the same
// otherwise: what whoever has machine code of it needs to know besides.
func Hull(m *wasm.Module) []byte {
	b := append(make([]byte, 0, len(m.Binary)/4), m.Binary[:8]...)
	for i := range m.Sections {
		s := &m.Sections[i]
		if s.ID != wasm.SectionCode {
			b = append(b, m.Binary[s.At:s.End]...)
			continue
		}
		code := binary.AppendUvarint(nil, uint64(len(m.Bodies)))
		for range m.Bodies {
			code = append(code, empty...)
		}
		b = binary.AppendUvarint(append(b, wasm.SectionCode), uint64(len(code)))
		b = append(b, code...)
	}
	return b
}
