package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTesting does what docs/testing.md says: it writes the files, runs the
// commands and compares what they print with the block that follows.
func TestTesting(t *testing.T) {
	if testing.Short() {
		t.Skip("builds Rust actors")
	}
	text, err := os.ReadFile("../../docs/testing.md")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir := t.TempDir()
	var steps [][]string
	for _, b := range fence.FindAllStringSubmatch(string(text), -1) {
		if b[2] == "" {
			steps = append(steps, b[1:])
		} else {
			writeFiles(t, dir, map[string]string{b[2]: b[3]})
		}
	}
	ran := 0
	for i, s := range steps {
		line, ok := strings.CutPrefix(strings.TrimSpace(s[2]), "grow ")
		if s[0] != "sh" || !ok {
			continue
		}
		holdPrinted(t, dir, line, steps[i+1][2])
		ran++
	}
	if ran < 2 {
		t.Errorf("%d commands were run", ran)
	}
}

// TestTriage runs the tests of the example service: all pass, every requirement
// has one, and nothing is left out.
func TestTriage(t *testing.T) {
	if testing.Short() {
		t.Skip("builds Rust and Go actors")
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.FromSlash("../../testdata/services/triage"))); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	if code := execute([]string{"test", "-C", dir, "--coverage", "-q"}, strings.NewReader(""), &out, &errs); code != exitDone {
		t.Fatalf("exit code %d\n%s%s", code, out.String(), errs.String())
	}
	if _, left, _ := strings.Cut(out.String(), "\n\n"); left != "15 of 15 requirements have a test\n" {
		t.Errorf("tests leave out\n%s", left)
	}
}
