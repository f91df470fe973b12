package wazero

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/engine/enginetest"
	"github.com/grow-platform/grow/runtime/wasm/snapshot"
	"github.com/tetratelabs/wazero/api"
	"golang.org/x/sys/unix"
)

// without has images copied: no file in memory, or one that cannot be mapped.
func without(t *testing.T, what string) {
	t.Helper()
	file, over := memfd, mapOver
	t.Cleanup(func() { memfd, mapOver = file, over })
	switch what {
	case "file":
		memfd = func() (int, error) { return 0, unix.ENOSYS }
	case "map":
		mapOver = func([]byte, int, int) error { return unix.ENOMEM }
	}
}

// TestCopied: the whole suite, where images are copied instead of mapped.
func TestCopied(t *testing.T) {
	for _, what := range []string{"file", "map"} {
		t.Run("without "+what, func(t *testing.T) {
			without(t, what)
			enginetest.RunLanguages(t, func(t *testing.T, l ...engine.Language) engine.Engine { return start(t, Options{Languages: l}) })
		})
	}
}

// TestMapped: an instance's memory is its own, the image's until it is written, and
// zero beyond it.
func TestMapped(t *testing.T) {
	memory := make([]byte, 2*pageSize)
	memory[0], memory[len(memory)-1] = 7, 9
	f := (&frozen{image: snapshot.Of(memory, nil)}).settle()
	defer f.close()
	if f.file == nil || f.image.Runs != nil || f.bytes != 8<<10 {
		t.Fatalf("%+v", f)
	}
	if _, err := f.file.WriteAt([]byte{1}, 0); err == nil {
		t.Error("the image can be written")
	}
	const size = 5 * pageSize
	a, b := f.reserve(size), f.reserve(size)
	x, y := a.Reallocate(size), b.Reallocate(size)
	if x[0] != 7 || x[2*pageSize-1] != 9 || x[2*pageSize] != 0 || x[size-1] != 0 {
		t.Errorf("%d %d %d %d", x[0], x[2*pageSize-1], x[2*pageSize], x[size-1])
	}
	if n, ok := dirty(x[:2*pageSize]); n != 0 || !ok {
		t.Errorf("%d bytes were written, %v", n, ok)
	}
	x[0], x[pageSize] = 1, 1
	if n, ok := dirty(x[:2*pageSize]); n != int64(2*os.Getpagesize()) || !ok || y[0] != 7 {
		t.Errorf("%d bytes were written, %v; the other has %d", n, ok, y[0])
	}
	a.Free()
	b.Free()
	if m := mapFile(f.file, 2*pageSize, pageSize); m != nil {
		t.Error("an image was mapped that is larger than memory may be")
	}
}

// TestMappedStays: a map that the kernel does not take back is used again, and has
// nothing of the image.
func TestMappedStays(t *testing.T) {
	const size = 11 * pageSize // that no other test has
	counted(t, func([]byte) error { return errors.New("too many maps") })
	memory := make([]byte, pageSize)
	memory[5] = 7
	f := (&frozen{image: snapshot.Of(memory, nil)}).settle()
	defer f.close()
	m := f.reserve(size)
	at := &m.Reallocate(size)[0]
	m.Free()
	b := reserve(size).Reallocate(size)
	if &b[0] != at || b[5] != 0 {
		t.Errorf("another map, or byte 5 is %d", b[5])
	}
}

// TestBudgetOfImages: the image is paid once, an instance what it is expected to write
// and then what it has written; all of it is given back.
func TestBudgetOfImages(t *testing.T) {
	e := start(t, Options{Languages: []engine.Language{enginetest.Toy(nil)}, MemoryMax: 64 << 20})
	used := func() int64 { return e.(*machine).memory.used.Load() }
	m := load(t, e, enginetest.Thin(t, "x"), engine.Config{MemoryMax: 1 << 20})
	h := &enginetest.Host{}
	first, err := m.Instantiate(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	image := used() - 3*pageSize
	if image <= 0 || image > 64<<10 {
		t.Errorf("an image of %d bytes", image)
	}
	second, err := m.Instantiate(t.Context(), h)
	if err != nil || used() != image+6*pageSize {
		t.Errorf("with two instances %d bytes are used, %v", used(), err)
	}
	if err := errors.Join(first.Close(), second.Close()); err != nil || used() != image {
		t.Errorf("without instances %d bytes are used, %v", used(), err)
	}
	if err := m.Close(t.Context()); err != nil || used() != 0 {
		t.Errorf("without the module %d bytes are used, %v", used(), err)
	}
}

// shown is memory that shows other bytes.
type shown struct {
	api.Memory
	b []byte
}

func (s shown) Read(at, n uint32) ([]byte, bool) { return s.b[at : at+n], true }

// TestAccount: what an instance has written is looked at after a while, and ends it
// when the host has no more.
func TestAccount(t *testing.T) {
	memory := make([]byte, 64*pageSize)
	memory[0] = 1
	for _, c := range []struct {
		max  int64
		code string
	}{{64 << 20, ""}, {1 << 20, engine.CodeMemory}} {
		e := start(t, Options{Languages: []engine.Language{enginetest.Toy(nil)}, MemoryMax: c.max})
		m := load(t, e, enginetest.Thin(t, "x"), engine.Config{MemoryMax: 1 << 20})
		running, err := m.Instantiate(t.Context(), &enginetest.Host{})
		if err != nil {
			t.Fatal(err)
		}
		i := running.(*instance)
		before := i.owes
		big := (&frozen{image: snapshot.Of(memory, nil)}).settle()
		b := big.reserve(64 * pageSize).Reallocate(64 * pageSize)
		for k := 0; k < len(b); k += os.Getpagesize() {
			b[k]++
		}
		i.speech.from, i.has = big, uint64(len(b))
		i.memory = shown{i.memory, b}
		if err := i.account(measureFuel - 1); err != nil || i.owes != before {
			t.Errorf("it was looked at at once: %v", err)
		}
		err = i.account(1)
		var fault *engine.Error
		if c.code == "" && (err != nil || i.owes != int64(len(b))) || c.code != "" && (!errors.As(err, &fault) || fault.Code != c.code || !strings.Contains(fault.Reason, "4194304 bytes")) {
			t.Errorf("of %d: %v, it owes %d", c.max, err, i.owes)
		}
		big.close()
		if err := running.Close(); err != nil {
			t.Error(err)
		}
	}
}
