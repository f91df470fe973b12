package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/nats-io/nats-server/v2/server"
	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	rawCallers   = 64  // that publish to JetStream at once
	rawRecord    = 512 // bytes of a raw write: the order with what the journal adds
	durableKeys  = 512 // that messages are spread over
	mailboxes    = 8192
	settlePeriod = 30 * time.Second
)

// durableService writes a service of one Rust actor, keyed, with an endpoint.
func (w *workspace) durableService(ctx context.Context, name string) (string, error) {
	binary, err := w.rust(ctx)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(w.dir, name)
	return dir, writeAll(dir, map[string]string{
		"grow.yaml":       "service: bench\nabout: Measures.\nhttp:\n  POST /orders: {send: echo.done, to: order, reply: {echo.done: 200}}\n",
		"types/bench.cue": "\"echo.done\": {id: string, customer: string, total: number, ...}\n",
		"actors/order/actor.yaml": fmt.Sprintf("actor: order\nabout: Sends on what it gets.\ncode: {language: wasm, source: module.wasm}\n"+
			"in: [echo.done]\nout: [echo.done]\nkey: data.customer\nscale: {mailbox: %d}\n", mailboxes),
		"actors/order/module.wasm": string(binary),
	})
}

// durably starts the service in dir with a new journal on disk.
func (w *workspace) durably(ctx context.Context, dir string) (*app.Host, error) {
	if err := os.RemoveAll(app.JournalDir(dir)); err != nil {
		return nil, err
	}
	return w.startAt(ctx, dir, app.Journal{})
}

// orderOf is the order of another customer.
func orderOf(customer int) []byte {
	return []byte(strings.Replace(string(rustOrder), "c-0000000", fmt.Sprintf("c-%07d", customer), 1))
}

// rustOrder is the order as the Rust actor knows it: 200 bytes of JSON.
var rustOrder = []byte(strings.Replace(string(order), "c-42", "c-0000000", 1))

// inFlight hands the actor messages, n at a time, until end, and returns when
// those after warm were accepted and how long each took until it was answered.
func inFlight(ctx context.Context, h *app.Host, n int, warm, end time.Time) (took []float64, err error) {
	var wait sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	for i := range n {
		wait.Go(func() {
			own, mine := orderOf(i%durableKeys), []float64(nil)
			for {
				begin := time.Now()
				if begin.After(end) {
					break
				}
				if err := answered(ctx, h, own); err != nil {
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
					break
				}
				if begin.After(warm) {
					mine = append(mine, micros(time.Since(begin)))
				}
			}
			mu.Lock()
			took = append(took, mine...)
			mu.Unlock()
		})
	}
	wait.Wait()
	return took, errors.Join(errs...)
}

// answered has one message handled, and waits until its answer may be seen.
func answered(ctx context.Context, h *app.Host, data []byte) error {
	return answeredBy(ctx, h, "order", "echo.done", data)
}

// answeredBy is answered by an actor that takes messages of some type.
func answeredBy(ctx context.Context, h *app.Host, actor, kind string, data []byte) error {
	f, err := h.Shard().Accept(ctx, &shard.Request{To: actor, Source: "bench", Type: kind, Data: data, AnyReply: true})
	if err != nil {
		return err
	}
	<-f.Done()
	if a := f.Answer(); a.Outcome != shard.Replied {
		return fmt.Errorf("%s: %s %s", a.Outcome, a.Code, a.Text)
	}
	return nil
}

// durableOne measures the median of a message that is answered when it is on
// disk, one at a time, beside writes that are synced one by one.
func durableOne(ctx context.Context, w *workspace) (rounder, error) {
	dir, err := w.durableService(ctx, "durable-1")
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (value, reference float64, err error) {
		if reference, err = w.rawSync(); err != nil {
			return 0, 0, err
		}
		h, err := w.durably(ctx, dir)
		if err != nil {
			return 0, 0, err
		}
		begin := time.Now()
		took, err := inFlight(ctx, h, 1, begin.Add(warmUp), begin.Add(warmUp+httpStretch))
		if err = errors.Join(err, stop(h)); err != nil {
			return 0, 0, err
		}
		return median(took), reference, nil
	}, nil
}

// durable measures messages a second, n at a time, beside JetStream that syncs
// every message.
func durable(ctx context.Context, w *workspace, n int) (rounder, error) {
	dir, err := w.durableService(ctx, fmt.Sprintf("durable-%d", n))
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (value, reference float64, err error) {
		if reference, err = w.rawJetStream(ctx); err != nil {
			return 0, 0, err
		}
		h, err := w.durably(ctx, dir)
		if err != nil {
			return 0, 0, err
		}
		begin := time.Now()
		took, err := inFlight(ctx, h, n, begin.Add(warmUp), begin.Add(warmUp+httpStretch))
		return float64(len(took)) / httpStretch.Seconds(), reference, errors.Join(err, stop(h))
	}, nil
}

// durableHTTP measures requests a second that are answered when they are on disk,
// beside a plain Echo handler.
func durableHTTP(_ context.Context, w *workspace) (rounder, error) {
	dir, err := w.ring("durable-http", 1, typed, true)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (value, reference float64, err error) {
		if reference, err = plainEcho(ctx); err != nil {
			return 0, 0, fmt.Errorf("plain Echo: %w", err)
		}
		if err := os.RemoveAll(app.StateDir(dir)); err != nil {
			return 0, 0, err
		}
		h, err := w.mount(ctx, dir, app.Journal{})
		if err != nil {
			return 0, 0, err
		}
		value, err = load(ctx, strings.TrimPrefix(h.URL(), "http://"))
		return value, reference, errors.Join(err, stop(h))
	}, nil
}

// rawSync is the median of writing a record's bytes to the end of a file and
// having them on disk, in microseconds.
func (w *workspace) rawSync() (took float64, err error) {
	f, err := os.CreateTemp(w.dir, "sync")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	var list []float64
	record := make([]byte, rawRecord)
	for begin := time.Now(); time.Since(begin) < stretch; {
		at := time.Now()
		if _, err := f.Write(record); err != nil {
			return 0, err
		}
		if err := syncData(f); err != nil {
			return 0, err
		}
		list = append(list, micros(time.Since(at)))
	}
	return median(list), nil
}

// rawJetStream is how many messages a second a server in this process keeps when
// it syncs each of them, with as many publishers as it gains anything from.
func (w *workspace) rawJetStream(ctx context.Context) (rate float64, err error) {
	dir, err := os.MkdirTemp(w.dir, "raw")
	if err != nil {
		return 0, err
	}
	s, err := server.NewServer(&server.Options{DontListen: true, NoSigs: true, NoLog: true, JetStream: true, StoreDir: dir, SyncAlways: true})
	if err != nil {
		return 0, err
	}
	s.Start()
	defer func() {
		s.Shutdown()
		s.WaitForShutdown()
		err = errors.Join(err, os.RemoveAll(dir))
	}()
	if !s.ReadyForConnections(settlePeriod) {
		return 0, errors.New("JetStream did not start")
	}
	conn, err := client.Connect("", client.InProcessServer(s))
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return 0, err
	}
	if _, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "RAW", Subjects: []string{"raw"}}); err != nil {
		return 0, err
	}
	return publish(ctx, js)
}

// publish has callers publish one message after the other, and returns how many
// a second were kept.
func publish(ctx context.Context, js jetstream.JetStream) (float64, error) {
	var wait sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	total := 0
	begin := time.Now()
	warm, end := begin.Add(warmUp), begin.Add(warmUp+httpStretch)
	for range rawCallers {
		wait.Go(func() {
			record, n := make([]byte, rawRecord), 0
			for now := begin; now.Before(end); now = time.Now() {
				if _, err := js.Publish(ctx, "raw", record); err != nil {
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
					return
				}
				if now.After(warm) {
					n++
				}
			}
			mu.Lock()
			total += n
			mu.Unlock()
		})
	}
	wait.Wait()
	if total == 0 && len(errs) == 0 {
		errs = append(errs, errors.New("JetStream kept nothing in time"))
	}
	return float64(total) / httpStretch.Seconds(), errors.Join(errs...)
}
