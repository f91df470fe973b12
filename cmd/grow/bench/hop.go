package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/testdata/wat"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

const (
	perActor = 4 // messages that go round, for each of the actors: busy ones have some waiting
	warmUp   = 150 * time.Millisecond
	stretch  = 600 * time.Millisecond // that is measured
)

// hop measures the CPU of a hop in circles of several sizes and gives the
// dearest, beside a raw call.
func hop(w *workspace, f flavour, sizes []int, direct bool) (rounder, error) {
	dirs, err := w.rings(f, sizes)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (float64, float64, error) {
		reference, err := rawCall(ctx)
		if err != nil {
			return 0, 0, err
		}
		value := 0.0
		for i, dir := range dirs {
			v, err := w.circle(ctx, dir, sizes[i], direct)
			if err != nil {
				return 0, 0, err
			}
			value = max(value, v)
		}
		return value, reference, nil
	}, nil
}

func hopJournal(_ context.Context, w *workspace) (rounder, error) {
	dirs, err := w.rings(untyped, []int{10})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (value, reference float64, err error) {
		if reference, err = w.circle(ctx, dirs[0], 10, true); err != nil {
			return 0, 0, err
		}
		value, err = w.circle(ctx, dirs[0], 10, false)
		return value, reference, err
	}, nil
}

func growth(_ context.Context, w *workspace) (rounder, error) {
	dirs, err := w.rings(untyped, []int{10, 1000})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (value, reference float64, err error) {
		if reference, err = w.circle(ctx, dirs[0], 10, true); err != nil {
			return 0, 0, err
		}
		value, err = w.circle(ctx, dirs[1], 1000, true)
		return value, reference, err
	}, nil
}

func (w *workspace) rings(f flavour, sizes []int) ([]string, error) {
	var dirs []string
	for _, n := range sizes {
		dir, err := w.ring(fmt.Sprintf("ring-%d-%d", f, n), n, f, false)
		if err != nil {
			return nil, err
		}
		dirs = append(dirs, dir)
	}
	return dirs, nil
}

// circle starts the service, sets messages going round it, and returns the
// nanoseconds of CPU that each handled message took.
func (w *workspace) circle(ctx context.Context, dir string, n int, direct bool) (perHop float64, err error) {
	h, err := w.start(ctx, dir)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, stop(h)) }()
	for i := range perActor * n {
		_, err := h.Shard().Accept(ctx, &shard.Request{
			To: fmt.Sprintf("ring/n%d", i%n), Source: "bench", Type: "echo.done", Data: order, Direct: direct,
		})
		if err != nil {
			return 0, err
		}
	}
	if err := pause(ctx, warmUp); err != nil {
		return 0, err
	}
	hops, used := handled(h), cpu()
	if err := pause(ctx, stretch); err != nil {
		return 0, err
	}
	hops, used = handled(h)-hops, cpu()-used
	if hops == 0 {
		return 0, errors.New("no message went round")
	}
	if total, _ := h.Shard().DeadCount(); total > 0 {
		return 0, fmt.Errorf("%d dead letters, the last: %s", total, h.Shard().DeadLetters(nil, 1)[0].Reason)
	}
	return float64(used) / float64(hops), nil
}

func handled(h *app.Host) (n uint64) {
	for _, s := range h.Shard().Status() {
		n += s.Handled
	}
	return n
}

// raw is the module of the actors, run by wazero with nothing of grow around it.
type raw struct {
	runtime wazero.Runtime
	module  api.Module
	handle  api.Function
	stack   [2]uint64
	at      uint32
	fuel    api.MutableGlobal // of a rewritten module
}

func newRaw(ctx context.Context, binary []byte) (*raw, error) {
	return rawIn(ctx, wazero.NewRuntime(ctx), binary)
}

// rawIn is newRaw in a runtime that may have modules for it to import.
func rawIn(ctx context.Context, in wazero.Runtime, binary []byte) (*raw, error) {
	r := &raw{runtime: in}
	m, err := r.runtime.Instantiate(ctx, binary)
	if err != nil {
		return nil, err
	}
	r.module, r.handle = m, m.ExportedFunction("grow_handle")
	at, err := m.ExportedFunction("grow_alloc").Call(ctx, 4096)
	if err != nil {
		return nil, err
	}
	r.at = uint32(at[0])
	return r, nil
}

// call is the least that handing a message over can cost: write, call, read.
func (r *raw) call(ctx context.Context, frame []byte, into []byte) error {
	if !r.module.Memory().Write(r.at, frame) {
		return errors.New("write outside memory")
	}
	r.stack[0], r.stack[1] = uint64(r.at), uint64(len(frame))
	if err := r.handle.CallWithStack(ctx, r.stack[:]); err != nil {
		return err
	}
	b, ok := r.module.Memory().Read(uint32(r.stack[0]>>32), uint32(r.stack[0]))
	if !ok {
		return errors.New("answer outside memory")
	}
	copy(into, b)
	return nil
}

// rawCall is the CPU of one call, in nanoseconds: on as many processors as the
// services use, so that both share caches and clock speed alike.
func rawCall(ctx context.Context) (float64, error) {
	frame := abi.NewMessage(order, abi.Type, "echo.done").Frame()
	type result struct {
		calls int
		err   error
	}
	results := make(chan result)
	used := cpu()
	for range runtime.GOMAXPROCS(0) {
		go func() { // ends with its stretch; the channel is read below
			n, err := calls(ctx, frame)
			results <- result{n, err}
		}()
	}
	total, errs := 0, []error(nil)
	for range runtime.GOMAXPROCS(0) {
		r := <-results
		total += r.calls
		errs = append(errs, r.err)
	}
	used = cpu() - used
	return float64(used) / float64(total), errors.Join(errs...)
}

func calls(ctx context.Context, frame []byte) (n int, err error) {
	r, err := newRaw(ctx, wat.Module("echo"))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, r.runtime.Close(ctx)) }()
	into := make([]byte, 4096)
	for end := time.Now().Add(stretch); time.Now().Before(end); {
		for range 10_000 {
			if err := r.call(ctx, frame, into); err != nil {
				return n, err
			}
		}
		n += 10_000
	}
	return n, nil
}
