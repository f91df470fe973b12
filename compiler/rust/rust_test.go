package rust

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tetratelabs/wazero"
	"go.uber.org/goleak"

	"github.com/grow-platform/grow/compiler"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// project copies a folder of testdata to where it may be written to, and
// returns the source of the actor at path in it.
func project(t *testing.T, folder, path string) compiler.Source {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", folder))); err != nil {
		t.Fatal(err)
	}
	return compiler.Source{
		Dir: dir, Actor: "price", Language: "rust", Path: filepath.Join(dir, path),
		Out: filepath.Join(dir, ".grow", "build", "price.wasm"),
	}
}

// bare is the source of a folder with a lib.rs only. It is used where it is:
// the crate that is made up for it, and its Cargo.lock, are kept by path.
func bare(t *testing.T) compiler.Source {
	t.Helper()
	dir, err := filepath.Abs("testdata/bare")
	if err != nil {
		t.Fatal(err)
	}
	return compiler.Source{Dir: dir, Actor: "bare", Language: "rust", Path: dir, Out: filepath.Join(t.TempDir(), "bare.wasm")}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func mustBuild(t *testing.T, s compiler.Source) compiler.Result {
	t.Helper()
	r, err := New().Build(t.Context(), s)
	if err != nil {
		if e, ok := errors.AsType[*compiler.Error](err); ok {
			t.Log(e.Log, e.Hint)
		}
		t.Fatal(err)
	}
	return r
}

func mustFail(t *testing.T, ctx context.Context, s compiler.Source) *compiler.Error {
	t.Helper()
	_, err := New().Build(ctx, s)
	e, ok := errors.AsType[*compiler.Error](err)
	if !ok {
		t.Fatalf("error %v, want a *compiler.Error", err)
	}
	if _, err := os.Stat(s.Out); err == nil {
		t.Error("there is a module all the same")
	}
	return e
}

// inspectModule asks wazero what the module exports and imports.
func inspectModule(t *testing.T, path string) (exports, imports []string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r := wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfigInterpreter())
	defer r.Close(t.Context())
	m, err := r.CompileModule(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	for name := range m.ExportedFunctions() {
		exports = append(exports, name)
	}
	for name := range m.ExportedMemories() {
		exports = append(exports, name)
	}
	for _, f := range m.ImportedFunctions() {
		module, _, _ := f.Import()
		imports = append(imports, module)
	}
	return exports, imports
}

func checkModule(t *testing.T, path string) {
	t.Helper()
	exports, imports := inspectModule(t, path)
	for _, name := range []string{"memory", "grow_alloc", "grow_handle"} {
		if !slices.Contains(exports, name) {
			t.Errorf("module does not export %s", name)
		}
	}
	for _, module := range imports {
		if module != "grow" {
			t.Errorf("module imports from %s", module)
		}
	}
}

func TestBuildBare(t *testing.T) {
	s := bare(t)
	first := mustBuild(t, s)
	if first.Cached || first.Module != s.Out || !strings.HasPrefix(first.Digest, "sha256:") {
		t.Errorf("first build: %+v", first)
	}
	checkModule(t, first.Module)
	entries, err := os.ReadDir(s.Path)
	if err != nil || len(entries) != 1 {
		t.Errorf("source folder holds %v after the build (%v), want lib.rs only", entries, err)
	}
	t.Run("again", func(t *testing.T) {
		t.Setenv("PATH", "") // nothing can be started
		if again := mustBuild(t, s); !again.Cached || again.Digest != first.Digest {
			t.Errorf("second build: %+v, want the first one's module, cached", again)
		}
	})
	t.Run("elsewhere", func(t *testing.T) {
		s.Out = filepath.Join(t.TempDir(), "other.wasm")
		if other := mustBuild(t, s); other.Cached || other.Digest != first.Digest {
			t.Errorf("build to another place: %+v, want the same module", other)
		}
	})
	t.Run("debug", func(t *testing.T) {
		s.Debug = true
		data, err := os.ReadFile(mustBuild(t, s).Module)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(data, []byte(".debug_line")) {
			t.Error("no lines in a module built with Debug")
		}
	})
}

func TestBuildCrate(t *testing.T) {
	s := project(t, "crate", "actor")
	first := mustBuild(t, s)
	checkModule(t, first.Module)
	// The build has written Cargo.lock, as cargo does: that is no change.
	if again := mustBuild(t, s); !again.Cached || again.Digest != first.Digest {
		t.Errorf("second build: %+v, want the first one's module, cached", again)
	}
	path := filepath.Join(s.Dir, "shared", "src", "lib.rs")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, strings.Replace(string(text), "0.9", "0.8", 1))
	if changed := mustBuild(t, s); changed.Cached || changed.Digest == first.Digest {
		t.Errorf("build after a crate beside it changed: %+v, want another module", changed)
	}
	entries, err := os.ReadDir(s.Path)
	if err != nil || len(entries) != 3 {
		t.Errorf("source folder holds %v (%v), want Cargo.toml, Cargo.lock and src", entries, err)
	}
}

func TestBuildErrors(t *testing.T) {
	const lib = "use grow::{Context, Result};\n\n"
	for _, c := range []struct {
		name  string
		files map[string]string // over those of the crate; "" removes
		code  string
		first string // the first diagnostic, as far as it matters
		hint  string // part of it
	}{
		{"undefined name", map[string]string{"src/lib.rs": lib + "fn f() {\n    x();\n}\n"}, "build.failed", "actor/src/lib.rs:4:5: cannot find function `x` in this scope [E0425]", ""},
		{"syntax", map[string]string{"src/lib.rs": "fn f( {\n"}, "build.failed", "actor/src/lib.rs:1:", ""},
		{"in a macro of the SDK", map[string]string{"src/lib.rs": lib + "grow::actor! { \"order\" => missing }\n"}, "build.failed", "actor/src/lib.rs:3:27: cannot find value `missing`", ""},
		{"crate beside it", map[string]string{"../shared/src/lib.rs": "pub fn due() -> f64 { \"\" }\n"}, "build.failed", "shared/src/lib.rs:1:23: mismatched types", ""},
		{"broken Cargo.toml", map[string]string{"Cargo.toml": "[package]\nname = \n"}, "build.failed", "actor/Cargo.toml:2:8: ", ""},
		{"no library", map[string]string{"src/lib.rs": "", "src/main.rs": "fn main() {}\n"}, "build.source", "", "src/lib.rs"},
		{"neither crate nor lib.rs", map[string]string{"Cargo.toml": "", "src/lib.rs": ""}, "build.source", "", "cargo init --lib"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := project(t, "crate", "actor")
			for name, text := range c.files {
				path := filepath.Join(s.Path, name)
				if text != "" {
					write(t, path, text)
				} else if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			}
			e := mustFail(t, t.Context(), s)
			first := ""
			if len(e.Diagnostics) > 0 {
				first = e.Diagnostics[0].String()
			}
			if e.Code != c.code || !strings.HasPrefix(first, c.first) || !strings.Contains(e.Hint, c.hint) {
				t.Errorf("%v: code %s, diagnostic %q, hint %q; want %s, %q, %q\n%s", e, e.Code, first, e.Hint, c.code, c.first, c.hint, e.Log)
			}
		})
	}
}

func TestBuildWithoutRust(t *testing.T) {
	s := bare(t)
	t.Setenv("PATH", "")
	if e := mustFail(t, t.Context(), s); e.Code != "build.toolchain" || !strings.Contains(e.Hint, "rustup target add") {
		t.Errorf("error %+v, want build.toolchain and how to get Rust", e)
	}
	found := New().Check(t.Context())
	last := len(found) - 1
	for _, f := range found[:last] {
		if f.OK || f.Fix == "" {
			t.Errorf("finding %+v, want one that is not OK and has a fix", f)
		}
	}
	if _, err := os.Stat(filepath.Join(found[last].Path, "Cargo.toml")); err != nil || !found[last].OK || found[last].Name != "rust sdk" {
		t.Errorf("finding %+v (%v), want the folder of the SDK", found[last], err)
	}
}

func TestBuildStopped(t *testing.T) {
	s := bare(t)
	ctx, cancel := context.WithCancel(t.Context())
	s.Progress = func(string) { cancel() } // while cargo is about to be started
	if e := mustFail(t, ctx, s); e.Code != "build.failed" || !errors.Is(e, context.Canceled) {
		t.Errorf("error %+v, want one of a cancelled context", e)
	}
}

func TestBuildSameNameAtOnce(t *testing.T) {
	one, other := project(t, "crate", "actor"), project(t, "crate", "actor")
	write(t, filepath.Join(other.Dir, "shared/src/lib.rs"), "pub fn due(total: f64) -> f64 { total * 0.5 }\n")
	var group sync.WaitGroup
	results := make([]compiler.Result, 2)
	for i, s := range []compiler.Source{one, other} {
		group.Go(func() {
			var err error
			if results[i], err = New().Build(t.Context(), s); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if results[0].Digest == results[1].Digest {
		t.Error("two crates of one name gave the same module")
	}
}

func TestDependencies(t *testing.T) {
	file := filepath.Join(t.TempDir(), "price.d")
	write(t, file, "/target/price.wasm: /a/src/lib.rs /with\\ space/lib.rs\n\n/a/src/lib.rs:\n")
	want := []string{"/a/src/lib.rs", "/with space/lib.rs"}
	if got := dependencies(file); !slices.Equal(got, want) {
		t.Errorf("dependencies %q, want %q", got, want)
	}
	if got := dependencies(file + "x"); got != nil {
		t.Errorf("dependencies of no file %q, want none", got)
	}
}
