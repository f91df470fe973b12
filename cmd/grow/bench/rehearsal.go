package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/grow-platform/grow/cmd/grow/app"
)

const (
	rehearsedRust   = 10_000 // messages
	rehearsedPython = 1_000
	rehearsedState  = 16 // bytes of text in each key's state
)

// rehearsing measures the processor time of a message that is handled again by another
// revision, reading it and comparing included, and that of handling it live.
func rehearsing(ctx context.Context, w *workspace, language, file, text string, messages int, told func(again, live time.Duration) (value, reference float64)) (rounder, error) {
	k, err := w.keeper(ctx, language, file, text, rehearsedState)
	if err != nil {
		return nil, err
	}
	other, n := k.other(1), 0
	return func(ctx context.Context) (value, reference float64, err error) {
		n++
		h, err := app.Start(ctx, app.Options{
			Dir: filepath.Join(w.dir, fmt.Sprintf("rehearsal-%s-%d", language, n)), Service: k.service, Modules: k.modules, Listen: "127.0.0.1:0", CacheDir: filepath.Join(w.dir, "cache"),
		})
		if err != nil {
			return 0, 0, err
		}
		defer func() { err = errors.Join(err, stop(h)) }()
		began := cpu()
		if err := askEach(ctx, h, messages); err != nil {
			return 0, 0, err
		}
		live := cpu() - began
		if _, _, err := h.Rehearse(ctx, other.service, other.modules, "keep", 1); err != nil { // starts what there is to start
			return 0, 0, err
		}
		began = cpu()
		ran, equal, err := h.Rehearse(ctx, other.service, other.modules, "keep", messages)
		again := cpu() - began
		if err == nil && (ran != messages || equal != messages) {
			err = fmt.Errorf("%d messages were handled again, and %d came out the same, of %d", ran, equal, messages)
		}
		if err != nil {
			return 0, 0, err
		}
		value, reference = told(again/time.Duration(messages), live/time.Duration(messages))
		return value, reference, nil
	}, nil
}

// rehearsingBeside measures the 99th percentile of latencies at swapLoad messages a second
// while what was handled before is handled again by another revision, over and over, beside
// the same when it is not.
func rehearsingBeside(ctx context.Context, w *workspace) (rounder, error) {
	k, err := w.keeper(ctx, "rust", "lib.rs", rustKeeper, rehearsedState)
	if err != nil {
		return nil, err
	}
	other, n := k.other(1), 0
	return func(ctx context.Context) (value, reference float64, err error) {
		n++
		h, err := app.Start(ctx, app.Options{
			Dir: filepath.Join(w.dir, fmt.Sprintf("rehearsal-live-%d", n)), Service: k.service, Modules: k.modules, Listen: "127.0.0.1:0", CacheDir: filepath.Join(w.dir, "cache"),
		})
		if err != nil {
			return 0, 0, err
		}
		defer func() { err = errors.Join(err, stop(h)) }()
		if err := askEach(ctx, h, rehearsedRust); err != nil {
			return 0, 0, err
		}
		if _, err := beside(ctx, h, quietly(warmUp)); err != nil {
			return 0, 0, err
		}
		with, without, err := besideTurns(ctx, h, func(ctx context.Context) error {
			for begin := time.Now(); time.Since(begin) < swapStretch; {
				ran, equal, err := h.Rehearse(ctx, other.service, other.modules, "keep", rehearsedRust)
				if err == nil && (ran != rehearsedRust || equal != ran) {
					err = fmt.Errorf("%d messages were handled again, and %d came out the same, of %d", ran, equal, rehearsedRust)
				}
				if err != nil {
					return err
				}
			}
			return nil
		}, quietly(swapStretch))
		if err != nil {
			return 0, 0, err
		}
		return tail(with, 0.99), tail(without, 0.99), nil
	}, nil
}

// askEach has messages be handled, one of each key at a time.
func askEach(ctx context.Context, h *app.Host, messages int) error {
	errs := make([]error, swapKeys)
	var wait sync.WaitGroup
	for key := range swapKeys {
		wait.Go(func() {
			for i := key; i < messages && errs[key] == nil; i += swapKeys {
				errs[key] = answeredBy(ctx, h, "keep", "keep.ask", fmt.Appendf(nil, `{"key":"k-%d"}`, key))
			}
		})
	}
	wait.Wait()
	return errors.Join(errs...)
}

// perSecond is how many messages take a second of a processor.
func perSecond(again, live time.Duration) (value, reference float64) {
	return float64(time.Second) / float64(again), float64(time.Second) / float64(live)
}

// eachMicros are microseconds of a message.
func eachMicros(again, live time.Duration) (value, reference float64) {
	return micros(again), micros(live)
}
