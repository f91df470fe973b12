package publish

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grow-platform/grow/host/outside/kafka"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/capability/capabilitytest"
	"github.com/grow-platform/grow/specs"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// startKafka starts Kafka with topics of one partition, which wants a password.
func startKafka(t *testing.T) (c *kfake.Cluster, address string) {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "erp.a", "erp.b"), kfake.EnableSASL(), kfake.Superuser("PLAIN", "grow", "hidden"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, "kafka://grow:hidden@" + c.ListenAddrs()[0]
}

// published is what a topic has: by id, so that what is there twice counts once.
type published struct {
	client *kgo.Client
	next   int64
	ids    map[string]*kgo.Record
}

// reader reads a topic from its start.
func reader(t *testing.T, address, topic string) *published {
	t.Helper()
	client, err := kafka.Connect("default", func(string) (string, bool) { return address, true }, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &published{client: client, ids: map[string]*kgo.Record{}}
}

// all reads what there is by now.
func (p *published) all(t *testing.T, c *kfake.Cluster, topic string) map[string]*kgo.Record {
	t.Helper()
	for p.next < c.PartitionInfo(topic, 0).HighWatermark {
		for _, r := range p.client.PollFetches(t.Context()).Records() {
			for _, h := range r.Headers {
				if h.Key == kafkaID {
					p.ids[string(h.Value)] = r
				}
			}
			p.next = r.Offset + 1
		}
	}
	return p.ids
}

func environment(address string) capability.Environment {
	return capability.Environment{Namespace: "main", Service: "shop", Secret: func(string) (string, bool) { return address, true }}
}

// TestKafkaSuite: topics of Kafka are like subjects of NATS.
func TestKafkaSuite(t *testing.T) {
	capabilitytest.Run(t, func(t *testing.T) capabilitytest.Subject {
		c, address := startKafka(t)
		to := func(subject string, data []byte) capabilitytest.Request {
			return capabilitytest.Request{Operation: Publish, Attrs: []string{"subject", subject, "key", "k"}, Data: data}
		}
		p := reader(t, address, "erp.b")
		away := environment("kafka://grow:hidden@127.0.0.1:1")
		return capabilitytest.Subject{
			Kind: "publish", Params: map[string]any{"via": "kafka", "subjects": []any{"erp.a", "erp.b"}}, Environment: environment(address),
			Read: to("erp.a", nil), Change: to("erp.b", []byte("1")), Count: func() int { return len(p.all(t, c, "erp.b")) },
			Denied: to("erp.c", nil), Large: to("erp.a", make([]byte, DataMax+1)), Away: &away, Secrets: []string{"hidden", "127.0.0.1"},
		}
	})
}

// openVia opens a grant of some sort of server.
func openVia(t *testing.T, via, address string, subjects ...any) capability.Capability {
	t.Helper()
	c, err := kind{}.Open(t.Context(), specs.Grant{Params: map[string]any{"via": via, "subjects": subjects}}, environment(address))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// TestKafka: what is published has its key and its headers, and the same id when it comes again.
func TestKafka(t *testing.T) {
	c, address := startKafka(t)
	o := openVia(t, "kafka", address, ">")
	for _, step := range []struct{ stable, subject, data, want string }{
		{"m1/1", "erp.a", "1", "stream erp.a/0 sequence 0"},
		{"m1/1", "erp.a", "1", "stream erp.a/0 sequence 1"},
		{"m1/2", "erp.a", "", "stream erp.a/0 sequence 2"},
		{"m1/3", "erp.none", "", "not_found: server default has no topic erp.none"},
		{"m1/3", "erp/a", "", "invalid: erp/a is no topic of Kafka: letters, digits, dots, dashes and underscores, at most 249"},
	} {
		if got := send(t.Context(), o, step.stable, step.subject, step.data, "X-A", "b"); got != step.want {
			t.Errorf("%s %s: %s\nwant %s", step.stable, step.subject, got, step.want)
		}
	}
	if got := send(t.Context(), o, "m1/3", "erp.a", "", "Grow-Id", "x"); !strings.HasPrefix(got, `invalid: the header "Grow-Id" cannot be sent`) {
		t.Error(got)
	}
	all := reader(t, address, "erp.a").all(t, c, "erp.a")
	r := all["main/shop/m1/1"]
	if len(all) != 2 || r == nil || string(r.Value) != "1" || len(r.Headers) != 2 || r.Headers[1].Key != "X-A" || all["main/shop/m1/2"].Value == nil {
		t.Errorf("%+v", all)
	}
	c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if got := send(ctx, o, "m1/4", "erp.a", ""); got != "timeout: server default did not answer in time" && !strings.HasPrefix(got, "unavailable: ") {
		t.Error(got)
	}
}

// TestKafkaFull: while the server is away so many bytes wait for it and no more, and nobody
// waits longer than the request may take.
func TestKafkaFull(t *testing.T) {
	c, address := startKafka(t)
	c.Close()
	o := openVia(t, "kafka", address, ">")
	data := strings.Repeat("x", 900_000)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var wait sync.WaitGroup
	var refused atomic.Bool
	for n := range bufferedBytes/len(data) + 5 {
		wait.Go(func() {
			switch got := send(ctx, o, fmt.Sprintf("m%d/1", n), "erp.a", data); {
			case got == "unavailable: so much waits for server default that no more is taken":
				refused.Store(true)
				cancel() // the others need not wait
			case !strings.HasPrefix(got, "timeout: "):
				t.Error(got)
			}
		})
	}
	wait.Wait()
	if !refused.Load() {
		t.Error("all of it waits in memory")
	}
}
