package wazero

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/engine/enginetest"
	"github.com/grow-platform/grow/testdata/wat"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// idle is an input that the probe answers with itself.
var idle = make([]byte, 20)

// frame is a message with 200 bytes of data.
var frame = abi.NewMessage(fmt.Appendf(nil, `{"id":"o-1","total":12.5,"customer":"%s"}`, strings.Repeat("x", 161)),
	abi.Type, "echo.done", abi.ID, "1", abi.ContentType, abi.ContentJSON).Frame()

func start(t testing.TB, o Options) engine.Engine {
	t.Helper()
	e, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// load compiles a module and closes it with the test.
func load(t testing.TB, e engine.Engine, binary []byte, c engine.Config) engine.Module {
	t.Helper()
	m, err := e.Compile(t.Context(), binary, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(context.Background()); err != nil {
			t.Errorf("close module: %v", err)
		}
	})
	return m
}

// answered is an instance that has handled an input.
func answered(t testing.TB, m engine.Module, h engine.Host, input []byte) engine.Instance {
	t.Helper()
	i, err := m.Instantiate(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := i.Handle(h, engine.Frame(input)); err != nil {
		t.Fatal(err)
	}
	return i
}

func TestConformance(t *testing.T) {
	enginetest.Run(t, func(t *testing.T) engine.Engine { return start(t, Options{}) })
}

func TestConformanceWithCache(t *testing.T) {
	c := &kept{}
	enginetest.Run(t, func(t *testing.T) engine.Engine { return start(t, Options{Cache: c}) })
}

// TestCompileOnce: whoever compiles the same binary shares the code, and the
// last one to close it frees it.
func TestCompileOnce(t *testing.T) {
	e := start(t, Options{})
	modules := make([]engine.Module, 8)
	var wait sync.WaitGroup
	for k := range modules {
		wait.Go(func() {
			m, err := e.Compile(t.Context(), wat.Module("echo"), engine.Config{MemoryMax: int64(1+k%2) << 20})
			if err != nil {
				t.Error(err)
				return
			}
			modules[k] = m
		})
	}
	wait.Wait()
	if t.Failed() {
		return
	}
	images := e.(*machine).images
	if len(images) != 1 {
		t.Fatalf("%d images of one binary", len(images))
	}
	for _, b := range images {
		if b.users != len(modules) {
			t.Errorf("%d users, want %d", b.users, len(modules))
		}
	}
	for k, m := range modules {
		if l := m.(*module).linked; l != modules[0].(*module).linked {
			t.Errorf("module %d does not share its code", k)
		}
		if err := errors.Join(m.Close(t.Context()), m.Close(t.Context())); err != nil { // closing again does nothing
			t.Error(err)
		}
	}
	if len(images) != 0 {
		t.Errorf("%d images are left", len(images))
	}
}

// TestRefusedIsForgotten: a binary that is refused leaves nothing behind.
func TestRefusedIsForgotten(t *testing.T) {
	e := start(t, Options{})
	for _, name := range []string{"noexport", "badimport"} {
		if _, err := e.Compile(t.Context(), wat.Module(name), engine.Config{MemoryMax: 1 << 20}); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	if _, err := e.Compile(t.Context(), enginetest.Probe()[:400], engine.Config{MemoryMax: 1 << 20}); err == nil {
		t.Error("half a module was accepted")
	}
	if n := len(e.(*machine).images); n != 0 {
		t.Errorf("%d images are left", n)
	}
}

func TestClosedModuleStartsNothing(t *testing.T) {
	m, err := start(t, Options{}).Compile(t.Context(), wat.Module("echo"), engine.Config{MemoryMax: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Instantiate(t.Context(), &enginetest.Host{}); err == nil {
		t.Error("a closed module started an instance")
	}
}

// TestHandleAllocatesNothing: neither for a message nor for a request of it.
func TestHandleAllocatesNothing(t *testing.T) {
	asks := enginetest.Actor(enginetest.Code(enginetest.Get(0), enginetest.Get(1), enginetest.Const32(4096), enginetest.Const32(1024),
		enginetest.Call(0), enginetest.Op(enginetest.Extend64))...)
	const four = enginetest.I32 + enginetest.I32 + enginetest.I32 + enginetest.I32
	asks.Imports = []enginetest.Import{{Module: "grow", Name: "call", Params: four, Results: enginetest.I32}}
	world := &quiet{&enginetest.Host{}}
	var in engine.Input = engine.Frame(frame)
	for name, binary := range map[string][]byte{"message": wat.Module("echo"), "request": asks.Bytes()} {
		i := answered(t, load(t, start(t, Options{}), binary, engine.Config{MemoryMax: 1 << 20}), world, frame)
		if n := testing.AllocsPerRun(100, func() {
			if a, err := i.Handle(world, in); err != nil || len(a.Frame) == 0 {
				t.Error(len(a.Frame), err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
		if err := i.Close(); err != nil {
			t.Error(err)
		}
	}
}

// quiet is a host that answers and keeps nothing.
type quiet struct{ *enginetest.Host }

func (*quiet) Call([]byte) ([]byte, error) { return frame, nil }

// TestClockInStartSection: a start section may ask for the time before it has asked
// for fuel.
func TestClockInStartSection(t *testing.T) {
	w := enginetest.Actor(enginetest.Const64(0)...)
	w.Imports = []enginetest.Import{{
		Module: "wasi_snapshot_preview1", Name: "clock_time_get", Params: enginetest.I32 + enginetest.I64 + enginetest.I32, Results: enginetest.I32,
	}}
	now := enginetest.Code(enginetest.Const32(0), enginetest.Const64(1), enginetest.Const32(1024), enginetest.Call(0), enginetest.Op(enginetest.Drop))
	w.Funcs = append(w.Funcs, enginetest.Func{Code: now})
	w.Start = len(w.Imports) + len(w.Funcs) - 1
	if err := answered(t, load(t, start(t, Options{}), w.Bytes(), engine.Config{MemoryMax: 1 << 20}), &enginetest.Host{}, frame).Close(); err != nil {
		t.Error(err)
	}
}
