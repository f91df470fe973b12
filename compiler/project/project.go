// Package project builds the actors of a service: each by the compiler of its
// language, several at a time, into the folder of what is built.
package project

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"slices"
	"sort"
	"sync"

	"github.com/grow-platform/grow/compiler"
	"github.com/grow-platform/grow/compiler/cache"
	"github.com/grow-platform/grow/specs"
	"golang.org/x/sync/errgroup"
)

// Dir is where the modules of the service in dir are put.
func Dir(dir string) string { return filepath.Join(dir, ".grow", "build") }

// Module is the path of an actor's module.
func Module(dir, actor string) string { return filepath.Join(Dir(dir), actor+".wasm") }

// Uploaded is where a module that was uploaded to a host is looked for, by the digest
// that actor.yaml names: 64 hex digits. grow pull puts it there.
func Uploaded(dir, digest string) string {
	return filepath.Join(dir, ".grow", "modules", digest+".wasm")
}

// Event tells how a build goes on. Events come one at a time.
type Event struct {
	Actor    string
	Language string
	Line     string           // what a tool says; "" in the last event of an actor
	Result   *compiler.Result // in the last event, when it was built
	Err      error            // in the last event, when it was not
}

// Options of a build.
type Options struct {
	Only  []string // names of the actors to build; none: all
	Debug bool
	// Progress is told how it goes; nil: nobody is.
	Progress func(Event)
}

// UnknownError names an actor that the service does not have.
type UnknownError struct {
	Name string
	Have []string // sorted
}

// Error implements error.
func (e *UnknownError) Error() string { return fmt.Sprintf("there is no actor %q", e.Name) }

// Build builds actors and returns the results by name. One that fails does not
// stop the others: the error joins those of all, in order of name, each a
// *compiler.Error.
func Build(ctx context.Context, s *specs.Service, o Options) (map[string]compiler.Result, error) {
	names, err := chosen(s, o.Only)
	if err != nil {
		return nil, err
	}
	b := build{service: s, options: o, results: map[string]compiler.Result{}, errs: make([]error, len(names))}
	var group errgroup.Group
	group.SetLimit(max(2, runtime.GOMAXPROCS(0)/2))
	for i, name := range names {
		group.Go(func() error {
			b.errs[i] = b.one(ctx, s.Actors[name])
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return b.results, errors.Join(b.errs...)
}

func chosen(s *specs.Service, only []string) ([]string, error) {
	var all []string
	for name := range s.Actors {
		all = append(all, name)
	}
	sort.Strings(all)
	if len(only) == 0 {
		return all, nil
	}
	for _, name := range only {
		if s.Actors[name] == nil {
			return nil, &UnknownError{Name: name, Have: all}
		}
	}
	only = slices.Clone(only)
	slices.Sort(only)
	return slices.Compact(only), nil
}

// build is one run of Build.
type build struct {
	service *specs.Service
	options Options
	errs    []error

	mu      sync.Mutex // held while Progress is told, too
	results map[string]compiler.Result
}

func (b *build) one(ctx context.Context, a *specs.Actor) error {
	c, ok := compiler.For(a.Code.Language)
	if !ok {
		return &compiler.Error{Code: compiler.CodeSource, Actor: a.Name, Text: "this version of grow does not build " + a.Code.Language}
	}
	source, err := b.source(a)
	if err != nil {
		return err
	}
	tell := func(e Event) {
		if b.options.Progress != nil {
			e.Actor, e.Language = a.Name, a.Code.Language
			b.mu.Lock()
			defer b.mu.Unlock()
			b.options.Progress(e)
		}
	}
	result, err := c.Build(ctx, compiler.Source{
		Dir: b.service.Dir, Actor: a.Name, Language: a.Code.Language, Path: source, Out: Module(b.service.Dir, a.Name),
		Debug: b.options.Debug, In: a.In, Progress: func(line string) { tell(Event{Line: line}) },
	})
	if err != nil {
		tell(Event{Err: err})
		return err
	}
	b.mu.Lock()
	b.results[a.Name] = result
	b.mu.Unlock()
	tell(Event{Result: &result})
	return nil
}

// source is what an actor is built from. A module that was uploaded to a host must be
// the one that its digest names.
func (b *build) source(a *specs.Actor) (string, error) {
	if a.Code.Source != "" || a.Code.Digest == "" {
		return a.Code.Source, nil
	}
	path := Uploaded(b.service.Dir, a.Code.Digest)
	refuse := func(text, hint string, cause error) error {
		return &compiler.Error{Code: compiler.CodeSource, Actor: a.Name, Text: text, Hint: hint, Cause: cause}
	}
	sum, err := cache.DigestFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", refuse("its module was uploaded to a host, and is not here",
			"bring it: grow pull; or put the .wasm file into the actor's folder, and name it in actor.yaml: code: {language: wasm, source: module.wasm}", nil)
	case err != nil:
		return "", refuse("read module", "", err)
	case sum != a.Code.Digest:
		return "", refuse(fmt.Sprintf("what was brought as its module, %s, is another one: %.12s, not %.12s", path, sum, a.Code.Digest), "remove that file, and bring it again: grow pull", nil)
	}
	return path, nil
}
