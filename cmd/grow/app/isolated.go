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
	jail.Register(roleInstances, func(ctx context.Context, c jail.Conn) error { return process.Serve(ctx, c, openAdmitted) })
}

// isolating is the engine of actors that have a process of their own. Their
// modules are checked and compiled as all others are, by the queue and into the
// cache, if there are such; workers are handed what comes of it.
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
		Prepare: func(ctx context.Context, binary []byte, c engine.Config) ([]byte, error) {
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
			return t.entry, e.Close(ctx)
		},
	})
}

// tap is a cache that notes what passes: the entry of one module.
type tap struct {
	under *compiled.Cache // nil: there is none
	entry []byte
}

// Get implements wazero.Cache.
func (t *tap) Get(module wazero.Key) (entry []byte, ok bool) {
	if t.under != nil {
		t.entry, ok = t.under.Get(module)
	}
	return t.entry, ok
}

// Put implements wazero.Cache.
func (t *tap) Put(module wazero.Key, entry []byte) {
	if t.under != nil {
		t.under.Put(module, entry)
	}
	t.entry = entry
}

// openAdmitted opens the engine of a worker, which is handed what a tap noted.
func openAdmitted(ctx context.Context) (engine.Engine, error) {
	return wazero.New(ctx, wazero.Options{Admitted: true})
}
