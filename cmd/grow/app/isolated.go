package app

import (
	"context"
	"log/slog"

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
// modules are checked and compiled as all others are, by the options of their engine;
// workers are handed what comes of it. Once there is one, another waits to be the
// next, until spare is closed.
func isolating(o wazero.Options, spare *jail.Spare, log *slog.Logger) *process.Engine {
	return process.New(process.Options{
		Log: log,
		Start: func(ctx context.Context, memory int64) (process.Worker, error) {
			// It outlives ctx, which is that of one start.
			p, err := spare.Start(context.WithoutCancel(ctx), jail.Limits{MemoryMax: memory})
			if err != nil {
				return process.Worker{}, err
			}
			return process.Worker{Conn: p.Conn(), PID: p.PID(), Kill: p.Kill, Wait: p.Wait}, nil
		},
		Prepare: func(ctx context.Context, binary []byte, c engine.Config) ([]byte, error) {
			return wazero.Prepare(ctx, o, binary, c)
		},
	})
}

// openAdmitted opens the engine of a worker, which is handed what was prepared.
func openAdmitted(ctx context.Context) (engine.Engine, error) {
	return wazero.New(ctx, wazero.Options{Admitted: true})
}
