package native

import (
	"bytes"
	"debug/gosym"
	"encoding/binary"
	"fmt"

	"github.com/grow-platform/grow/runtime/wasm"
)

// goSymbols are what Go's own symbol table says of a module's functions: it stays in
// memory for tracebacks, whatever was stripped. Go's linker writes no DWARF for
// WebAssembly.
type goSymbols struct {
	table *gosym.Table
	funcs map[int]*gosym.Func // by body
}

// Limits of Go's symbol table.
const (
	imageMax   = 64 << 20 // bytes of memory that is looked for it
	goFilesMax = 100_000
)

// goHeader is what the table begins with (runtime/symtab.go of Go 1.20 and later): its
// magic number, the smallest instruction, and the bytes of an address.
var goHeader = []byte{0xf1, 0xff, 0xff, 0xff, 0, 0, 1, 8}

// goWords are the words that follow it, of 8 bytes each.
const goWords = 8

// readGo finds the symbol table; nil: there is none that makes sense.
func readGo(m *wasm.Module) *goSymbols {
	image := imageOf(m)
	for at := 0; ; {
		k := bytes.Index(image[at:], goHeader)
		if k < 0 {
			return nil
		}
		at += k
		if s := goTable(m, image[at:]); s != nil {
			return s
		}
		at += len(goHeader)
	}
}

// goTable reads the table that an image of memory begins with. debug/gosym makes as much
// room as a table says it needs, so that is looked at before.
func goTable(m *wasm.Module, b []byte) (s *goSymbols) {
	defer func() {
		if recover() != nil { // debug/gosym is not written for what lies
			s = nil
		}
	}()
	if len(b) < len(goHeader)+8*goWords {
		return nil
	}
	functions, files := binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[16:])
	if functions == 0 || functions > uint64(len(m.Bodies)) || files > goFilesMax {
		return nil
	}
	table, err := gosym.NewTable(nil, gosym.NewLineTable(b, 0))
	if err != nil || len(table.Funcs) == 0 {
		return nil
	}
	s = &goSymbols{table: table, funcs: map[int]*gosym.Func{}}
	// A function begins one after the other, or, before Go 1.26, 1<<16 after it.
	first, step := table.Funcs[0].Entry, uint64(1)
	if last := table.Funcs[len(table.Funcs)-1].Entry; last-first >= 1<<16 {
		step = 1 << 16
	}
	for i := range table.Funcs {
		f := &table.Funcs[i]
		if body := (f.Entry - first) / step; body < uint64(len(m.Bodies)) {
			s.funcs[int(body)] = f
		}
	}
	return s
}

// imageOf is memory as it begins: what segments of data put there.
func imageOf(m *wasm.Module) []byte {
	var image []byte
	for i := range m.Data {
		d := &m.Data[i]
		from := d.Start + 1
		if d.Mode != wasm.Active || m.Binary[d.Start] != 0 { // those of Go's linker are all of this form
			continue
		}
		in := wasm.Instr{}
		if scan := m.ScanExpr(from, d.End); !scan.Next(&in) || in.Op != wasm.OpI32Const {
			continue
		}
		at := int(uint32(in.Value))
		if at > imageMax-d.Size {
			continue
		}
		if more := at + d.Size - len(image); more > 0 {
			image = append(image, make([]byte, more)...)
		}
		copy(image[at:], m.Binary[d.End-d.Size:d.End])
	}
	return image
}

// name is what a function is called, and where it begins; "": it is not one of Go's.
func (s *goSymbols) name(body int) (name, at string) {
	f := s.funcs[body]
	if f == nil {
		return "", ""
	}
	file, line := s.declared(f)
	if file == "" {
		return wasm.Safe(f.Name), ""
	}
	return wasm.Safe(f.Name), fmt.Sprintf("%s:%d", wasm.Safe(file), line)
}

// declared is the line that a function begins on.
func (s *goSymbols) declared(f *gosym.Func) (file string, line int) {
	defer func() {
		if recover() != nil { // see goTable
			file = ""
		}
	}()
	file, line, _ = s.table.PCToLine(f.Entry)
	return file, line
}

// names are what functions are called, by the name section, or by Go's symbol table.
type names struct {
	wasm.Names
	imported int
	golang   *goSymbols // nil: there is none
}

// Func is the name of a function; "": it has none.
func (n *names) Func(function int) string {
	name := n.Names.Func(function)
	if name == "" && n.golang != nil {
		name, _ = n.golang.name(function - n.imported)
	}
	return name
}

// declared is where a function begins in its source; "": that is not known.
func (n *names) declared(body int) string {
	if n.golang == nil {
		return ""
	}
	_, at := n.golang.name(body)
	return at
}
