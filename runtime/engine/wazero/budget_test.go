package wazero

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/engine/enginetest"
	"github.com/grow-platform/grow/testdata/wat"
)

// grow has the probe grow its memory and returns what memory.grow said.
func grow(t *testing.T, i engine.Instance, pages uint32) int32 {
	t.Helper()
	input := make([]byte, 20)
	input[0] = 2
	binary.LittleEndian.PutUint32(input[4:], pages)
	a, err := i.Handle(&enginetest.Host{}, engine.Frame(input))
	if err != nil {
		t.Fatal(err)
	}
	return int32(binary.LittleEndian.Uint32(a.Frame))
}

// TestBudget: what all instances have is bounded; beyond half of it nobody
// gets more than an even share, which nobody can take from the others.
func TestBudget(t *testing.T) {
	const page = pageSize
	e, err := New(t.Context(), Options{MemoryMax: 64 * page})
	if err != nil {
		t.Fatal(err)
	}
	m := load(t, e, enginetest.Probe(), engine.Config{MemoryMax: 100 * page})
	begins := uint32(m.Info().MemoryMin / page)
	first := answered(t, m, &enginetest.Host{}, idle)
	second := answered(t, m, &enginetest.Host{}, idle)
	if grow(t, first, 33) != -1 { // 32 pages are free for all; each may have 16 of the rest
		t.Error("one instance got more than half of all and its share")
	}
	if grow(t, first, 32-2*begins) == -1 {
		t.Error("the first half is not free for all")
	}
	if grow(t, first, 1) != -1 {
		t.Error("what has more than its share got of the second half")
	}
	if grow(t, second, 16-begins) == -1 {
		t.Error("an instance did not get its share")
	}
	if grow(t, second, 1) != -1 {
		t.Error("an instance got more than its share of the second half")
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if grow(t, second, 16) == -1 {
		t.Error("what was given back is not there")
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	memory := &e.(*machine).memory
	if used, n := memory.used.Load(), memory.instances.Load(); used != 0 || n != 0 {
		t.Errorf("%d bytes of %d instances are counted after the end", used, n)
	}
	// As many instances as fit, and no more; what does not start is not counted.
	var all []engine.Instance
	for {
		i, err := m.Instantiate(t.Context(), &enginetest.Host{})
		if err != nil {
			var fault *engine.Error
			if !errors.As(err, &fault) || fault.Code != engine.CodeMemory {
				t.Errorf("error %v", err)
			}
			break
		}
		all = append(all, i)
	}
	if n := len(all); n < 16 || n > 64/int(begins) {
		t.Errorf("%d instances fit", n)
	}
	for _, i := range all {
		if err := i.Close(); err != nil {
			t.Error(err)
		}
	}
	if used, n := memory.used.Load(), memory.instances.Load(); used != 0 || n != 0 {
		t.Errorf("%d bytes of %d instances are counted after the end", used, n)
	}
}

// TestMemoryIsBlamed: a guest that traps after it was refused memory failed for
// that, and the reason says what allowed it no more.
func TestMemoryIsBlamed(t *testing.T) {
	ask := abi.NewMessage([]byte(`"m100"`), abi.Type, "hog.do").Frame()
	for _, c := range []struct {
		host, actor int64
		says        string
	}{{0, 4 << 20, "limits.memory allows 4194304"}, {4 << 20, 100 << 20, "the host has no more"}} {
		e, err := New(t.Context(), Options{MemoryMax: c.host})
		if err != nil {
			t.Fatal(err)
		}
		h := &enginetest.Host{}
		i, err := load(t, e, wat.Module("hog"), engine.Config{MemoryMax: c.actor}).Instantiate(t.Context(), h)
		if err != nil {
			t.Fatal(err)
		}
		var fault *engine.Error
		if _, err = i.Handle(h, engine.Frame(ask)); !errors.As(err, &fault) || fault.Code != engine.CodeMemory || !strings.Contains(fault.Reason, c.says) {
			t.Errorf("error %v does not say %q", err, c.says)
		}
		if err := i.Close(); err != nil {
			t.Error(err)
		}
	}
}
