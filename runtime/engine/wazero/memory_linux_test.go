package wazero

import (
	"errors"
	"testing"

	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/engine/enginetest"
	"github.com/grow-platform/grow/testdata/wat"
)

// counted has unmap count, and do instead when it is not nil.
func counted(t *testing.T, instead func([]byte) error) *int {
	t.Helper()
	n, real := 0, unmap
	unmap = func(b []byte) error {
		n++
		if instead != nil {
			return instead(b)
		}
		return real(b)
	}
	t.Cleanup(func() { unmap = real })
	return &n
}

// TestMemoryIsGivenBack: once for each instance that is closed, and for each
// that did not start or failed.
func TestMemoryIsGivenBack(t *testing.T) {
	e := start(t, Options{})
	h := &enginetest.Host{}
	n := counted(t, nil)
	want := 0
	freed := func(what string) {
		t.Helper()
		want++
		if *n != want {
			t.Errorf("%s: memory was given back %d times, want %d", what, *n, want)
			want = *n
		}
	}
	i := answered(t, load(t, e, wat.Module("echo"), engine.Config{MemoryMax: 32 << 20}), h, frame)
	if err := errors.Join(i.Close(), i.Close()); err != nil {
		t.Error(err)
	}
	freed("closed twice")
	exits, err := load(t, e, wat.Module("exit"), engine.Config{MemoryMax: 1 << 20}).Instantiate(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := exits.Handle(h, engine.Frame(frame)); err == nil {
		t.Error("no exit")
	}
	if err := exits.Close(); err != nil {
		t.Error(err)
	}
	freed("exit")
	for what, change := range map[string]func(w *enginetest.Wasm){
		"data outside memory": func(w *enginetest.Wasm) { w.Data = []enginetest.Data{{At: 65535, Bytes: "long"}} },
		"start section that traps": func(w *enginetest.Wasm) {
			w.Funcs = append(w.Funcs, enginetest.Func{Code: enginetest.Op(enginetest.Unreachable)})
			w.Start = 2
		},
		"_initialize that traps": func(w *enginetest.Wasm) {
			w.Funcs = append(w.Funcs, enginetest.Func{Export: "_initialize", Code: enginetest.Op(enginetest.Unreachable)})
		},
	} {
		w := enginetest.Actor(enginetest.Const64(0)...)
		change(w)
		if _, err := load(t, e, w.Bytes(), engine.Config{MemoryMax: 1 << 20}).Instantiate(t.Context(), h); err == nil {
			t.Errorf("%s: it started", what)
		}
		freed(what)
	}
}

// TestMemoryThatStays: where the kernel does not take a map back, the next
// instance gets it, and sees nothing of what was in it.
func TestMemoryThatStays(t *testing.T) {
	// A size no other test uses: the maps stay when the test is over.
	const size = 7 * pageSize
	counted(t, func([]byte) error { return errors.New("too many maps") })
	first := reserve(size).(*mapped)
	b := first.Reallocate(size)
	at := &b[0]
	for k := range b {
		b[k] = 1
	}
	first.Free()
	first.Free() // again does nothing
	second := reserve(size).(*mapped)
	b = second.Reallocate(size)
	if at != &b[0] {
		t.Error("the map was not used again")
	}
	for k := range b {
		if b[k] != 0 {
			t.Fatalf("byte %d is %d", k, b[k])
		}
	}
	if third := reserve(size).(*mapped); &third.b[0] == at {
		t.Error("one map was given to two")
	}
}

// TestHeaped: the memory of systems where nothing can be mapped.
func TestHeaped(t *testing.T) {
	var m heaped
	b := m.Reallocate(10)
	b[9] = 7
	if b = m.Reallocate(100); len(b) != 100 || b[9] != 7 || b[99] != 0 {
		t.Errorf("%d bytes, %d, %d", len(b), b[9], b[99])
	}
	m.Free()
	if mapMemory(0) != nil || mapMemory(pagesMax*pageSize+1) != nil {
		t.Error("a size that cannot be was mapped")
	}
}
