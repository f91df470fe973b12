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
	blocks := blocksOf(readGuide(t, "docs/testing.md"))
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir := t.TempDir()
	follow(t, blocks, dir, timelessly(dir))
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
	if _, left, _ := strings.Cut(out.String(), "\n\n"); left != "41 of 41 requirements have a test\n" {
		t.Errorf("tests leave out\n%s", left)
	}
}
