package app

import (
	"bytes"
	"errors"
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
	again := func(text string, at time.Time) {
		t.Helper()
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		write(text, at)
	}
	later := time.Now().Add(2 * time.Hour) // all was changed long ago, but for what is told to be of then
	s := binaries{now: func() time.Time { return later }}
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
		{"as long and as old", func() { write("nines", long.Add(time.Minute)) }, "nines", true},
		{"as long and as old, where it was removed", func() { again("tenth", long.Add(time.Minute)) }, "tenth", true},
		{"written to just now", func() { write("sixty", later) }, "sixty", false},
		{"and again", func() { write("fifty", later) }, "fifty", false},
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
	later = time.Now()
	write("sixty", long) // by what anyone sets it is old
	if _, err := s.open(path); err != nil || s.known[path].digest == supervisor.BinaryOf([]byte("sixty")).Digest {
		t.Errorf("what was changed just now is remembered: %v", err)
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
	was, err := os.ReadFile(paths["hog"])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(paths["hog"], bytes.Repeat([]byte{0}, len(was)), 0o600); err != nil {
		t.Fatal(err)
	}
	h.pretend(t, paths["hog"], was)
	next := *h.service.Load()
	hog := *next.Actors["hog"]
	hog.Scale.Mailbox++
	next.Actors = map[string]*specs.Actor{"hog": &hog}
	changes, err := h.Apply(t.Context(), &next, paths)
	if err != nil || len(changes) != 1 {
		t.Errorf("%v, %v", changes, err)
	}
}

// pretend has the host take what is at a path for a module that it has read before.
func (h *Host) pretend(t *testing.T, path string, wasm []byte) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	at, ok := changed(info)
	if !ok {
		t.Skip("nothing is remembered here")
	}
	h.binaries.remember(path, digested{info, at, supervisor.BinaryOf(wasm).Digest})
}

// TestBinariesLate: a module that is not what its digest says when it comes to be read, or
// is no more, is told as one that cannot be read, and what ran before goes on.
func TestBinariesLate(t *testing.T) {
	h := serve(t, "")
	paths := *h.built.Load()
	was, err := os.ReadFile(paths["hog"])
	if err != nil {
		t.Fatal(err)
	}
	h.pretend(t, paths["hog"], []byte("another"))
	late, err := h.wanted(h.service.Load(), paths)
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.Apply(t.Context(), h.service.Load(), paths)
	if e := (*Error)(nil); !errors.As(err, &e) || e.Code != "module.read" || e.Hint == "" || !errors.Is(err, supervisor.ErrChanged) {
		t.Errorf("of another digest: %v", err)
	}
	if err := os.Remove(paths["hog"]); err != nil {
		t.Fatal(err)
	}
	_, err = late.Modules["hog"].Bytes()
	if e := (*Error)(nil); !errors.As(err, &e) || e.Code != "module.read" || e.Hint == "" || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if err := os.WriteFile(paths["hog"], was, 0o600); err != nil {
		t.Fatal(err)
	}
	if changes, err := h.Apply(t.Context(), h.service.Load(), paths); err != nil || len(changes) > 0 {
		t.Errorf("%v, %v", changes, err)
	}
}
