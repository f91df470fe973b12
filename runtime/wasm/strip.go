package wasm

import "encoding/binary"

// Stripped is the binary without its custom sections, but with a name section for
// module and functions, made anew of what [Module.Names] keeps. Offsets into it
// are not those of Binary.
//
// wazero v1.12.0 refuses a module whose name section is wrong, and allocates by
// the counts in it.
func (m *Module) Stripped() []byte {
	b := make([]byte, 0, len(m.Binary))
	b = append(b, m.Binary[:8]...)
	for i := range m.Sections {
		if s := &m.Sections[i]; s.ID != sectionCustom {
			b = append(b, m.Binary[s.At:s.End]...)
		}
	}
	names := m.Names()
	if named := names.appendTo(b); len(named) <= BinaryMax {
		return named
	}
	return b // harmless names may be longer
}

// appendTo appends a name section, unless there are no names.
func (n *Names) appendTo(b []byte) []byte {
	content := appendString(nil, "name")
	if n.Module != "" {
		content = appendPart(content, namesModule, appendString(nil, n.Module))
	}
	count, funcs := uint64(0), []byte(nil)
	for i, name := range n.funcs {
		if name != "" {
			count++
			funcs = appendString(binary.AppendUvarint(funcs, uint64(i)), name)
		}
	}
	if count > 0 {
		content = appendPart(content, namesFuncs, append(binary.AppendUvarint(nil, count), funcs...))
	}
	if n.Module == "" && count == 0 {
		return b
	}
	return appendPart(b, sectionCustom, content)
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// appendPart appends a section, or a part of one: its number, its size, and what
// it holds.
func appendPart(b []byte, id byte, content []byte) []byte {
	return append(binary.AppendUvarint(append(b, id), uint64(len(content))), content...)
}
