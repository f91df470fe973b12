// Package enginetest is the suite that every implementation of package engine
// must pass. Its modules are testdata/probe.wat, which does what its input
// says, those of testdata/wat that break a rule each, and small ones made with
// Wasm.
package enginetest

import (
	"bytes"
	"context"
	"embed"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/testdata/wat"
)

//go:embed testdata/probe.wasm testdata/toy.wasm
var files embed.FS

// Probe is the module that does what its input says; see testdata/probe.wat.
func Probe() []byte {
	b, err := files.ReadFile("testdata/probe.wasm")
	if err != nil {
		panic("enginetest: " + err.Error())
	}
	return b
}

// Run runs the suite. open returns an engine; the suite closes it.
func Run(t *testing.T, open func(t *testing.T) engine.Engine) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, e engine.Engine)
	}{
		{"modules refused", refused},
		{"info", info},
		{"answers", answers},
		{"faults", faults},
		{"input block", inputBlock},
		{"memory limit", memoryLimit},
		{"init", initialize},
		{"call", call},
		{"call outside memory", callOutside},
		{"host error unwinds", hostError},
		{"host panic", hostPanic},
		{"an answer that waits", waiting},
		{"a failed instance", failed},
		{"start section", startSection},
		{"starts that fail", failingStarts},
		{"refused functions of WASI", nosys},
		{"poll_oneoff", polls},
		{"fd_write", writes},
		{"fuel", fuel},
		{"fuel of a message", messageFuel},
		{"fuel of the start", startFuel},
		{"fuel of the host's work", hostFuel},
		{"two limits at once", twoLimits},
		{"context that has ended", ended},
		{"world", world},
		{"instances are apart", apart},
		{"in parallel", parallel},
		{"hand-written ledger is accepted", ledger},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := open(t)
			defer func() {
				if err := e.Close(t.Context()); err != nil {
					t.Errorf("close engine: %v", err)
				}
			}()
			c.test(t, e)
		})
	}
}

// input makes an input of the probe.
func input(op byte, args ...uint32) []byte {
	b := make([]byte, 20)
	b[0] = op
	for i, a := range args {
		binary.LittleEndian.PutUint32(b[4+4*i:], a)
	}
	return b
}

func compile(t *testing.T, e engine.Engine, binary []byte) engine.Module {
	t.Helper()
	m, err := e.Compile(t.Context(), binary, engine.Config{MemoryMax: 1 << 20})
	if err != nil {
		t.Fatalf("compile: %v", err)
	}
	t.Cleanup(func() {
		if err := m.Close(context.Background()); err != nil {
			t.Errorf("close module: %v", err)
		}
	})
	return m
}

func instance(t *testing.T, m engine.Module, h engine.Host) engine.Instance {
	t.Helper()
	i, err := m.Instantiate(t.Context(), h)
	if err != nil {
		t.Fatalf("instantiate: %v", err)
	}
	t.Cleanup(func() {
		if err := i.Close(); err != nil {
			t.Errorf("close instance: %v", err)
		}
	})
	return i
}

func probe(t *testing.T, e engine.Engine, h engine.Host) engine.Instance {
	return instance(t, compile(t, e, Probe()), h)
}

func handle(t *testing.T, i engine.Instance, h engine.Host, in []byte) []byte {
	t.Helper()
	a, err := i.Handle(h, engine.Frame(in))
	if err != nil {
		t.Fatalf("handle: %v", err)
	}
	return bytes.Clone(a.Frame)
}

func words(b []byte) []uint32 {
	var list []uint32
	for ; len(b) >= 4; b = b[4:] {
		list = append(list, binary.LittleEndian.Uint32(b))
	}
	return list
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// coded checks an error's code and that its reason says something.
func coded(t *testing.T, what string, err error, code string, says ...string) {
	t.Helper()
	var fault *engine.Error
	if !errors.As(err, &fault) || fault.Code != code {
		t.Errorf("%s: %v, want code %s", what, err, code)
		return
	}
	for _, text := range says {
		if !strings.Contains(fault.Reason, text) {
			t.Errorf("%s: reason %q does not say %q", what, fault.Reason, text)
		}
	}
	if strings.Contains(fault.Reason, "\n") && code != engine.CodeInvalid {
		t.Errorf("%s: reason has more than one line: %q", what, fault.Reason)
	}
}

func info(t *testing.T, e engine.Engine) {
	m := compile(t, e, Probe())
	i := m.Info()
	if !strings.HasPrefix(i.Digest, "sha256:") || len(i.Digest) != 71 || i.Size != len(Probe()) || !i.HasInit || i.MemoryMin != 128<<10 {
		t.Errorf("info: %+v", i)
	}
	same(t, "exports", i.Exports, []string{"_initialize", "grow_alloc", "grow_handle", "grow_init", "memory"})
	if len(i.Imports) != 14 || i.Imports[0] != "grow.answer" {
		t.Errorf("imports: %v", i.Imports)
	}
	if other := compile(t, e, wat.Module("echo")).Info(); other.HasInit || other.Digest == i.Digest {
		t.Errorf("info of another module: %+v", other)
	}
}

func answers(t *testing.T, e engine.Engine) {
	h := &Host{}
	i := probe(t, e, h)
	same(t, "_initialize ran", words(handle(t, i, h, input(16))), []uint32{7})
	for _, n := range []int{20, 200, 5000, 60_000} {
		in := append(input(0), bytes.Repeat([]byte("x"), n)...)
		if got := handle(t, i, h, in); !bytes.Equal(got, in) {
			t.Errorf("an input of %d bytes came back as %d other bytes", len(in), len(got))
		}
	}
	end := uint32(i.MemorySize())
	same(t, "the last bytes of memory", len(handle(t, i, h, input(4, end-16, 16))), 16)
	same(t, "no bytes, wherever", len(handle(t, i, h, input(19))), 0)
	same(t, "a result of 0", len(handle(t, i, h, input(17, 64, 1))), 0)
}

func faults(t *testing.T, e engine.Engine) {
	m := compile(t, e, Probe())
	for _, c := range []struct {
		name string
		in   []byte
		code string
		says []string
	}{
		{"unreachable", input(1), engine.CodeTrap, []string{"unreachable"}},
		{"recursion", input(6), engine.CodeStack, []string{"deeper"}},
		{"load outside memory", input(14, 0xfffffff0), engine.CodeTrap, []string{"out of bounds memory access"}},
		{"division by zero", input(15, 0), engine.CodeTrap, []string{"integer divide by zero"}},
		{"exit", input(11, 3), engine.CodeExit, []string{"proc_exit(3)"}},
		{"exit 0", input(11, 0), engine.CodeExit, []string{"proc_exit(0)"}},
		{"answer outside memory", input(4, 0xffff0000, 64), engine.CodeAnswer, []string{"outside the memory"}},
		{"answer across the end", input(4, 131072-8, 16), engine.CodeAnswer, []string{"outside the memory"}},
		{"no room for the input", make([]byte, 70_000), engine.CodeAlloc, []string{"returned 0"}},
	} {
		h := &Host{}
		i := instance(t, m, h)
		_, err := i.Handle(h, engine.Frame(c.in))
		coded(t, c.name, err, c.code, c.says...)
		var fault *engine.Error
		if errors.As(err, &fault) && c.code == engine.CodeTrap && fault.Stack == "" {
			t.Errorf("%s: no stack", c.name)
		}
	}
	for name, code := range map[string]string{
		"trap": engine.CodeTrap, "exit": engine.CodeExit, "hugelen": engine.CodeAnswer, "allocnull": engine.CodeAlloc,
	} {
		h := &Host{}
		i := instance(t, compile(t, e, wat.Module(name)), h)
		_, err := i.Handle(h, abi.NewMessage(nil, abi.Type, "in"))
		coded(t, name, err, code)
	}
}

// inputBlock: the host asks for room once and reuses it; for a larger input it
// asks again.
func inputBlock(t *testing.T, e engine.Engine) {
	h := &Host{}
	i := probe(t, e, h)
	for range 3 {
		same(t, "calls of grow_alloc", words(handle(t, i, h, input(7))), []uint32{1})
	}
	handle(t, i, h, append(input(0), make([]byte, 9000)...))
	same(t, "after a larger input", words(handle(t, i, h, input(7))), []uint32{2})
	handle(t, i, h, append(input(0), make([]byte, 8000)...))
	same(t, "after a smaller one", words(handle(t, i, h, input(7))), []uint32{2})
}

func memoryLimit(t *testing.T, e engine.Engine) {
	for _, limit := range []int64{256 << 10, 1 << 20} {
		m, err := e.Compile(t.Context(), Probe(), engine.Config{MemoryMax: limit + 100})
		if err != nil {
			t.Fatal(err)
		}
		h := &Host{}
		i, err := m.Instantiate(t.Context(), h)
		if err != nil {
			t.Fatal(err)
		}
		room := uint32(limit>>16) - 2
		same(t, "grow beyond the limit", words(handle(t, i, h, input(2, room+1))), []uint32{0xffffffff})
		same(t, "grow to the limit", words(handle(t, i, h, input(2, room))), []uint32{2})
		same(t, "grow by one more", words(handle(t, i, h, input(2, 1))), []uint32{0xffffffff})
		same(t, "size", i.MemorySize(), limit)
		handle(t, i, h, input(17, uint32(limit)-4, 42))
		same(t, "the last word", words(handle(t, i, h, input(4, uint32(limit)-4, 4))), []uint32{42})
		if err := errors.Join(i.Close(), m.Close(t.Context())); err != nil {
			t.Error(err)
		}
	}
}

func initialize(t *testing.T, e engine.Engine) {
	h := &Host{}
	m := compile(t, e, Probe())
	if err := instance(t, m, h).Init(h, input(0)); err != nil {
		t.Errorf("init: %v", err)
	}
	coded(t, "a result that is not 0", instance(t, m, h).Init(h, input(9)), engine.CodeInit, "returned 9")
	if err := instance(t, compile(t, e, wat.Module("echo")), h).Init(h, input(9)); err != nil {
		t.Errorf("a module without grow_init: %v", err)
	}
}

func call(t *testing.T, e engine.Engine) {
	request := input(5, 8192, 100, 16384)
	h := &Host{Answer: []byte("an answer")}
	i := probe(t, e, h)
	// It fits: written at once, and nothing waits.
	same(t, "results", words(handle(t, i, h, request)), []uint32{9, 0, 0, 0})
	same(t, "request", h.Requests, [][]byte{request})
	same(t, "buffer", string(handle(t, i, h, input(4, 8192, 9))), "an answer")
	// It does not: nothing is written, it waits until it is fetched, once.
	h.Answer = bytes.Repeat([]byte("long"), 100)
	handle(t, i, h, input(17, 8192, 0x01010101))
	same(t, "results", words(handle(t, i, h, request)), []uint32{400, 0, 400, 0})
	same(t, "buffer", words(handle(t, i, h, input(4, 8192, 4))), []uint32{0x01010101})
	same(t, "fetched", string(handle(t, i, h, input(4, 16384, 400))), string(h.Answer))
	// An answer without bytes.
	h.Answer = nil
	same(t, "results", words(handle(t, i, h, request)), []uint32{0, 0, 0, 0})
	// As much as it has room for.
	h.Answer = make([]byte, 100)
	same(t, "results", words(handle(t, i, h, request))[:2], []uint32{100, 0})
}

func callOutside(t *testing.T, e engine.Engine) {
	m := compile(t, e, Probe())
	for _, c := range []struct {
		name string
		in   []byte
	}{
		{"request", input(3, 131072-4, 8, 64, 64)},
		{"request far outside", input(3, 0xfffffff0, 0xff, 64, 64)},
		{"buffer", input(3, 64, 4, 131072-4, 64)},
	} {
		h := &Host{Answer: make([]byte, 32)}
		_, err := instance(t, m, h).Handle(h, engine.Frame(c.in))
		coded(t, c.name, err, engine.CodeRequest, "outside the memory")
	}
}

func hostError(t *testing.T, e engine.Engine) {
	stop := errors.New("stop here")
	h := &Host{Err: fmt.Errorf("call: %w", stop)}
	if _, err := probe(t, e, h).Handle(h, engine.Frame(input(3, 64, 4, 64, 64))); !errors.Is(err, stop) {
		t.Errorf("error of Call: %v", err)
	}
	h = &Host{}
	i := probe(t, e, h)
	h.SleepErr = stop // not before: a start that takes long asks by a sleep of nothing whether it may go on
	if _, err := i.Handle(h, engine.Frame(input(13, 1000))); !errors.Is(err, stop) {
		t.Errorf("error of Sleep: %v", err)
	}
}

// hostPanic: a fault of the host ends the message, not the process.
func hostPanic(t *testing.T, e engine.Engine) {
	m := compile(t, e, Probe())
	for name, in := range map[string][]byte{
		"Call": input(3, 64, 4, 64, 64), "Now": input(8, 0), "Monotonic": input(8, 1), "Random": input(9, 8), "Output": input(10, 1), "Sleep": input(13, 1),
	} {
		h := &Host{}
		i := instance(t, m, h)
		h.Panics = true
		_, err := i.Handle(h, engine.Frame(in))
		coded(t, "panic of "+name, err, engine.CodePanic, "host panicked: a fault of the host")
	}
}

func world(t *testing.T, e engine.Engine) {
	h := &Host{Clock: 1_800_000_000_123_456_789, Mono: 42}
	i := probe(t, e, h)
	same(t, "wall clock", binary.LittleEndian.Uint64(handle(t, i, h, input(8, 0))), uint64(1_800_000_000_123_456_789))
	same(t, "monotonic clock", binary.LittleEndian.Uint64(handle(t, i, h, input(8, 1))), 42)
	same(t, "random", handle(t, i, h, input(9, 3)), []byte{1, 2, 3})
	same(t, "random goes on", handle(t, i, h, input(9, 2)), []byte{4, 5})
	same(t, "sleep", words(handle(t, i, h, input(13, 12345))), []uint32{0})
	same(t, "slept", h.Slept, 12345)
	handle(t, i, h, input(10, 1))
	handle(t, i, h, input(10, 2))
	same(t, "output", h.Outputs, map[int][]byte{1: input(10, 1), 2: input(10, 2)})
	same(t, "refused functions, sched_yield", words(handle(t, i, h, input(12))), []uint32{52, 52, 0})
	list := words(handle(t, i, h, input(18)))
	if list[0] != 0 || list[1] != 0 || list[2] != 0 || list[3] == 0 {
		t.Errorf("standard input, arguments, environment, path_open: %v; want none of the first three and an errno", list)
	}
}

func apart(t *testing.T, e engine.Engine) {
	h := &Host{}
	m := compile(t, e, Probe())
	a, b := instance(t, m, h), instance(t, m, h)
	handle(t, a, h, input(17, 70_000, 42))
	same(t, "memory of another instance", words(handle(t, b, h, input(4, 70_000, 4))), []uint32{0})
	if _, err := a.Handle(h, engine.Frame(input(1))); err == nil {
		t.Error("no trap")
	}
	same(t, "after the other has trapped", words(handle(t, b, h, input(16))), []uint32{7})
	c := instance(t, m, h)
	same(t, "a new instance", words(handle(t, c, h, input(4, 70_000, 4))), []uint32{0})
}

func parallel(t *testing.T, e engine.Engine) {
	var wait sync.WaitGroup
	for n := range 4 {
		wait.Go(func() {
			m, err := e.Compile(t.Context(), Probe(), engine.Config{MemoryMax: 1 << 20})
			if err != nil {
				t.Error(err)
				return
			}
			for range 20 {
				h := &Host{Answer: []byte{byte(n)}}
				i, err := m.Instantiate(t.Context(), h)
				if err != nil {
					t.Error(err)
					return
				}
				for range 20 {
					if a, err := i.Handle(h, engine.Frame(input(5, 8192, 100, 16384))); err != nil || len(a.Frame) != 16 {
						t.Errorf("%d bytes, %v", len(a.Frame), err)
					}
				}
				if err := i.Close(); err != nil {
					t.Error(err)
				}
			}
			if err := m.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
}

func ledger(t *testing.T, e engine.Engine) {
	for _, name := range []string{"ledger", "echo", "stdout", "badframe", "undeclared"} {
		instance(t, compile(t, e, wat.Module(name)), &Host{})
	}
}
