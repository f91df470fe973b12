package app

import (
	"context"
	"testing"

	"github.com/grow-platform/grow/host/outside/redis/redistest"
	redis "github.com/redis/go-redis/v9"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// broker is a server outside that a subscription is of.
type broker interface {
	send(t *testing.T)
	// settled waits until the service has taken all that there is.
	settled(t *testing.T)
	// forget has the server forget how far the service has come.
	forget(t *testing.T)
}

type kafkaBroker struct {
	client  *kgo.Client
	cluster *kfake.Cluster
}

func (b kafkaBroker) send(t *testing.T) {
	t.Helper()
	if err := b.client.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Value: []byte(`{"id": 1}`)}).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// group is the one that there is.
func (b kafkaBroker) group(t *testing.T) string {
	t.Helper()
	groups, err := kmsg.NewPtrListGroupsRequest().RequestWith(t.Context(), b.client)
	if err != nil || len(groups.Groups) != 1 {
		t.Fatalf("%+v %v", groups, err)
	}
	return groups.Groups[0].Group
}

func (b kafkaBroker) settled(t *testing.T) {
	t.Helper()
	end := b.cluster.PartitionInfo("orders", 0).HighWatermark
	if _, err := b.cluster.WaitGroupInfo(t.Context(), b.group(t), func(g *kfake.GroupInfo) bool { return g.Commits["orders"][0].Offset == end }); err != nil {
		t.Fatal(err)
	}
}

func (b kafkaBroker) forget(t *testing.T) {
	t.Helper()
	gone := kmsg.NewPtrDeleteGroupsRequest()
	gone.Groups = []string{b.group(t)}
	if done, err := gone.RequestWith(t.Context(), b.client); err != nil || done.Groups[0].ErrorCode != 0 {
		t.Fatalf("%+v %v", done, err)
	}
}

type redisBroker struct{ client *redis.Client }

func (b redisBroker) send(t *testing.T) {
	t.Helper()
	if err := b.client.XAdd(t.Context(), &redis.XAddArgs{Stream: "orders", Values: []string{"data", `{"id": 1}`}}).Err(); err != nil {
		t.Fatal(err)
	}
}

func (b redisBroker) settled(t *testing.T) {
	t.Helper()
	for {
		groups, err := b.client.XInfoGroups(t.Context(), "orders").Result()
		if err != nil {
			t.Fatal(err)
		}
		if len(groups) == 1 && groups[0].Pending == 0 && groups[0].Lag == 0 {
			return
		}
	}
}

func (b redisBroker) forget(t *testing.T) {
	t.Helper()
	groups, err := b.client.XInfoGroups(t.Context(), "orders").Result()
	if err != nil || len(groups) != 1 {
		t.Fatalf("%+v %v", groups, err)
	}
	if err := b.client.XGroupSetID(t.Context(), "orders", groups[0].Name, "0").Err(); err != nil {
		t.Fatal(err)
	}
}

func startKafka(t *testing.T) (address string, b broker) {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return "kafka://" + c.ListenAddrs()[0], kafkaBroker{client, c}
}

func startRedis(t *testing.T) (address string, b broker) {
	t.Helper()
	s := redistest.Start(t, t.TempDir(), redistest.Port(t))
	return s.Address, redisBroker{s.Client}
}

// TestSourcesKnown: a message that Kafka or Redis gives again after a restart, since it does not
// know that the service had it, is handled once: the journal knows.
func TestSourcesKnown(t *testing.T) {
	for via, start := range map[string]func(*testing.T) (string, broker){"kafka": startKafka, "redis": startRedis} {
		t.Run(via, func(t *testing.T) {
			address, b := start(t)
			dir := t.TempDir()
			for _, send := range []int{3, 2} {
				o := listeners(t, dir, "subscribe: {orders: {via: "+via+", server: erp, send: echo.done, to: echo}}\n")
				o.Secret = func(name string) (string, bool) {
					return address, name == "GROW_KAFKA_ERP" || name == "GROW_REDIS_ERP"
				}
				for range send {
					b.send(t)
				}
				h, err := Start(t.Context(), o)
				if err != nil {
					t.Fatal(err)
				}
				h.handles(t, uint64(send))
				b.settled(t)
				if _, err := h.Stop(context.Background()); err != nil { // what has entered is handled
					t.Error(err)
				}
				if got := h.shard.Status()[0].Handled; got != uint64(send) {
					t.Errorf("%d messages are handled, want %d", got, send)
				}
				b.forget(t)
			}
		})
	}
}
