package meter

import (
	"os"
	"testing"

	"github.com/grow-platform/grow/runtime/wasm"
)

// benchEnv names the file of a module to measure with instead of the one that is
// made up.
const benchEnv = "GROW_BENCH_MODULE"

// BenchmarkAdmission: a module of 3 MB is decoded and rewritten.
func BenchmarkAdmission(b *testing.B) {
	binary := sample(3_000_000)
	if file := os.Getenv(benchEnv); file != "" {
		var err error
		if binary, err = os.ReadFile(file); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(len(binary)))
	b.ReportAllocs()
	for b.Loop() {
		m, err := wasm.Decode(binary)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := Rewrite(m, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

// sample is a module of about so many bytes, with code as compilers write it.
func sample(size int) []byte {
	body := code(
		wasm.OpBlock, 0x40, wasm.OpLoop, 0x40,
		get(1), get(0), wasm.OpI32GeU, wasm.OpBrIf, 1,
		get(1), wasm.OpI32Load, 2, 16, get(0), wasm.OpI32Add, wasm.OpLocalTee, 2,
		number(100), wasm.OpI32LtU, wasm.OpIf, 0x40,
		get(2), number(3), wasm.OpI32Mul, wasm.OpLocalSet, 2, wasm.OpElse,
		get(2), wasm.OpCall, 0, wasm.OpLocalSet, 2, wasm.OpEnd,
		get(1), get(2), wasm.OpI32Store, 2, 0,
		get(1), number(4), wasm.OpI32Add, wasm.OpLocalSet, 1, wasm.OpBr, 0, wasm.OpEnd, wasm.OpEnd)
	one := fn{params: []wasm.ValType{wasm.I32}, results: []wasm.ValType{wasm.I32}, locals: []wasm.ValType{wasm.I32, wasm.I32},
		code: code(repeat(10, body), get(2))}
	p := &plan{pages: 1, names: true}
	for range size / (len(one.code) + 12) {
		p.funcs = append(p.funcs, one)
	}
	return p.binary()
}
