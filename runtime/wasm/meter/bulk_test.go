package meter

import (
	"bytes"
	"testing"

	"github.com/grow-platform/grow/runtime/wasm"
	"github.com/grow-platform/grow/testdata/property"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"pgregory.net/rapid"
)

// bulkPages are more than a few pieces.
const bulkPages = 24

// bulkOps are the operations that are done in pieces, as functions (to, from, n).
func bulkOps() *plan {
	three := []wasm.ValType{wasm.I32, wasm.I32, wasm.I32}
	args := code(get(to), get(from), get(count))
	data := make([]byte, 3*ChunkBytes+5)
	for i := range data {
		data[i] = byte(i % 251)
	}
	return &plan{pages: bulkPages, data: data, funcs: []fn{
		{export: "fill", params: three, code: code(args, wasm.OpMemoryFill, 0)},
		{export: "copy", params: three, code: code(args, wasm.OpMemoryCopy, 0, 0)},
		{export: "init", params: three, code: code(args, wasm.OpMemoryInit, 0, 0)},
		{export: "drop", code: code(wasm.OpDataDrop, 0)},
	}}
}

// TestBulk: what is done in pieces does the same as what is done at once: the
// same bytes, overlapping or not, or the same trap with nothing written.
func TestBulk(t *testing.T) {
	p := bulkOps()
	plain, err := newWorld(t, wazero.NewRuntimeConfig(), &account{}).Instantiate(t.Context(), p.binary())
	if err != nil {
		t.Fatal(err)
	}
	a := &account{slice: 1000}
	pieces := newWorld(t, wazero.NewRuntimeConfig(), a).start(t, p, Options{})
	property.Check(t, func(r *rapid.T) {
		f := rapid.SampledFrom([]string{"fill", "copy", "init"}).Draw(r, "op")
		at := rapid.OneOf(rapid.Uint32Range(0, bulkPages<<16), rapid.Uint32Range(bulkPages<<16-5, bulkPages<<16+5), rapid.Uint32())
		n := rapid.OneOf(rapid.Uint32Range(0, 20), rapid.Uint32Range(0, 4*ChunkBytes), rapid.SampledFrom([]uint32{
			0, ChunkBytes - 1, ChunkBytes, ChunkBytes + 1, 2 * ChunkBytes, 3*ChunkBytes + 5, 3*ChunkBytes + 6, 1<<32 - 1}))
		args := []uint64{uint64(at.Draw(r, "to")), uint64(at.Draw(r, "from")), uint64(n.Draw(r, "n"))}
		if f == "copy" && rapid.Bool().Draw(r, "close") {
			args[1] = uint64(uint32(args[0]) + uint32(rapid.Int32Range(-100, 100).Draw(r, "apart")))
		}
		_, want := plain.ExportedFunction(f).Call(t.Context(), args...)
		before := a.used()
		_, got := pieces.ExportedFunction(f).Call(t.Context(), args...)
		if trap(want) != trap(got) {
			r.Fatalf("%s%v: %v, want %v", f, args, got, want)
		}
		cost := int64(4)
		if want == nil {
			cost += int64(args[2]) / UnitBytes
		}
		if used := a.used() - before; want == nil && used != cost {
			r.Fatalf("%s%v: %d units, want %d", f, args, used, cost)
		}
		if !bytes.Equal(all(plain), all(pieces)) {
			r.Fatalf("%s%v: memory differs", f, args)
		}
	})
}

func all(m api.Module) []byte {
	b, _ := m.Memory().Read(0, m.Memory().Size())
	return b
}

// TestDropped: nothing is written of a segment that is gone.
func TestDropped(t *testing.T) {
	m := newWorld(t, wazero.NewRuntimeConfig(), &account{slice: 1000}).start(t, bulkOps(), Options{})
	if _, err := m.ExportedFunction("drop").Call(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := m.ExportedFunction("init").Call(t.Context(), 0, 0, 2*ChunkBytes); err == nil {
		t.Error("no trap")
	}
	if !bytes.Equal(all(m), make([]byte, bulkPages<<16)) {
		t.Error("memory was written")
	}
}

// TestPieces: the host is asked between pieces.
func TestPieces(t *testing.T) {
	a := &account{slice: 1}
	m := newWorld(t, wazero.NewRuntimeConfig(), a).start(t, bulkOps(), Options{})
	for _, f := range []string{"fill", "copy"} {
		for _, n := range []int{4, 6} {
			a.asked = 0
			if _, err := m.ExportedFunction(f).Call(t.Context(), 0, 1, uint64(n*ChunkBytes-10)); err != nil {
				t.Fatal(err)
			}
			if a.asked < n {
				t.Errorf("%s of %d pieces: the host was asked %d times", f, n, a.asked)
			}
		}
	}
}
