package wasm

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/grow-platform/grow/testdata/wat"
)

// FuzzDecode: no bytes make the decoder panic or take memory that they do not
// back; what it accepts can be stepped through and looked at; what it refuses it
// says at a place, in one line.
func FuzzDecode(f *testing.F) {
	for _, name := range wat.Names() {
		f.Add(wat.Module(name))
	}
	f.Add(around("\x20\x00"))
	f.Add(around("\x20\x00\x42\x00\x03\x03\x20\x00\x0d\x00\x0b\x1a"))
	f.Add([]byte(string(around("\x20\x00")) + custom("name", section(1, vec("\x01"+sized("handle"))))))
	f.Fuzz(func(t *testing.T, b []byte) { decodes(t, b) })
}

func decodes(t *testing.T, b []byte) {
	before := bytes.Clone(b)
	m, err := Decode(b)
	if !bytes.Equal(b, before) {
		t.Error("the binary was changed")
	}
	if err != nil {
		var e *Error
		if !errors.As(err, &e) || m != nil || e.At < 0 || e.At > len(b) || e.Reason == "" || strings.ContainsAny(err.Error(), "\n\x1b") {
			t.Errorf("%x: %v", b, err)
		}
		return
	}
	steps(t, m)
	names := m.Names()
	for i := range m.Funcs {
		names.Func(i)
		names.Locals(i)
	}
	m.Producers()
	m.TargetFeatures()
	m.Features()
}

// steps holds that a scan of each body goes through all of it.
func steps(t *testing.T, m *Module) {
	var in Instr
	for i, b := range m.Bodies {
		at := b.Code
		for s := m.Scan(i); s.Next(&in); at = in.End {
			if in.At != at || in.End <= at {
				t.Fatalf("body %d: an instruction at %d, the last ends at %d", i, in.At, at)
			}
		}
		if at != b.End || in.Op != OpEnd {
			t.Fatalf("body %d: the scan ends at %d with %v, the body at %d", i, at, in.Op, b.End)
		}
	}
}

// mutate changes up to three bytes of a module, or cuts or repeats a part of it.
func mutate(r *rand.Rand, b []byte) []byte {
	b = bytes.Clone(b)
	for range 1 + r.IntN(3) {
		if len(b) <= 8 {
			return b
		}
		i := 8 + r.IntN(len(b)-8)
		switch r.IntN(6) {
		case 0:
			b[i] ^= 1 << r.IntN(8)
		case 1:
			b[i] = byte(r.IntN(256))
		case 2:
			b[i] = []byte{0, 1, 0x0b, 0x40, 0x7f, 0x70, 0x80, 0xff}[r.IntN(8)]
		case 3:
			b = append(b[:i], b[i+1:]...)
		case 4:
			b = append(b[:i+1], b[i:]...)
		case 5:
			b[i]++
		}
	}
	return b
}

// TestMutants is a fixed part of what FuzzDecode looks for, from valid modules.
func TestMutants(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 1))
	all := corpus(t)
	for range 60_000 {
		if b := all[r.IntN(len(all))]; len(b) < 20_000 {
			decodes(t, mutate(r, b))
		}
	}
}

// TestMemory: what decoding takes is bounded by the bytes there are.
func TestMemory(t *testing.T) {
	for name, b := range bombs() {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			_, err := Decode(b)
			runtime.ReadMemStats(&after)
			if used := after.TotalAlloc - before.TotalAlloc; used > 4<<20+16*uint64(len(b)) {
				t.Errorf("%d MiB for %d bytes: %v", used>>20, len(b), err)
			}
		})
	}
}

// bombs are modules that announce much, or have as much of something as fits.
func bombs() map[string][]byte {
	const all = "\xff\xff\xff\xff\x0f"
	fill := func(head, entry string, n int) string { return head + strings.Repeat(entry, n) }
	return map[string][]byte{
		"types announced":     module(section(1, all)),
		"functions announced": module(section(1, noTypes), section(3, all)),
		"code announced":      module(section(1, noTypes), section(3, vec("\x00")), section(10, all)),
		"elements announced":  module(section(9, "\x01\x01\x00"+all)),
		"locals announced":    []byte(single("\x01" + all + "\x7f\x0b")),
		"targets announced":   []byte(single("\x00\x41\x00\x0e" + all + "\x00\x0b")),
		"names announced":     module(custom("name", "\x01"+sized(all))),
		"types":               module(section(1, fill(leb(TypesMax), "\x60\x00\x00", TypesMax))),
		"exports announced":   module(section(7, fill(leb(ExportsMax), "\x00\x02\x00", ExportsMax))),
		"data":                module(section(11, fill(leb(DataMax), "\x01\x00", DataMax))),
		"sections":            module(strings.Repeat("\x00\x01\x00", 1_000_000)),
		"bodies":              module(section(1, noTypes), section(3, fill(leb(FuncsMax), "\x00", FuncsMax)), section(10, fill(leb(FuncsMax), sized("\x00\x0b"), FuncsMax))),
		"runs of locals":      []byte(single(fill(leb(LocalsMax), "\x00\x7f", LocalsMax) + "\x0b")),
		"nesting":             []byte(single("\x00" + strings.Repeat("\x02\x40", 1<<20-2) + "\x0b")),
		"values":              []byte(single("\x00" + strings.Repeat("\x41\x00", 1<<20-4) + "\x0b")),
	}
}
