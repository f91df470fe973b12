package wazero

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/engine/enginetest"
	"github.com/grow-platform/grow/testdata/wat"
	"github.com/tetratelabs/wazero"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t testing.TB, dir string) engine.Engine {
	t.Helper()
	e, err := New(t.Context(), Options{CacheDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestConformance(t *testing.T) {
	enginetest.Run(t, func(t *testing.T) engine.Engine { return start(t, "") })
}

func TestConformanceWithCache(t *testing.T) {
	dir := t.TempDir()
	enginetest.Run(t, func(t *testing.T) engine.Engine { return start(t, dir) })
}

// compiled are the files of the cache.
func compiled(t *testing.T, dir string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestCache: what was compiled is found again, and a damaged entry is made
// anew instead of being believed.
func TestCache(t *testing.T) {
	dir := t.TempDir()
	run := func() {
		t.Helper()
		e := start(t, dir)
		m, err := e.Compile(t.Context(), enginetest.Probe(), engine.Config{MemoryMax: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		i, err := m.Instantiate(t.Context(), &enginetest.Host{})
		if err != nil {
			t.Fatal(err)
		}
		if a, err := i.Handle(&enginetest.Host{}, make([]byte, 20)); err != nil || len(a.Frame) != 20 {
			t.Errorf("%d bytes, %v", len(a.Frame), err)
		}
		if err := i.Close(); err != nil {
			t.Error(err)
		}
		if err := m.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	run()
	files := compiled(t, dir)
	if len(files) == 0 {
		t.Fatal("nothing was kept")
	}
	before := make([][]byte, len(files))
	for k, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		before[k] = b
	}
	for what, damage := range map[string]func(b []byte) []byte{
		"cut":      func(b []byte) []byte { return b[:len(b)/2] },
		"emptied":  func([]byte) []byte { return nil },
		"scribble": func(b []byte) []byte { return bytes.Repeat([]byte{0xcc}, len(b)) },
	} {
		for k, file := range files {
			if err := os.WriteFile(file, damage(bytes.Clone(before[k])), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		run()
		for k, file := range files {
			if b, err := os.ReadFile(file); err != nil || len(b) != len(before[k]) {
				t.Errorf("%s: the entry was not made anew: %d bytes, %v", what, len(b), err)
			}
		}
	}
}

// TestMemoryIsGivenBack: closing an instance unmaps its memory.
func TestMemoryIsGivenBack(t *testing.T) {
	e := start(t, "")
	m, err := e.Compile(t.Context(), wat.Module("echo"), engine.Config{MemoryMax: 32 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close(context.Background())
	maps := func() int {
		b, err := os.ReadFile("/proc/self/statm")
		if err != nil {
			t.Skip("no /proc: " + err.Error())
		}
		n := 0
		for _, c := range bytes.Fields(b)[0] {
			n = 10*n + int(c-'0')
		}
		return n * os.Getpagesize() >> 20
	}
	before := maps()
	for range 300 {
		i, err := m.Instantiate(t.Context(), &enginetest.Host{})
		if err != nil {
			t.Fatal(err)
		}
		if err := i.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if grown := maps() - before; grown > 300*32/4 {
		t.Errorf("address space grew by %d MiB over 300 instances of 32 MiB that were closed", grown)
	}
}

var frame = abi.NewMessage(bytes.Repeat([]byte("x"), 200), abi.Type, "echo.done").Frame()

func BenchmarkHandle(b *testing.B) {
	e := start(b, "")
	m, err := e.Compile(b.Context(), wat.Module("echo"), engine.Config{MemoryMax: 1 << 20})
	if err != nil {
		b.Fatal(err)
	}
	h := &enginetest.Host{}
	i, err := m.Instantiate(b.Context(), h)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := i.Handle(h, frame); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRaw is the same module called through bare wazero.
func BenchmarkRaw(b *testing.B) {
	ctx := b.Context()
	r := wazero.NewRuntime(ctx)
	m, err := r.Instantiate(ctx, wat.Module("echo"))
	if err != nil {
		b.Fatal(err)
	}
	f, memory := m.ExportedFunction("grow_handle"), m.Memory()
	stack := make([]uint64, 2)
	b.ReportAllocs()
	for b.Loop() {
		memory.Write(64, frame)
		stack[0], stack[1] = 64, uint64(len(frame))
		if err := f.CallWithStack(ctx, stack); err != nil {
			b.Fatal(err)
		}
		memory.Read(uint32(stack[0]>>32), uint32(stack[0]))
	}
}

func BenchmarkInstantiate(b *testing.B) {
	e := start(b, "")
	m, err := e.Compile(b.Context(), wat.Module("echo"), engine.Config{MemoryMax: 32 << 20})
	if err != nil {
		b.Fatal(err)
	}
	h := &enginetest.Host{}
	b.ReportAllocs()
	for b.Loop() {
		i, err := m.Instantiate(b.Context(), h)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := i.Handle(h, frame); err != nil {
			b.Fatal(err)
		}
		if err := i.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
