package command

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/grow-platform/grow/cmd/grow/app"
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
	newCache(t)
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
// what takes too long to make: the runtime of Python, and machine code.
func newCache(t *testing.T) {
	t.Helper()
	old, err := cache.Dir()
	if err != nil {
		t.Fatal(err)
	}
	base := t.TempDir()
	if err := keepMachineCode(base); err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_CACHE_HOME", base)
	if err := os.Symlink(filepath.Join(old, interpreter.Name), filepath.Join(base, "grow", interpreter.Name)); err != nil {
		t.Fatal(err)
	}
}

// keepMachineCode has a folder for caches have the user's machine code.
func keepMachineCode(caches string) error {
	dir, err := app.CheckCache()
	if err != nil {
		return err
	}
	caches = filepath.Join(caches, "grow")
	return errors.Join(os.MkdirAll(caches, 0o700), os.Symlink(dir, filepath.Join(caches, filepath.Base(dir))))
}

// keepSeal has a folder for settings have the user's seal of machine code.
func keepSeal(settings string) error {
	own, err := os.UserConfigDir()
	if err != nil {
		return err
	}
	const seal = "grow/machine-code.key"
	secret, err := os.ReadFile(filepath.Join(own, seal))
	if err != nil {
		return err
	}
	fresh := filepath.Join(settings, seal)
	return errors.Join(os.MkdirAll(filepath.Dir(fresh), 0o700), os.WriteFile(fresh, secret, 0o600))
}
