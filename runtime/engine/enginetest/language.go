package enginetest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/grow-platform/grow/runtime/engine"
)

// RunLanguages runs the part of the suite about language runtimes. open returns an
// engine that has them; the suite closes it.
func RunLanguages(t *testing.T, open func(t *testing.T, languages ...engine.Language) engine.Engine) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, e engine.Engine)
	}{
		{"programs", programs},
		{"modules of other runtimes", otherRuntimes},
		{"starts that fail", runtimeStarts},
		{"loads that fail", loads},
		{"what a load sees", loadSees},
		{"loaded once", loadedOnce},
		{"exceptions", exceptions},
		{"interrupts", interrupts},
		{"interrupts that nobody sees", deaf},
		{"interrupted sleep", interruptedSleep},
		{"memory of images", imageMemory},
		{"files", toyFiles},
		{"files that are none", noFiles},
		{"descriptors", descriptors},
		{"above", above},
		{"folders", folders},
		{"fuel of files", fileFuel},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := open(t, Toy(nil))
			defer func() {
				if err := e.Close(t.Context()); err != nil {
					t.Errorf("close engine: %v", err)
				}
			}()
			c.test(t, e)
		})
	}
}

func seeded(t *testing.T, e engine.Engine, binary []byte, seed uint32) engine.Module {
	t.Helper()
	m, err := e.Compile(t.Context(), binary, engine.Config{MemoryMax: 1 << 20, Seed: seed})
	if err != nil {
		t.Fatalf("compile: %v", err)
	}
	t.Cleanup(func() {
		if err := m.Close(t.Context()); err != nil && t.Context().Err() == nil {
			t.Errorf("close module: %v", err)
		}
	})
	return m
}

func toy(t *testing.T, e engine.Engine, program string, h engine.Host) engine.Instance {
	return instance(t, compile(t, e, Thin(t, program)), h)
}

// programs: each module has its own program and seed; _initialize ran once, before
// the image was made.
func programs(t *testing.T, e engine.Engine) {
	h := &Host{}
	a, b := seeded(t, e, Thin(t, "first"), 7), seeded(t, e, Thin(t, "second"), 9)
	about := a.Info()
	if about.Language != "toy" || !about.HasInit || !strings.HasPrefix(about.Digest, "sha256:") || about.Size != len(Thin(t, "first")) || about.MemoryMin != 0 {
		t.Errorf("%+v", about)
	}
	one, two, other := instance(t, a, h), instance(t, a, h), instance(t, b, h)
	same(t, "program", string(handle(t, one, h, op('m'))), "first")
	same(t, "another", string(handle(t, other, h, op('m'))), "second")
	same(t, "count", words(handle(t, one, h, op('c'))), []uint32{1, 1, 7})
	same(t, "count", words(handle(t, one, h, op('c'))), []uint32{2, 1, 7})
	same(t, "of another instance", words(handle(t, two, h, op('c'))), []uint32{1, 1, 7})
	same(t, "of another module", words(handle(t, other, h, op('c'))), []uint32{1, 1, 9})
	if err := one.Init(h, []byte("config")); err != nil {
		t.Error(err)
	}
	same(t, "size", one.MemorySize(), int64(0))
	handle(t, one, h, op('w', 4096, 0x21212121))
	same(t, "memory of one", string(handle(t, one, h, op('m'))), "!!!!t")
	same(t, "memory of another", string(handle(t, two, h, op('m'))), "first")
	same(t, "memory of a new one", string(handle(t, instance(t, a, h), h, op('m'))), "first")
}

func otherRuntimes(t *testing.T, e engine.Engine) {
	for want, binary := range map[string][]byte{
		"was built for toy/111111111111; this host has toy/707070707070: build it again": packed(t, strings.Repeat("11", 32), "app/main.txt", ""),
		"this host has no runtime of joy":                                                bytes.Replace(Thin(t, ""), []byte("toy/"), []byte("joy/"), 1),
	} {
		_, err := e.Compile(t.Context(), binary, engine.Config{MemoryMax: 1 << 20})
		coded(t, "compile", err, engine.CodeRuntime, want)
	}
	_, err := e.Compile(t.Context(), Thin(t, ""), engine.Config{MemoryMax: 1 << 10})
	coded(t, "compile", err, engine.CodeLimit, "less than a page")
	_, err = e.Compile(t.Context(), packed(t, ToyDigest, "app/a", "", "app/a/b", ""), engine.Config{MemoryMax: 1 << 20})
	coded(t, "compile", err, engine.CodeInvalid, "a file and a folder")
}

// runtimeStarts: 13 and 14 are seeds that the toy does not start with.
func runtimeStarts(t *testing.T, e engine.Engine) {
	for seed, want := range map[uint32]string{13: "did not start: exception: Refused: told to", 14: "does not say why"} {
		_, err := e.Compile(t.Context(), Thin(t, ""), engine.Config{MemoryMax: 1 << 20, Seed: seed})
		coded(t, "compile", err, engine.CodeRuntime, want)
	}
}

// loads that fail fail again, and say why each time.
func loads(t *testing.T, e engine.Engine) {
	for _, c := range []struct {
		name, code, want string
		binary           []byte
	}{
		{"says why", engine.CodeException, "SyntaxError: no", Thin(t, "!SyntaxError: no\n  line 1")},
		{"does not", engine.CodeException, "could not load the actor", Thin(t, "$")},
		{"no program", engine.CodeException, "NoProgram: there is no main.txt", packed(t, ToyDigest, "app/other", "")},
		{"an open file", engine.CodeInvalid, "1 files are open after loading", Thin(t, "leak")},
	} {
		m := compile(t, e, c.binary)
		for range 2 {
			_, err := m.Instantiate(t.Context(), &Host{})
			coded(t, c.name, err, c.code, c.want)
			var fault *engine.Error
			if errors.As(err, &fault) && c.name == "says why" && fault.Stack != "  line 1" {
				t.Errorf("traceback %q", fault.Stack)
			}
		}
	}
	// One that takes more than it may is stopped.
	m := compile(t, e, Thin(t, "o"))
	h := &Host{Fuel: 300_000}
	if _, err := m.Instantiate(t.Context(), h); !errors.Is(err, ErrFuel) || h.Slices == 0 {
		t.Errorf("a load without an end: %v after %d slices", err, h.Slices)
	}
}

// loadSees: what an image keeps is the same wherever it is made.
func loadSees(t *testing.T, e engine.Engine) {
	h := &Host{Clock: 12345}
	first := handle(t, toy(t, e, "world", h), h, op('r', toyRoom))
	again := handle(t, instance(t, seeded(t, e, Thin(t, "world"), 0), &Host{drawn: 99, Clock: 9}), h, op('r', toyRoom))
	other := handle(t, instance(t, seeded(t, e, Thin(t, "world"), 1), h), h, op('r', toyRoom))
	if !bytes.Equal(first, again) || bytes.Equal(first, other) || bytes.Equal(first, []byte{1, 2, 3, 4}) {
		t.Errorf("random bytes %x, again %x, with another seed %x", first, again, other)
	}
	i := toy(t, e, "world", h)
	clock := append(handle(t, i, h, op('r', toyRoom+16)), handle(t, i, h, op('r', toyRoom+20))...)
	same(t, "clock", binary.LittleEndian.Uint64(clock), 946684800_000000000)
	printing := &Host{}
	m := compile(t, e, Thin(t, "print"))
	instance(t, m, printing)
	same(t, "printed", string(printing.Outputs[1]), "hello from load\n")
	// Log lines are written, whatever else is asked for is denied.
	asks := &Host{Answer: []byte("ok")}
	frame := func(kind string) string { return string(message(kind)) }
	i = toy(t, e, "?"+frame("log.info"), asks)
	same(t, "requests", asks.Requests, [][]byte{[]byte(frame("log.info"))})
	same(t, "answer", handle(t, i, h, op('r', toyRoom))[:2], []byte("ok"))
	asks = &Host{}
	i = toy(t, e, "?"+frame("config.get"), asks)
	same(t, "requests", len(asks.Requests), 0)
	if n := words(handle(t, i, h, op('r', toyRoom-4)))[0]; n < 100 || n > 300 {
		t.Errorf("an answer of %d bytes", n)
	}
}

// message is a frame of a message of a type.
func message(kind string) []byte {
	b := []byte{1, 0, 0, 0, 1, 0, 4, 0}
	b = append(b, "type"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(kind)))
	return append(append(b, kind...), 0, 0, 0, 0)
}

// loadedOnce: instances that are made at the same time load the actor once.
func loadedOnce(t *testing.T, e engine.Engine) {
	m := compile(t, e, Thin(t, "print"))
	var wait sync.WaitGroup
	hosts := make([]Host, 8)
	for k := range hosts {
		wait.Go(func() {
			i, err := m.Instantiate(t.Context(), &hosts[k])
			if err == nil {
				err = i.Close()
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	n := 0
	for k := range hosts {
		n += len(hosts[k].Outputs)
	}
	same(t, "loads", n, 1)
}

func exceptions(t *testing.T, e engine.Engine) {
	h := &Host{}
	m := compile(t, e, Thin(t, "x"))
	i := instance(t, m, h)
	_, err := i.Handle(h, engine.Frame(op('f')))
	coded(t, "a failure", err, engine.CodeException, "Fault: told to")
	var fault *engine.Error
	if errors.As(err, &fault) && fault.Stack != "  line 1 of main.txt\n  line 2 of main.txt" {
		t.Errorf("traceback %q", fault.Stack)
	}
	if _, err := i.Handle(h, engine.Frame(op('m'))); err == nil {
		t.Error("the instance goes on")
	}
	for _, c := range []struct {
		op         byte
		code, want string
	}{
		{'s', engine.CodeException, "nobody stopped it"}, {'o', engine.CodeRequest, "language.fault: the text"},
		{'x', engine.CodeExit, "proc_exit(3)"}, {'t', engine.CodeTrap, "unreachable"},
	} {
		_, err := instance(t, m, h).Handle(h, engine.Frame(op(c.op)))
		coded(t, string(rune(c.op)), err, c.code, c.want)
	}
	_, err = instance(t, m, h).Handle(h, engine.Frame(op('F')))
	coded(t, "a long text", err, engine.CodeException, "Fault: told to")
	if errors.As(err, &fault) && len(fault.Reason)+1+len(fault.Stack) != 180_000 {
		t.Errorf("a traceback of %d bytes", len(fault.Stack))
	}
	coded(t, "init", instance(t, m, h).Init(h, []byte("f")), engine.CodeException, "Fault: told to")
	coded(t, "init that does not say why", instance(t, m, h).Init(h, []byte("e")), engine.CodeInit, "returned 1")
	same(t, "other instances", string(handle(t, instance(t, m, h), h, op('m'))), "x")
}

// interrupts: a guest that looks stops by itself, and its instance goes on.
func interrupts(t *testing.T, e engine.Engine) {
	m := compile(t, e, Thin(t, "x"))
	h := &Host{Fuel: 500_000}
	i := instance(t, m, h)
	for range 3 {
		a, err := i.Handle(h, engine.Frame(op('l')))
		var stopped *engine.Stopped
		if !errors.As(err, &stopped) || !errors.Is(err, ErrFuel) || stopped.Stack != "  in a loop of main.txt" {
			t.Fatalf("%v, %+v", err, stopped)
		}
		if a.Fuel < 500_000 || a.Fuel > 600_000 {
			t.Errorf("%d units of fuel", a.Fuel)
		}
		h.Fuel = 0
		// What it has not seen of the interrupt is taken back.
		same(t, "words", words(handle(t, i, h, op('b'))), []uint32{0, 0})
		h.Fuel = 500_000
	}
	// It is told why, as far as it has room.
	why := append(bytes.Clone(handle(t, i, &Host{}, op('r', toyWhy))), handle(t, i, &Host{}, op('r', toyWhy+4))...)
	same(t, "why", string(why), "no fuel\x00")
	// One that takes no notice of it has used up what it may all the same.
	_, err := i.Handle(h, engine.Frame(op('i')))
	var stopped *engine.Stopped
	if !errors.As(err, &stopped) || !errors.Is(err, ErrFuel) {
		t.Errorf("%v", err)
	}
	same(t, "the next message", string(handle(t, i, &Host{}, op('m'))), "x")
}

// deaf: what does not look has some fuel more, and is unwound then.
func deaf(t *testing.T, e engine.Engine) {
	m := compile(t, e, Thin(t, "x"))
	h := &Host{Fuel: 500_000}
	i := instance(t, m, h)
	a, err := i.Handle(h, engine.Frame(op('L')))
	var stopped *engine.Stopped
	if !errors.Is(err, ErrFuel) || errors.As(err, &stopped) || a.Fuel < 1_000_000 || a.Fuel > 100_000_000 {
		t.Errorf("%v after %d units", err, a.Fuel)
	}
	if _, err := i.Handle(h, engine.Frame(op('m'))); err == nil {
		t.Error("the instance goes on")
	}
	// One that goes on is interrupted again.
	i = instance(t, m, h)
	if a, err := i.Handle(h, engine.Frame(op('R'))); !errors.As(err, &stopped) || a.Fuel < 2_500_000 {
		t.Errorf("%v after %d units", err, a.Fuel)
	}
	same(t, "the next message", string(handle(t, i, &Host{}, op('m'))), "x")
	// A loop that ends in time is no reason to break the instance.
	i = instance(t, m, h)
	if _, err := i.Handle(h, engine.Frame(op('n', 400_000))); !errors.As(err, &stopped) {
		t.Errorf("a loop that ends: %v", err)
	}
	same(t, "the next message", string(handle(t, i, &Host{}, op('m'))), "x")
}

// interruptedSleep: a sleep that the host ends is an interrupt too.
func interruptedSleep(t *testing.T, e engine.Engine) {
	late := errors.New("late")
	h := &Host{}
	i := toy(t, e, "x", h)
	h.SleepErr = late // not before: see hostError
	sub := make([]byte, 48)
	binary.LittleEndian.PutUint32(sub[16:], 1)
	binary.LittleEndian.PutUint64(sub[24:], 1000)
	_, err := i.Handle(h, engine.Frame(wasiInput("poll_oneoff", string(sub), toyBlock+toyText, toyRoom, 1, toyRoom+64)))
	var stopped *engine.Stopped
	if !errors.As(err, &stopped) || !errors.Is(err, late) {
		t.Errorf("%v", err)
	}
	same(t, "the next message", string(handle(t, i, &Host{}, op('m'))), "x") // h would end it where it takes long
}

// imageMemory: what grew while the actor was loaded is there and counts, what the
// runtime has does not.
func imageMemory(t *testing.T, e engine.Engine) {
	const own, limit = 3 << 16, 1 << 20
	h := &Host{}
	m := compile(t, e, Thin(t, "grow"))
	i := instance(t, m, h)
	same(t, "size", i.MemorySize(), int64(1<<16))
	same(t, "the new page", words(handle(t, i, h, op('r', own))), []uint32{77})
	same(t, "grows to the limit", words(handle(t, i, h, op('g', 15))), []uint32{4})
	same(t, "size", i.MemorySize(), int64(limit))
	same(t, "grows beyond it", words(handle(t, i, h, op('g', 1))), []uint32{0xffffffff})
	same(t, "what was there", words(handle(t, i, h, op('r', own))), []uint32{77})
	same(t, "a page that is new", words(handle(t, i, h, op('r', own+1<<16))), []uint32{0})
	handle(t, i, h, op('w', own+limit-4, 42))
	same(t, "the last word", words(handle(t, i, h, op('r', own+limit-4))), []uint32{42})
	same(t, "another instance", instance(t, m, h).MemorySize(), int64(1<<16))
	// What an actor does not get it is told by its limit.
	_, err := i.Handle(h, engine.Frame(op('G', 1)))
	coded(t, "gives up", err, engine.CodeMemory, "asked for 1114112 bytes of memory and limits.memory allows 1048576")
}
