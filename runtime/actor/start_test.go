package actor

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/engine/enginetest"
	"github.com/grow-platform/grow/runtime/engine/wazero"
)

// thin compiles a program for the toy language runtime.
func thin(t *testing.T, program string) engine.Module {
	t.Helper()
	e, err := wazero.New(t.Context(), wazero.Options{Languages: []engine.Language{enginetest.Toy(nil)}})
	if err != nil {
		t.Fatal(err)
	}
	m, err := e.Compile(t.Context(), enginetest.Thin(t, program), engine.Config{MemoryMax: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return m
}

// TestStopped: an instance that was stopped and stopped by itself handles the next
// message; the text says where it was.
func TestStopped(t *testing.T) {
	for code, cause := range map[string]error{CodeFuel: errFuel, CodeTime: errTime} {
		n := 0
		a := newActor(t, script(func(engine.Host, []byte) ([]byte, error) {
			if n++; n > 1 {
				return nil, nil
			}
			return nil, &engine.Stopped{Cause: cause, Stack: "  main.x, line 7, in f"}
		}), nil)
		i := take(t, a)
		r := handle(i, "")
		if r.Outcome != Failed || r.Code != code || r.Broken || r.Text != cause.Error()+"\n  main.x, line 7, in f" {
			t.Errorf("%+v", r)
		}
		if r := handle(i, ""); r.Outcome != Handled {
			t.Errorf("the next message: %+v", r)
		}
		a.Put(i)
	}
}

// TestException: what the actor raised is the text, with its traceback, and the
// instance is discarded.
func TestException(t *testing.T) {
	a := newActor(t, script(func(engine.Host, []byte) ([]byte, error) {
		return nil, &engine.Error{Code: engine.CodeException, Reason: "ValueError: no", Stack: "  main.x, line 7, in f"}
	}), nil)
	i := take(t, a)
	if r := handle(i, ""); r.Code != engine.CodeException || !r.Broken || r.Text != "ValueError: no\n  main.x, line 7, in f" {
		t.Errorf("%+v", r)
	}
	a.Discard(i)
}

// TestStartFails: why an actor could not be loaded is said with its traceback.
func TestStartFails(t *testing.T) {
	a := newActor(t, thin(t, "!ImportError: no module named x\n  line 1 of main.txt"), nil)
	for range 2 {
		if _, more, err := a.Take(); !more {
			t.Fatal(err)
		}
		_, err := a.Start(t.Context())
		if err == nil || StartCode(err) != engine.CodeException || !strings.Contains(err.Error(), "exception: ImportError: no module named x\n  line 1 of main.txt") {
			t.Errorf("%v", err)
		}
	}
}

// TestStartLimits: starting has limits of its own, at two values each, and a message
// keeps those it has.
func TestStartLimits(t *testing.T) {
	m := thin(t, "o") // its load has no end
	for _, fuel := range []uint64{500_000, 2_000_000} {
		begin := time.Now()
		_, err := newActor(t, m, func(o *Options) { o.StartFuel, o.Def.Limits.Fuel = fuel, 1000 }).start(t.Context())
		if !errors.Is(err, errStartFuel) || StartCode(err) != CodeFuel || !strings.Contains(err.Error(), "units") {
			t.Errorf("%d units: %v after %v", fuel, err, time.Since(begin))
		}
	}
	for _, limit := range []time.Duration{20 * time.Millisecond, 60 * time.Millisecond} {
		begin := time.Now()
		_, err := newActor(t, m, func(o *Options) { o.StartTime, o.Def.Limits.Time = limit, time.Millisecond }).start(t.Context())
		if took := time.Since(begin); !errors.Is(err, errStartTime) || StartCode(err) != CodeTime || took < limit {
			t.Errorf("%v: %v after %v", limit, err, took)
		}
	}
	a := newActor(t, thin(t, "x"), func(o *Options) { o.Def.Limits.Fuel = 300_000 })
	i := take(t, a)
	if _, err := i.Slice(300_000); !errors.Is(err, errFuel) || strings.Contains(err.Error(), "starting") {
		t.Errorf("a message: %v", err)
	}
	a.Put(i)
	if a := newActor(t, m, nil); a.StartFuel != abi.StartFuelMax || a.StartTime != abi.StartTimeMax {
		t.Errorf("%d units, %v", a.StartFuel, a.StartTime)
	}
	if a := newActor(t, m, func(o *Options) { o.Def.Limits.Fuel, o.Def.Limits.Time = 1<<40, time.Hour }); a.StartFuel != 1<<40 || a.StartTime != time.Hour {
		t.Errorf("limits of messages that are higher: %d units, %v", a.StartFuel, a.StartTime)
	}
}
