package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/grow-platform/grow/compiler/python/interpreter"
)

func TestReady(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	if err := run(t.Context(), true, "", ""); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("with an empty cache: %v", err)
	}
	list := interpreter.Steps()
	dir, err := interpreter.Dir(list[len(list)-1])
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err == nil {
		err = run(t.Context(), true, "", "")
	}
	if err != nil {
		t.Error(err)
	}
}

func TestWhere(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	for _, step := range interpreter.Steps() {
		if err := run(t.Context(), false, "", step.Name); err != nil {
			t.Errorf("%s: %v", step.Name, err)
		}
		dir, err := interpreter.Dir(step)
		if want := filepath.Join(cache, "grow", "python", step.Name+"-"+step.Digest[:16]); err != nil || dir != want {
			t.Errorf("%s lies in %s, want %s; %v", step.Name, dir, want, err)
		}
	}
	if err := run(t.Context(), false, "", "kitchen"); err == nil || !strings.Contains(err.Error(), "no step kitchen") {
		t.Errorf("a step that there is not: %v", err)
	}
}

// TestScript runs a program of a step with what it is given, and one that fails.
func TestScript(t *testing.T) {
	work, out := t.TempDir(), t.TempDir()
	for step, text := range map[string]string{"good": `echo "$2" > "$1/made"; pwd >> "$1/made"`, "bad": "exit 3"} {
		dir := filepath.Join(work, "recipe", step)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "make"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := script(t.Context(), work, "good", out, []string{"before"}); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(out, "made")); err != nil || string(b) != "before\n"+filepath.Join(work, "good")+"\n" {
		t.Errorf("made %q, %v", b, err)
	}
	if err := script(t.Context(), work, "bad", out, nil); err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("a program that fails: %v", err)
	}
}
