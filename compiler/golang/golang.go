// Package golang builds actors written in Go, for the language "go".
//
// The source folder is a main package, as a module of its own or as nothing
// but files. The SDK that this program carries is written to the cache and put
// in the place of the module that the sources import, so that it is found
// without a network and fits the host.
package golang

import (
	"context"
	"os"
	"strings"

	"github.com/grow-platform/grow/compiler"
	"github.com/grow-platform/grow/compiler/cache"
	"github.com/grow-platform/grow/compiler/toolchain"
	"github.com/grow-platform/grow/sdk"
)

// recipe changes whenever this package makes other modules of the same sources.
const recipe = "go/1"

// heeded are the variables of the environment by which go makes another module.
var heeded = []string{"GOFLAGS", "GOTOOLCHAIN", "GOEXPERIMENT", "GOWASM", "GOFIPS140"}

type golang struct{}

func init() { compiler.Register(golang{}) }

// New returns the compiler.
func New() compiler.Compiler { return golang{} }

func (golang) Language() string { return "go" }

func (golang) Check(ctx context.Context) []toolchain.Finding {
	_, found := toolchain.FindGo(ctx, "")
	return []toolchain.Finding{found, compiler.SDK("go", sdk.Go())}
}

func (golang) Build(ctx context.Context, s compiler.Source) (compiler.Result, error) {
	sdkDigest, err := cache.DigestFS(sdk.Go())
	if err != nil {
		return compiler.Result{}, compiler.Fail(s, compiler.CodeFailed, "read SDK", err)
	}
	parts := map[string]string{"recipe": recipe, "sdk": sdkDigest}
	for _, name := range heeded {
		parts[name] = os.Getenv(name)
	}
	return compiler.Incremental(ctx, s, compiler.Recipe{
		Parts: parts,
		Tools: []string{"go"},
		Make:  func(ctx context.Context, draft string) (compiler.Made, error) { return build(ctx, s, draft) },
	})
}

func build(ctx context.Context, s compiler.Source, draft string) (compiler.Made, error) {
	if err := inspect(s); err != nil {
		return compiler.Made{}, err
	}
	tool, found := toolchain.FindGo(ctx, s.Path)
	if err := compiler.Stopped(ctx, s, ""); err != nil {
		return compiler.Made{}, err
	}
	if err := compiler.Missing(s, []toolchain.Finding{found}); err != nil {
		return compiler.Made{}, err
	}
	m, err := arrange(s, tool)
	if err != nil {
		return compiler.Made{}, err
	}
	defer m.remove()
	args := append([]string{"build"}, m.flags...)
	args = append(args, "-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-o", draft)
	if !s.Debug {
		args = append(args, "-ldflags=-s -w")
	}
	s.Say("go build " + s.Relative(s.Path))
	out, err := toolchain.Run(ctx, toolchain.Command{
		Path: tool.Path, Args: append(args, "."), Dir: s.Path, Env: m.environ(), Progress: s.Progress,
	})
	log := compiler.Clip(append(out.Stderr, out.Stdout...))
	if err != nil {
		if stopped := compiler.Stopped(ctx, s, log); stopped != nil {
			return compiler.Made{}, stopped
		}
		return compiler.Made{}, explain(s, log, err)
	}
	also, err := m.inputs(ctx, s, tool)
	if err != nil {
		return compiler.Made{}, err
	}
	return compiler.Made{Also: also, Log: log}, nil
}

// inspect refuses folders without Go files before a tool says so in its words.
func inspect(s compiler.Source) error {
	entries, err := os.ReadDir(s.Path)
	if err != nil {
		e := compiler.Fail(s, compiler.CodeSource, "read sources", err)
		e.Hint = "name the folder of the Go files under `code:` in actor.yaml"
		return e
	}
	for _, e := range entries {
		if name := e.Name(); strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			return nil
		}
	}
	return &compiler.Error{
		Code: compiler.CodeSource, Actor: s.Actor, Text: "no Go files in " + s.Relative(s.Path),
		Hint: "put a main package there that imports " + sdk.Module,
	}
}
