package wazero

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/tetratelabs/wazero"
)

// image is the compiled code of one module.
type image struct {
	digest string
	dir    string // of what is kept on disk; "": nothing is
	users  int    // guarded by machine.mu

	mu     sync.Mutex              // held while compiling: one does it for all
	cache  wazero.CompilationCache // nil before the first link
	linked *linked                 // likewise
}

// linked is a binary in a wazero runtime, with its imports: what instances are
// made of.
type linked struct {
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
	wasi     bool // imports something of WASI

	mu      sync.Mutex
	checked bool // grow_abi was asked for and is ours
}

// link returns the binary ready to make instances of.
func (b *image) link(ctx context.Context, code []byte) (*linked, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("compile module: %w", err)
	}
	if b.linked != nil {
		return b.linked, nil
	}
	l, err := b.compile(ctx, code)
	if err != nil {
		return nil, err
	}
	if err := l.prepare(ctx); err != nil {
		_ = l.close(ctx) // the fault is what matters
		return nil, err
	}
	b.linked = l
	return l, nil
}

// compile compiles into the cache on disk, or finds there what it compiled
// before. A cache that cannot be used, whatever the reason, is done without.
func (b *image) compile(ctx context.Context, code []byte) (*linked, error) {
	if b.cache != nil {
		return b.build(ctx, code)
	}
	if b.dir != "" {
		if l, err := b.compileOnDisk(ctx, code); err == nil {
			return l, nil
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("compile module: %w", ctx.Err())
		}
		_ = os.RemoveAll(b.dir) // the next process tries anew; this one goes on without
	}
	b.cache = wazero.NewCompilationCache()
	return b.build(ctx, code)
}

func (b *image) compileOnDisk(ctx context.Context, code []byte) (*linked, error) {
	kept := sealed(b.dir)
	if !kept {
		if err := os.RemoveAll(b.dir); err != nil {
			return nil, fmt.Errorf("clear cache of compiled modules: %w", err)
		}
	}
	cache, err := wazero.NewCompilationCacheWithDir(b.dir)
	if err != nil {
		return nil, fmt.Errorf("open cache of compiled modules: %w", err)
	}
	b.cache = cache
	l, err := b.build(ctx, code)
	if err != nil {
		b.cache = nil
		return nil, errors.Join(err, cache.Close(ctx))
	}
	// Without a seal the next process compiles anew. So it does after another
	// release of wazero has added a file of its own, and clears the old one.
	if !kept {
		_ = seal(b.dir)
	}
	return l, nil
}

// build makes a runtime with the code in it. Memory limits are those of each
// instance (see memory.go), so one runtime does for all of them.
func (b *image) build(ctx context.Context, code []byte) (*linked, error) {
	config := wazero.NewRuntimeConfig().WithDebugInfoEnabled(true).WithCompilationCache(b.cache)
	l := &linked{runtime: wazero.NewRuntimeWithConfig(ctx, config)}
	compiled, err := l.runtime.CompileModule(ctx, code)
	if err != nil {
		_ = l.runtime.Close(ctx) // the fault is what matters
		if ctx.Err() != nil {
			return nil, fmt.Errorf("compile module: %w", err)
		}
		return nil, invalid(err)
	}
	l.compiled = compiled
	return l, nil
}

// prepare checks the module against the ABI and serves its imports.
func (l *linked) prepare(ctx context.Context) error {
	for _, f := range l.compiled.ImportedFunctions() {
		from, _, _ := f.Import()
		l.wasi = l.wasi || from == wasiName
	}
	if err := l.check(); err != nil {
		return err
	}
	return l.linkImports(ctx)
}

func (l *linked) close(ctx context.Context) error {
	if err := errors.Join(l.compiled.Close(ctx), l.runtime.Close(ctx)); err != nil {
		return fmt.Errorf("close module: %w", err)
	}
	return nil
}

// close releases everything; no instance is left.
func (b *image) close(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	var errs []error
	if b.linked != nil {
		errs = append(errs, b.linked.close(ctx))
	}
	if b.cache != nil {
		if err := b.cache.Close(ctx); err != nil {
			errs = append(errs, fmt.Errorf("close compiled code: %w", err))
		}
	}
	return errors.Join(errs...)
}
