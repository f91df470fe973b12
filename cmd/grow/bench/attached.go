package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/runtime/debug"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/testdata/wat"
)

// attachedKeys are those of the actor that is debugged; one of them stands still.
const attachedKeys = 8

// attached measures the 99th percentile of an actor's latency over HTTP while another is
// debugged: one of its keys stands still at a breakpoint, others are served under load. The
// reference is that of the same load with nobody attached.
func attached(_ context.Context, w *workspace) (rounder, error) {
	dir := filepath.Join(w.dir, "attached")
	actor := func(name, key string) string {
		return fmt.Sprintf("actor: %s\nabout: Sends on what it gets.\ncode: {language: wasm, source: module.wasm}\n%sin: [echo.done]\nout: [echo.done]\n", name, key)
	}
	if err := writeAll(dir, map[string]string{
		"grow.yaml":               "service: bench\nabout: Measures.\nhttp:\n  POST /orders: {send: echo.done, to: echo, reply: {echo.done: 200}}\n",
		"types/bench.cue":         "\"echo.done\": _\n",
		"actors/echo/actor.yaml":  actor("echo", ""),
		"actors/echo/module.wasm": string(wat.Module("echo")),
		"actors/seen/actor.yaml":  actor("seen", "key: data.id\n"),
		"actors/seen/module.wasm": string(wat.Module("echo")),
	}); err != nil {
		return nil, err
	}
	return func(ctx context.Context) (value, reference float64, err error) {
		service, err := app.Load(dir)
		if err != nil {
			return 0, 0, err
		}
		h, err := app.Start(ctx, app.Options{
			Dir: dir, Service: service, Modules: sources(service), Listen: "127.0.0.1:0", Journal: app.Journal{At: app.Memory}, CacheDir: filepath.Join(w.dir, "cache"),
		})
		if err != nil {
			return 0, 0, err
		}
		defer func() {
			_, stopped := h.Stop(context.WithoutCancel(ctx))
			err = errors.Join(err, stopped)
		}()
		ctx, cancel := context.WithCancel(ctx)
		var wait sync.WaitGroup
		defer wait.Wait()
		defer cancel()
		for k := range attachedKeys {
			wait.Go(func() { serveKey(ctx, h.Shard(), "seen", k) })
		}
		if reference, err = percentile(ctx, h.URL()); err != nil {
			return 0, 0, err
		}
		d, err := h.OpenDebugger(ctx, control.DebugTarget{Actor: "seen"}, "bench")
		if err != nil {
			return 0, 0, err
		}
		defer func() { err = errors.Join(err, d.Close()) }()
		if err := standStill(ctx, d); err != nil {
			return 0, 0, err
		}
		value, err = percentile(ctx, h.URL())
		return value, reference, err
	}, nil
}

// serveKey has an actor handle messages of one key, one after the other.
func serveKey(ctx context.Context, s *shard.Shard, actor string, key int) {
	for ctx.Err() == nil {
		f, err := s.Accept(ctx, &shard.Request{To: actor, Source: "bench", Type: "echo.done", Data: fmt.Appendf(nil, `{"id":"k%d"}`, key), AnyReply: true, Direct: true})
		if err != nil {
			_ = pause(ctx, time.Millisecond) // the loop looks at ctx
			continue
		}
		select {
		case <-f.Done():
		case <-ctx.Done():
		}
	}
}

// standStill has the next message of a session stand still.
func standStill(ctx context.Context, d *app.Debugged) error {
	if err := d.Pause(0); err != nil {
		return err
	}
	if err := d.Start(); err != nil {
		return err
	}
	for {
		select {
		case e := <-d.Events():
			if e.Kind == debug.Stopped {
				return nil
			}
		case <-d.Done():
			return errors.New("the debug session has ended before a message stood still")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
