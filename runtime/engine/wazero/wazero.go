// Package wazero runs actors with github.com/tetratelabs/wazero, its compiler
// where the platform has one.
//
// Each module has a wazero runtime of its own: its memory limit, its imports
// and its code end with it. What compilation made is kept on disk in a folder
// per module and is found again by every later runtime.
//
// The context that wazero hands to host functions is the instance itself, so
// that they find it without a search or an allocation. Nothing is ever
// cancelled through it: a runtime that listens for that runs loops 30 times
// slower. What stops a guest is fuel, which a rewriting of the module brings.
package wazero

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"sync"

	"github.com/grow-platform/grow/runtime/engine"
	"github.com/tetratelabs/wazero"
)

// Options of an engine.
type Options struct {
	// CacheDir keeps compiled modules; "": nothing is kept. It is made when missing.
	CacheDir string
}

// New starts an engine.
func New(_ context.Context, o Options) (engine.Engine, error) {
	if o.CacheDir != "" {
		if err := os.MkdirAll(o.CacheDir, 0o700); err != nil {
			return nil, fmt.Errorf("make the folder of compiled modules: %w", err)
		}
	}
	return &machine{options: o, compiling: map[string]*sync.Mutex{}}, nil
}

// machine implements engine.Engine.
type machine struct {
	options Options

	mu        sync.Mutex
	compiling map[string]*sync.Mutex // by digest: one compilation fills the cache for all
}

// Close implements engine.Engine: what there is belongs to the modules.
func (*machine) Close(context.Context) error { return nil }

// Compile implements engine.Engine.
func (r *machine) Compile(ctx context.Context, binary []byte, c engine.Config) (engine.Module, error) {
	if err := admit(binary); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(binary)
	digest := hex.EncodeToString(sum[:])
	unlock := r.lock(digest)
	m, err := r.compile(ctx, binary, digest, c)
	unlock()
	if err != nil {
		return nil, err
	}
	if err := m.check(); err != nil {
		_ = m.Close(ctx) // the fault is what matters
		return nil, err
	}
	return m, nil
}

// lock has one module compiled once at a time.
func (r *machine) lock(digest string) (unlock func()) {
	r.mu.Lock()
	l := r.compiling[digest]
	if l == nil {
		l = new(sync.Mutex)
		r.compiling[digest] = l
	}
	r.mu.Unlock()
	l.Lock()
	return l.Unlock
}

// compile compiles with the cache. When that fails it tries anew with an empty
// one: a damaged entry must not stand for a fault of the module.
func (r *machine) compile(ctx context.Context, binary []byte, digest string, c engine.Config) (*module, error) {
	dir := ""
	if r.options.CacheDir != "" {
		dir = filepath.Join(r.options.CacheDir, digest)
	}
	m, err := build(ctx, binary, dir, c)
	if err != nil && dir != "" {
		if cleared := os.RemoveAll(dir); cleared == nil {
			m, err = build(ctx, binary, dir, c)
		}
	}
	if err != nil {
		return nil, invalid(err)
	}
	m.info.Digest, m.info.Size = "sha256:"+digest, len(binary)
	return m, nil
}

// build makes the runtime of a module and compiles it there.
func build(ctx context.Context, binary []byte, dir string, c engine.Config) (*module, error) {
	config := wazero.NewRuntimeConfig().WithMemoryLimitPages(pages(c.MemoryMax)).WithDebugInfoEnabled(true)
	m := &module{}
	if dir != "" {
		cache, err := wazero.NewCompilationCacheWithDir(dir)
		if err != nil {
			return nil, fmt.Errorf("open cache of compiled modules: %w", err)
		}
		m.cache = cache
		config = config.WithCompilationCache(cache)
	}
	m.runtime = wazero.NewRuntimeWithConfig(ctx, config)
	compiled, err := m.runtime.CompileModule(ctx, binary)
	if err != nil {
		_ = m.Close(ctx) // the fault is what matters
		return nil, err
	}
	m.compiled = compiled
	m.describe()
	return m, nil
}

const (
	pageSize  = 64 << 10
	pagesMax  = 65536 // of a 32-bit memory
	binaryMax = 32 << 20
)

// pages is how many whole pages a limit allows, at least one.
func pages(limit int64) uint32 { return uint32(max(1, min(limit/pageSize, pagesMax))) }

// describe fills in what the module says of itself.
func (m *module) describe() {
	for _, f := range m.compiled.ImportedFunctions() {
		from, name, _ := f.Import()
		m.info.Imports = append(m.info.Imports, from+"."+name)
		m.wasi = m.wasi || from == wasiName
	}
	for name := range m.compiled.ExportedFunctions() {
		m.info.Exports = append(m.info.Exports, name)
	}
	for name, memory := range m.compiled.ExportedMemories() {
		m.info.Exports = append(m.info.Exports, name)
		if name == "memory" {
			m.info.MemoryMin = int64(memory.Min()) * pageSize
		}
	}
	sort.Strings(m.info.Imports)
	sort.Strings(m.info.Exports)
	_, m.info.HasInit = m.compiled.ExportedFunctions()[exportInit]
}
