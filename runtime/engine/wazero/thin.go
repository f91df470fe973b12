package wazero

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/wasm/thin"
)

// thinModule implements engine.Module for a module that runs on a language runtime.
type thinModule struct {
	machine   *machine
	reactor   *reactor
	about     engine.Info
	trees     []*tree
	key       Key   // of the image with the actor loaded
	memoryMax int64 // bytes an instance may have, whole pages
	closed    atomic.Bool

	turn   chan struct{} // holds one token: who has it owns what follows, and may make loaded
	booted *frozen       // nil: it is not needed any more
	loaded atomic.Pointer[frozen]
}

// compileThin is Compile of a thin module: its runtime is compiled and started.
func (r *machine) compileThin(ctx context.Context, wasm []byte, a *thin.Actor, c engine.Config) (engine.Module, error) {
	l, err := r.options.language(a)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(wasm)
	m := &thinModule{machine: r, memoryMax: c.MemoryMax / pageSize * pageSize, turn: make(chan struct{}, 1)}
	if m.trees, err = own(a.Files); err != nil {
		return nil, err
	}
	if m.reactor, err = r.reactor(ctx, l, nil); err != nil {
		return nil, err
	}
	m.trees = m.reactor.shown(m.trees)
	world := binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint32(nil, c.Seed), uint64(m.memoryMax))
	m.key = keyOf("loaded", l, digest[:], world)
	begin := m.reactor.kept(m.key)
	if begin != nil {
		m.loaded.Store(begin.settle())
	} else if begin, err = m.reactor.boot(ctx, c.Seed); err == nil {
		m.booted = begin
	}
	if err == nil {
		err = fits(begin.image.Size, c.MemoryMax)
	}
	m.turn <- struct{}{}
	if err != nil {
		return nil, cmp.Or(err, m.Close(ctx))
	}
	m.about = m.reactor.linked.info()
	m.about.Digest, m.about.Size = "sha256:"+hex.EncodeToString(digest[:]), len(wasm)
	m.about.Language, m.about.MemoryMin = l.Name, begin.image.Size
	return m, nil
}

// Info implements engine.Module.
func (m *thinModule) Info() engine.Info { return m.about }

// Close implements engine.Module.
func (m *thinModule) Close(ctx context.Context) error {
	if m.closed.Swap(true) {
		return nil
	}
	if f := m.loaded.Swap(nil); f != nil {
		f.close()
	}
	return m.reactor.close(ctx)
}

// Instantiate implements engine.Module. The first instance loads the actor, those
// that are wanted meanwhile wait for it, and all begin with what came of that.
func (m *thinModule) Instantiate(ctx context.Context, h engine.Host) (engine.Instance, error) {
	if m.closed.Load() {
		return nil, errors.New("start instance: the module is closed")
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("start instance: %w", err)
	}
	f := m.loaded.Load()
	if f == nil {
		var err error
		if f, err = m.load(ctx, h); err != nil {
			return nil, err
		}
	}
	i, err := m.reactor.spawn(ctx, h, f, m.trees, &m.machine.memory, m.memoryMax)
	if err != nil {
		return nil, err
	}
	return i, nil
}

// load loads the actor, unless that has been done meanwhile. What fails is not kept:
// the next one tries again.
func (m *thinModule) load(ctx context.Context, h engine.Host) (*frozen, error) {
	select {
	case <-m.turn:
		defer func() { m.turn <- struct{}{} }()
	case <-ctx.Done():
		return nil, fmt.Errorf("start instance: %w", ctx.Err())
	}
	if f := m.loaded.Load(); f != nil {
		return f, nil
	}
	host := loading{Host: h, world: newWorld(m.key[:])}
	i, err := m.reactor.spawn(ctx, host, m.booted, m.trees, &m.machine.memory, m.memoryMax)
	if err != nil {
		return nil, err
	}
	err = i.load(host)
	var f *frozen
	if err == nil {
		f, err = i.freeze()
	}
	if err = errors.Join(err, i.Close()); err != nil {
		return nil, err
	}
	m.reactor.keep(m.key, f)
	f.settle()
	m.booted = nil
	m.loaded.Store(f)
	return f, nil
}
