package wazero

import (
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
	memoryMax int64 // bytes an instance may have besides the runtime, whole pages
	answerMax uint32
	closed    atomic.Bool

	turn   chan struct{} // holds one token: who has it owns what follows, and may make loaded
	booted *frozen       // nil: it is not needed any more
	loaded atomic.Pointer[frozen]
}

// errProbedThin is for probes in a module without code of its own.
var errProbedThin = &engine.Error{Code: engine.CodeDebug, Reason: "a module that runs on a language runtime has no probes: its instances are debugged as they are"}

// compileThin is Compile of a thin module: its runtime is compiled and started.
func (r *machine) compileThin(ctx context.Context, wasm []byte, a *thin.Actor, c engine.Config) (engine.Module, error) {
	l, err := r.options.language(a)
	if err != nil {
		return nil, err
	}
	t, err := r.reactor(ctx, l, nil)
	if err != nil {
		return nil, err
	}
	return t.module(ctx, wasm, a, c, nil)
}

// module makes a module for a thin one, which closes the runtime in the end.
// started is the runtime started with the seed of c; nil: that is still to be done.
func (t *reactor) module(ctx context.Context, wasm []byte, a *thin.Actor, c engine.Config, started *frozen) (engine.Module, error) {
	digest := sha256.Sum256(wasm)
	m := &thinModule{machine: t.machine, reactor: t, memoryMax: c.MemoryMax / pageSize * pageSize, answerMax: answerMax(c), turn: make(chan struct{}, 1), booted: started}
	m.turn <- struct{}{}
	m.key = keyOf("loaded", &t.language, digest[:],
		binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint32(nil, c.Seed), uint64(m.memoryMax)))
	files, err := own(a.Files)
	if err == nil {
		m.trees = t.shown(files)
		err = m.begin(ctx, c)
	}
	if err == nil {
		err = fits(m.size(), c.MemoryMax)
	}
	if err != nil {
		_ = m.Close(ctx) // the fault is what matters
		return nil, err
	}
	m.about = t.linked.info()
	m.about.Digest, m.about.Size = "sha256:"+hex.EncodeToString(digest[:]), len(wasm)
	m.about.Language = t.language.Name
	m.about.MemoryMin = m.size()
	return m, nil
}

// begin finds what instances begin with, or what is to load the actor.
func (m *thinModule) begin(ctx context.Context, c engine.Config) (err error) {
	if f := m.reactor.kept(m.key); f != nil {
		return m.share(f)
	}
	if m.booted == nil {
		m.booted, err = m.reactor.boot(ctx, c.Seed)
	}
	return err
}

// size is how much memory instances begin with besides the runtime's, as far as is
// known.
func (m *thinModule) size() int64 {
	if f := m.loaded.Load(); f != nil {
		return f.image.Size - f.runtime
	}
	return 0
}

// Info implements engine.Module.
func (m *thinModule) Info() engine.Info { return m.about }

// Close implements engine.Module.
func (m *thinModule) Close(ctx context.Context) error {
	if m.closed.Swap(true) {
		return nil
	}
	if f := m.loaded.Swap(nil); f != nil {
		m.machine.memory.unshare(f.bytes)
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
	i.answerMax = m.answerMax
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
	if err := m.share(f); err != nil {
		return nil, err
	}
	m.booted = nil
	return f, nil
}

// share has all instances begin with an image.
func (m *thinModule) share(f *frozen) error {
	if n := f.image.Bytes(); !m.machine.memory.share(n) {
		return &engine.Error{Code: engine.CodeMemory, Reason: fmt.Sprintf(
			"the memory that the host has for all actors is used up: the actor and its runtime have %d bytes", n)}
	}
	m.loaded.Store(f.settle())
	return nil
}
