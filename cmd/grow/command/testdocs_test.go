package command

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/grow-platform/grow/compiler/cache"
	"github.com/grow-platform/grow/compiler/python/interpreter"
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
// has one, and nothing is left out, whichever language actor classify is in.
func TestTriage(t *testing.T) {
	if testing.Short() {
		t.Skip("builds Rust and Go actors")
	}
	newCache(t)
	for _, language := range []string{"python", "rust"} {
		t.Run(language, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(filepath.FromSlash("../../../testdata/services/triage"))); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(dir, "actors", "classify", "actor.yaml")
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			code := "code: {language: " + language + ", source: src/" + language + "}"
			text = regexp.MustCompile(`(?m)^code: .*$`).ReplaceAllLiteral(text, []byte(code))
			if err := os.WriteFile(file, text, 0o600); err != nil {
				t.Fatal(err)
			}
			var out, errs bytes.Buffer
			if code := execute([]string{"test", "-C", dir, "--coverage", "-q"}, strings.NewReader(""), &out, &errs); code != exitDone {
				t.Fatalf("exit code %d\n%s%s", code, out.String(), errs.String())
			}
			if _, left, _ := strings.Cut(out.String(), "\n\n"); left != "53 of 53 requirements have a test\n" {
				t.Errorf("tests leave out\n%s", left)
			}
			out.Reset()
			if code := execute([]string{"types", "-C", dir, "--check", "classify", "clerk", "digest"}, strings.NewReader(""), &out, &errs); code != exitDone {
				t.Errorf("what grow types writes for the actors that use it is not up to date: exit code %d\n%s", code, out.String())
			}
		})
	}
}

// newCache gives the test a user's cache of its own, in which there is nothing but
// the runtime of Python, which takes too long to build.
func newCache(t *testing.T) {
	t.Helper()
	old, err := cache.Dir()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir, err := cache.Dir()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(old, interpreter.Name), filepath.Join(dir, interpreter.Name)); err != nil {
		t.Fatal(err)
	}
}
