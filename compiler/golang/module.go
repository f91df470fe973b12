package golang

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"go/version"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/grow-platform/grow/compiler"
	"github.com/grow-platform/grow/compiler/cache"
	"github.com/grow-platform/grow/compiler/toolchain"
	"github.com/grow-platform/grow/sdk"
)

// module is how go is told where the sources' module and the SDK are. There are
// two ways: a go.mod laid over a folder that has none, and a workspace of the
// module that there is and the SDK. Neither writes to the folder.
type module struct {
	root  string   // folder of the go.mod that is used; "" when it is laid over
	sdk   string   // folder of the SDK in the cache
	work  string   // the go.work that is used; "" for none
	from  string   // the user's own go.work, which work was made of; "" for none
	flags []string // for build and list
	temp  string   // folder of the files that are needed for this build only
}

// arrange finds the module of the sources and writes the files that join it
// with the SDK.
func arrange(s compiler.Source, tool toolchain.Go) (*module, error) {
	fail := func(err error) error { return compiler.Fail(s, compiler.CodeFailed, "prepare Go module", err) }
	dir, err := cache.Extract(sdk.Go(), "go")
	if err != nil {
		return nil, fail(err)
	}
	m := &module{sdk: dir}
	if m.temp, err = os.MkdirTemp("", "grow-go-"); err != nil {
		return nil, fail(err)
	}
	if m.root, err = moduleOf(s.Path); err == nil {
		if m.root == "" {
			err = m.layOver(s, tool)
		} else {
			err = m.join(tool)
		}
	}
	if err != nil {
		m.remove()
		if _, coded := errors.AsType[*compiler.Error](err); coded {
			return nil, err
		}
		if list, ok := errors.AsType[modfile.ErrorList](err); ok {
			return nil, refused(s, list)
		}
		return nil, fail(err)
	}
	return m, nil
}

// moduleOf returns the folder of the go.mod that holds for path, "" for none. A
// go.mod further up belongs to whatever project the service is a part of; it
// holds only when the sources import what the standard library and the SDK do
// not have, so that other actors need nothing of it.
func moduleOf(path string) (string, error) {
	if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil {
		return path, nil
	}
	foreign, err := importsForeign(path)
	if err != nil || !foreign {
		return "", err
	}
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if info, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil && info.Mode().IsRegular() {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", nil
		}
	}
}

// importsForeign tells whether any Go file below path imports more than the
// standard library, the SDK and what is laid over. Files that do not parse are
// left for the compiler to complain of.
func importsForeign(path string) (bool, error) {
	foreign := false
	err := filepath.WalkDir(path, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return nil
		}
		for _, spec := range parsed.Imports {
			name, _ := strconv.Unquote(spec.Path.Value)
			first, _, _ := strings.Cut(name, "/")
			ours := name == sdk.Module || strings.HasPrefix(name, sdk.Module+"/")
			if strings.Contains(first, ".") && !ours {
				foreign = true
				return fs.SkipAll
			}
		}
		return nil
	})
	return foreign, err
}

// layOver writes a go.mod that go takes for one in the source folder.
func (m *module) layOver(s compiler.Source, tool toolchain.Go) error {
	goMod := fmt.Sprintf("module actor/%s\n\ngo %s\n\nrequire %s v0.0.0\n\nreplace %s => %s\n",
		s.Actor, strings.TrimPrefix(version.Lang(tool.Version), "go"), sdk.Module, sdk.Module, modfile.AutoQuote(m.sdk))
	laid := filepath.Join(m.temp, "go.mod")
	if err := os.WriteFile(laid, []byte(goMod), 0o644); err != nil {
		return err
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(s.Path, "go.mod"): laid}})
	if err != nil {
		return err
	}
	file := filepath.Join(m.temp, "overlay.json")
	m.flags = []string{"-mod=readonly", "-overlay=" + file}
	return os.WriteFile(file, overlay, 0o644)
}

// join writes a go.work of the user's module and the SDK, unless the module
// says itself where its SDK comes from.
func (m *module) join(tool toolchain.Go) error {
	path := filepath.Join(m.root, "go.mod")
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	mod, err := modfile.Parse(path, data, nil)
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(m.root, "vendor", "modules.txt")); err == nil {
		m.flags = []string{"-mod=vendor"}
		return nil
	}
	m.flags = []string{"-mod=readonly"}
	if m.from = workspaceOf(m.root); m.from == "" && bringsSDK(mod) {
		return nil
	}
	w := workspace{uses: map[string]bool{m.root: true}, newest: atLeast(toolchain.GoMin, mod.Go), brought: bringsSDK(mod), required: requiresSDK(mod)}
	w.file.Syntax = new(modfile.FileSyntax)
	if m.from != "" {
		if err := w.include(m.from); err != nil {
			return err
		}
	}
	text, err := w.format(m.sdk)
	if err != nil {
		return err
	}
	m.work = filepath.Join(m.temp, "go.work")
	return os.WriteFile(m.work, text, 0o644)
}

func (m *module) environ() []string {
	work := m.work
	if work == "" {
		work = "off"
	}
	return toolchain.Environ(nil, "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOWORK="+work)
}

func (m *module) remove() { _ = os.RemoveAll(m.temp) } // a folder of the system's temporary files

// listed is what is asked of go list.
type listed struct {
	Dir        string
	Standard   bool
	EmbedFiles []string
	Module     *struct{ Version, Dir, GoMod string }
}

// inputs asks go which packages outside the source folder, the SDK and the
// module cache went into the module: those that may change.
func (m *module) inputs(ctx context.Context, s compiler.Source, tool toolchain.Go) ([]string, error) {
	if m.root == "" {
		return nil, nil // all there can be is below the folder
	}
	args := append([]string{"list", "-deps", "-json=Dir,Standard,EmbedFiles,Module"}, m.flags...)
	out, err := toolchain.Run(ctx, toolchain.Command{Path: tool.Path, Args: append(args, "."), Dir: s.Path, Env: m.environ()})
	if err != nil {
		if stopped := compiler.Stopped(ctx, s, string(out.Stderr)); stopped != nil {
			return nil, stopped
		}
		return nil, explain(s, compiler.Clip(out.Stderr), err)
	}
	also := map[string]bool{}
	for dec := json.NewDecoder(strings.NewReader(string(out.Stdout))); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, compiler.Fail(s, compiler.CodeFailed, "read what go list says", err)
		}
		if p.Standard || inside(p.Dir, s.Path) || inside(p.Dir, m.sdk) || fetched(p) {
			continue
		}
		also[p.Dir+string(filepath.Separator)] = true
		for _, file := range p.EmbedFiles {
			also[filepath.Join(p.Dir, file)] = true
		}
		if p.Module != nil && p.Module.GoMod != "" {
			also[p.Module.GoMod] = true
		}
	}
	for _, path := range []string{filepath.Join(m.root, "go.mod"), filepath.Join(m.root, "go.sum"), m.from} {
		if _, err := os.Stat(path); err == nil && path != "" && !inside(path, s.Path) {
			also[path] = true
		}
	}
	return slices.Sorted(maps.Keys(also)), nil
}

// fetched tells whether a package is of a module in the module cache, which
// never changes. The module of a folder that replaces another has the version
// of that other, but no version in its path.
func fetched(p listed) bool {
	return p.Module != nil && p.Module.Version != "" && strings.HasSuffix(filepath.ToSlash(p.Module.Dir), "@"+p.Module.Version)
}

func inside(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}
