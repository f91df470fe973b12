package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/testdata/wat"
)

const (
	isolationStretches = 40  // of a round, by turns
	isolationStretch   = 100 // messages
)

// isolation measures the median time of a message that is handled in a process
// of its own, beside that in this one, by turns.
func isolation(_ context.Context, w *workspace) (rounder, error) {
	return func(ctx context.Context) (value, reference float64, err error) {
		e, err := app.NewEngine(ctx, filepath.Join(w.dir, "cache"), nil)
		if err != nil {
			return 0, 0, err
		}
		defer func() { err = errors.Join(err, e.Close(ctx)) }()
		var took [2][]float64
		var instances [2]*actor.Instance
		for k := range instances {
			i, end, err := lone(ctx, e, wat.Module("echo"), k == 1)
			if err != nil {
				return 0, 0, err
			}
			defer func() { err = errors.Join(err, end()) }()
			instances[k] = i
		}
		for range isolationStretches {
			for k, i := range instances {
				if took[k], err = handleMany(took[k], i); err != nil {
					return 0, 0, err
				}
			}
		}
		return median(took[1]), median(took[0]), nil
	}, nil
}

// lone is an instance of an actor that has sent on what it got, and what ends it.
func lone(ctx context.Context, e engine.Engine, binary []byte, isolated bool) (*actor.Instance, func() error, error) {
	m, err := e.Compile(ctx, binary, engine.Config{MemoryMax: memoryMax, Isolated: isolated, Name: "order", Instances: 1})
	if err != nil {
		return nil, nil, err
	}
	a, err := newActor(ctx, m)
	if err != nil {
		return nil, nil, errors.Join(err, m.Close(ctx))
	}
	i, err := first(ctx, a)
	if err != nil {
		return nil, nil, errors.Join(err, m.Close(ctx))
	}
	return i, func() error {
		a.Discard(i)
		<-a.Close()
		return m.Close(context.WithoutCancel(ctx))
	}, nil
}

// handleMany has an instance handle messages, and adds what each took in microseconds.
func handleMany(took []float64, i *actor.Instance) ([]float64, error) {
	task := actor.Task{Message: abi.NewMessage(order, abi.Type, "echo.done", abi.ID, "bench", abi.ContentType, abi.ContentJSON), ID: "bench"}
	for range isolationStretch {
		begin := time.Now()
		task.Now = begin.UnixNano()
		if r := i.Handle(&task); r.Outcome != actor.Handled || len(r.Outputs) != 1 {
			return nil, fmt.Errorf("the actor did not answer: %s %s", r.Code, r.Text)
		}
		took = append(took, micros(time.Since(begin)))
	}
	return took, nil
}

// startIsolated measures from a Rust module whose machine code is kept to the
// first answer in a new process, beside the same in this one.
func startIsolated(ctx context.Context, w *workspace) (rounder, error) {
	binary, err := w.rust(ctx)
	if err != nil {
		return nil, err
	}
	once := func(ctx context.Context, isolated bool) (took float64, err error) {
		begin := time.Now()
		e, err := app.NewEngine(ctx, filepath.Join(w.dir, "isolated"), nil)
		if err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, e.Close(ctx)) }()
		_, end, err := lone(ctx, e, binary, isolated)
		if err != nil {
			return 0, err
		}
		return float64(time.Since(begin)) / float64(time.Millisecond), end()
	}
	if _, err := once(ctx, false); err != nil { // fills the cache
		return nil, err
	}
	return func(ctx context.Context) (value, reference float64, err error) {
		var took [2][]float64
		for range 5 {
			for k := range took {
				t, err := once(ctx, k == 1)
				if err != nil {
					return 0, 0, err
				}
				took[k] = append(took[k], t)
			}
		}
		return median(took[1]), median(took[0]), nil
	}, nil
}

// nextIsolated measures the same beside startIsolated's, but in a host that has an
// isolated actor already: a process waits for the next one, as it does for one whose
// process has died.
func nextIsolated(ctx context.Context, w *workspace) (rounder, error) {
	binary, err := w.rust(ctx)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (value, reference float64, err error) {
		e, err := app.NewEngine(ctx, filepath.Join(w.dir, "isolated"), nil)
		if err != nil {
			return 0, 0, err
		}
		defer func() { err = errors.Join(err, e.Close(ctx)) }()
		var took [2][]float64
		for range nextStarts {
			for k := range took {
				begin := time.Now()
				_, end, err := lone(ctx, e, binary, k == 0)
				if err != nil {
					return 0, 0, err
				}
				took[k] = append(took[k], float64(time.Since(begin))/float64(time.Millisecond))
				if err := end(); err != nil {
					return 0, 0, err
				}
				time.Sleep(nextRest)
			}
		}
		return median(took[0]), median(took[1]), nil
	}, nil
}

const (
	nextStarts = 7
	nextRest   = 100 * time.Millisecond // in which a process comes to wait
)
