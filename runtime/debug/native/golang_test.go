package native

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/grow-platform/grow/runtime/debug"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/engine/enginetest"
	"github.com/grow-platform/grow/runtime/wasm"
)

// goProgram is an actor in Go without an SDK.
const goProgram = `package main

var block [4096]byte

//go:wasmexport grow_alloc
func alloc(n uint32) *byte { return &block[0] }

//go:wasmexport grow_handle
func handle(at, length uint32) uint64 { return price(int(length)) - 3 }

//go:noinline
func price(n int) uint64 {
	return uint64(n) * 3
}

func main() {}
`

// golang builds a program in Go as grow build does, or without stripping it.
func golang(t testing.TB, flags string) []byte {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"main.go": goProgram, "go.mod": "module actor\n\ngo 1.24\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.CommandContext(t.Context(), "go", "build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-ldflags="+flags, "-o", "actor.wasm")
	c.Dir = dir
	c.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return read(t, filepath.Join(dir, "actor.wasm"))
}

// mangled is what Go's linker writes as _ in the name section.
var mangled = regexp.MustCompile(`[^\w.]`)

// TestGoNames: of a module that was stripped, functions are called what they are by the
// name section of one that was not, and it is said where they begin.
func TestGoNames(t *testing.T) {
	whole, err := wasm.Decode(golang(t, "-w"))
	if err != nil {
		t.Fatal(err)
	}
	stripped, err := wasm.Decode(golang(t, "-s -w"))
	if err != nil {
		t.Fatal(err)
	}
	s := readGo(stripped)
	if s == nil || len(whole.Bodies) != len(stripped.Bodies) {
		t.Fatal("there is no symbol table")
	}
	named := whole.Names()
	same, other := 0, 0
	for body := range stripped.Bodies {
		name, at := s.name(body)
		if name == "main.price" && at != "actor/main.go:13" {
			t.Errorf("%s begins at %s", name, at)
		}
		want := named.Func(whole.ImportedFuncs + body)
		switch {
		case name == "":
		case mangled.ReplaceAllString(name, "_") == want:
			same++
		default:
			other++
		}
	}
	if same < 1000 || other > same/20 {
		t.Errorf("%d of %d names are the same", same, same+other)
	}
}

// TestGo: a stripped actor in Go is stopped in a function by its name, and shows who
// called it.
func TestGo(t *testing.T) {
	binary := golang(t, "-s -w")
	p := opened(t, binary, nil)
	at, err := p.Function("main.price")
	if err != nil || p.Language() != "go" {
		t.Fatal(p.Language(), err)
	}
	stops := 0
	r := &script{t: t, first: &debug.Watch{Lines: at}}
	r.stop = func(_ debug.Guest, h debug.Halt) error {
		stops++
		frames, err := h.Frames(0, 10)
		if err != nil || len(frames) < 2 || frames[0].Function != "main.price" || frames[1].Function != "main.handle" {
			t.Errorf("%+v, %v", frames, err)
		}
		return nil
	}
	if _, err := started(t, p, binary, r).Handle(&enginetest.Host{Clock: 1, Mono: 1}, engine.Frame("x")); err != nil || stops != 1 {
		t.Errorf("%d stops, %v", stops, err)
	}
	text, err := p.Source(listingFile)
	if err != nil || !bytes.Contains(text, []byte(";; actor/main.go:13")) {
		t.Errorf("the listing does not say where functions begin: %v", err)
	}
}

// FuzzGo: whatever is where Go's symbol table is to be is read, or is none.
func FuzzGo(f *testing.F) {
	m := &wasm.Module{Bodies: make([]wasm.Body, 64)}
	table := append(bytes.Clone(goHeader), make([]byte, 8*goWords+64)...)
	table[8], table[16] = 2, 1
	f.Add(table)
	f.Fuzz(func(t *testing.T, b []byte) {
		if s := goTable(m, append(bytes.Clone(goHeader), b...)); s != nil {
			for body := range m.Bodies {
				s.name(body)
			}
		}
	})
}
