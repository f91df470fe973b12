package probe

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"

	"github.com/grow-platform/grow/runtime/wasm"
)

// ImportModule is what probes are imported from: a function for each number of locals
// that one hands over, whose name is that number and whose type is (i32, i64…) -> ().
// It is called with the number of the probe, counted over all functions, and the bits
// of the locals.
const ImportModule = "grow:debug"

// exportFlag is what names of globals with flags begin with.
const exportFlag = "grow:debug."

// FlagsMax is the globals that hold flags.
const FlagsMax = 32

// flagBits is how many flags a global holds.
const flagBits = 64

// FlagName is the name of a global with flags, a mutable i64.
func FlagName(i int) string { return exportFlag + strconv.Itoa(i) }

// Flag is the global and the bit of a probe.
func Flag(probe int) (global int, bit uint64) {
	return probe / flagBits % FlagsMax, 1 << (probe % flagBits)
}

// Module is a module with probes.
type Module struct {
	Binary []byte
	// Probes is how many there are, and Flags the globals that hold their flags.
	Probes, Flags int
	// Imports are the functions that were added, by how many locals they take,
	// ascending. They follow the imported functions there were.
	Imports []int
	Offsets Offsets
}

// Rewrite puts probes in a module, which must be one that [wasm.Decode] accepts.
// Functions are ascending by their bodies, and no two of the same. It fails with an
// *wasm.Error of code module.limit.
func Rewrite(m *wasm.Module, all []Function) (*Module, error) {
	w := &writer{m: m, all: all}
	for i := range all {
		w.out.Probes += len(all[i].At)
		if n := len(all[i].Locals); !slices.Contains(w.out.Imports, n) {
			w.out.Imports = append(w.out.Imports, n)
		}
	}
	slices.Sort(w.out.Imports)
	if w.out.Probes > ProbesMax {
		return nil, &wasm.Error{Code: wasm.CodeLimit, Reason: fmt.Sprintf("%d probes are wanted; at most %d are allowed", w.out.Probes, ProbesMax)}
	}
	w.out.Flags = min((w.out.Probes+flagBits-1)/flagBits, FlagsMax)
	w.write()
	return &w.out, nil
}

// writer writes a module anew. Functions of the module move up by those that are
// imported; everything else that is added stands at the end.
type writer struct {
	m    *wasm.Module
	all  []Function
	id   int // of the next probe
	body []byte
	out  Module
}

// function is where a function is now.
func (w *writer) function(i int) int {
	if i < w.m.ImportedFuncs {
		return i
	}
	return i + len(w.out.Imports)
}

// imported is the function that probes of so many locals call.
func (w *writer) imported(locals int) int {
	i, _ := slices.BinarySearch(w.out.Imports, locals)
	return w.m.ImportedFuncs + i
}

// code writes the code section.
func (w *writer) code(b []byte) []byte {
	b = unsigned(b, len(w.m.Bodies))
	next := 0
	for i := range w.m.Bodies {
		f := &Function{Body: i}
		if next < len(w.all) && w.all[next].Body == i {
			f = &w.all[next]
			next++
		}
		first := len(w.out.Offsets)
		w.rewrite(f)
		b = unsigned(b, len(w.body))
		for k := range w.out.Offsets[first:] {
			w.out.Offsets[first+k].New += uint32(len(b))
		}
		b = append(b, w.body...)
	}
	return b
}

// emitter writes a body.
type emitter struct {
	w    *writer
	from int // what of the original comes next
}

func (e *emitter) copy(to int) {
	if to > e.from {
		e.w.out.Offsets = append(e.w.out.Offsets, Offset{Old: uint32(e.from), New: uint32(len(e.w.body))})
		e.w.body = append(e.w.body, e.w.m.Binary[e.from:to]...)
		e.from = to
	}
}

// rewrite writes the body of a function.
func (w *writer) rewrite(f *Function) {
	body := &w.m.Bodies[f.Body]
	w.body = w.body[:0]
	e, next := emitter{w: w, from: body.Start}, 0
	in := wasm.Instr{}
	for scan := w.m.Scan(f.Body); scan.Next(&in); {
		for ; next < len(f.At) && f.At[next] <= uint32(in.At); next++ {
			e.copy(in.At)
			w.probe(f)
		}
		if in.Op == wasm.OpCall || in.Op == wasm.OpRefFunc {
			e.copy(in.Imm)
			w.body = unsigned(w.body, w.function(int(in.Index)))
			e.from = in.End
		}
	}
	e.copy(body.End)
	w.id += len(f.At) - next
}

// probe writes the next probe.
func (w *writer) probe(f *Function) {
	global, bit := Flag(w.id)
	b := unsigned(append(w.body, byte(wasm.OpGlobalGet)), len(w.m.Globals)+global)
	b = signed(append(b, byte(wasm.OpI64Const)), int64(bit))
	b = append(b, byte(wasm.OpI64And), byte(wasm.OpI64Const), 0, byte(wasm.OpI64Ne), byte(wasm.OpIf), blockEmpty, byte(wasm.OpI32Const))
	b = signed(b, int64(w.id))
	for _, l := range f.Locals {
		b = unsigned(append(b, byte(wasm.OpLocalGet)), int(l))
		for _, o := range conversions[typeOf(w.m, f.Body, l)] {
			b = append(b, byte(o))
		}
	}
	b = unsigned(append(b, byte(wasm.OpCall)), w.imported(len(f.Locals)))
	w.body = append(b, byte(wasm.OpEnd))
	w.id++
}

const blockEmpty = 0x40

// unsigned appends a number that is not negative in LEB128.
func unsigned(b []byte, v int) []byte { return binary.AppendUvarint(b, uint64(v)) }

// signed appends a signed number in LEB128.
func signed(b []byte, v int64) []byte {
	for v < -64 || v > 63 {
		b = append(b, byte(v&0x7f)|0x80)
		v >>= 7
	}
	return append(b, byte(v&0x7f))
}

// text appends a name.
func text(b []byte, s string) []byte { return append(unsigned(b, len(s)), s...) }

// section appends a section.
func section(b []byte, id byte, content []byte) []byte {
	return append(unsigned(append(b, id), len(content)), content...)
}
