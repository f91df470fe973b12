package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/grow-platform/grow/cmd/grow/notice"
)

// TestRun collects what the program itself is made of.
func TestRun(t *testing.T) {
	t.Chdir("../../../..")
	out := filepath.Join(t.TempDir(), notice.File)
	if err := run("./cmd/grow/notice/collect", out); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	list, err := notice.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]notice.License{}
	for _, l := range list {
		texts[l.Name] = l
	}
	if l := texts["Go"]; !strings.Contains(l.Text, "The Go Authors") || !strings.HasPrefix(l.Version, "1.") {
		t.Errorf("Go: %+v", l)
	}
	// It unpacks with a package of this module, and folders below have licenses too.
	if l := texts["github.com/klauspost/compress"]; !strings.Contains(l.Text, "Klaus Post") || !strings.Contains(l.Text, "Caleb Spare") || l.Version == "" {
		t.Errorf("compress: %.500s", l.Text)
	}
	if l, ok := texts["github.com/grow-platform/grow"]; ok {
		t.Errorf("it is there itself: %+v", l)
	}
}

// TestNone: a module without a license is an error.
func TestNone(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"license.go", "unlicensed", "LICENSES"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := software{name: "example.com/m", version: "v1", root: dir, dirs: []string{dir}}
	if _, err := s.license(); err == nil || !strings.Contains(err.Error(), "example.com/m v1: no file in "+dir) {
		t.Errorf("%v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "LICENSE-MIT.txt"), []byte("\n MIT\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if text, err := s.license(); err != nil || text != " MIT" {
		t.Errorf("%q, %v", text, err)
	}
}
