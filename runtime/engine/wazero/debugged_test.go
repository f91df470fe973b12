package wazero

import (
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
