package app

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/grow-platform/grow/runtime/supervisor"
	"github.com/grow-platform/grow/specs"
)

// TestBinaries: a file that has not changed is not read again, and one that has is.
func TestBinaries(t *testing.T) {
	path := filepath.Join(t.TempDir(), "module.wasm")
	long := time.Now().Add(-time.Hour)
	write := func(text string, at time.Time) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	replace := func(text string, at time.Time) {
		t.Helper()
		if err := os.Rename(path, path+".old"); err != nil {
			t.Fatal(err)
		}
		write(text, at)
	}
	var s binaries
	for _, step := range []struct {
		name  string
		do    func()
		want  string
		known bool
	}{
		{"new", func() { write("one", long) }, "one", true},
		{"the same", func() {}, "one", true},
		{"longer", func() { write("three", long) }, "three", true},
		{"as long, later", func() { write("seven", long.Add(time.Minute)) }, "seven", true},
		{"as long and old, in its place", func() { replace("eight", long.Add(time.Minute)) }, "eight", true},
		{"written to just now", func() { write("sixty", time.Now().Add(time.Hour)) }, "sixty", false},
		{"and again", func() { write("fifty", time.Now().Add(time.Hour)) }, "fifty", false},
	} {
		step.do()
		b, err := s.open(path)
		if err != nil {
			t.Fatal(err)
		}
		wasm, err := b.Bytes()
		if err != nil || string(wasm) != step.want || b.Digest != supervisor.BinaryOf([]byte(step.want)).Digest {
			t.Errorf("%s: %s of digest %s, %v", step.name, wasm, b.Digest, err)
		}
		if got := s.known[path].digest == b.Digest; got != step.known {
			t.Errorf("%s: its digest is remembered: %t, want %t", step.name, got, step.known)
		}
	}
	write("one", long)
	first, err := s.open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, long, long); err != nil {
		t.Fatal(err)
	}
	if wasm, err := first.Bytes(); err != nil || string(wasm) != "one" {
		t.Errorf("what was read once is %q afterwards, %v", wasm, err)
	}
	if _, err := s.open(path + ".none"); !os.IsNotExist(err) {
		t.Errorf("no file: %v", err)
	}
	for i := range binariesMax + 1 {
		s.remember(string(rune('a'+i)), digested{})
	}
	if n := len(s.known); n > binariesMax {
		t.Errorf("%d files are remembered", n)
	}
}

// TestBinariesUnread: the file of a module that runs is not read for another revision.
func TestBinariesUnread(t *testing.T) {
	h := serve(t, "")
	paths := *h.built.Load()
	at := time.Now().Add(-time.Hour)
	if err := os.Chtimes(paths["hog"], at, at); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := h.Apply(t.Context(), h.service.Load(), paths); err != nil {
			t.Fatal(err)
		}
	}
	was, err := os.ReadFile(paths["hog"])
	if err != nil {
		t.Fatal(err)
	}
	// Nobody can tell that it was written to.
	if err := os.WriteFile(paths["hog"], bytes.Repeat([]byte{0}, len(was)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(paths["hog"], at, at); err != nil {
		t.Fatal(err)
	}
	next := *h.service.Load()
	hog := *next.Actors["hog"]
	hog.Scale.Mailbox++
	next.Actors = map[string]*specs.Actor{"hog": &hog}
	changes, err := h.Apply(t.Context(), &next, paths)
	if err != nil || len(changes) != 1 {
		t.Errorf("%v, %v", changes, err)
	}
}
