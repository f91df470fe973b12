package actor

import (
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/specs"
)

// FuzzAnswer: whatever a guest answers or prints, its message has an outcome,
// and outputs that are within limits.
func FuzzAnswer(f *testing.F) {
	f.Add(frame([]string{"1", "type", "out"}, []string{"2", "type", "other", "x.a", "b", "delay", "5"}), []byte("a\nb"))
	f.Add(frame([]string{"no", "type", "grow.error", "code", "c", "retry", "yes", "after", "9999999999999999999"}), []byte("\x1b[2J\r\n\xff"))
	f.Add(frame([]string{"", "type", "surprise"}), []byte(nil))
	f.Add([]byte{9, 0, 0, 0}, []byte(nil))
	f.Add([]byte{255, 255, 255, 255}, []byte("\n\n\n"))
	f.Fuzz(func(t *testing.T, answer, printed []byte) {
		lines := 0
		a := newActor(t, script(func(h engine.Host, _ []byte) ([]byte, error) {
			h.Output(1, printed)
			h.Output(2, printed)
			return answer, nil
		}), func(o *Options) {
			o.Def.Limits = specs.Limits{Output: 100, Calls: 3}
			o.Log = func(Line) { lines++ }
		})
		i := take(t, a)
		defer a.Discard(i)
		for range 2 { // the second time what is remembered of the first is used
			r := handle(i, "x")
			var size int
			for _, o := range r.Outputs {
				size += len(o.Data)
				if o.Index < 0 || o.Index >= len(a.Def.Out) || a.Def.Out[o.Index] != string(o.View.Type) || o.Delay < 0 || o.Delay > DelayMax {
					t.Errorf("output %+v", o)
				}
			}
			switch {
			case r.Outcome != Handled && (r.Code == "" || len(r.Outputs) > 0):
				t.Errorf("outcome %d, code %q, %d outputs", r.Outcome, r.Code, len(r.Outputs))
			case size > 100 || len(r.Outputs) > abi.OutputsMax:
				t.Errorf("%d outputs of %d bytes", len(r.Outputs), size)
			case r.Broken:
				return
			}
		}
		if lines > 2*(LogLinesMax+1) {
			t.Errorf("%d lines", lines)
		}
	})
}
