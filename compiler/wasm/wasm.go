// Package wasm takes modules that somebody compiled already, for the language
// "wasm": Source.Path is the .wasm file. It is not looked into here, beyond
// what tells a module from another file; admission does that.
package wasm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/grow-platform/grow/compiler"
	"github.com/grow-platform/grow/compiler/cache"
	"github.com/grow-platform/grow/compiler/toolchain"
)

// ModuleMax is the size of the largest module that is taken, in bytes.
const ModuleMax = 32 << 20

var magic = []byte("\x00asm")

type wasm struct{}

func init() { compiler.Register(wasm{}) }

// New returns the compiler.
func New() compiler.Compiler { return wasm{} }

func (wasm) Language() string { return "wasm" }

// Check finds nothing: no tool is needed.
func (wasm) Check(context.Context) []toolchain.Finding { return nil }

func (wasm) Build(ctx context.Context, s compiler.Source) (compiler.Result, error) {
	start := time.Now()
	if err := ctx.Err(); err != nil {
		return compiler.Result{}, compiler.Stopped(ctx, s, "")
	}
	if err := inspect(s); err != nil {
		return compiler.Result{}, err
	}
	sum, err := cache.DigestFile(s.Path)
	if err != nil {
		return compiler.Result{}, compiler.Fail(s, compiler.CodeSource, "read module", err)
	}
	cached := false
	if have, err := cache.DigestFile(s.Out); err == nil && have == sum {
		cached = true
	} else if sum, err = cache.Place(s.Path, s.Out); err != nil {
		return compiler.Result{}, compiler.Fail(s, compiler.CodeFailed, "write module", err)
	}
	return compiler.Result{Module: s.Out, Digest: "sha256:" + sum, Cached: cached, Took: time.Since(start)}, nil
}

// inspect refuses what cannot be a module.
func inspect(s compiler.Source) error {
	refuse := func(text, hint string, cause error) error {
		e := compiler.Fail(s, compiler.CodeSource, text, cause)
		e.Hint = hint
		return e
	}
	info, err := os.Stat(s.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return refuse("read module", "put the compiled module there, or name its path under `code:` in actor.yaml", err)
	case err != nil:
		return refuse("read module", "", err)
	case !info.Mode().IsRegular():
		return refuse("read module: "+s.Relative(s.Path)+" is not a file", "name the .wasm file itself under `code:` in actor.yaml", nil)
	case info.Size() > ModuleMax:
		return refuse("read module: "+s.Relative(s.Path)+fmt.Sprintf(" is larger than %d MiB", ModuleMax>>20), "", nil)
	}
	f, err := os.Open(s.Path)
	if err != nil {
		return refuse("read module", "", err)
	}
	defer f.Close()
	head := make([]byte, len(magic))
	if n, _ := io.ReadFull(f, head); !bytes.Equal(head[:n], magic) {
		e := &compiler.Error{Code: compiler.CodeSource, Actor: s.Actor, Text: "read module: not a WebAssembly module",
			Hint:        "name a compiled module; text (.wat) is compiled by: wat2wasm FILE.wat",
			Diagnostics: []compiler.Diagnostic{{File: s.Relative(s.Path), Text: `does not begin with "\0asm"`}}}
		return e
	}
	return nil
}
