package native

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/grow-platform/grow/runtime/debug"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/engine/enginetest"
	"github.com/grow-platform/grow/testdata/wat"
)

// The modules testdata/c/traps.OX.wasm are made of traps.c as those of order.c are.

// TestTraps: a guest that traps, in whatever way, is stopped where it does, with its
// frames and what of their variables is in memory; then the message fails as it did.
func TestTraps(t *testing.T) {
	for _, x := range []struct{ kind, line, says, code string }{
		{"d", "rest / b", "integer divide by zero", engine.CodeTrap},
		{"o", "rest / b", "integer overflow", engine.CodeTrap},
		{"m", "return *at", "out of bounds memory access", engine.CodeTrap},
		{"i", "case 'i'", "indirect call type mismatch", engine.CodeTrap},
		{"n", "case 'n'", "invalid table access", engine.CodeTrap},
		{"s", "i32 deep(", "out of bounds memory access", engine.CodeTrap},
		{"u", "__builtin_trap", "unreachable code is reached", engine.CodeTrap},
	} {
		t.Run(x.kind, func(t *testing.T) {
			binary := read(t, "testdata/c/traps.O0.wasm")
			p := opened(t, binary, os.DirFS("testdata/c"))
			stops := 0
			r := &script{t: t, first: &debug.Watch{Uncaught: true}}
			r.stop = func(_ debug.Guest, h debug.Halt) error {
				stops++
				frames, err := h.Frames(0, 50)
				if err != nil || h.Cause() != debug.CauseUncaught || !strings.Contains(h.Text(), x.says) {
					t.Errorf("%s: %q, %v", h.Cause(), h.Text(), err)
				}
				if want := lineIn(t, "traps.c", x.line); h.Position().Line != want || frames[0].Line != want {
					t.Errorf("stopped at %+v, frame %+v; want line %d", h.Position(), frames[0], want)
				}
				inspectTrap(t, h, x.kind, frames)
				return nil
			}
			_, err := started(t, p, binary, r).Handle(&enginetest.Host{}, engine.Frame(x.kind))
			var trap *engine.Error
			if !errors.As(err, &trap) || trap.Code != x.code || stops != 1 || r.left != 1 {
				t.Errorf("%v after %d stops", err, stops)
			}
			if strings.Contains(trap.Stack, "code:1") {
				t.Errorf("stack %q", trap.Stack)
			}
		})
	}
}

// inspectTrap looks at the variables of a guest that has trapped.
func inspectTrap(t *testing.T, h debug.Halt, kind string, frames []debug.Frame) {
	t.Helper()
	switch kind {
	case "d":
		if got := stackOf(t, h); !strings.HasPrefix(got, "quotient:") || !strings.Contains(got, "< fails:") || !strings.Contains(got, "< grow_handle:") {
			t.Error(got)
		}
		says(t, h, 0, map[string]string{"a": "7", "b": "0", "rest": "13", "total": "6"})
		says(t, h, 1, map[string]string{"f.kind": "100", "result": "-1"})
		says(t, h, 2, map[string]string{"fault.by": "0", "length": "1"})
	case "m":
		says(t, h, 0, map[string]string{"at": "0xfffffff0"})
	case "s":
		if len(frames) < 20 || frames[20].Function != "deep" {
			t.Errorf("%d frames", len(frames))
		}
		says(t, h, 3, map[string]string{"n": "1", "here[0]": "1", "here[1]": "0"})
		says(t, h, 20, map[string]string{"n": "1", "here[0]": "1"})
	}
}

// TestTrapDeep: a guest whose calls went too deep is stopped in the innermost ones.
func TestTrapDeep(t *testing.T) {
	binary := wat.Module("recurse")
	p := opened(t, binary, nil)
	stops := 0
	r := &script{t: t, first: &debug.Watch{Uncaught: true}}
	r.stop = func(_ debug.Guest, h debug.Halt) error {
		if stops++; !strings.Contains(h.Text(), "calls went deeper") || h.Depth() < 20 || h.Depth() > engine.TrapCallsMax {
			t.Errorf("%q, depth %d", h.Text(), h.Depth())
		}
		for _, v := range locals(t, h, 0) {
			if v.Fault == "" {
				t.Errorf("%+v", v)
			}
		}
		return nil
	}
	_, err := started(t, p, binary, r).Handle(&enginetest.Host{}, engine.Frame("x"))
	var deep *engine.Error
	if !errors.As(err, &deep) || deep.Code != engine.CodeStack || stops != 1 {
		t.Errorf("%v after %d stops", err, stops)
	}
}

// TestTrapUnwatched: nobody is stopped who does not want it.
func TestTrapUnwatched(t *testing.T) {
	binary := read(t, "testdata/c/traps.O0.wasm")
	r := &script{t: t, first: &debug.Watch{Lines: []debug.Position{{File: "traps.c", Line: 1}}}}
	r.stop = func(debug.Guest, debug.Halt) error { t.Error("stopped"); return nil }
	if _, err := started(t, opened(t, binary, os.DirFS("testdata/c")), binary, r).Handle(&enginetest.Host{}, engine.Frame("d")); err == nil {
		t.Error("it did not trap")
	}
}

// TestTrapOptimised: of optimised code what is said at a trap is true, or that it is
// optimised out.
func TestTrapOptimised(t *testing.T) {
	binary := read(t, "testdata/c/traps.O2.wasm")
	p := opened(t, binary, os.DirFS("testdata/c"))
	stops := 0
	r := &script{t: t, first: &debug.Watch{Uncaught: true}}
	r.stop = func(_ debug.Guest, h debug.Halt) error {
		stops++
		frames, err := h.Frames(0, 50)
		if err != nil || len(frames) == 0 {
			t.Fatal(err)
		}
		for i := range frames {
			for _, v := range locals(t, h, i) {
				if want := map[string]string{"a": "7", "b": "0", "rest": "13", "length": "1"}[v.Name]; want != "" && v.Fault == "" && v.Value != want {
					t.Errorf("%s in %s is %s", v.Name, frames[i].Function, v.Value)
				}
			}
		}
		return nil
	}
	if _, err := started(t, p, binary, r).Handle(&enginetest.Host{}, engine.Frame("d")); err == nil || stops != 1 {
		t.Errorf("%v after %d stops", err, stops)
	}
}
