package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestGraphAndSite does what docs/graph-and-site.md says: it writes the files,
// runs the commands and compares what they print with the block that follows.
func TestGraphAndSite(t *testing.T) {
	text, err := os.ReadFile("../../docs/graph-and-site.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "shop")
	var steps [][]string
	files := map[string]string{"actors/pricing/module.wasm": "", "actors/desk/module.wasm": ""}
	for _, b := range fence.FindAllStringSubmatch(string(text), -1) {
		if b[2] == "" {
			steps = append(steps, b[1:])
		} else {
			files[b[2]] = b[3]
		}
	}
	for name, data := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	t.Setenv("LC_ALL", "C.UTF-8")
	t.Setenv("TERM", "xterm")
	t.Setenv("COLUMNS", "80")
	ran := 0
	for i, s := range steps {
		if s[0] != "sh" {
			continue
		}
		var out, errs bytes.Buffer
		if code := execute(strings.Fields(s[2])[1:], strings.NewReader(""), &out, &errs); code != exitDone {
			t.Errorf("%s: exit code %d: %s", s[2], code, errs.String())
		}
		if got, want := out.String(), steps[i+1][2]; got != want {
			t.Errorf("%sprints\n%s\nwant\n%s", s[2], got, want)
		}
		ran++
	}
	if ran != 4 {
		t.Errorf("%d commands were run", ran)
	}
}
