package subscribe

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grow-platform/grow/host/outside/redis/redistest"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/specs"
	"github.com/nats-io/nats-server/v2/server"
	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(redistest.Settled{M: m}) }

// desk takes messages by what accept answers.
type desk func(r *shard.Request) error

func (d desk) Accept(_ context.Context, r *shard.Request) (*shard.Flow, error) {
	if !r.Kept || r.Idempotency.Scope != r.Source {
		return nil, shard.ErrNotTaken
	}
	return &shard.Flow{}, d(r)
}

// outside is a server with a stream of the subjects erp.>.
type outside struct {
	address string
	js      jetstream.JetStream
}

func start(t *testing.T) *outside {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(time.Minute) {
		t.Fatal("the server is not ready")
	}
	o := &outside{address: "nats://" + s.Addr().String()}
	conn, err := client.Connect(o.address, client.Timeout(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	if o.js, err = jetstream.New(conn); err == nil {
		_, err = o.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "ERP", Subjects: []string{"erp.>"}})
	}
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *outside) publish(t *testing.T, subject, data string) {
	t.Helper()
	m := client.NewMsg(subject)
	m.Data = []byte(data)
	m.Header.Set("X-Shop", "main")
	m.Header.Set("Nats-Msg-Id", subject+data)
	if _, err := o.js.PublishMsg(t.Context(), m); err != nil {
		t.Fatal(err)
	}
}

// run runs a subscription that a desk takes messages of.
func (o *outside) run(t *testing.T, new bool, d desk) *Runner {
	t.Helper()
	r := New(Options{Namespace: "main", Service: "shop", Shard: d, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Secret: func(name string) (string, bool) { return o.address, name == "GROW_NATS_DEFAULT" }})
	t.Cleanup(r.Close)
	err := r.Run(&specs.Service{Sources: []*specs.Source{{Name: "schedule a", Schedule: &specs.Schedule{}}, {
		Name: "subscribe erp.*", Send: "order.placed", To: "x", Subscription: &specs.Subscription{Via: specs.ViaNATS, Server: "default", Subject: "erp.*", New: new},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// settled waits until a consumer has nothing that waits for an acknowledgement.
func (o *outside) settled(t *testing.T) {
	t.Helper()
	names := o.js.(jetstream.StreamManager)
	stream, err := names.Stream(t.Context(), "ERP")
	if err != nil {
		t.Fatal(err)
	}
	for {
		for c := range stream.ListConsumers(t.Context()).Info() {
			if c.NumAckPending == 0 && c.NumPending == 0 {
				return
			}
		}
		if t.Context().Err() != nil {
			t.Fatal("there is no end to it")
		}
	}
}

// TestTaken: messages come in their order with their subject and headers, those of before
// too, and none again after a restart.
func TestTaken(t *testing.T) {
	o := start(t)
	o.publish(t, "erp.a", "1")
	o.publish(t, "erp.a.b", "2") // another subject
	came := make(chan *shard.Request)
	take := func(r *shard.Request) error {
		came <- r
		return nil
	}
	r := o.run(t, false, take)
	o.publish(t, "erp.b", "3")
	var keys []string
	for _, want := range []string{"erp.a 1 1", "erp.b 3 3"} {
		got := <-came
		keys = append(keys, got.Idempotency.Key)
		text := got.Attrs[1] + " " + got.Attrs[3] + " " + string(got.Data)
		if text != want || got.To != "x" || got.Type != "order.placed" || !slices.Equal(got.Attrs[4:], []string{"nats.header.x-shop", "main"}) {
			t.Errorf("%s %+v, want %s", text, got, want)
		}
	}
	if keys[0] == keys[1] || !strings.HasPrefix(keys[0], "ERP/1/") {
		t.Errorf("%q are what messages are known by", keys)
	}
	o.settled(t)
	r.Close()
	o.publish(t, "erp.c", "4")
	o.run(t, false, take)
	if got := <-came; string(got.Data) != "4" {
		t.Errorf("after a restart: %s", got.Data)
	}
}

// TestNotTaken: what is not in the journal comes again, by the same key; what never can be
// taken does not.
func TestNotTaken(t *testing.T) {
	o := start(t)
	came := make(chan string)
	tries := 0
	r := o.run(t, false, func(r *shard.Request) error {
		tries++
		came <- string(r.Data) + " " + r.Idempotency.Key
		if string(r.Data) == "1" && tries < 3 {
			return shard.ErrFull
		}
		if string(r.Data) == "2" {
			return shard.ErrTooLarge
		}
		return nil
	})
	for i := range 3 {
		o.publish(t, "erp.a", fmt.Sprint(i+1))
	}
	first := <-came
	for range 2 {
		if again := <-came; again != first {
			t.Errorf("%s came, want %s", again, first)
		}
	}
	for _, want := range []string{"2 ", "3 "} {
		if got := <-came; !strings.HasPrefix(got, want) {
			t.Errorf("%s came, want %s", got, want)
		}
	}
	o.settled(t)
	r.Close()
}

// TestLater: a stream that is made later is found.
func TestLater(t *testing.T) {
	o := start(t)
	if err := o.js.DeleteStream(t.Context(), "ERP"); err != nil {
		t.Fatal(err)
	}
	came := make(chan string, 10)
	r := o.run(t, false, func(r *shard.Request) error {
		came <- string(r.Data)
		return nil
	})
	if _, err := o.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "OTHER", Subjects: []string{"erp.>"}}); err != nil {
		t.Fatal(err)
	}
	o.publish(t, "erp.a", "later")
	if got := <-came; got != "later" {
		t.Errorf("%s came", got)
	}
	r.Close()
}

// TestNew: new messages are those that come after the subscription.
func TestNew(t *testing.T) {
	o := start(t)
	o.publish(t, "erp.a", "before")
	came := make(chan string, 10)
	r := o.run(t, true, func(r *shard.Request) error {
		came <- string(r.Data)
		return nil
	})
	stream, err := o.js.Stream(t.Context(), "ERP")
	if err != nil {
		t.Fatal(err)
	}
	for info, err := stream.Info(t.Context()); err == nil && info.State.Consumers == 0; {
		info, err = stream.Info(t.Context())
	}
	o.publish(t, "erp.a", "after")
	if got := <-came; got != "after" {
		t.Errorf("%s came", got)
	}
	r.Close()
}

func TestCheck(t *testing.T) {
	sources := []*specs.Source{{Name: "subscribe erp.*", Subscription: &specs.Subscription{Via: specs.ViaNATS, Server: "erp"}}}
	secret := func(name string) (string, bool) {
		address, ok := map[string]string{"GROW_NATS_OTHER": "nats://127.0.0.1:4222", "GROW_NATS_WRONG": "of no server"}[name]
		return address, ok
	}
	if err := Check(sources, secret); err == nil || !strings.Contains(err.Error(), "say in the secret GROW_NATS_ERP where it is") {
		t.Error(err)
	}
	sources[0].Subscription.Server = "wrong"
	if err := Check(sources, secret); err == nil || !strings.Contains(err.Error(), "GROW_NATS_WRONG is not the address of a NATS server") {
		t.Error(err)
	}
	sources[0].Subscription.Server = "other"
	if err := Check(sources, secret); err != nil {
		t.Error(err)
	}
}
