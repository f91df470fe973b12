package wazero

import (
	"testing"

	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/engine/enginetest"
	"github.com/grow-platform/grow/runtime/wasm/meter"
	"github.com/grow-platform/grow/testdata/wat"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// TestCounter: the counter is found in every instance of a module whose code is
// compiled, and is the one that the guest counts with.
func TestCounter(t *testing.T) {
	m := load(t, start(t, Options{}), wat.Module("echo"), engine.Config{MemoryMax: 1 << 20})
	for range 3 {
		running := answered(t, m, &enginetest.Host{}, frame)
		i := running.(*instance)
		c := i.tank.left
		if c.at == nil {
			t.Fatal("the counter was not found: has this release of wazero moved it?")
		}
		if at, global := *c.at, c.global.Get(); at != global || at == 0 || at == i.tank.first {
			t.Errorf("the counter is %d, the global %d, of %d", at, global, i.tank.first)
		}
		c.set(5)
		if got := c.global.Get(); got != 5 {
			t.Errorf("the global is %d after the counter was set to 5", got)
		}
		if err := running.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestCounterElsewhere: where globals lie elsewhere the counter is wazero's, and
// looking for it changes nothing.
func TestCounterElsewhere(t *testing.T) {
	ctx := t.Context()
	runtime := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	defer runtime.Close(ctx)
	// A module with one global, mutable and of type i64, that begins with 7.
	m, err := runtime.Instantiate(ctx, []byte("\x00asm\x01\x00\x00\x00\x06\x06\x01\x7e\x01\x42\x07\x0b\x07\x0d\x01\x09"+meter.ExportFuel+"\x03\x00"))
	if err != nil {
		t.Fatal(err)
	}
	var p place
	c := p.find(m, m.ExportedGlobal(meter.ExportFuel).(api.MutableGlobal))
	if c.at != nil || c.get() != 7 {
		t.Errorf("found: %v; value %d", c.at != nil, c.get())
	}
	c.set(9)
	if again := p.find(m, c.global); again.at != nil || again.get() != 9 {
		t.Errorf("found: %v; value %d", again.at != nil, again.get())
	}
}
