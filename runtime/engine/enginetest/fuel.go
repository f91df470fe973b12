package enginetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/grow-platform/grow/runtime/engine"
)

// Instructions that loops are made of.
const (
	loopForEver = "\x03\x40\x0c\x00\x0b" // loop br 0 end
	zero64      = "\x42\x00"
)

// counting is a body that goes round n times.
func counting(n int32) []byte {
	return Code(Const32(n), []byte("\x21\x00"), // local.set 0, the input's address, which is not needed
		[]byte("\x03\x40\x20\x00\x41\x01\x6b\x22\x00\x0d\x00\x0b"), // loop: local 0 - 1, again unless 0
		[]byte(zero64))
}

// fuel: a guest stops when the host says so, what it used is told, and is the
// same however it was granted.
func fuel(t *testing.T, e engine.Engine) {
	m := compile(t, e, Actor(Code([]byte(loopForEver), []byte(zero64))...).Bytes())
	for _, limit := range []uint64{1000, 1_000_000} {
		h := &Host{Fuel: limit}
		a, err := instance(t, m, h).Handle(h, engine.Frame(nil))
		if !errors.Is(err, ErrFuel) || a.Fuel < limit || a.Fuel > limit+limit/10 {
			t.Errorf("with %d units: %v after %d", limit, err, a.Fuel)
		}
	}
	m = compile(t, e, Actor(counting(1000)...).Bytes())
	var want uint64
	for _, grant := range []uint64{0, 1, 7, 100, 1_000_000} {
		h := &Host{Grant: grant}
		i := instance(t, m, h)
		handle(t, i, h, nil) // with its first message it makes room for input
		a, err := i.Handle(h, engine.Frame(nil))
		if err != nil {
			t.Fatal(err)
		}
		if want == 0 {
			want = a.Fuel
		}
		if a.Fuel != want || a.Fuel < 5000 || a.Fuel > 8000 {
			t.Errorf("1000 rounds of a loop, in slices of %d: %d units, want %d", grant, a.Fuel, want)
		}
		if grant == 7 && h.Slices < 1000 {
			t.Errorf("the host was asked %d times for slices of 7", h.Slices)
		}
	}
}

// messageFuel: the limit is that of a message, and not of each function that is
// called for it.
func messageFuel(t *testing.T, e engine.Engine) {
	// The address that counting leaves in local 0 is 0; the input block is not.
	w := Actor(counting(5000)...)
	w.Funcs[0].Code = Code(counting(5000), Op(Drop), Const32(1024))
	m := compile(t, e, w.Bytes())
	h := &Host{Fuel: 45_000}
	a, err := instance(t, m, h).Handle(h, engine.Frame(nil))
	if !errors.Is(err, ErrFuel) || a.Fuel < 45_000 || a.Fuel > 50_000 {
		t.Errorf("two functions that use 30,000 units each, with 45,000: %v after %d", err, a.Fuel)
	}
	h = &Host{Fuel: 80_000}
	if a, err = instance(t, m, h).Handle(h, engine.Frame(nil)); err != nil || a.Fuel < 50_000 {
		t.Errorf("the same with 80,000: %v after %d", err, a.Fuel)
	}
}

// startFuel: whatever comes before the first message, and the functions around
// it, end too.
func startFuel(t *testing.T, e engine.Engine) {
	for name, change := range map[string]func(*Wasm){
		"start section": func(w *Wasm) { w.Funcs = append(w.Funcs, Func{Code: []byte(loopForEver)}); w.Start = 2 },
		"_initialize":   func(w *Wasm) { w.Funcs = append(w.Funcs, Func{Export: "_initialize", Code: []byte(loopForEver)}) },
		"grow_abi": func(w *Wasm) {
			w.Funcs = append(w.Funcs, Func{Export: "grow_abi", Results: I32, Code: Code([]byte(loopForEver), Const32(1))})
		},
		"grow_init": func(w *Wasm) {
			w.Funcs = append(w.Funcs, Func{Export: "grow_init", Params: I32 + I32, Results: I32, Code: Code([]byte(loopForEver), Const32(0))})
		},
		"grow_alloc": func(w *Wasm) { w.Funcs[0].Code = Code([]byte(loopForEver), Const32(1024)) },
	} {
		h := &Host{Fuel: 50_000}
		i, err := compile(t, e, with(change)).Instantiate(t.Context(), h)
		if err == nil {
			if err = i.Init(h, make([]byte, 20)); err == nil {
				_, err = i.Handle(h, engine.Frame(make([]byte, 20)))
			}
			if closed := i.Close(); closed != nil {
				t.Error(closed)
			}
		}
		if !errors.Is(err, ErrFuel) {
			t.Errorf("endless %s: %v", name, err)
		}
	}
}

// hostFuel: what the host does for a guest is charged by how much it is.
func hostFuel(t *testing.T, e engine.Engine) {
	used := func(imported Import, code []byte, answer int) uint64 {
		w := Actor(Code(code, Call(0), Op(Drop), []byte(zero64))...)
		w.Memory = []int{4}
		w.Imports = []Import{imported}
		h := &Host{Answer: make([]byte, answer)}
		i := instance(t, compile(t, e, w.Bytes()), h)
		var a engine.Answer
		for range 2 {
			var err error
			if a, err = i.Handle(h, engine.Frame(nil)); err != nil {
				t.Fatal(err)
			}
		}
		return a.Fuel
	}
	random := Import{Module: wasiName, Name: "random_get", Params: I32 + I32, Results: I32}
	write := Import{Module: wasiName, Name: "fd_write", Params: strings.Repeat(I32, 4), Results: I32}
	// The vector of fd_write is the memory at 0, which is empty, so its length is 0.
	for _, c := range []struct {
		name        string
		little, lot uint64
		more        uint64 // at least
	}{
		{"random_get", used(random, Code(Const32(4096), Const32(8)), 0), used(random, Code(Const32(4096), Const32(80_000)), 0), 79_000},
		{"grow.call", used(growCall, Code(Const32(4096), Const32(8), Const32(0), Const32(0)), 0),
			used(growCall, Code(Const32(4096), Const32(80_000), Const32(0), Const32(0)), 80_000), 19_000},
		{"fd_write", 0, used(write, Code(Const32(1), Const32(0), Const32(1), Const32(64)), 0), 50},
	} {
		if c.lot < c.little+c.more {
			t.Errorf("%s", fmt.Sprintf("%s: %d units for a little and %d for a lot", c.name, c.little, c.lot))
		}
	}
}
