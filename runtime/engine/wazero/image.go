package wazero

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/grow-platform/grow/runtime/engine"
	"github.com/tetratelabs/wazero"
)

// image is the compiled code of one module.
type image struct {
	digest string
	users  int // guarded by machine.mu

	free   chan struct{}           // holds one token: who has it owns what follows
	store  *store                  // of cache
	cache  wazero.CompilationCache // nil before the first link
	limits map[uint32]*linked      // by pages of memory
}

func newImage(digest string, o Options) *image {
	b := &image{
		digest: digest, free: make(chan struct{}, 1), limits: map[uint32]*linked{},
		store: &store{cache: o.Cache, elsewhere: o.Compile},
	}
	b.give()
	return b
}

// take waits for the token, which one holds who compiles for all; give gives it back.
func (b *image) take(ctx context.Context) error {
	select {
	case <-b.free:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("compile module: %w", ctx.Err())
	}
}

func (b *image) give() { b.free <- struct{}{} }

// linked is a binary in a wazero runtime, with its imports: what instances
// under one memory limit are made of.
type linked struct {
	image    *image
	pages    uint32
	users    int // who has image's token
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
	wasi     bool // imports something of WASI

	mu      sync.Mutex
	checked bool // grow_abi was asked for and is ours
}

// link returns the binary under a memory limit; unlink gives it back.
func (b *image) link(ctx context.Context, code []byte, limit uint32) (*linked, error) {
	if err := b.take(ctx); err != nil {
		return nil, err
	}
	defer b.give()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("compile module: %w", err)
	}
	if l := b.limits[limit]; l != nil {
		l.users++
		return l, nil
	}
	l, err := b.build(ctx, code, limit)
	if err != nil {
		return nil, err
	}
	if err := l.prepare(ctx); err != nil {
		_ = l.close(ctx) // the fault is what matters
		return nil, err
	}
	l.users = 1
	b.limits[limit] = l
	return l, nil
}

// build makes a runtime with a memory limit and the code in it.
func (b *image) build(ctx context.Context, code []byte, limit uint32) (*linked, error) {
	if b.cache == nil {
		cache, err := open(b.store)
		if err != nil {
			return nil, err
		}
		b.cache = cache
	}
	b.store.ctx, b.store.code = ctx, code
	defer func() { b.store.ctx, b.store.code, b.store.machine = nil, nil, nil }()
	l := &linked{image: b, pages: limit, runtime: wazero.NewRuntimeWithConfig(ctx, config(b.cache, limit))}
	compiled, err := compile(ctx, l.runtime, code)
	if err != nil {
		_ = l.runtime.Close(ctx) // the fault is what matters
		return nil, err
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

// unlink closes the runtime when nobody else uses it.
func (l *linked) unlink(ctx context.Context) error {
	<-l.image.free
	defer l.image.give()
	l.users--
	if l.users > 0 {
		return nil
	}
	delete(l.image.limits, l.pages)
	return l.close(ctx)
}

func (l *linked) close(ctx context.Context) error {
	if err := errors.Join(l.compiled.Close(ctx), l.runtime.Close(ctx)); err != nil {
		return fmt.Errorf("close module: %w", err)
	}
	return nil
}

// close releases the compiled code; there is no linked left.
func (b *image) close(ctx context.Context) error {
	<-b.free
	defer b.give()
	if b.cache == nil {
		return nil
	}
	if err := b.cache.Close(ctx); err != nil {
		return fmt.Errorf("close compiled code: %w", err)
	}
	return nil
}

// tooSmall is the fault of a limit that allows no page of memory.
func tooSmall() error {
	return &engine.Error{Code: engine.CodeLimit, Reason: fmt.Sprintf("the memory limit is less than a page of %d bytes", pageSize)}
}
