package app

import (
	"strings"
	"testing"

	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/runtime/debug"
	"github.com/grow-platform/grow/runtime/shard"
)

// told has the actor snake be told something.
func toldSnake(t *testing.T, h *Host, what string) *shard.Flow {
	t.Helper()
	f, err := h.Shard().Accept(t.Context(), &shard.Request{To: "snake", Source: "test", Type: "do", Data: []byte(`"` + what + `"`), AnyReply: true})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestDebugPythonApart: an actor in Python is debugged wherever it runs: where it serves,
// in a copy, and a message once more. It stops at a line, is looked at and changed, is
// stepped, and stopped in the midst of a loop that never ends.
func TestDebugPythonApart(t *testing.T) {
	if _, err := pythonRuntime(); err != nil {
		t.Skip(err)
	}
	line := 1 + strings.Count(isolatedPython[:strings.Index(isolatedPython, "handled += 1")], "\n")
	within := 3 + strings.Count(isolatedPython[:strings.Index(isolatedPython, `case "loop"`)], "\n")
	for _, place := range places() {
		t.Run(place, func(t *testing.T) {
			h := servePython(t, place, "3G")
			first := toldSnake(t, h, "state")
			if a := answered(first); a.Code != "" {
				t.Fatal(a)
			}
			d := opened(t, h, control.DebugTarget{Actor: "snake"})
			d.SetBreakpoints("app/main.py", []debug.Breakpoint{{Line: line, When: debug.When{Condition: "what == 'state'"}}})
			begin(t, d)
			f := toldSnake(t, h, "state")
			e := stoppedAt(t, d, debug.ReasonBreakpoint, line)
			err := d.With(t.Context(), e.Thread, func(halt debug.Halt) error {
				scopes, err := halt.Scopes(0)
				if err != nil {
					return err
				}
				_, err = halt.Set(0, scopes[0].Children, "what", "'file'")
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := d.Resume(e.Thread, debug.Over); err != nil {
				t.Fatal(err)
			}
			e = stoppedAt(t, d, debug.ReasonStep, line+1)
			if err := d.Resume(e.Thread, debug.Continue); err != nil {
				t.Fatal(err)
			}
			if a := answered(f); a.Code != "" || !strings.Contains(string(a.Reply.Data()), "a table") {
				t.Errorf("%s %s", a.Code, a.Reply.Data())
			}

			// A loop that never ends is stopped, looked at, and left. A condition within has it take
			// seconds to use its fuel up: it does not before it is stopped.
			d.SetBreakpoints("app/main.py", []debug.Breakpoint{{Line: line}, {Line: within, When: debug.When{Condition: "what == ''"}}})
			f = toldSnake(t, h, "loop")
			e = stoppedAt(t, d, debug.ReasonBreakpoint, line)
			if err := d.Resume(e.Thread, debug.Continue); err != nil {
				t.Fatal(err)
			}
			if err := d.Pause(e.Thread); err != nil {
				t.Fatal(err)
			}
			e, _ = until(t, d, debug.Stopped)
			err = d.With(t.Context(), e.Thread, func(halt debug.Halt) error {
				if v, err := halt.Evaluate(0, "what"); err != nil || v.Value != "'loop'" {
					t.Errorf("%+v, %v", v, err)
				}
				if _, err := halt.Evaluate(0, "[i for i in iter(int, 1)]"); err == nil {
					t.Error("what never ends has ended")
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			if a := answered(f); a.Code == "" {
				t.Error("it has ended")
			}
			if a := answered(toldSnake(t, h, "state")); a.Code != "" {
				t.Errorf("after the session: %s", a.Code)
			}

			d = opened(t, h, control.DebugTarget{Message: first.ID()})
			d.SetBreakpoints("app/main.py", []debug.Breakpoint{{Line: line}})
			begin(t, d)
			e = stoppedAt(t, d, debug.ReasonBreakpoint, line)
			if err := d.Resume(e.Thread, debug.Continue); err != nil {
				t.Fatal(err)
			}
			if _, said := until(t, d, debug.Terminated); !strings.Contains(said, "then handled") {
				t.Error(said)
			}

			d = opened(t, h, control.DebugTarget{Actor: "snake", Fork: true})
			d.SetBreakpoints("app/main.py", []debug.Breakpoint{{Line: line, When: debug.When{Condition: "what == 'state'"}}})
			begin(t, d)
			if a := answered(toldSnake(t, h, "state")); a.Code != "" {
				t.Fatal(a)
			}
			e = stoppedAt(t, d, debug.ReasonBreakpoint, line)
			err = d.With(t.Context(), e.Thread, func(halt debug.Halt) error {
				if v, err := halt.Evaluate(0, "what"); err != nil || v.Value != "'state'" {
					t.Errorf("%+v, %v", v, err)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := d.Resume(e.Thread, debug.Continue); err != nil {
				t.Fatal(err)
			}
			if _, said := until(t, d, debug.Terminated); !strings.Contains(said, "now handled; then handled") {
				t.Error(said)
			}

			r := typedAt(t, h)
			if out, err := typed(h, r.ID, "ann", "do(ctx, 'file').data"); err != nil || out.Output != "'a table'\n" {
				t.Errorf("%+v, %v", out, err)
			}
			if _, err := (backend{h}).CloseREPL(t.Context(), r.ID, "ann"); err != nil {
				t.Error(err)
			}
		})
	}
}

// stoppedAt waits for a stop at a line.
func stoppedAt(t *testing.T, d *Debugged, reason debug.Reason, line int) debug.Event {
	t.Helper()
	e, said := until(t, d, debug.Stopped)
	if e.Reason != reason || e.Position.Line != line {
		t.Fatalf("%s at %v, want %s at line %d; it said:\n%s", e.Reason, e.Position, reason, line, said)
	}
	return e
}
