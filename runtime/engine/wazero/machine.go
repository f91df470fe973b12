package wazero

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"runtime/debug"
	"sync"
	"unsafe"

	"github.com/grow-platform/grow/runtime/admission"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/tetratelabs/wazero"
)

// Key is a digest. One names a module; another its machine code, being that of the
// module as admission left it and of the processor.
type Key = [32]byte

// Cache keeps modules that have been admitted, with their machine code, by the
// digest of the original. What Get returns is loaded and run as it is: it must be
// what Put was given under that key, by somebody who is trusted, or nothing. It is
// safe for concurrent use, and the bytes are not written again.
type Cache interface {
	Get(module Key) (entry []byte, ok bool)
	Put(module Key, entry []byte)
}

// Recipe says what an entry of a cache depends on besides its key. What was made
// by another recipe must not be loaded.
func Recipe() string {
	version := "dev"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, d := range info.Deps {
			if d.Path == "github.com/tetratelabs/wazero" {
				version = d.Version + " " + d.Sum
			}
		}
	}
	return "wazero " + version + " " + runtime.GOOS + "/" + runtime.GOARCH + ", " + admission.Recipe()
}

// Build makes machine code of a module that has been admitted, in this process:
// it is what [Options.Compile] may have another process do. The time and the
// memory that it takes are bounded by nothing.
func Build(ctx context.Context, code []byte) (Key, []byte, error) {
	kept := &store{ctx: ctx, admitted: &admitted{code: code}}
	cache, err := open(kept)
	if err != nil {
		return Key{}, nil, err
	}
	r := wazero.NewRuntimeWithConfig(ctx, config(cache))
	_, err = compile(ctx, r, code)
	if err = errors.Join(err, r.Close(ctx), cache.Close(ctx)); err != nil {
		return Key{}, nil, err
	}
	if !kept.made {
		return Key{}, nil, errors.New("compile module: there is no compiler for this system")
	}
	return kept.key, kept.machine, nil
}

// config is how modules are compiled, wherever that is.
func config(c wazero.CompilationCache) wazero.RuntimeConfig {
	return wazero.NewRuntimeConfig().WithDebugInfoEnabled(true).WithCompilationCache(c)
}

// compile is CompileModule. wazero's compiler panics where it finds a fault of
// its own; that must not be the end of the process.
func compile(ctx context.Context, r wazero.Runtime, code []byte) (m wazero.CompiledModule, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = &engine.Error{Code: engine.CodeCompile, Reason: fmt.Sprintf("the compiler fails on the module: %v", fault), Stack: string(debug.Stack())}
		}
	}()
	m, err = r.CompileModule(ctx, code)
	var known *engine.Error
	switch {
	case err == nil || errors.As(err, &known):
		return m, err
	case ctx.Err() != nil:
		return nil, fmt.Errorf("compile module: %w", err)
	}
	return nil, invalid(err)
}

// store is where wazero finds machine code and leaves it: the methods are those
// that its own cache of files has. It serves one compilation at a time.
type store struct {
	elsewhere func(ctx context.Context, code []byte) (Key, []byte, error) // nil: wazero compiles

	ctx       context.Context // of the compilation under way
	*admitted                 // that is compiled
	made      bool            // its machine code was not there
	asked     Key             // what wazero asked for last
}

// Get returns the machine code that there is, or has it made elsewhere.
func (s *store) Get(k [32]byte) (io.ReadCloser, bool, error) {
	s.asked = k
	if len(s.machine) > 0 && (s.key == k || s.hull && s.key == processor()) {
		return io.NopCloser(bytes.NewReader(s.machine)), true, nil
	}
	if s.hull { // what is there to compile is not the module
		return nil, false, &engine.Error{Code: engine.CodeCompile, Reason: "the machine code of the module is for another processor"}
	}
	if s.elsewhere == nil {
		return nil, false, nil
	}
	made, b, err := s.elsewhere(s.ctx, s.code)
	if err != nil {
		return nil, false, err
	}
	if made != k {
		return nil, false, &engine.Error{Code: engine.CodeCompile, Reason: "the compiler made machine code for another module or processor"}
	}
	s.key, s.machine, s.made = k, b, true
	return io.NopCloser(bytes.NewReader(b)), true, nil
}

// processor is the key of the machine code of an empty module: it says for what
// processor machine code is made here. Zero: none is.
var processor = sync.OnceValue(func() Key {
	ctx := context.Background()
	s := &store{ctx: ctx, admitted: &admitted{key: Key{1}}}
	cache, err := open(s)
	if err != nil {
		return Key{}
	}
	r := wazero.NewRuntimeWithConfig(ctx, config(cache))
	_, err = compile(ctx, r, []byte("\x00asm\x01\x00\x00\x00"))
	if errors.Join(err, r.Close(ctx), cache.Close(ctx)) != nil {
		return Key{}
	}
	return s.asked
})

// Add takes what wazero has compiled itself.
func (s *store) Add(k [32]byte, content io.Reader) error {
	b, err := io.ReadAll(content)
	if err != nil {
		return fmt.Errorf("take machine code: %w", err)
	}
	s.key, s.machine, s.made = k, b, true
	return nil
}

// Delete is asked for what another version of wazero has made: a recipe of its
// own, so there is none.
func (*store) Delete([32]byte) error { return nil }

// open makes a cache of wazero that leaves machine code with s.
//
// wazero has no way to say so: its cache is a folder, which it reads itself,
// after whatever check, and in pieces of 8 bytes. So its field is set here. A
// release of wazero that has another one is told by this error, and by a test.
func open(s *store) (wazero.CompilationCache, error) {
	c := wazero.NewCompilationCache()
	v := reflect.ValueOf(c)
	if v.Kind() == reflect.Pointer && v.Elem().Kind() == reflect.Struct {
		f := v.Elem().FieldByName("fileCache")
		if f.IsValid() && f.Kind() == reflect.Interface && reflect.TypeOf(s).Implements(f.Type()) {
			reflect.NewAt(f.Type(), unsafe.Pointer(f.UnsafeAddr())).Elem().Set(reflect.ValueOf(s))
			return c, nil
		}
	}
	return nil, fmt.Errorf("open cache of machine code: %T of this release of wazero is not known", c)
}
