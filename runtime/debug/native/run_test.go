package native

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/debug"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/engine/enginetest"
	"github.com/grow-platform/grow/runtime/engine/wazero"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// script is a Reporter that watches lines, and calls a function each time it stops.
type script struct {
	t       testing.TB
	first   *debug.Watch
	stop    func(g debug.Guest, h debug.Halt) error
	entered int
	left    int
}

func (s *script) Enter(g debug.Guest) error {
	s.entered++
	g.Watch(s.first)
	return nil
}

func (s *script) Arrive(g debug.Guest, h debug.Halt) error { return s.stop(g, h) }

func (s *script) Leave(debug.Guest) { s.left++ }

// opened is a module as its programmer sees it.
func opened(t testing.TB, binary []byte, files fs.FS) debug.Program {
	t.Helper()
	p, err := New().Open(t.Context(), binary, files)
	if err != nil || p == nil {
		t.Fatalf("%v, %v", p, err)
	}
	return p
}

// TestNoLines: of a module of Rust that says nothing of its lines it is told how to get one
// that does; nobody knows how others are built.
func TestNoLines(t *testing.T) {
	for language, want := range map[string]int{"Rust": 1, "Zig": 0} {
		section := "\x09producers\x01\x08language\x01" + string(rune(len(language))) + language + "\x041.95"
		binary := "\x00asm\x01\x00\x00\x00" + "\x00" + string(rune(len(section))) + section
		notes := opened(t, []byte(binary), nil).Notes()
		if len(notes) != want || want > 0 && !strings.Contains(notes[0], "grow build --debug") {
			t.Errorf("%s: %q", language, notes)
		}
	}
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// newEngine is what guests run in.
var newEngine = func(t testing.TB) (engine.Engine, error) { return wazero.New(t.Context(), wazero.Options{}) }

// started is an instance that a reporter follows; nil: nobody does.
func started(t testing.TB, p debug.Program, binary []byte, r debug.Reporter) engine.Instance {
	t.Helper()
	e, err := newEngine(t)
	if err != nil {
		t.Fatal(err)
	}
	c := engine.Config{MemoryMax: 64 << 20, Instances: 1}
	var m engine.Module
	if r == nil {
		m, err = e.Compile(t.Context(), binary, c)
	} else {
		m, err = p.Compile(t.Context(), e, c, r)
	}
	if err != nil {
		t.Fatal(err)
	}
	i, err := m.Instantiate(t.Context(), &enginetest.Host{Clock: 1, Mono: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(i.Close(), m.Close(context.Background()), e.Close(context.Background())); err != nil {
			t.Error(err)
		}
	})
	return i
}

// answer is what a host answers to a frame of requests: that all is well.
func answer(request []byte) ([]byte, error) {
	r, err := abi.NewReader(request)
	if err != nil {
		return nil, err
	}
	b := abi.AppendCount(nil, r.Left())
	for range r.Left() {
		b = abi.AppendAttrCount(b, 1)
		b = abi.AppendAttr(b, abi.Type, "ok")
		b = abi.AppendData(b, nil)
	}
	return b, nil
}

// stackOf is the names and the lines of the three innermost frames.
func stackOf(t testing.TB, h debug.Halt) string {
	t.Helper()
	frames, err := h.Frames(0, 100)
	if err != nil || len(frames) != h.Depth() {
		t.Fatalf("%d frames of %d: %v", len(frames), h.Depth(), err)
	}
	var names []string
	for i, f := range frames {
		if i == 3 {
			break
		}
		name := f.Function
		if k := strings.LastIndex(name, "::"); k >= 0 {
			name = name[k+2:]
		}
		names = append(names, name+":"+decimal(int64(f.Line)))
	}
	return strings.Join(names, " < ")
}

// says compares what expressions come to in a frame.
func says(t testing.TB, h debug.Halt, frame int, want map[string]string) {
	t.Helper()
	for expression, value := range want {
		v, err := h.Evaluate(frame, expression)
		got := v.Value
		if err != nil {
			got = "error: " + err.Error()
		} else if v.Fault != "" {
			got = "fault: " + v.Fault
		}
		if got != value {
			t.Errorf("%s in frame %d is %s; want %s", expression, frame, got, value)
		}
	}
}

// conditions holds conditions against what they are to come to.
func conditions(t testing.TB, h debug.Halt, frame int, want map[string]bool) {
	t.Helper()
	for condition, truth := range want {
		if got, err := h.Truth(frame, condition); err != nil || got != truth {
			t.Errorf("%s in frame %d is %v, %v", condition, frame, got, err)
		}
	}
}

// locals are the variables of a frame.
func locals(t testing.TB, h debug.Halt, frame int) []debug.Variable {
	t.Helper()
	groups, err := h.Scopes(frame)
	if err != nil {
		t.Fatal(err)
	}
	all, err := h.Children(groups[0].Children, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// watching stops at a line.
func watching(t testing.TB, p debug.Program, file string, line int) *debug.Watch {
	t.Helper()
	at, err := p.Bind(file, line)
	if err != nil {
		t.Fatal(err)
	}
	return &debug.Watch{Lines: []debug.Position{at}}
}
