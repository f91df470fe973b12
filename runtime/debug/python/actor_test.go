package python_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"sync"
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/compiler/python/interpreter"
	"github.com/grow-platform/grow/runtime/debug"
	"github.com/grow-platform/grow/runtime/debug/python"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/engine/enginetest"
	"github.com/grow-platform/grow/runtime/engine/wazero"
	"github.com/grow-platform/grow/runtime/wasm/thin"
)

// memo is a cache in memory: the runtime is compiled and started once for all tests.
type memo struct{ entries sync.Map }

// Get implements wazero.Cache.
func (m *memo) Get(k wazero.Key) ([]byte, bool) {
	b, ok := m.entries.Load(k)
	if !ok {
		return nil, false
	}
	return b.([]byte), true
}

// Put implements wazero.Cache.
func (m *memo) Put(k wazero.Key, b []byte) { m.entries.Store(k, b) }

// machine has the Python runtime.
var machine = sync.OnceValues(func() (engine.Engine, error) {
	l, err := interpreter.Find()
	if err != nil {
		return nil, err
	}
	return wazero.New(context.Background(), wazero.Options{Languages: []engine.Language{l}, Cache: &memo{}})
})

// running is the engine, or the test is skipped.
func running(t testing.TB) engine.Engine {
	t.Helper()
	e, err := machine()
	if errors.Is(err, interpreter.ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// pack makes a thin module of the files in testdata.
func pack(t testing.TB, names ...string) []byte {
	t.Helper()
	a := &thin.Actor{Language: python.Name, Digest: interpreter.Digest(), Files: map[string][]byte{}}
	for _, name := range names {
		b, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		a.Files["app/"+name] = b
	}
	b, err := thin.Pack(a)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// open opens the module.
func open(t testing.TB, binary []byte) debug.Program {
	t.Helper()
	p, err := python.Language{}.Open(t.Context(), binary, nil)
	if err != nil || p == nil {
		t.Fatal(p, err)
	}
	return p
}

// reporter is a debug.Reporter made of functions.
type reporter struct {
	enter  func(debug.Guest) error
	arrive func(debug.Guest, debug.Halt) error
	log    []string
}

// Enter implements debug.Reporter.
func (r *reporter) Enter(g debug.Guest) error {
	r.log = append(r.log, "enter")
	if r.enter == nil {
		return nil
	}
	return r.enter(g)
}

// Arrive implements debug.Reporter.
func (r *reporter) Arrive(g debug.Guest, h debug.Halt) error {
	r.log = append(r.log, "arrive")
	return r.arrive(g, h)
}

// Leave implements debug.Reporter.
func (r *reporter) Leave(debug.Guest) { r.log = append(r.log, "leave") }

// actor is an instance.
type actor struct{ engine.Instance }

// instance makes one of the module that reports to r.
func instance(t testing.TB, p debug.Program, r debug.Reporter) actor {
	t.Helper()
	m, err := p.Compile(t.Context(), running(t), engine.Config{MemoryMax: 64 << 20, Name: "test", Seed: 1}, r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close(context.Background()) })
	return fresh(t, m)
}

func fresh(t testing.TB, m engine.Module) actor {
	t.Helper()
	i, err := m.Instantiate(t.Context(), &enginetest.Host{})
	if err != nil {
		t.Fatal(err, stack(err))
	}
	t.Cleanup(func() { _ = i.Close() })
	return actor{i}
}

// send has the instance handle a message, and returns the frame of its answer.
func (i actor) send(typ, data string) (string, error) {
	return i.sendFrom(&enginetest.Host{}, typ, data)
}

func (i actor) sendFrom(h engine.Host, typ, data string) (string, error) {
	a, err := i.Handle(h, abi.NewMessage([]byte(data), abi.Type, typ))
	return string(bytes.Clone(a.Frame)), err
}

// stack is the traceback of an error.
func stack(err error) string {
	var e *engine.Error
	if errors.As(err, &e) {
		return "\n" + e.Stack
	}
	return ""
}

// bound is where a breakpoint on a line of main.py comes to lie.
func bound(t testing.TB, p debug.Program, n int) debug.Position {
	t.Helper()
	at, err := p.Bind("app/main.py", n)
	if err != nil {
		t.Fatal(err)
	}
	return at
}
