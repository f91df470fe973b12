package app

import (
	"bytes"
	"strings"
	"testing"

	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/runtime/debug"
	"github.com/grow-platform/grow/runtime/engine"
)

// TestDebugModuleApart: an actor that is a module of its own is debugged wherever it runs:
// where it serves, in a copy, and a message once more. It stops at a function, is looked at
// and changed, is stepped, stopped in the midst of a loop, and where it traps.
func TestDebugModuleApart(t *testing.T) {
	for _, place := range places() {
		t.Run(place, func(t *testing.T) {
			rest := "limits: {fuel: 1000G, time: 5m}\n"
			if place == "process" {
				rest += "isolation: process\n"
			}
			h := serve(t, rest)
			first, dead := accepted(t, h, "hog", "f12"), accepted(t, h, "hog", "e1048577")
			if a, b := answered(first), answered(dead); a.Code != "" || b.Code != engine.CodeTrap {
				t.Fatal(a, b)
			}
			d := opened(t, h, control.DebugTarget{Actor: "hog"})
			if err := d.Pause(0); err != nil {
				t.Fatal(err)
			}
			begin(t, d)
			f := accepted(t, h, "hog", "f12")
			e, _ := until(t, d, debug.Stopped)
			look(t, d, e.Thread)
			for range 3 {
				if err := d.Resume(e.Thread, debug.In); err != nil {
					t.Fatal(err)
				}
				if e, _ = until(t, d, debug.Stopped); e.Reason != debug.ReasonStep {
					t.Errorf("%+v", e)
				}
			}
			if err := d.Resume(e.Thread, debug.Continue); err != nil {
				t.Fatal(err)
			}
			if a := answered(f); a.Code != "" {
				t.Error(a)
			}
			loopApart(t, h, d)
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			if a := answered(accepted(t, h, "hog", "f12")); a.Code != "" {
				t.Errorf("after the session: %s", a.Code)
			}
			againApart(t, h, first.ID(), dead.ID())
		})
	}
}

// look looks at a guest, and writes to its memory.
func look(t *testing.T, d *Debugged, thread int) {
	t.Helper()
	err := d.With(t.Context(), thread, func(halt debug.Halt) error {
		frames, err := halt.Frames(0, 10)
		if err != nil || len(frames) != halt.Depth() || len(frames) == 0 {
			t.Errorf("%+v of %d, %v", frames, halt.Depth(), err)
		}
		if _, err := halt.Scopes(0); err != nil {
			t.Error(err)
		}
		const free = 150_000 // nobody's
		if err := halt.WriteMemory(free, []byte("written")); err != nil {
			return err
		}
		got, err := halt.Memory(free-1, 9)
		if !bytes.Equal(got, []byte("\x00written\x00")) {
			t.Errorf("%q", got)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// loopApart stops a guest in the midst of a loop that is long, and gives it up.
func loopApart(t *testing.T, h *Host, d *Debugged) {
	t.Helper()
	if err := d.Pause(0); err != nil {
		t.Fatal(err)
	}
	f := accepted(t, h, "hog", "f2000000")
	e, _ := until(t, d, debug.Stopped)
	d.SetBreakpoints("module.wat", []debug.Breakpoint{{Line: e.Position.Line, When: debug.When{Condition: "1 >"}}})
	bound := d.SetFunctions([]debug.FunctionBreakpoint{{Name: "func[6]", When: debug.When{Condition: "(1"}}, {Name: "func[6]", When: debug.When{Log: "{2 +}"}}})
	for _, b := range bound {
		if b.Err == nil || !strings.Contains(b.Err.Error(), "it is no expression") {
			t.Errorf("%+v", b)
		}
	}
	slow := make([]debug.Breakpoint, 500) // those in the loop have it take minutes: it is not over before it is stopped
	for i := range slow {
		slow[i] = debug.Breakpoint{Line: i + 1, When: debug.When{Condition: "1 > 2"}}
	}
	d.SetBreakpoints("module.wat", slow)
	if err := d.Resume(e.Thread, debug.Continue); err != nil {
		t.Fatal(err)
	}
	if err := d.Pause(e.Thread); err != nil {
		t.Fatal(err)
	}
	e, _ = until(t, d, debug.Stopped)
	if e.Reason != debug.ReasonPause {
		t.Errorf("%+v", e)
	}
	d.SetBreakpoints("module.wat", nil)
	if err := d.Resume(e.Thread, debug.Continue); err != nil {
		t.Fatal(err)
	}
	if a := answered(f); a.Code != "" {
		t.Error(a)
	}
}

// againApart has a copy handle what the actor has handled: the next message, one that was, and
// one that was given up on.
func againApart(t *testing.T, h *Host, first, dead string) {
	t.Helper()
	d := opened(t, h, control.DebugTarget{Actor: "hog", Fork: true})
	if err := d.Pause(0); err != nil {
		t.Fatal(err)
	}
	begin(t, d)
	if a := answered(accepted(t, h, "hog", "f7")); a.Code != "" {
		t.Fatal(a)
	}
	e, _ := until(t, d, debug.Stopped)
	look(t, d, e.Thread)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	for id, says := range map[string]string{first: "then handled", dead: "then failed with trap"} {
		d := opened(t, h, control.DebugTarget{Message: id})
		d.SetExceptions(false, true)
		begin(t, d)
		if id == dead {
			e, _ := until(t, d, debug.Stopped)
			if e.Reason != debug.ReasonException || !strings.Contains(e.Text, "unreachable") {
				t.Errorf("%+v", e)
			}
			if err := d.Resume(e.Thread, debug.Continue); err != nil {
				t.Fatal(err)
			}
		}
		if _, said := until(t, d, debug.Terminated); !strings.Contains(said, says) {
			t.Error(said)
		}
	}
}
