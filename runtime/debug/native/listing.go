package native

import (
	"fmt"
	"strings"

	"github.com/grow-platform/grow/runtime/wasm"
)

// listingMax bounds the instructions that a listing has. Of functions beyond it the
// listing has the first line only.
const listingMax = 200_000

// listingFile is what the listing of a module is called.
const listingFile = "module.wat"

// listing is the text of a module, an instruction a line, and its lines.
func listing(m *wasm.Module, names *names) (*lines, []byte) {
	l := &lines{files: []source{{name: listingFile, path: listingFile, own: true}}, byPath: map[string]int32{}}
	l.byName = map[string]int32{listingFile: 0}
	l.rows = make([][]row, len(m.Bodies))
	var b strings.Builder
	line, count := int32(0), 0
	write := func(depth int, text string) {
		line++
		b.WriteString(strings.Repeat("  ", min(depth, 40)))
		b.WriteString(text)
		b.WriteByte('\n')
	}
	for i := range m.Bodies {
		f := m.ImportedFuncs + i
		head := fmt.Sprintf("(func $%s (;%d;) %s", strings.ReplaceAll(names.Func(f), " ", "_"), f, m.TypeOf(f))
		if at := names.declared(i); at != "" {
			head += " ;; " + at
		}
		write(0, head)
		if count += m.Bodies[i].End - m.Bodies[i].Code; count > listingMax {
			l.rows[i] = []row{{at: uint32(m.Bodies[i].Code), line: line, column: 1}}
			continue
		}
		depth := 1
		in := wasm.Instr{}
		for scan := m.Scan(i); scan.Next(&in); {
			if in.Op == wasm.OpEnd || in.Op == wasm.OpElse {
				depth--
			}
			write(depth, textOf(m, names, &in))
			l.rows[i] = append(l.rows[i], row{at: uint32(in.At), line: line, column: 1})
			switch in.Op {
			case wasm.OpBlock, wasm.OpLoop, wasm.OpIf, wasm.OpElse:
				depth++
			}
		}
	}
	return l, []byte(b.String())
}

// textOf is an instruction in the text format.
func textOf(m *wasm.Module, names *names, in *wasm.Instr) string {
	text := in.Op.String()
	switch in.Op {
	case wasm.OpCall, wasm.OpRefFunc:
		if name := names.Func(int(in.Index)); name != "" {
			return text + " $" + strings.ReplaceAll(name, " ", "_")
		}
		return fmt.Sprintf("%s %d", text, in.Index)
	case wasm.OpCallIndirect:
		return fmt.Sprintf("%s (type %d)", text, in.Index)
	case wasm.OpI32Const:
		return fmt.Sprintf("%s %d", text, int32(in.Value))
	case wasm.OpI64Const:
		return fmt.Sprintf("%s %d", text, int64(in.Value))
	case wasm.OpBlock, wasm.OpLoop, wasm.OpIf, wasm.OpElse, wasm.OpEnd:
		return text
	case wasm.OpBrTable:
		for l := range m.Labels(in) {
			text += fmt.Sprintf(" %d", l)
		}
		return text
	}
	if in.Offset > 0 {
		return fmt.Sprintf("%s offset=%d", text, in.Offset)
	}
	if in.End > in.Imm && in.Imm > 0 && in.Align == 0 && in.Op>>8 == 0 && in.Value == 0 {
		return fmt.Sprintf("%s %d", text, in.Index)
	}
	return text
}
