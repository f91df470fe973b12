package wazero

import (
	"testing"

	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/engine/enginetest"
)

// BenchmarkThin is from a loaded thin module to the first answer of a new instance.
func BenchmarkThin(b *testing.B) {
	m := load(b, start(b, Options{Languages: []engine.Language{enginetest.Toy(nil)}}), enginetest.Thin(b, "x"), engine.Config{MemoryMax: 1 << 20})
	h := &enginetest.Host{}
	b.ReportAllocs()
	for b.Loop() {
		i := answered(b, m, h, []byte("m"))
		if err := i.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkThinHandle is a message to an instance that runs.
func BenchmarkThinHandle(b *testing.B) {
	h := &enginetest.Host{}
	m := load(b, start(b, Options{Languages: []engine.Language{enginetest.Toy(nil)}}), enginetest.Thin(b, "x"), engine.Config{MemoryMax: 1 << 20})
	i := answered(b, m, h, []byte("m"))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := i.Handle(h, engine.Frame("m")); err != nil {
			b.Fatal(err)
		}
	}
}
