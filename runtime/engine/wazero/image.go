package wazero

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/grow-platform/grow/runtime/admission"
	"github.com/grow-platform/grow/runtime/wasm/probe"
	"github.com/tetratelabs/wazero"
)

// image is the compiled code of one module.
type image struct {
	digest  Key // of the binary
	options Options
	reactor bool    // of a language runtime
	users   int     // guarded by machine.mu
	probes  *probes // nil: it has none, and is shared by those who want the same module

	free   chan struct{}           // holds one token: who has it owns what follows
	store  *store                  // of cache
	cache  wazero.CompilationCache // nil before the first link
	linked *linked                 // likewise
}

func newImage(digest Key, o Options, reactor bool) *image {
	b := &image{digest: digest, options: o, reactor: reactor, free: make(chan struct{}, 1), store: &store{elsewhere: o.Compile}}
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

// linked is a binary in a wazero runtime, with its imports: what instances are
// made of.
type linked struct {
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
	wasi     bool // imports something of WASI
	own      int  // index of the first function that is not imported, as the module's author counts
	fuel     place
	probes   *probes // nil: it has none
}

// link returns the binary ready to make instances of. admit makes of it what is
// compiled.
func (b *image) link(ctx context.Context, wasm []byte, admit func([]byte) ([]byte, error)) (*linked, error) {
	if err := b.take(ctx); err != nil {
		return nil, err
	}
	defer b.give()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("compile module: %w", err)
	}
	if b.linked != nil {
		return b.linked, nil
	}
	a, kept, err := b.admit(wasm, admit)
	if err != nil {
		return nil, err
	}
	l, err := b.build(ctx, a)
	if err != nil {
		return nil, err
	}
	l.probes = b.probes
	if err := l.prepare(ctx, b.reactor); err != nil {
		_ = l.close(ctx) // the fault is what matters
		return nil, err
	}
	b.linked = l
	if b.options.Cache != nil && (!kept || b.store.made) {
		if b.reactor {
			if a, err = a.bare(); err != nil {
				return nil, err
			}
		}
		b.options.Cache.Put(b.digest, a.encode())
	}
	return l, nil
}

// admit returns the admitted module, and says whether it was kept.
func (b *image) admit(wasm []byte, make func([]byte) ([]byte, error)) (a *admitted, kept bool, err error) {
	if b.options.Admitted {
		a, err = b.decode(wasm)
		return a, true, err
	}
	if b.options.Cache != nil {
		if entry, ok := b.options.Cache.Get(b.digest); ok {
			if a, err := b.decode(entry); err == nil && (!a.hull || a.key == processor()) {
				return a, true, nil
			}
		}
	}
	code, err := make(wasm)
	return &admitted{code: code}, false, err
}

// decode reads an entry of a cache. Those of reactors that have been compiled are
// hulls.
func (b *image) decode(entry []byte) (*admitted, error) {
	a, err := decode(entry)
	if err == nil {
		a.hull = b.reactor && len(a.machine) > 0
	}
	return a, err
}

// build makes a runtime with the code in it. Memory limits are those of each
// instance (see growing), so one runtime does for all of them.
func (b *image) build(ctx context.Context, a *admitted) (*linked, error) {
	if b.cache == nil {
		cache, err := open(b.store)
		if err != nil {
			return nil, err
		}
		b.cache = cache
	}
	b.store.ctx, b.store.admitted, b.store.made = ctx, a, false
	defer func() { b.store.ctx, b.store.admitted = nil, nil }()
	l := &linked{runtime: wazero.NewRuntimeWithConfig(ctx, config(b.cache))}
	compiled, err := compile(ctx, l.runtime, a.code)
	if err != nil {
		_ = l.runtime.Close(ctx) // the fault is what matters
		return nil, err
	}
	l.compiled = compiled
	return l, nil
}

// prepare serves the imports of a module, which admission has checked.
func (l *linked) prepare(ctx context.Context, reactor bool) error {
	imported := l.compiled.ImportedFunctions()
	var locals []int
	for _, f := range imported {
		from, name, _ := f.Import()
		l.wasi = l.wasi || from == admission.WASI
		if n, err := strconv.Atoi(name); err == nil && from == probe.ImportModule {
			locals = append(locals, n)
		}
	}
	l.own = len(imported) - 1 // without that of the rewriting
	if l.probes != nil {
		l.probes.locals = locals
		l.own -= len(locals)
	}
	return l.linkImports(ctx, reactor)
}

func (l *linked) close(ctx context.Context) error {
	if err := errors.Join(l.compiled.Close(ctx), l.runtime.Close(ctx)); err != nil {
		return fmt.Errorf("close module: %w", err)
	}
	return nil
}

// close releases everything; no instance is left.
func (b *image) close(ctx context.Context) error {
	<-b.free
	defer b.give()
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

// added is how many imports the rewriting has added.
func (l *linked) added() int {
	if l.probes != nil {
		return 1 + len(l.probes.locals)
	}
	return 1
}
