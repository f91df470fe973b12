package golang

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/tetratelabs/wazero"
	"go.uber.org/goleak"

	"github.com/grow-platform/grow/compiler"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// project copies a folder of testdata to where it may be written to, and
// returns the source of the actor at path in it. Nothing may be fetched.
func project(t *testing.T, folder, path string) compiler.Source {
	t.Helper()
	t.Setenv("GOPROXY", "off")
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", folder))); err != nil {
		t.Fatal(err)
	}
	return compiler.Source{
		Dir: dir, Actor: "price", Language: "go", Path: filepath.Join(dir, path),
		Out: filepath.Join(dir, ".grow", "build", "price.wasm"),
	}
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
			t.Log(e.Log)
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

// exports asks wazero what the module exports.
func exports(t *testing.T, path string) map[string]bool {
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
	names := map[string]bool{}
	for name := range m.ExportedFunctions() {
		names[name] = true
	}
	for name := range m.ExportedMemories() {
		names[name] = true
	}
	return names
}

func TestBuild(t *testing.T) {
	for _, c := range []struct {
		name, folder, path string
		change             string // a file that goes into the module, though it may be outside the folder
		ignored            string // a file that does not
	}{
		{"files only", "bare", ".", "greeting.txt", ".grow/notes"},
		{"module of its own", "module", "actor", "lib/lib.go", "lib/sub/other.go"},
		{"module around it", "enclosing", "actor", "price/price.go", "other/other.go"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := project(t, c.folder, c.path)
			first := mustBuild(t, s)
			if first.Cached || first.Module != s.Out || !strings.HasPrefix(first.Digest, "sha256:") {
				t.Errorf("first build: %+v", first)
			}
			for _, name := range []string{"memory", "grow_alloc", "grow_handle"} {
				if !exports(t, first.Module)[name] {
					t.Errorf("module does not export %s", name)
				}
			}
			write(t, filepath.Join(s.Dir, c.ignored), "package other")
			t.Run("again", func(t *testing.T) {
				t.Setenv("PATH", "") // nothing can be started
				if again := mustBuild(t, s); !again.Cached || again.Digest != first.Digest {
					t.Errorf("second build: %+v, want the first one's module, cached", again)
				}
			})
			path := filepath.Join(s.Dir, c.change)
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			write(t, path, strings.NewReplacer("0.9", "0.8", "Hello", "Moin").Replace(string(text)))
			if changed := mustBuild(t, s); changed.Cached || changed.Digest == first.Digest {
				t.Errorf("build after %s changed: %+v, want another module", c.change, changed)
			}
			write(t, path, string(text))
			if back := mustBuild(t, s); back.Digest != first.Digest {
				t.Errorf("build of the first sources again: %s, want %s", back.Digest, first.Digest)
			}
		})
	}
}

func TestBuildInWorkspace(t *testing.T) {
	s := project(t, "module", "actor")
	// The user's workspace replaces what go.mod asks for, and names no SDK.
	write(t, filepath.Join(s.Dir, "go.work"), "go 1.24\n\nuse ./actor\nuse ./lib\n")
	mod := filepath.Join(s.Path, "go.mod")
	write(t, mod, "module example.com/actor\n\ngo 1.24\n")
	mustBuild(t, s)
	t.Run("one that names an SDK of its own", func(t *testing.T) {
		fake := filepath.Join(s.Dir, "fake")
		write(t, filepath.Join(fake, "go.mod"), "module github.com/grow-platform/grow/sdk/go\n\ngo 1.24\n")
		write(t, filepath.Join(fake, "grow.go"), "package grow\n")
		write(t, filepath.Join(s.Dir, "go.work"), "go 1.24\n\nuse ./actor\nuse ./lib\nuse ./fake\n")
		_, err := New().Build(t.Context(), s)
		if err == nil || !strings.Contains(err.Error(), "undefined: grow.") {
			t.Errorf("error %v, want those of the SDK that the workspace names", err)
		}
	})
}

func TestBuildLeavesFolderAlone(t *testing.T) {
	s := project(t, "bare", ".")
	s.Out = filepath.Join(t.TempDir(), "price.wasm")
	mustBuild(t, s)
	entries, err := os.ReadDir(s.Path)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 2 {
		t.Errorf("source folder holds %v after the build, want main.go and greeting.txt", entries)
	}
}

func TestBuildErrors(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string // over those of bare; "" removes
		code  string
		first string // the first diagnostic, as far as it matters
		hint  string // part of it
	}{
		{"undefined name", map[string]string{"main.go": "package main\n\nfunc main() { x() }\n"}, "build.failed", "main.go:3:15: undefined: x", ""},
		{"syntax", map[string]string{"main.go": "package main\n\nfunc main() {\n"}, "build.failed", "main.go:4:1: syntax error", ""},
		{"package below", map[string]string{"main.go": "package main\n\nimport _ \"actor/price/sub\"\n\nfunc main() {}\n", "sub/sub.go": "package sub\n\nvar x int = \"\"\n"},
			"build.failed", "sub/sub.go:3:13: cannot use", ""},
		{"no main package", map[string]string{"main.go": "package price\n"}, "build.source", "", "package main"},
		{"no func main", map[string]string{"main.go": "package main\n"}, "build.failed", "", "func main() {}"},
		{"no Go files", map[string]string{"main.go": ""}, "build.source", "", "main package"},
		{"foreign package", map[string]string{"main.go": "package main\n\nimport _ \"example.com/x\"\n\nfunc main() {}\n"}, "build.failed", "main.go:3:8: cannot find module providing package example.com/x", "go get"},
		{"broken go.mod", map[string]string{"go.mod": "module x\n\nrequired y\n"}, "build.failed", "go.mod:3:1: unknown directive: required", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := project(t, "bare", ".")
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
				t.Errorf("code %s, diagnostic %q, hint %q; want %s, %q, %q\n%s", e.Code, first, e.Hint, c.code, c.first, c.hint, e.Log)
			}
		})
	}
}

func TestBuildWithoutFolder(t *testing.T) {
	s := project(t, "bare", "nowhere")
	if e := mustFail(t, t.Context(), s); e.Code != "build.source" || !errors.Is(e, os.ErrNotExist) || e.Hint == "" {
		t.Errorf("error %+v, want build.source for what does not exist, with a hint", e)
	}
}

func TestBuildWithoutGo(t *testing.T) {
	s := project(t, "bare", ".")
	t.Setenv("PATH", "")
	if e := mustFail(t, t.Context(), s); e.Code != "build.toolchain" || !strings.Contains(e.Hint, "install Go") {
		t.Errorf("error %+v, want build.toolchain and how to get Go", e)
	}
	found := New().Check(t.Context())
	if len(found) != 2 || found[0].OK || found[0].Fix == "" {
		t.Fatalf("findings %+v, want Go that is not OK and has a fix, and the SDK", found)
	}
	if _, err := os.Stat(filepath.Join(found[1].Path, "growtest", "growtest.go")); err != nil || !found[1].OK || found[1].Name != "go sdk" {
		t.Errorf("finding %+v (%v), want the folder of the SDK", found[1], err)
	}
}

func TestBuildStopped(t *testing.T) {
	s := project(t, "bare", ".")
	ctx, cancel := context.WithCancel(t.Context())
	s.Progress = func(string) { cancel() } // while go is about to be started
	if e := mustFail(t, ctx, s); e.Code != "build.failed" || !errors.Is(e, context.Canceled) {
		t.Errorf("error %+v, want one of a cancelled context", e)
	}
}

func TestBuildKeepsOldModule(t *testing.T) {
	s := project(t, "bare", ".")
	first := mustBuild(t, s)
	write(t, filepath.Join(s.Path, "main.go"), "package main\n\nfunc main() { x() }\n")
	if _, err := New().Build(t.Context(), s); err == nil {
		t.Fatal("broken sources were built")
	}
	if _, err := os.Stat(first.Module); err != nil {
		t.Errorf("the module that was there: %v", err)
	}
	entries, err := os.ReadDir(filepath.Dir(s.Out))
	if err != nil || len(entries) != 2 {
		t.Errorf("beside the module: %v, %v; want module and stamp only", entries, err)
	}
}

func TestBuildSeveralAtOnce(t *testing.T) {
	s := project(t, "bare", ".")
	var group sync.WaitGroup
	for i := range 4 {
		group.Go(func() {
			one := s
			one.Actor = fmt.Sprintf("price%d", i%2) // two of them write the same module
			one.Out = filepath.Join(s.Dir, ".grow", one.Actor+".wasm")
			if _, err := New().Build(t.Context(), one); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for i := range 2 {
		s.Actor = fmt.Sprintf("price%d", i)
		s.Out = filepath.Join(s.Dir, ".grow", s.Actor+".wasm")
		if !mustBuild(t, s).Cached {
			t.Errorf("%s is not up to date after it was built", s.Actor)
		}
	}
}
