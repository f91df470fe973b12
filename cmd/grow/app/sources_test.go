package app

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/grow-platform/grow/host/schedule"
	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/testdata/wat"
	"github.com/nats-io/nats-server/v2/server"
	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// listeners is a service whose grow.yaml goes on with what is given, and whose actor takes
// anything.
func listeners(t *testing.T, dir, rest string) Options {
	t.Helper()
	writeFiles(t, dir, map[string]string{
		"grow.yaml":               "service: listeners\n" + rest,
		"types/echo.cue":          "\"echo.done\": _\n",
		"actors/echo/module.wasm": string(wat.Module("echo")),
		"actors/echo/actor.yaml":  "actor: echo\nabout: Says what it hears.\ncode: {language: wasm, source: module.wasm}\nin: [echo.done]\nout: [echo.done]\nuses: {carts: {kind: kv, bucket: carts, access: write}}\n",
	})
	service, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return Options{Dir: dir, Service: service, Listen: "127.0.0.1:0", CacheDir: t.TempDir(), Modules: map[string]string{"echo": service.Actors["echo"].Code.Source},
		Secret: func(string) (string, bool) { return "", false }}
}

// handles waits until the actor has handled so many messages.
func (h *Host) handles(t *testing.T, n uint64) {
	t.Helper()
	for h.shard.Status()[0].Handled < n {
		if t.Context().Err() != nil {
			t.Fatal("there is no end to it")
		}
		runtime.Gosched()
	}
}

const (
	hears = "subscribe: {\"erp.>\": {send: echo.done, to: echo}}\n"
	ticks = "schedule: {tick: {cron: '@every 1s', send: echo.done, to: echo, data: {n: 1}}}\n"
)

// TestSources: messages come from what the running revision says, and each once, also over
// a restart.
func TestSources(t *testing.T) {
	s := keeper(t, func(*server.Options) {})
	address := "nats://" + s.Addr().String()
	conn, err := client.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err == nil {
		_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "ERP", Subjects: []string{"erp.>"}})
	}
	if err != nil {
		t.Fatal(err)
	}
	publish := func() {
		t.Helper()
		if _, err := js.Publish(t.Context(), "erp.a", []byte(`{"id": 1}`)); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	secret := func(name string) (string, bool) { return address, name == "GROW_NATS_DEFAULT" }
	for run := range 2 {
		o := listeners(t, dir, hears)
		o.Secret = secret
		h, err := Start(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		for n := range 3 {
			publish()
			h.handles(t, uint64(n+1))
		}
		if run == 1 {
			next := listeners(t, dir, ticks)
			if _, err := h.Apply(t.Context(), next.Service, next.Modules); err != nil {
				t.Fatal(err)
			}
			publish() // which nobody hears
			h.handles(t, 5)
		}
		if _, err := h.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

// TestSourcesLack: what a subscription lacks is said at the start, and before an edit takes
// effect; a host that is only looked at needs nothing.
func TestSourcesLack(t *testing.T) {
	dir := t.TempDir()
	o := listeners(t, dir, hears)
	var lacks *Error
	if _, err := Start(t.Context(), o); !errors.As(err, &lacks) || lacks.Code != "secret.missing" || !strings.Contains(err.Error(), "GROW_NATS_DEFAULT") {
		t.Errorf("%v", err)
	}
	o.Apart = true
	live := func(o Options) *Host {
		h, err := Start(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if _, err := h.Stop(context.Background()); err != nil {
				t.Error(err)
			}
		})
		return h
	}
	live(o)
	h := live(listeners(t, t.TempDir(), ""))
	if _, err := h.Apply(t.Context(), o.Service, o.Modules); !errors.As(err, &lacks) || lacks.Code != "secret.missing" {
		t.Errorf("%v", err)
	}
}

// TestSchedulesForgotten: a revision without schedules forgets when those of the one before
// were last sent, so that one that comes back has missed nothing; and a service that never
// had any has no bucket for them.
func TestSchedulesForgotten(t *testing.T) {
	dir := t.TempDir()
	name := bucket.Name{Namespace: DefaultNamespace, Service: "listeners", Bucket: schedule.Bucket}
	run := func(rest string, look func(bucket.Store)) {
		t.Helper()
		h, err := Start(t.Context(), listeners(t, dir, rest))
		if err != nil {
			t.Fatal(err)
		}
		look(h.store.(bucket.Store))
		if _, err := h.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	}
	exists := func(want bool) func(bucket.Store) {
		return func(s bucket.Store) {
			if there, err := s.Exists(t.Context(), name); err != nil || there != want {
				t.Errorf("there is a bucket: %v, %v", there, err)
			}
		}
	}
	keys := func(n int) func(bucket.Store) {
		return func(s bucket.Store) {
			exists(true)(s)
			b, err := s.Bucket(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // for the host to look
			defer cancel()
			for range time.Tick(20 * time.Millisecond) {
				list, err := b.List(ctx, "", "", 10)
				if err != nil {
					t.Fatalf("%v; there are %d keys, want %d", err, len(list), n)
				}
				if len(list) == n {
					return
				}
			}
		}
	}
	const yearly = "schedule: {tick: {cron: '0 0 1 1 *', send: echo.done, to: echo, data: {n: 1}}}\n"
	run("", exists(false))
	run(yearly, keys(1))
	run("", keys(0))
}
