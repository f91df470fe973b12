package app

import (
	"context"
	"log/slog"

	"github.com/grow-platform/grow/host/compiled"
	"github.com/grow-platform/grow/host/jail"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/engine/process"
	"github.com/grow-platform/grow/runtime/engine/wazero"
)

// roleInstances is the role of workers that run the instances of one actor
// (isolation: process).
const roleInstances = "instances"

func init() {
	jail.Register(roleInstances, func(ctx context.Context, c jail.Conn) error { return process.Serve(ctx, c, openHanded) })
}

// isolating is the engine of actors that have a process of their own. Their
// modules are checked and compiled as all others are, by the queue and into the
// cache, if there are such; workers are handed the machine code.
func isolating(cache *compiled.Cache, queue *compiled.Queue, log *slog.Logger) *process.Engine {
	return process.New(process.Options{
		Log: log,
		Start: func(ctx context.Context, memory int64) (process.Worker, error) {
			// It outlives ctx, which is that of one start.
			p, err := jail.Start(context.WithoutCancel(ctx), jail.Options{Role: roleInstances, Limits: jail.Limits{MemoryMax: memory}})
			if err != nil {
				return process.Worker{}, err
			}
			return process.Worker{Conn: p.Conn(), PID: p.PID(), Kill: p.Kill, Wait: p.Wait}, nil
		},
		Code: func(ctx context.Context, binary []byte, c engine.Config) ([]byte, error) {
			t := &tap{under: cache}
			e, err := wazero.New(ctx, wazero.Options{Cache: t, Compile: queue.Compile})
			if err != nil {
				return nil, err
			}
			m, err := e.Compile(ctx, binary, c)
			if err != nil {
				return nil, err
			}
			if err := m.Close(ctx); err != nil {
				return nil, err
			}
			return t.code, e.Close(ctx)
		},
	})
}

// tap is a cache that notes what passes: one module's machine code behind its key.
// It serves one compilation.
type tap struct {
	under *compiled.Cache // nil: there is none
	code  []byte
}

// Get implements wazero.Cache.
func (t *tap) Get(k wazero.Key) ([]byte, bool) {
	if t.under == nil {
		return nil, false
	}
	b, ok := t.under.Get(k)
	if ok {
		t.note(k, b)
	}
	return b, ok
}

// Put implements wazero.Cache.
func (t *tap) Put(k wazero.Key, machine []byte) {
	if t.under != nil {
		t.under.Put(k, machine)
	}
	t.note(k, machine)
}

func (t *tap) note(k wazero.Key, machine []byte) {
	t.code = append(append(t.code[:0], k[:]...), machine...)
}

// openHanded opens the engine of a worker that was handed what a tap noted.
func openHanded(ctx context.Context, code []byte) (engine.Engine, error) {
	var o wazero.Options
	if len(code) > len(wazero.Key{}) {
		o.Cache = &handed{wazero.Key(code), code[len(wazero.Key{}):]}
	}
	return wazero.New(ctx, o)
}

// handed is a cache of one module's machine code.
type handed struct {
	key     wazero.Key
	machine []byte
}

// Get implements wazero.Cache. It gives the code away: it is asked for once.
func (h *handed) Get(k wazero.Key) ([]byte, bool) {
	if k != h.key {
		return nil, false
	}
	b := h.machine
	h.machine = nil
	return b, b != nil
}

// Put implements wazero.Cache: there is nowhere to keep it.
func (*handed) Put(wazero.Key, []byte) {}
