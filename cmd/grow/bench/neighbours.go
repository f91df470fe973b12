package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/testdata/wat"
)

const (
	clients        = 4
	clientStretch  = 4 * time.Second
	collectEvery   = 50 * time.Millisecond
	hostileBacklog = 50 // messages that wait at each hostile actor
)

// hostiles are the modules of eight actors that use whatever they get.
var hostiles = []string{"spin", "fill", "recurse", "flood", "spin", "fill", "recurse", "flood"}

// neighbours measures the 99th percentile of an actor's latency over HTTP
// while hostile actors run at full load, beside that without them. The clients
// are a process of their own.
func neighbours(_ context.Context, w *workspace) (rounder, error) {
	dir := filepath.Join(w.dir, "neighbours")
	files := map[string]string{
		"grow.yaml":               "service: bench\nabout: Measures.\nhttp:\n  POST /orders: {send: echo.done, to: echo, reply: {echo.done: 200}}\n",
		"types/bench.cue":         "\"echo.done\": _\n",
		"actors/echo/actor.yaml":  "actor: echo\nabout: Sends on what it gets.\ncode: {language: wasm, source: module.wasm}\nin: [echo.done]\nout: [echo.done]\n",
		"actors/echo/module.wasm": string(wat.Module("echo")),
	}
	for i, name := range hostiles {
		folder := fmt.Sprintf("actors/h%d/", i)
		files[folder+"module.wasm"] = string(wat.Module(name))
		files[folder+"actor.yaml"] = fmt.Sprintf("actor: h%d\nabout: Does no good.\ncode: {language: wasm, source: module.wasm}\nin: [echo.done]\nretry: {max: 0}\n", i)
	}
	if err := writeAll(dir, files); err != nil {
		return nil, err
	}
	return func(ctx context.Context) (value, reference float64, err error) {
		h, err := w.mount(ctx, dir, app.Journal{At: app.Memory})
		if err != nil {
			return 0, 0, err
		}
		defer func() { err = errors.Join(err, stop(h)) }()
		if reference, err = percentile(ctx, h.URL()); err != nil {
			return 0, 0, err
		}
		ctx, cancel := context.WithCancel(ctx)
		var wait sync.WaitGroup
		defer wait.Wait()
		defer cancel()
		for i := range hostiles {
			wait.Go(func() { besiege(ctx, h, fmt.Sprintf("h%d", i)) })
		}
		wait.Go(func() {
			for pause(ctx, collectEvery) == nil {
				runtime.GC()
			}
		})
		if err := pause(ctx, warmUp); err != nil {
			return 0, 0, err
		}
		value, err = percentile(ctx, h.URL())
		return value, reference, err
	}, nil
}

// besiege keeps a mailbox from becoming empty.
func besiege(ctx context.Context, h mounted, actor string) {
	for ctx.Err() == nil {
		for _, n := range h.Shard().Status() {
			if n.Node != actor {
				continue
			}
			for range hostileBacklog - n.Mailbox {
				// What is refused is tried again with the next round.
				_, _ = h.Shard().Accept(ctx, &shard.Request{To: actor, Source: "bench", Type: "echo.done", Data: order, Direct: true})
			}
		}
		_ = pause(ctx, time.Millisecond) // the loop looks at ctx
	}
}

// percentile runs the clients against a service and returns the 99th
// percentile of their latencies in milliseconds.
func percentile(ctx context.Context, url string) (float64, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, self, "-clients", url+"/orders")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("clients: %w", err)
	}
	var p99 float64
	if err := json.Unmarshal(out, &p99); err != nil {
		return 0, fmt.Errorf("clients said %q: %w", out, err)
	}
	return p99, nil
}

// runClients posts orders, one after the other on each connection, and writes
// the 99th percentile of the latencies in milliseconds.
func runClients(ctx context.Context, url string, w io.Writer) error {
	var mu sync.Mutex
	var all []time.Duration
	var errs []error
	var wait sync.WaitGroup
	end := time.Now().Add(clientStretch)
	for range clients {
		wait.Go(func() {
			times, err := one(ctx, url, end)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, times...)
			errs = append(errs, err)
		})
	}
	wait.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	slices.Sort(all)
	return json.NewEncoder(w).Encode(float64(all[len(all)*99/100]) / 1e6)
}

// one is one connection.
func one(ctx context.Context, url string, end time.Time) (times []time.Duration, err error) {
	client := &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	for time.Now().Before(end) {
		begin := time.Now()
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(order))
		if err != nil {
			return nil, err
		}
		r.Header.Set("Content-Type", "application/json")
		answer, err := client.Do(r)
		if err != nil {
			return nil, err
		}
		_, err = io.Copy(io.Discard, answer.Body)
		if err := errors.Join(err, answer.Body.Close()); err != nil {
			return nil, err
		}
		if answer.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("status %s", answer.Status)
		}
		times = append(times, time.Since(begin))
	}
	return times, nil
}

// runaway measures how long after its limit a guest that never ends is
// stopped, in milliseconds; the reference is the limit.
func runaway(_ context.Context, w *workspace) (rounder, error) {
	const limit = 50 * time.Millisecond
	var dirs []string
	for _, name := range []string{"spin", "fill", "flood"} {
		dir := filepath.Join(w.dir, "runaway-"+name)
		dirs = append(dirs, dir)
		err := writeAll(dir, map[string]string{
			"grow.yaml":              "service: bench\nabout: Measures.\n",
			"types/bench.cue":        "\"echo.done\": _\n",
			"actors/run/module.wasm": string(wat.Module(name)),
			"actors/run/actor.yaml": "actor: run\nabout: Never ends.\ncode: {language: wasm, source: module.wasm}\nin: [echo.done]\nretry: {max: 0}\n" +
				"limits: {fuel: 100G, time: " + limit.String() + "}\n",
		})
		if err != nil {
			return nil, err
		}
	}
	return func(ctx context.Context) (value, reference float64, err error) {
		for _, dir := range dirs {
			late, err := w.stopped(ctx, dir, limit)
			if err != nil {
				return 0, 0, err
			}
			value = max(value, late)
		}
		return value, limit.Seconds() * 1000, nil
	}, nil
}

// stopped returns by how many milliseconds a guest overran its time, at most of
// several messages.
func (w *workspace) stopped(ctx context.Context, dir string, limit time.Duration) (late float64, err error) {
	h, err := w.start(ctx, dir)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, stop(h)) }()
	for range 8 {
		begin := time.Now()
		f, err := h.Shard().Accept(ctx, &shard.Request{To: "run", Source: "bench", Type: "echo.done", Data: order, AnyReply: true})
		if err != nil {
			return 0, err
		}
		select {
		case <-f.Done():
		case <-ctx.Done():
			return 0, ctx.Err()
		}
		if a := f.Answer(); !strings.HasPrefix(a.Code, "limit.") {
			return 0, fmt.Errorf("the guest ended with %s: %s", a.Code, a.Text)
		}
		late = max(late, float64(time.Since(begin)-limit)/1e6)
	}
	return late, nil
}
