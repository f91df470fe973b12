package python_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/compiler/python/interpreter"
	"github.com/grow-platform/grow/runtime/debug"
	"github.com/grow-platform/grow/runtime/debug/python"
	"github.com/grow-platform/grow/runtime/wasm/thin"
)

// thinOf makes a thin module.
func thinOf(t testing.TB, files map[string][]byte) []byte {
	t.Helper()
	b, err := thin.Pack(&thin.Actor{Language: python.Name, Digest: interpreter.Digest(), Files: files})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestBindsToCode: of real sources, breakpoints come to lie where CPython has code, and
// functions begin where it enters them.
func TestBindsToCode(t *testing.T) {
	oracle, err := os.ReadFile("testdata/oracle.py")
	if err != nil {
		t.Fatal(err)
	}
	_, i := plain(t, thinOf(t, map[string][]byte{"app/main.py": oracle}))
	names, err := filepath.Glob("../../../sdk/python/grow/*.py")
	if err != nil || len(names) < 10 {
		t.Fatal(names, err)
	}
	for _, name := range append(names, "testdata/main.py", "../../../sdk/python/tests/test_grow.py") {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		frame := must(t, i, "source", string(quoted(t, string(source))))
		var code map[string][]int
		var answer abi.View
		r, err := abi.NewReader([]byte(frame))
		if err == nil {
			_, err = r.Next(&answer)
		}
		if err = errors.Join(err, json.Unmarshal(answer.Data, &code)); err != nil {
			t.Fatalf("%v: %.300q", err, frame)
		}
		var all []int
		for _, lines := range code {
			all = append(all, lines...)
		}
		p := open(t, thinOf(t, map[string][]byte{"app/x.py": source}))
		for n := range bytes.Count(source, []byte("\n")) {
			if at, err := p.Bind("app/x.py", n+1); err == nil && !near(all, source, at.Line) {
				t.Errorf("%s:%d is bound at %d, where no code is", name, n+1, at.Line)
			}
		}
		for function, lines := range code {
			if function == "<module>" || strings.Contains(function, "<lambda>") || strings.Contains(function, "<genexpr>") || strings.Contains(function, "<generic") {
				continue
			}
			where, err := p.Function("x." + function)
			if err != nil || len(lines) == 0 {
				continue // a class, or a function without code
			}
			if !slices.ContainsFunc(where, func(at debug.Position) bool { return near(lines, source, at.Line) }) {
				t.Errorf("%s: %s begins at %v; its code is on %v", name, function, where, lines)
			}
		}
	}
}

// near reports whether code is on a line, or behind one that ends with a bracket.
func near(code []int, source []byte, line int) bool {
	lines := bytes.Split(source, []byte("\n"))
	for bytes.HasSuffix(lines[line-1], []byte("(")) && !slices.Contains(code, line) {
		line++
	}
	return slices.Contains(code, line)
}

func quoted(t testing.TB, text string) []byte {
	t.Helper()
	b, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
