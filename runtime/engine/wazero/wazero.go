// Package wazero runs actors with github.com/tetratelabs/wazero, its compiler
// where the platform has one.
//
// A binary is admitted and compiled once, whoever asks and how often; a [Cache]
// keeps what comes of it from run to run.
//
// The context that wazero hands to host functions is the instance itself, so
// that they find it without a search or an allocation. Nothing is ever
// cancelled through it: a runtime that listens for that runs loops 30 times
// slower. What stops a guest is fuel, which a rewriting of the module brings
// (see package admission).
package wazero

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"math"
	"sync"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/admission"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/wasm/thin"
	"github.com/tetratelabs/wazero"
)

// Options of an engine.
type Options struct {
	// Cache keeps admitted modules from run to run; nil: nothing is kept.
	Cache Cache
	// Admitted has Compile take what [Prepare] makes in place of modules: somebody
	// who is trusted has admitted what is in it. One that was prepared with probes is
	// compiled with an engine.Debug, whose Probed is not looked at; its calls are told of
	// as they lie in the code section of what was handed over, by Call.At alone.
	Admitted bool
	// Compile makes machine code of an admitted module as [Build] does, and
	// bounds what that takes; nil: this process does it, without bounds. What
	// it fails with is an *engine.Error, or wraps ctx's error.
	Compile func(ctx context.Context, code []byte) (Key, []byte, error)
	// Languages are the language runtimes that thin modules may need.
	Languages []engine.Language
	// MemoryMax bounds the linear memory of all instances, in bytes; 0: it is not
	// bounded. Beyond half of it an instance may only grow to its even share of
	// the other half.
	MemoryMax int64
}

// New starts an engine.
func New(_ context.Context, o Options) (engine.Engine, error) {
	settle()
	return &machine{options: o, images: map[Key]*image{}, memory: budget{max: o.MemoryMax}}, nil
}

// settle has wazero find out its own version, which it does without a lock when
// it is first asked: two compilations at the same time would be a race. No folder
// can have this name, so nothing else comes of it.
var settle = sync.OnceFunc(func() { _, _ = wazero.NewCompilationCacheWithDir("\x00") })

// machine implements engine.Engine.
//
// Its lock and that of an image are never held together.
type machine struct {
	options Options

	mu     sync.Mutex
	images map[Key]*image // those in use, by digest

	memory budget
}

// Close implements engine.Engine: what there is belongs to the modules.
func (*machine) Close(context.Context) error { return nil }

// Compile implements engine.Engine.
func (r *machine) Compile(ctx context.Context, wasm []byte, c engine.Config) (engine.Module, error) {
	if r.options.Admitted && bytes.HasPrefix(wasm, []byte(bundleMark)) {
		if c.Debug != nil {
			return nil, errProbedThin
		}
		return r.compileBundle(ctx, wasm, c)
	}
	if a, err := r.thin(wasm); err != nil {
		return nil, err
	} else if a != nil && c.Debug != nil {
		return nil, errProbedThin
	} else if a != nil {
		return r.compileThin(ctx, wasm, a, c)
	}
	if c.Debug != nil {
		return r.compileProbed(ctx, wasm, c)
	}
	digest := sha256.Sum256(wasm)
	b := r.use(digest, false)
	l, err := b.link(ctx, wasm, admission.Admit)
	var info engine.Info
	if err == nil {
		info = l.info()
		info.Digest, info.Size = "sha256:"+hex.EncodeToString(digest[:]), len(wasm)
		err = fits(info.MemoryMin, c.MemoryMax)
	}
	if err != nil {
		_ = r.release(ctx, b) // the fault is what matters
		return nil, err
	}
	return &module{machine: r, image: b, linked: l, about: info, memoryMax: c.MemoryMax / pageSize * pageSize, answerMax: answerMax(c)}, nil
}

// answerMax is the bytes of a frame that a message may be answered with.
func answerMax(c engine.Config) uint32 {
	return uint32(min(cmp.Or(max(0, c.AnswerMax), abi.FrameMax), math.MaxUint32))
}

// thin is what a thin module says; nil: it is a whole one.
func (r *machine) thin(wasm []byte) (*thin.Actor, error) {
	if r.options.Admitted {
		return nil, nil
	}
	return admission.Thin(wasm)
}

// use returns the binary of a digest; release it once it is of no more use.
func (r *machine) use(digest Key, reactor bool) *image {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.images[digest]
	if b == nil {
		b = newImage(digest, r.options, reactor)
		r.images[digest] = b
	}
	b.users++
	return b
}

// release closes the binary when nobody else uses it.
func (r *machine) release(ctx context.Context, b *image) error {
	r.mu.Lock()
	b.users--
	last := b.users == 0
	if last {
		delete(r.images, b.digest)
	}
	r.mu.Unlock()
	if !last {
		return nil
	}
	return b.close(ctx)
}

const (
	pageSize = 64 << 10 // bytes of a page of linear memory
	pagesMax = 65536    // of a 32-bit memory
)
