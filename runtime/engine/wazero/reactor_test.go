package wazero

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/grow-platform/grow/runtime/admission"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/engine/enginetest"
	"github.com/grow-platform/grow/runtime/wasm"
	"github.com/grow-platform/grow/runtime/wasm/snapshot"
)

// toy has a program of the toy language count.
func toy(t *testing.T, o Options, program string) []byte {
	t.Helper()
	m := load(t, start(t, o), enginetest.Thin(t, program), engine.Config{MemoryMax: 1 << 20, Seed: 7})
	i, err := m.Instantiate(t.Context(), &enginetest.Host{})
	if err != nil {
		t.Fatal(err)
	}
	a, err := i.Handle(&enginetest.Host{}, engine.Frame("c"))
	if err != nil {
		t.Fatal(err)
	}
	b := bytes.Clone(a.Frame)
	if err := i.Close(); err != nil {
		t.Error(err)
	}
	return b
}

// TestReactorCache: a reactor is read, compiled and started once, and an actor loaded
// once; the next engine finds all of it.
func TestReactorCache(t *testing.T) {
	var asked atomic.Int32
	c := &kept{}
	compiled := 0
	o := Options{Cache: c, Languages: []engine.Language{enginetest.Toy(&asked)}, Compile: func(ctx context.Context, code []byte) (Key, []byte, error) {
		compiled++
		return Build(ctx, code)
	}}
	first := toy(t, o, "x")
	if c.put != 4 || asked.Load() != 1 || compiled != 1 {
		t.Errorf("%d entries, %d times asked for the reactor, %d compilations", c.put, asked.Load(), compiled)
	}
	if again := toy(t, o, "x"); !bytes.Equal(again, first) || c.put != 4 || asked.Load() != 1 || compiled != 1 {
		t.Errorf("again: %x, want %x; %d entries, %d times asked, %d compilations", again, first, c.put, asked.Load(), compiled)
	}
	toy(t, o, "y") // only the actor is another
	if c.put != 5 || asked.Load() != 1 || compiled != 1 {
		t.Errorf("another program: %d entries, %d times asked, %d compilations", c.put, asked.Load(), compiled)
	}
	// What was made of the reactor is the hull of its code: that is in machine code.
	l := enginetest.Toy(nil)
	entry, err := decode(c.code[keyOf("reactor", &l)])
	if err != nil {
		t.Fatal(err)
	}
	if m, err := wasm.Decode(entry.code); err != nil || entry.key != processor() || m.Bodies[0].End-m.Bodies[0].Start > 4 {
		t.Errorf("the entry of the reactor: %v", err)
	}
}

// TestReactorCacheOfAnother: entries that are of no use are made anew.
func TestReactorCacheOfAnother(t *testing.T) {
	c := &kept{}
	l := enginetest.Toy(nil)
	o := Options{Cache: c, Languages: []engine.Language{l}}
	want := toy(t, o, "x")
	reactor := keyOf("reactor", &l)
	good := c.code[reactor]
	other := bytes.Clone(good)
	other[0]++ // of another processor
	for name, entry := range map[string][]byte{"empty": nil, "another processor": other} {
		c.code[reactor] = entry
		if got := toy(t, o, "x"); !bytes.Equal(got, want) || !bytes.Equal(c.code[reactor], good) {
			t.Errorf("%s: %x", name, got)
		}
	}
	for k := range c.code {
		if k != reactor {
			c.code[k] = []byte("no image")
		}
	}
	if got := toy(t, o, "x"); !bytes.Equal(got, want) {
		t.Errorf("no images: %x", got)
	}
	clear(c.code)
	if got := toy(t, Options{Languages: o.Languages}, "x"); !bytes.Equal(got, want) {
		t.Errorf("no cache: %x", got)
	}
}

// TestReactorBroken: a runtime that cannot be had is told.
func TestReactorBroken(t *testing.T) {
	for want, module := range map[string]func() ([]byte, error){
		"it is not there":                        func() ([]byte, error) { return nil, errors.New("it is not there") },
		"does not export the function grow_boot": func() ([]byte, error) { return enginetest.Probe(), nil },
	} {
		l := enginetest.Toy(nil)
		l.Module = module
		_, err := start(t, Options{Languages: []engine.Language{l}}).Compile(t.Context(), enginetest.Thin(t, ""), engine.Config{MemoryMax: 1 << 20})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "prepare the runtime of toy: ") {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// TestPrepareBroken: what is handed over in place of a bundle is refused.
func TestPrepareBroken(t *testing.T) {
	o := Options{Languages: []engine.Language{enginetest.Toy(nil)}}
	whole, err := Prepare(t.Context(), o, enginetest.Thin(t, "x"), engine.Config{MemoryMax: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	e := start(t, Options{Admitted: true})
	for n := len(bundleMark) + 1; n < len(whole); n += 1 + len(whole)/40 {
		if _, err := e.Compile(t.Context(), whole[:n], engine.Config{MemoryMax: 1 << 20}); err == nil {
			t.Errorf("%d of %d bytes were taken", n, len(whole))
		}
	}
	if _, err := Prepare(t.Context(), o, enginetest.Thin(t, "x"), engine.Config{MemoryMax: 1 << 20, Seed: 13}); err == nil {
		t.Error("a runtime that does not start was prepared")
	}
}

// TestLending: this release of wazero has the fields that stacks are lent by, and a
// stack that was outgrown is lent on.
func TestLending(t *testing.T) {
	m := load(t, start(t, Options{Languages: []engine.Language{enginetest.Toy(nil)}}), enginetest.Thin(t, "x"), engine.Config{MemoryMax: 1 << 20})
	running, err := m.Instantiate(t.Context(), &enginetest.Host{})
	if err != nil {
		t.Fatal(err)
	}
	defer running.Close()
	l, ok := running.(*instance).handle.(*lent)
	if !ok {
		t.Fatal("stacks are not lent: wazero has other fields")
	}
	for range 3 {
		if _, err := running.Handle(&enginetest.Host{}, engine.Frame("m")); err != nil {
			t.Fatal(err)
		}
		if b := *l.stack(); &b[0] != &resting[0] {
			t.Errorf("a stack of %d bytes was not given back", len(b))
		}
	}
	if p := placesOf(nil); p.ok {
		t.Error("nothing has a stack")
	}
}

// FuzzBundle: no bytes make the decoder of bundles panic; what it reads has files at
// paths that can be.
func FuzzBundle(f *testing.F) {
	whole, err := Prepare(f.Context(), Options{Languages: []engine.Language{enginetest.Toy(nil)}}, enginetest.Thin(f, "x"), engine.Config{MemoryMax: 1 << 20})
	if err != nil {
		f.Fatal(err)
	}
	head := len(bundleMark) + 1
	f.Add(whole[head:])
	f.Add([]byte(nil))
	f.Add(appendPart(appendPart(appendPart(nil, nil), nil), (&frozen{image: snapshot.Of(nil, nil)}).encode()))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := decodeBundle(append(whole[:head:head], b...))
		if err != nil {
			return
		}
		n := 0
		for _, tree := range d.trees {
			n += tree.files()
		}
		if n > len(b) {
			t.Errorf("%d files in %d bytes", n, len(b))
		}
	})
}

// TestStackMemory: what is really taken of a stack ends a recursion too, at two
// values of the limit; and the default is within admission.StackMemory.
func TestStackMemory(t *testing.T) {
	m := load(t, start(t, Options{Languages: []engine.Language{enginetest.Toy(nil)}}), enginetest.Thin(t, "x"), engine.Config{MemoryMax: 1 << 20})
	half, _ := deepest(t, m, stackMost/2)
	whole, memory := deepest(t, m, stackMost)
	if off := whole - 2*half; max(off, -off) > whole/50 {
		t.Errorf("%d calls with half the stack, %d with all of it", half, whole)
	}
	if memory > admission.StackMemory {
		t.Errorf("%d calls took %d KiB", whole, memory>>10)
	}
	t.Logf("%d calls of %d bytes took %d KiB", whole, stackMost/whole, memory>>10)
}

// deepest is how often the toy can call itself on a stack of most bytes, and the
// memory of the stack and the one that it outgrew. What a stack was made of is lent
// again, or collected, so each time begins without any.
func deepest(t *testing.T, m engine.Module, most uintptr) (calls int, memory uint64) {
	t.Helper()
	low, high := 1, 1<<20
	for low < high {
		n := (low + high + 1) / 2
		running := instantiate(t, m)
		running.handle.(*lent).most = most
		runtime.GC() // what is not lent is kept for one collection
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := running.Handle(&enginetest.Host{Grant: 1000}, engine.Frame(binary.LittleEndian.AppendUint32([]byte{'d', 0, 0, 0}, uint32(n))))
		runtime.ReadMemStats(&after)
		memory = max(memory, (after.TotalAlloc-before.TotalAlloc)*3/4) // of doublings, the last two are that
		var fault *engine.Error
		switch {
		case err == nil:
			low = n
		case errors.As(err, &fault) && fault.Code == engine.CodeStack:
			high = n - 1
		default:
			t.Fatal(err)
		}
		if err := running.Close(); err != nil {
			t.Error(err)
		}
	}
	return low, memory
}

func instantiate(t *testing.T, m engine.Module) *instance {
	t.Helper()
	running, err := m.Instantiate(t.Context(), &enginetest.Host{})
	if err != nil {
		t.Fatal(err)
	}
	return running.(*instance)
}
