package python

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/grow-platform/grow/runtime/debug"
	"github.com/grow-platform/grow/runtime/wasm/thin"
)

// TestOpen: a module has its sources, says which are not those of its folder, and is
// no program of this language if it is of another.
func TestOpen(t *testing.T) {
	b, err := thin.Pack(&thin.Actor{Language: Name, Digest: digest, Files: map[string][]byte{
		"app/main.py": []byte("x = 1\n"), "app/a/__init__.py": []byte("def f():\n  g()\n"), "app/table.csv": nil, "packages/p.py": []byte("def f(): pass\n"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{"src/python/main.py": {Data: []byte("x = 2\n")}, "src/python/a/__init__.py": {Data: []byte("def f():\n  g()\n")}}
	p, err := Language{}.Open(t.Context(), b, files)
	if err != nil || p == nil {
		t.Fatal(p, err)
	}
	if got := p.Files(); len(got) != 3 || got[0] != "app/a/__init__.py" || got[2] != "packages/p.py" {
		t.Error(got)
	}
	if got := p.Notes(); len(got) != 1 || got[0] != "src/python/main.py is not as it was when the actor was built: lines are those of then" {
		t.Errorf("%q", got)
	}
	if got, err := p.Source("app/main.py"); err != nil || string(got) != "x = 1\n" {
		t.Errorf("%q %v", got, err)
	}
	if got, err := p.Function("f"); err != nil || len(got) != 2 || got[0] != (debug.Position{File: "app/a/__init__.py", Line: 2}) {
		t.Error(got, err)
	}
	if got, err := p.Function("a.f"); err != nil || len(got) != 1 {
		t.Error(got, err)
	}
	for _, file := range []string{"app/table.csv", "main.py", ""} {
		if _, err := p.Source(file); !errors.Is(err, debug.ErrUnknown) {
			t.Errorf("%q: %v", file, err)
		}
		if _, err := p.Bind(file, 1); !errors.Is(err, debug.ErrUnknown) {
			t.Errorf("%q: %v", file, err)
		}
	}
	if _, err := p.Source("lib/json/decoder.py"); !errors.Is(err, debug.ErrUnknown) || !strings.Contains(err.Error(), "standard library") {
		t.Error(err)
	}
	if _, err := p.Bind("app/main.py", 2); !errors.Is(err, debug.ErrNoCode) {
		t.Error(err)
	}
	if _, err := p.Function("h"); !errors.Is(err, debug.ErrUnknown) {
		t.Error(err)
	}
	other, err := thin.Pack(&thin.Actor{Language: "ruby", Digest: digest, Files: map[string][]byte{}})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range [][]byte{other, []byte("\x00asm\x01\x00\x00\x00"), nil} {
		if p, err := (Language{}).Open(t.Context(), b, nil); p != nil || err != nil {
			t.Error(p, err)
		}
	}
}

const digest = "0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a"
