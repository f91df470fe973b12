package sdk_test

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path"
	"strings"
	"sync"
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/compiler/python/interpreter"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/engine/wazero"
	"github.com/grow-platform/grow/runtime/wasm/thin"
	"github.com/grow-platform/grow/testdata/wat"
)

// pythonMemory is what an instance of a Python actor may have by default, in bytes.
const pythonMemory = 64 << 20

// findPython finds the runtime.
var findPython = interpreter.Find

var errSlow = errors.New("the message takes more fuel than it may")

// snake is one instance of a Python actor. It implements engine.Host for it, with
// what guest serves.
type snake struct {
	guest
	module   engine.Module
	instance engine.Instance

	fuel   uint64 // a message may use; 0: as much as it likes
	random byte   // what the stream begins with
	drawn  int    // bytes of it
	clock  int64
	calls  int
	used   uint64
}

var pythonOnce = sync.OnceValues(func() (engine.Engine, error) {
	l, err := findPython()
	if err != nil {
		return nil, err
	}
	return wazero.New(context.Background(), wazero.Options{Languages: []engine.Language{l}, Cache: &memo{}})
})

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

// closePython is for TestMain.
func closePython() error {
	e, err := pythonOnce()
	if err != nil {
		return nil // there was none
	}
	return e.Close(context.Background())
}

// packPython makes a thin module of sources by their paths below app/.
func packPython(t testing.TB, files map[string]string) []byte {
	t.Helper()
	a := &thin.Actor{Language: interpreter.Name, Digest: interpreter.Digest(), Files: map[string][]byte{}}
	for name, text := range files {
		a.Files[path.Join("app", name)] = []byte(text)
	}
	b, err := thin.Pack(a)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// compilePython compiles a thin module.
func compilePython(t testing.TB, binary []byte, seed uint32) engine.Module {
	t.Helper()
	e, err := pythonOnce()
	if errors.Is(err, interpreter.ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	m, err := e.Compile(t.Context(), binary, engine.Config{MemoryMax: pythonMemory, Name: "test", Seed: seed})
	if err != nil {
		t.Fatal(err, stack(err))
	}
	t.Cleanup(func() { _ = m.Close(context.Background()) })
	return m
}

// python starts an actor of one module.
func python(t testing.TB, source string) *snake {
	t.Helper()
	return pythonOf(t, compilePython(t, packPython(t, map[string]string{"main.py": source}), 1), []byte("{}"))
}

func pythonOf(t testing.TB, m engine.Module, config []byte) *snake {
	t.Helper()
	s := &snake{module: m, guest: guest{t: t, config: config, states: map[string]map[string]string{}}}
	var err error
	if s.instance, err = m.Instantiate(t.Context(), s); err != nil {
		t.Fatalf("instantiate: %v%s", err, stack(err))
	}
	t.Cleanup(func() { _ = s.instance.Close() })
	if err := s.instance.Init(s, abi.NewMessage(config, abi.Type, abi.TypeInit).Frame()); err != nil {
		t.Fatalf("init: %v%s", err, stack(err))
	}
	return s
}

// stack is the traceback of an error.
func stack(err error) string {
	var e *engine.Error
	var s *engine.Stopped
	switch {
	case errors.As(err, &s):
		return "\n" + s.Stack
	case errors.As(err, &e):
		return "\n" + e.Stack
	}
	return ""
}

// raw has the instance handle a frame.
func (s *snake) raw(frame []byte) ([]byte, error) {
	s.drawn = 0
	a, err := s.instance.Handle(s, engine.Frame(frame))
	s.used = a.Fuel
	return a.Frame, err
}

// send has the instance handle a message.
func (s *snake) send(typ, key string, data []byte, more ...string) ([]output, error) {
	s.logs, s.calls = nil, 0
	if s.open = maps.Clone(s.states[key]); s.open == nil {
		s.open = map[string]string{}
	}
	answer, err := s.raw(input(typ, key, data, more...).Frame())
	if err != nil || len(answer) == 0 {
		return nil, err
	}
	return s.sent(key, answer)
}

// why is the reason of an exception.
func (s *snake) why(err error) string {
	var e *engine.Error
	if !errors.As(err, &e) || e.Code != engine.CodeException {
		return ""
	}
	return e.Reason
}

// Call implements engine.Host.
func (s *snake) Call(request []byte) ([]byte, error) {
	s.calls++
	return s.serve(request)
}

// Now implements engine.Host.
func (s *snake) Now() int64 { return 1_800_000_000_000_000_000 }

// Monotonic implements engine.Host.
func (s *snake) Monotonic() int64 { return s.clock }

// Random implements engine.Host.
func (s *snake) Random(p []byte) {
	for i := range p {
		s.drawn++
		p[i] = s.random + byte(s.drawn)
	}
}

// Output implements engine.Host.
func (s *snake) Output(descriptor int, p []byte) {
	for line := range strings.Lines(string(p)) {
		s.logs = append(s.logs, wat.Line{Level: []string{1: "info", 2: "warn"}[descriptor], Text: strings.TrimSuffix(line, "\n")})
	}
}

// Sleep implements engine.Host.
func (s *snake) Sleep(d int64) error {
	s.clock += d
	return nil
}

// Slice implements engine.Host.
func (s *snake) Slice(used uint64) (uint64, error) {
	if s.fuel > 0 && used >= s.fuel {
		return 0, errSlow
	}
	return engine.SliceFuel, nil
}

// readPython returns the files of a folder of actors that tests have.
func readPython(t testing.TB, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	list := os.DirFS(dir)
	err := fs.WalkDir(list, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(list, name)
		files[name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
