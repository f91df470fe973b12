package compiler

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/grow-platform/grow/compiler/cache"
	"github.com/grow-platform/grow/compiler/toolchain"
)

// Recipe is how a language makes a module, for [Incremental].
type Recipe struct {
	// Parts is everything besides files that the module depends on, by name:
	// options, the SDK's digest, variables of the environment. The language and
	// Source's own options are added.
	Parts map[string]string
	// Tools are the names of the programs, as they are looked for in PATH.
	Tools []string
	// Locks are the names of files that the tools themselves keep in the source
	// folder (Cargo.lock). A build may write them and is not out of date by that.
	Locks []string
	// Make makes the module at the path draft. It is not called while nothing
	// has changed. Its errors are of type *Error.
	Make func(ctx context.Context, draft string) (Made, error)
}

// Made is what Make tells of the module.
type Made struct {
	// Also names files and folders outside Source.Path that went into the
	// module, as absolute paths; see cache.DigestPath.
	Also []string
	Log  string
}

// Incremental builds s by r unless the module at Source.Out is up to date. A
// module appears at Out whole or not at all; a build that fails leaves the one
// that was there.
func Incremental(ctx context.Context, s Source, r Recipe) (Result, error) {
	start := time.Now()
	before, err := sources(s)
	if err != nil {
		return Result{}, err
	}
	want := cache.Stamp{Recipe: recipeDigest(s, r), Root: cache.Digest(before), Tools: map[string]string{}}
	for _, tool := range r.Tools {
		want.Tools[tool] = toolchain.Fingerprint(tool)
	}
	if old, ok := cache.ReadStamp(s.Out); ok && old.Holds(want, s.Out) {
		return Result{Module: s.Out, Digest: "sha256:" + old.Module, Cached: true, Took: time.Since(start), Log: old.Log}, nil
	}
	draft, err := newDraft(s.Out)
	if err != nil {
		return Result{}, Fail(s, CodeFailed, "write module", err)
	}
	defer os.Remove(draft)
	made, err := r.Make(ctx, draft)
	if err != nil {
		return Result{}, err
	}
	if want.Module, err = cache.DigestFile(draft); err == nil {
		err = os.Chmod(draft, 0o644)
	}
	if err == nil {
		err = os.Rename(draft, s.Out)
	}
	if err != nil {
		return Result{}, Fail(s, CodeFailed, "write module", err)
	}
	want.Log = made.Log
	if err := seal(s, r, &want, before, made.Also); err != nil {
		return Result{}, Fail(s, CodeFailed, "remember what the module is made of", err)
	}
	return Result{Module: s.Out, Digest: "sha256:" + want.Module, Took: time.Since(start), Log: made.Log}, nil
}

// sources returns the digests of the files at s.Path.
func sources(s Source) (map[string]string, error) {
	files, err := cache.Files(s.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e := Fail(s, CodeSource, "read sources", err)
		e.Hint = "put the sources there, or name their folder under `code:` in actor.yaml"
		return nil, e
	case errors.Is(err, cache.ErrTooLarge):
		e := Fail(s, CodeSource, "read sources in "+s.Path, err)
		e.Hint = "move data and products out of the folder of the sources"
		return nil, e
	case err != nil:
		return nil, Fail(s, CodeSource, "read sources", err)
	}
	return files, nil
}

func recipeDigest(s Source, r Recipe) string {
	parts := map[string]string{"language": s.Language, "actor": s.Actor}
	if s.Debug {
		parts["debug"] = "yes"
	}
	for name, value := range r.Parts {
		parts["recipe "+name] = value
	}
	return cache.Digest(parts)
}

func newDraft(out string) (string, error) {
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return "", err
	}
	f, err := os.CreateTemp(filepath.Dir(out), ".draft-*.wasm")
	if err != nil {
		return "", err
	}
	return f.Name(), f.Close()
}

// seal writes the stamp. Sources that somebody changed while the tools ran may
// or may not be in the module: then the stamp keeps the digest from before, and
// the next build runs again.
func seal(s Source, r Recipe, stamp *cache.Stamp, before map[string]string, also []string) error {
	after, err := cache.Files(s.Path)
	if err != nil {
		return err
	}
	root := cache.Digest(after)
	for _, name := range r.Locks {
		delete(before, name)
		delete(after, name)
	}
	if cache.Digest(before) == cache.Digest(after) {
		stamp.Root = root
	}
	stamp.Also = map[string]string{}
	for _, path := range also {
		if stamp.Also[path], err = cache.DigestPath(path); err != nil {
			return err
		}
	}
	return stamp.Write(s.Out)
}

// Stopped makes the error of a tool that did not end by itself because ctx did,
// and returns nil when that was not so.
func Stopped(ctx context.Context, s Source, log string) *Error {
	if ctx.Err() == nil {
		return nil
	}
	e := Fail(s, CodeFailed, "stopped before it was done", ctx.Err())
	e.Log = log
	return e
}

// Missing makes the error of tools that are not good enough to build with, and
// returns nil when all are.
func Missing(s Source, findings []toolchain.Finding) *Error {
	for _, f := range findings {
		if !f.OK {
			return &Error{Code: CodeToolchain, Actor: s.Actor, Text: f.Name + ": " + f.Problem, Hint: f.Fix}
		}
	}
	return nil
}

// SDK is the finding of the sources that actors of a language are built with, which are
// written to the cache: editors and the language's own tests are told where they lie.
func SDK(language string, files fs.FS) toolchain.Finding {
	f := toolchain.Finding{Name: language + " sdk"}
	var err error
	if f.Path, err = cache.Extract(files, language); err != nil {
		f.Problem, f.Fix = err.Error(), "have the cache folder be one that can be written to"
	}
	f.OK = err == nil
	return f
}

// Relative returns path as diagnostics give it: relative to the service's
// folder when it is inside, else as it is.
func (s Source) Relative(path string) string {
	if rel, err := filepath.Rel(s.Dir, path); err == nil && filepath.IsLocal(rel) {
		return filepath.ToSlash(rel)
	}
	return path
}

// Clip cuts a tool's output to LogMax bytes.
func Clip(log []byte) string {
	if len(log) <= LogMax {
		return string(log)
	}
	return string(log[:LogMax]) + "\n… the rest was dropped\n"
}
