package wazero

import (
	"errors"
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/engine/enginetest"
)

// nosy is a Debugger that must not be called.
type nosy struct{ engine.Debugger }

// TestDebugRefused: a runtime without a word for attention cannot be debugged. Package
// debug/python tries one that has it.
func TestDebugRefused(t *testing.T) {
	m := load(t, start(t, Options{Languages: []engine.Language{enginetest.Toy(nil)}}), enginetest.Thin(t, "x"), engine.Config{MemoryMax: 1 << 20})
	i, err := m.Instantiate(t.Context(), &enginetest.Host{})
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	if i.(engine.Debuggable).Debug(nosy{}) {
		t.Error("it can be debugged")
	}
	if _, err := i.Handle(&enginetest.Host{}, engine.Frame("c")); err != nil {
		t.Error(err)
	}
}

// fed is a Debugger whose evaluations go on, until err ends one.
type fed struct {
	engine.Debugger
	err error
}

func (f *fed) Slice() (attend, held bool, err error) { return false, true, f.err }

// TestDebuggersFuel: what an evaluation uses does not count, and one that is given up was
// granted nothing.
func TestDebuggersFuel(t *testing.T) {
	d := &fed{}
	looks := &looking{d}
	i := &instance{speech: &speech{looks: looks}}
	i.speech.wanted.Store(looks)
	left := uint64(0)
	i.tank.left = counter{at: &left}
	i.tank.granted = 1000
	grant, err := i.slice(1000)
	if err != nil || grant != engine.SliceFuel || i.tank.free != grant {
		t.Errorf("%d units, %v; %d are free", grant, err, i.tank.free)
	}
	i.tank.granted += grant
	d.err = errors.New("given up")
	if grant, err = i.slice(i.tank.granted); !errors.Is(err, d.err) || grant != 0 {
		t.Errorf("%d units, %v", grant, err)
	}
	if used := i.tank.used(); used != 1000 {
		t.Errorf("%d units were used", used)
	}
}

// TestDebugs: requests of debugging are told by the first one of a frame.
func TestDebugs(t *testing.T) {
	for typ, want := range map[string]bool{"debug.stop": true, "debug.": true, "debug": false, "state.get": false, "": false} {
		if got := debugs(abi.NewMessage(nil, abi.Type, typ).Frame()); got != want {
			t.Errorf("%q: %v", typ, got)
		}
	}
	for _, frame := range []string{"", "\x00\x00\x00\x00", "\x01\x00\x00\x00"} {
		if debugs([]byte(frame)) {
			t.Errorf("%q is one of debugging", frame)
		}
	}
}
