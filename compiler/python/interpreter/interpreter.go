// Package interpreter has the runtime of Python actors: CPython as a Wasm module that
// engines run thin modules on, and its standard library.
//
// The runtime is built from sources by the recipe in this folder, in three steps (see
// [Step]): the C compiler is fetched; CPython is built as a library, and once natively,
// to compile modules with; the reactor is linked, with the C files in reactor, and the
// modules of the standard library and of the SDK are compiled. The command build, in
// the folder of that name, does what is not in the user's cache yet.
//
// [Find] looks for the runtime that this recipe makes: in the binary, where `make
// build` puts it by way of the folder dist, then in the user's cache.
package interpreter

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/grow-platform/grow/compiler/cache"
	"github.com/grow-platform/grow/runtime/engine"
)

// Name is the name of the language in thin modules.
const Name = "python"

// Library is where a guest sees the standard library, as a zip of compiled modules.
const Library = "/lib/python313.zip"

// The files of a packed runtime.
const (
	moduleFile   = "python.wasm.zst"
	libraryFile  = "python313.zip.parts"
	licensesFile = "licenses.zip.zst"
	versionsFile = "versions"
	digestFile   = "digest"
)

var packedFiles = []string{moduleFile, libraryFile, licensesFile, versionsFile, digestFile}

//go:embed dist
var dist embed.FS

// ErrMissing is returned by Find when this recipe's runtime is not there.
var ErrMissing = errors.New("the Python runtime is not built")

// Find returns the runtime. It fails with ErrMissing when neither the binary nor the
// user's cache has it.
func Find() (engine.Language, error) {
	files, err := lies()
	if err != nil {
		return engine.Language{}, err
	}
	return open(files)
}

// lies is where the packed runtime lies.
func lies() (fs.FS, error) {
	embedded, err := fs.Sub(dist, "dist")
	if err != nil {
		return nil, err
	}
	if is, err := fs.ReadFile(embedded, digestFile); err == nil && string(is) == Digest() {
		return embedded, nil
	}
	dir, err := Dir(Steps()[len(steps)-1])
	if err == nil {
		_, err = os.Stat(filepath.Join(dir, moduleFile))
	}
	if err != nil {
		return nil, fmt.Errorf("%w: in a clone of grow, run: make setup; a binary made by `make build` has it", ErrMissing)
	}
	return os.DirFS(dir), nil
}

// Dir returns the folder in the user's cache that has what a step makes, once it has
// been done.
func Dir(s Step) (string, error) {
	root, err := cache.Dir()
	if err != nil {
		return "", err
	}
	return filepath.Join(root, Name, s.Name+"-"+s.Digest[:16]), nil
}

// open makes a language of a packed runtime.
func open(files fs.FS) (engine.Language, error) {
	f, err := files.Open(libraryFile)
	if err != nil {
		return engine.Language{}, fmt.Errorf("open the Python runtime: %w", err)
	}
	parts, err := openParts(f)
	if err != nil {
		f.Close()
		return engine.Language{}, fmt.Errorf("open Python's standard library: %w", err)
	}
	return engine.Language{
		Name:   Name,
		Digest: Digest(),
		Module: func() ([]byte, error) { return unpackModule(files) },
		Files: []engine.Mount{{
			At:    path.Dir(Library),
			Files: single{path.Base(Library), parts, parts.size},
		}},
	}, nil
}
