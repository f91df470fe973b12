package python

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/grow-platform/grow/compiler"
	"github.com/grow-platform/grow/compiler/python/interpreter"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/engine/wazero"
	"github.com/grow-platform/grow/runtime/wasm"
	"github.com/grow-platform/grow/runtime/wasm/thin"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if shared != nil {
		if err := shared.close(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// found looks for the runtime once.
var found = sync.OnceValues(interpreter.Find)

// testRuntime is what the tests check sources with.
func testRuntime(t testing.TB) Runtime {
	t.Helper()
	l, err := found()
	if err != nil {
		t.Fatalf("%v; .ci/setup builds it", err)
	}
	return Runtime{
		Language: func() (*engine.Language, error) { return &l, nil },
		Engine: func(ctx context.Context) (engine.Engine, error) {
			return wazero.New(ctx, wazero.Options{Languages: []engine.Language{l}})
		},
	}
}

const handler = "import grow\n\n\n@grow.on(\"a\")\ndef a(ctx, m):\n    return None\n"

// shared is the checker of all tests, as it is that of all builds of a program.
var shared *checker

// newCompiler returns a compiler that has built nothing yet.
func newCompiler(t testing.TB) *Compiler {
	t.Helper()
	c := New(testRuntime(t))
	if shared == nil {
		shared = c.checker
	}
	c.checker = shared
	return c
}

// sourceOf writes files and returns the actor they are.
func sourceOf(t testing.TB, files map[string]string) compiler.Source {
	t.Helper()
	dir := t.TempDir()
	s := compiler.Source{
		Dir: dir, Actor: "price", Language: language, Path: filepath.Join(dir, "actors", "price", "src", "python"),
		Out: filepath.Join(dir, ".grow", "build", "price.wasm"),
	}
	if err := os.MkdirAll(s.Path, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		write(t, filepath.Join(s.Path, filepath.FromSlash(name)), text)
	}
	return s
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func mustBuild(t testing.TB, c *Compiler, s compiler.Source) compiler.Result {
	t.Helper()
	r, err := c.Build(t.Context(), s)
	if err != nil {
		if e, ok := errors.AsType[*compiler.Error](err); ok {
			t.Log(e.Log, e.Hint, e.Diagnostics)
		}
		t.Fatal(err)
	}
	return r
}

func mustFail(t testing.TB, c *Compiler, s compiler.Source) *compiler.Error {
	t.Helper()
	_, err := c.Build(t.Context(), s)
	e, ok := errors.AsType[*compiler.Error](err)
	if !ok {
		t.Fatalf("error %v, want a *compiler.Error", err)
	}
	if _, err := os.Stat(s.Out); err == nil {
		t.Error("there is a module all the same")
	}
	return e
}

// packed reads the files of a module.
func packed(t testing.TB, path string) *thin.Actor {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	m, err := wasm.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	a, err := thin.Read(m)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func names(files map[string][]byte) []string {
	var all []string
	for name := range files {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

func TestBuild(t *testing.T) {
	c := newCompiler(t)
	s := sourceOf(t, map[string]string{
		"main.py": "import json\nfrom parts.tax import rate\nfrom . import nothing\n" + handler, "parts/__init__.py": "", "parts/tax.py": "from .deep import x\nfrom parts import tax\nrate = 1\n",
		"rates.json": "{}", "__pycache__/main.pyc": "x", ".venv/lib/x.py": "(", ".hidden": "", "old.pyc": "", "venv/y.py": "(",
	})
	r := mustBuild(t, c, s)
	if r.Cached || r.Log != "" || r.Module != s.Out {
		t.Errorf("%+v", r)
	}
	a := packed(t, r.Module)
	want := []string{"app/main.py", "app/parts/__init__.py", "app/parts/tax.py", "app/rates.json"}
	if got := names(a.Files); !slices.Equal(got, want) || a.Language != "python" || a.Digest != interpreter.Digest() {
		t.Errorf("%v %s %s; want %v", got, a.Language, a.Digest, want)
	}
	if again := mustBuild(t, c, s); !again.Cached || again.Digest != r.Digest {
		t.Errorf("built again: %+v", again)
	}
	write(t, filepath.Join(s.Path, "rates.json"), "[]")
	if again := mustBuild(t, c, s); again.Cached || again.Digest == r.Digest {
		t.Errorf("not built again: %+v", again)
	}
}

func TestFaults(t *testing.T) {
	c := newCompiler(t)
	deep := strings.Repeat("(", 5000) + strings.Repeat(")", 5000)
	for _, k := range []struct {
		name, main string
		want       []string // diagnostics, by their beginning
	}{
		{"syntax", handler + "x = (1,\n", []string{"main.py:7:5: '(' was never closed\nx = (1,"}},
		{"syntax after letters of two bytes", handler + "é = ('ü', )) + 1\n", []string{"main.py:7:14: unmatched ')'\né = ('ü', )) + 1"}},
		{"indentation", "def f():\nreturn 1\n", []string{"main.py:2:1: expected an indented block after function definition on line 1\nreturn 1"}},
		{"tabs", "if 1:\n\tx = 1\n        y = 2\n", []string{"main.py:3:"}},
		{"no UTF-8", "x = '\xff\xfe'\n", []string{"main.py:"}},
		{"null bytes", "x = 1\x00\n", []string{"main.py: source code string cannot contain null bytes"}},
		{"another coding", "# -*- coding: nothing-known -*-\nx = 1\n", []string{"main.py: "}},
		{"deep", deep, []string{"main.py: nested too deeply, or too large, for the interpreter"}},
		{"missing", handler + "import requets\nimport jsn.decoder\n", []string{
			"main.py:7:8: no module named requets; if it is a package, name that in requirements.txt beside main.py: requets",
			"main.py:8:8: no module named jsn; did you mean json?",
		}},
		{"a package that is called otherwise", handler + "from bs4 import BeautifulSoup\n", []string{"main.py:7:1: no module named bs4; if it is a package, name that in requirements.txt beside main.py: beautifulsoup4"}},
		{"native", handler + "import numpy as np\n", []string{"main.py:7:8: no module named numpy; its package numpy has native code"}},
		{"of no use", handler + "import ssl, socket\nfrom subprocess import run\n", []string{
			"main.py:7:8: module ssl cannot be used in an actor: an actor has no sockets; ask for what it needs in `uses:`",
			"main.py:7:13: module socket cannot be used", "main.py:8:1: module subprocess cannot be used in an actor: an actor starts no processes",
		}},
		{"no handler", "import grow\n\ndef a(ctx, m): ...\n", []string{"main.py: no handler: nothing is registered with @grow.on"}},
	} {
		t.Run(k.name, func(t *testing.T) {
			e := mustFail(t, c, sourceOf(t, map[string]string{"main.py": k.main}))
			if e.Code != compiler.CodeFailed || len(e.Diagnostics) != len(k.want) {
				t.Fatalf("%s: %q", e.Code, e.Diagnostics)
			}
			for i, d := range e.Diagnostics {
				if got := strings.TrimPrefix(d.String(), "actors/price/src/python/"); !strings.HasPrefix(got, k.want[i]) {
					t.Errorf("%q; want %q", got, k.want[i])
				}
			}
		})
	}
}

func TestImportsThatMayFail(t *testing.T) {
	c := newCompiler(t)
	s := sourceOf(t, map[string]string{"main.py": `from typing import TYPE_CHECKING
import random, threading

try:
    import ssl
    if True:
        import orjson
except (ImportError, ValueError):
    orjson = None
try:
    import ujson
except:
    pass
if TYPE_CHECKING:
    import numpy
` + handler, "random.py": "", "a.py": "import b\n", "b.py": "import a\n"})
	r := mustBuild(t, c, s)
	want := []string{
		"actors/price/src/python/random.py: warning: random is the name of a module of the standard library, too",
		"actors/price/src/python/main.py:2:16: warning: threading: an actor has no threads; write the handler as async def",
	}
	lines := strings.Split(strings.TrimSpace(r.Log), "\n")
	if len(lines) != len(want) {
		t.Fatalf("%q", lines)
	}
	for i := range want {
		if !strings.HasPrefix(lines[i], want[i]) {
			t.Errorf("%q; want %q", lines[i], want[i])
		}
	}
}

func TestSourcesThatAreNone(t *testing.T) {
	c := newCompiler(t)
	s := sourceOf(t, map[string]string{"other.py": ""})
	if e := mustFail(t, c, s); e.Code != compiler.CodeSource || !strings.Contains(e.Text, "no main.py in actors/price/src/python") || e.Hint == "" {
		t.Errorf("%+v", e)
	}
	if err := os.Mkdir(filepath.Join(s.Path, "main.py"), 0o755); err != nil {
		t.Fatal(err)
	}
	if e := mustFail(t, c, s); !strings.Contains(e.Text, "is not a file") {
		t.Errorf("%+v", e)
	}
	file := s
	file.Path = filepath.Join(s.Path, "other.py")
	if e := mustFail(t, c, file); !strings.Contains(e.Text, "other.py is a file") {
		t.Errorf("%+v", e)
	}
	gone := s
	gone.Path = filepath.Join(s.Dir, "nothing")
	if e := mustFail(t, c, gone); !errors.Is(e, os.ErrNotExist) {
		t.Errorf("%+v", e)
	}
}

func TestFilesThatAreRefused(t *testing.T) {
	c := newCompiler(t)
	for _, k := range []struct {
		name, file, want string
		lay              func(t *testing.T, s compiler.Source)
	}{
		{"a link out of the folder", "leak.py", "leads out of the folder", func(t *testing.T, s compiler.Source) {
			write(t, filepath.Join(s.Dir, "secret.py"), "x = 1")
			link(t, "../../../../secret.py", filepath.Join(s.Path, "leak.py"))
		}},
		{"a link to nothing", "gone.py", "or nowhere", func(t *testing.T, s compiler.Source) { link(t, "nothing.py", filepath.Join(s.Path, "gone.py")) }},
		{"10 MB of source", "big.py", "10485760 bytes of source, more than the 4 MiB", func(t *testing.T, s compiler.Source) {
			write(t, filepath.Join(s.Path, "big.py"), strings.Repeat("#", 10<<20))
		}},
		{"too much data", "b.bin", "larger than 24 MiB together", func(t *testing.T, s compiler.Source) {
			write(t, filepath.Join(s.Path, "a.bin"), strings.Repeat("#", 20<<20))
			write(t, filepath.Join(s.Path, "b.bin"), strings.Repeat("#", 20<<20))
		}},
		{"the SDK's name", "grow.py", "is the name of grow's own package", func(t *testing.T, s compiler.Source) {
			write(t, filepath.Join(s.Path, "grow.py"), "")
		}},
	} {
		t.Run(k.name, func(t *testing.T) {
			s := sourceOf(t, map[string]string{"main.py": handler})
			k.lay(t, s)
			e := mustFail(t, c, s)
			if len(e.Diagnostics) != 1 || !strings.HasSuffix(e.Diagnostics[0].File, k.file) || !strings.Contains(e.Diagnostics[0].Text, k.want) || e.Hint == "" {
				t.Errorf("%v; want %s: %s", e, k.file, k.want)
			}
		})
	}
}

func link(t *testing.T, to, at string) {
	t.Helper()
	if err := os.Symlink(to, at); err != nil {
		t.Skip(err)
	}
}

// TestBombs: what breaks the interpreter is a fault of its file, and the next
// build works.
func TestBombs(t *testing.T) {
	c := newCompiler(t)
	for name, text := range map[string]string{
		"minus":   "x = " + strings.Repeat("-", 200_000) + "1",
		"not":     "x = " + strings.Repeat("not ", 100_000) + "1",
		"dots":    "x = a" + strings.Repeat(".b", 100_000),
		"lambdas": "x = " + strings.Repeat("lambda: ", 50_000) + "1",
		"ifs":     "x = " + strings.Repeat("1 if 1 else ", 50_000) + "1",
		"sums":    "x = " + strings.Repeat("1 + ", 100_000) + "a",
	} {
		t.Run(name, func(t *testing.T) {
			s := sourceOf(t, map[string]string{"main.py": handler, "bomb.py": text + "\n"})
			if _, err := c.Build(t.Context(), s); err != nil { // some of them the interpreter takes
				e, ok := errors.AsType[*compiler.Error](err)
				if !ok || len(e.Diagnostics) != 1 || !strings.HasSuffix(e.Diagnostics[0].File, "bomb.py") || len(e.Error()) > 500 {
					t.Errorf("%.500v", err)
				}
			}
			mustBuild(t, c, sourceOf(t, map[string]string{"main.py": handler}))
		})
	}
}

// TestClose: a compiler that was closed starts its interpreter again.
func TestClose(t *testing.T) {
	c := New(testRuntime(t))
	for range 2 {
		mustBuild(t, c, sourceOf(t, map[string]string{"main.py": handler}))
		if err := c.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNoRuntime(t *testing.T) {
	c := New(Runtime{Language: func() (*engine.Language, error) { return nil, errors.New("it is not built") }})
	if e := mustFail(t, c, sourceOf(t, map[string]string{"main.py": handler})); e.Code != compiler.CodeToolchain || !strings.Contains(e.Text, "it is not built") {
		t.Errorf("%+v", e)
	}
	if found := c.Check(t.Context()); len(found) != 1 || found[0].OK || found[0].Fix == "" {
		t.Errorf("%+v", found)
	}
}

func TestStopped(t *testing.T) {
	c := newCompiler(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Build(ctx, sourceOf(t, map[string]string{"main.py": handler})); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// thousand is an actor of 1,000 lines.
func thousand() string {
	var b strings.Builder
	b.WriteString("import json\nimport grow\n\n")
	for i := range 124 {
		fmt.Fprintf(&b, "\ndef step%d(order, rates):\n    \"\"\"One step of many.\"\"\"\n    total = sum(line[\"qty\"] * rates.get(line[\"sku\"], %d) for line in order[\"lines\"])\n    if total > %d:\n        raise ValueError(f\"too much: {total}\")\n    return {\"id\": order[\"id\"], \"total\": round(total, 2)}\n\n", i, i, i)
	}
	b.WriteString("\n@grow.on(\"a\")\ndef a(ctx, m):\n    return None\n")
	return b.String()
}

func BenchmarkThousandLines(b *testing.B) {
	c := newCompiler(b)
	s := sourceOf(b, map[string]string{"main.py": thousand()})
	mustBuild(b, c, s)
	b.ResetTimer()
	var took time.Duration
	for i := range b.N {
		write(b, filepath.Join(s.Path, "n.txt"), fmt.Sprint(i))
		took += mustBuild(b, c, s).Took
	}
	b.ReportMetric(float64(took.Milliseconds())/float64(b.N), "ms/build")
}
