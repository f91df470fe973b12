package process

import (
	"errors"
	"testing"
	"time"

	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/engine/enginetest"
	"github.com/grow-platform/grow/testdata/wat"
)

// attending is a debugger that counts what it is asked. What it says is what the test says.
type attending struct {
	begun, ended, slices int
	refused              error
	served               string
}

func (a *attending) Begin() (bool, error)       { a.begun++; return true, a.refused }
func (a *attending) End()                       { a.ended++ }
func (a *attending) Slice() (bool, bool, error) { a.slices++; return false, true, nil }
func (a *attending) Serve(b []byte) ([]byte, error) {
	a.served += string(b)
	return []byte("served"), nil
}

// patient is a debugger that gives its guest some time.
type patient struct {
	*attending
	took, most time.Duration
}

var errLong = errors.New("it took too long")

func (p *patient) Took(d time.Duration) error {
	if p.took += d; p.took > p.most {
		return errLong
	}
	return nil
}

// TestDebugged: what a worker asks of a debugger is that one's to say, if there is one, and
// whatever the worker asks: it may be one that lies. Each beginning has an end.
func TestDebugged(t *testing.T) {
	m := load(t, New(Options{Start: child}), wat.Module("echo"), engine.Config{MemoryMax: 1 << 20, Instances: 1})
	h := &enginetest.Host{Reply: func([]byte) ([]byte, error) { return []byte("called"), nil }}
	i := running(t, m, h).(*instance)
	if i.Debug(&attending{}) {
		t.Error("a module on no language runtime has a debugger")
	}
	i.can = true
	asks := func(what uint64, want string, says uint64) {
		t.Helper()
		answer, said, err := i.debugged(&report{kind: reportDebug, value: what, body: []byte("q")})
		if err != nil || string(answer) != want || said != says {
			t.Errorf("%d: %q, %d, %v", what, answer, said, err)
		}
	}
	i.talk = talk{ctx: t.Context(), host: h}
	asks(debugBegin, "", 0)
	asks(debugSlice, "", 0)
	asks(debugServe, "called", 0)
	a, b := &attending{}, &attending{}
	i.Debug(a)
	asks(debugSlice, "", saysAttend|saysHeld) // it begins where it is first asked
	asks(debugSlice, "", saysHeld)
	asks(debugServe, "served", 0)
	i.Debug(b) // in the place of the first
	asks(debugBegin, "", saysAttend)
	i.Debug(nil)
	asks(debugServe, "called", 0)
	if a.begun != 1 || a.ended != 1 || a.slices != 2 || a.served != "q" || b.begun != 1 || b.ended != 1 {
		t.Errorf("%+v %+v", a, b)
	}
	refused := errors.New("refused")
	i.Debug(&attending{refused: refused})
	if _, _, err := i.debugged(&report{kind: reportDebug, value: debugBegin}); !errors.Is(err, refused) {
		t.Error(err)
	}
	i.part()

	// Whatever the worker says, or if it says nothing, the debugger is told how long it takes.
	timed := &patient{attending: a, most: time.Minute}
	i.looks = &debugger{timed}
	i.handed = time.Now().Add(-30 * time.Second)
	if err := i.quiet(); err != nil || i.err != nil || timed.took < 30*time.Second {
		t.Fatal(err, i.err, timed.took)
	}
	i.handed = i.handed.Add(-30 * time.Second)
	if _ = i.quiet(); !errors.Is(i.err, errLong) || timed.took < time.Minute {
		t.Error(i.err, timed.took)
	}
	i.looks = nil
	i.Debug(nil)
}
