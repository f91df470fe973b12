package amend

import (
	"os"
	"path/filepath"
	"testing"
)

// What stands beside a file of tests stays, whatever it is called and wherever
// it leads.
func TestWriteBeside(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	write("sums.yaml", "old")
	write("actor.yaml", "actor")
	if err := os.Symlink("actor.yaml", filepath.Join(dir, ".sums.yaml.new")); err != nil {
		t.Skip("no links here: ", err)
	}
	p := &Plan{Files: []File{{Name: "sums.yaml", Old: []byte("old"), New: []byte("new")}}}
	if err := p.Write(dir); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"sums.yaml": "new", "actor.yaml": "actor", ".sums.yaml.new": "actor"} {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || string(got) != want {
			t.Errorf("%s: %q, %v, want %q", name, got, err, want)
		}
	}
	if info, err := os.Lstat(filepath.Join(dir, "sums.yaml")); err != nil || !info.Mode().IsRegular() {
		t.Errorf("sums.yaml is no plain file: %v, %v", info, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 3 {
		t.Errorf("%d files, %v, want 3", len(entries), err)
	}
}
