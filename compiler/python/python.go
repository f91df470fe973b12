// Package python builds actors written in Python, for the language "python".
//
// The source folder holds main.py, other modules and data, and may hold a
// requirements.txt. Nothing is compiled: the module is a thin one (package
// runtime/wasm/thin) that carries those files, and the packages that they need,
// to the language runtime that it names.
//
// Whether the sources are good is for the interpreter to say, and the one that
// will run them knows its own grammar best: they are checked by an actor in
// Python, in the folder checker, which the engine runs like any other.
package python

import (
	"context"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/grow-platform/grow/compiler"
	"github.com/grow-platform/grow/compiler/cache"
	"github.com/grow-platform/grow/compiler/toolchain"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/wasm/thin"
)

// recipe changes whenever this package makes other modules of the same sources.
const recipe = "python/1"

// language is the name by which actor.yaml and thin modules ask for Python.
const language = "python"

// Version is the version of Python that packages are chosen for.
const Version = "3.13"

// Runtime is where Python is had from.
type Runtime struct {
	// Language returns the language runtime that modules are made for. Its error
	// says what to do where there is none.
	Language func() (*engine.Language, error)
	// Engine opens an engine that has the language, for the checks of sources. It is
	// asked when the first sources are checked; the engine is kept until Close.
	Engine func(ctx context.Context) (engine.Engine, error)
}

// Compiler builds Python actors. It implements compiler.Compiler.
type Compiler struct {
	runtime Runtime
	checker *checker

	mu       sync.Mutex
	unpacked map[string]*packages // by digest of a lock: those of the last builds
}

// New returns the compiler.
func New(r Runtime) *Compiler {
	return &Compiler{runtime: r, checker: &checker{runtime: r}, unpacked: map[string]*packages{}}
}

// Language implements compiler.Compiler.
func (*Compiler) Language() string { return language }

// Close ends the interpreter that checks sources, and its engine.
func (c *Compiler) Close(ctx context.Context) error { return c.checker.close(ctx) }

// Check implements compiler.Compiler.
func (c *Compiler) Check(ctx context.Context) []toolchain.Finding {
	f := toolchain.Finding{Name: "python runtime"}
	if l, err := c.runtime.Language(); err != nil {
		f.Problem, f.Fix = err.Error(), "take a binary of grow that `make build` made, or in a clone of grow: make setup"
	} else {
		f.OK, f.Version = true, l.Digest[:min(len(l.Digest), 12)]
	}
	return []toolchain.Finding{f}
}

// CheckFetch implements compiler.Fetcher: actors with a requirements.txt need it.
func (*Compiler) CheckFetch(ctx context.Context, sources []string) (toolchain.Finding, bool) {
	needed := slices.ContainsFunc(sources, func(dir string) bool {
		_, err := os.Stat(filepath.Join(dir, requirementsName))
		return err == nil
	})
	_, found := findInstaller(ctx)
	return found, needed
}

// Build implements compiler.Compiler.
func (c *Compiler) Build(ctx context.Context, s compiler.Source) (compiler.Result, error) {
	l, err := c.runtime.Language()
	if err != nil {
		e := compiler.Fail(s, compiler.CodeToolchain, "find the Python runtime", err)
		e.Hint = "see: grow doctor"
		return compiler.Result{}, e
	}
	if err := inspect(s); err != nil {
		return compiler.Result{}, err
	}
	return compiler.Incremental(ctx, s, compiler.Recipe{
		Parts: map[string]string{"recipe": recipe, "runtime": l.Digest, "checker": checkerDigest(), "in": strings.Join(s.In, " ")},
		Locks: []string{lockName},
		Make:  func(ctx context.Context, draft string) (compiler.Made, error) { return c.make(ctx, s, l, draft) },
	})
}

// make packs the actor, once its sources are good and its packages are there.
func (c *Compiler) make(ctx context.Context, s compiler.Source, l *engine.Language, draft string) (compiler.Made, error) {
	if stopped := compiler.Stopped(ctx, s, ""); stopped != nil {
		return compiler.Made{}, stopped
	}
	files, err := collect(s)
	if err != nil {
		return compiler.Made{}, err
	}
	needs, log, err := c.packages(ctx, s)
	if err != nil {
		return compiler.Made{}, err
	}
	said, err := c.review(ctx, s, files, needs)
	if err != nil {
		return compiler.Made{}, err
	}
	a := &thin.Actor{Language: l.Name, Digest: l.Digest, Files: map[string][]byte{}}
	for name, data := range files {
		a.Files[thin.App+name] = data
	}
	for name, data := range needs.files {
		a.Files[thin.Packages+name] = data
	}
	binary, err := thin.Pack(a)
	if err != nil {
		e := compiler.Fail(s, compiler.CodeSource, "pack actor", err)
		e.Hint = "move data out of the folder of the sources, or ask for fewer packages in " + requirementsName
		return compiler.Made{}, e
	}
	if err := os.WriteFile(draft, binary, 0o644); err != nil {
		return compiler.Made{}, compiler.Fail(s, compiler.CodeFailed, "write module", err)
	}
	return compiler.Made{Log: compiler.Clip([]byte(log + said))}, nil
}

// checkerDigest stands for the sources of the checker in the recipe of modules.
var checkerDigest = sync.OnceValue(func() string {
	return cache.Digest(map[string]string{path.Base(checkerMain): checkerSource})
})
