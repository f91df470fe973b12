package subscribe

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/grow-platform/grow/host/outside/kafka"
	"github.com/grow-platform/grow/host/outside/redis/redistest"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/specs"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// cluster starts Kafka with a topic orders of some partitions.
func cluster(t *testing.T, partitions int32, more ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1), kfake.SeedTopics(partitions, "orders")}, more...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// produce sends messages to a partition.
func produce(t *testing.T, c *kfake.Cluster, partition int32, data ...string) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for _, d := range data {
		r := &kgo.Record{Topic: "orders", Partition: partition, Key: []byte("k"), Value: []byte(d), Headers: []kgo.RecordHeader{{Key: "X-Shop", Value: []byte("main")}}}
		if err := client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

// journal takes each message once, as a shard does, and knows those that it has.
type ledger struct {
	mu    sync.Mutex
	kept  map[string]string // data by key
	again int               // that came once more
	came  chan string
	fails func(data string) error
}

func newLedger() *ledger { return &ledger{kept: map[string]string{}, came: make(chan string, 1000)} }

func (l *ledger) Accept(_ context.Context, r *shard.Request) (*shard.Flow, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fails != nil {
		if err := l.fails(string(r.Data)); err != nil {
			return nil, err
		}
	}
	if _, ok := l.kept[r.Idempotency.Key]; ok {
		l.again++
		return &shard.Flow{}, nil
	}
	l.kept[r.Idempotency.Key] = string(r.Data)
	l.came <- string(r.Data) + " " + strings.Join(r.Attrs, " ")
	return &shard.Flow{}, nil
}

// follow runs a subscription of a server by its address; ended is closed with it.
func follow(t *testing.T, via specs.Via, address string, l *ledger, log io.Writer) *Runner {
	t.Helper()
	return subscribed(t, &specs.Subscription{Via: via, Server: "default", Subject: "orders"}, address, l, log)
}

func subscribed(t *testing.T, s *specs.Subscription, address string, l *ledger, log io.Writer) *Runner {
	t.Helper()
	r := New(Options{Namespace: "main", Service: "shop", Shard: l, Log: slog.New(slog.NewTextHandler(log, nil)),
		Secret: func(name string) (string, bool) {
			return address, name == "GROW_"+strings.ToUpper(string(s.Via))+"_DEFAULT"
		}})
	t.Cleanup(r.Close)
	err := r.Run(&specs.Service{Sources: []*specs.Source{{
		Name: "subscribe orders", Send: "order.placed", To: "x", Subscription: s,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (l *ledger) next(t *testing.T, want string) {
	t.Helper()
	select {
	case got := <-l.came:
		if got != want && !strings.HasPrefix(got, want+" ") {
			t.Errorf("%s came, want %s", got, want)
		}
	case <-t.Context().Done():
		t.Fatal(want + " did not come")
	}
}

// committed waits until the group has handled a partition up to an offset.
func committed(t *testing.T, c *kfake.Cluster, partition int32, offset int64) {
	t.Helper()
	group := (&entry{opts: &Options{Namespace: "main", Service: "shop"}, Source: &specs.Source{Subscription: &specs.Subscription{Subject: "orders"}}}).group()
	_, err := c.WaitGroupInfo(t.Context(), group, func(g *kfake.GroupInfo) bool {
		return g != nil && g.Commits["orders"][partition].Offset == offset
	})
	if err != nil {
		t.Fatal(err)
	}
}

func kafkaAddress(c *kfake.Cluster) string { return "kafka://" + c.ListenAddrs()[0] }

// TestKafkaTaken: messages come in the order of their partition, those of before too, and
// none again after a restart.
func TestKafkaTaken(t *testing.T) {
	c := cluster(t, 1)
	produce(t, c, 0, "1", "2")
	l := newLedger()
	r := follow(t, specs.ViaKafka, kafkaAddress(c), l, io.Discard)
	l.next(t, "1 kafka.topic orders kafka.partition 0 kafka.offset 0 kafka.key k kafka.header.x-shop main")
	l.next(t, "2")
	committed(t, c, 0, 2)
	r.Close()
	produce(t, c, 0, "3")
	r = follow(t, specs.ViaKafka, kafkaAddress(c), l, io.Discard)
	l.next(t, "3")
	committed(t, c, 0, 3)
	r.Close()
	if l.again != 0 {
		t.Errorf("%d came once more", l.again)
	}
}

// TestKafkaNew: who wants what is new has all that came after the first start, also what
// came while nobody was there.
func TestKafkaNew(t *testing.T) {
	c := cluster(t, 2)
	produce(t, c, 0, "old")
	produce(t, c, 1, "old")
	l := newLedger()
	s := &specs.Subscription{Via: specs.ViaKafka, Server: "default", Subject: "orders", New: true}
	r := subscribed(t, s, kafkaAddress(c), l, io.Discard)
	committed(t, c, 1, 1)
	r.Close()
	produce(t, c, 1, "meanwhile")
	subscribed(t, s, kafkaAddress(c), l, io.Discard)
	l.next(t, "meanwhile")
	produce(t, c, 0, "later")
	l.next(t, "later")
}

// TestKafkaCrash: what is in the journal and was not committed comes again, and is known.
func TestKafkaCrash(t *testing.T) {
	c := cluster(t, 1)
	produce(t, c, 0, "1", "2", "3")
	l := newLedger()
	ctx, crash := context.WithCancel(t.Context())
	e := &entry{opts: &Options{Namespace: "main", Service: "shop", Shard: l, Log: slog.New(slog.DiscardHandler), Secret: func(string) (string, bool) { return kafkaAddress(c), true }},
		Source: &specs.Source{Name: "subscribe orders", Subscription: &specs.Subscription{Server: "default", Subject: "orders"}}}
	from, err := openKafka(e)
	if err != nil {
		t.Fatal(err)
	}
	k := from.(*fromKafka)
	got := 0
	for got < 3 { // handled, and the process ends before the commit
		for _, r := range k.client.PollRecords(ctx, aheadMax).Records() {
			if err := k.take(ctx, r); err != nil {
				t.Fatal(err)
			}
			got++
		}
	}
	crash()
	from.close()
	r := follow(t, specs.ViaKafka, kafkaAddress(c), l, io.Discard)
	produce(t, c, 0, "4")
	for _, want := range []string{"1", "2", "3", "4"} {
		l.next(t, want)
	}
	committed(t, c, 0, 4)
	r.Close()
	if len(l.kept) != 4 || l.again != 3 {
		t.Errorf("%d are kept, %d came once more", len(l.kept), l.again)
	}
}

// TestKafkaRefused: what the service cannot take is passed over, and what it cannot take now
// comes again.
func TestKafkaRefused(t *testing.T) {
	c := cluster(t, 1)
	produce(t, c, 0, "large", "later", "3")
	l := newLedger()
	tries := 0
	l.fails = func(data string) error {
		switch {
		case data == "large":
			return shard.ErrTooLarge
		case data == "later" && tries == 0:
			tries++
			return shard.ErrFull
		}
		return nil
	}
	r := follow(t, specs.ViaKafka, kafkaAddress(c), l, io.Discard)
	l.next(t, "later")
	l.next(t, "3")
	committed(t, c, 0, 3)
	r.Close()
}

// TestKafkaShared: hosts share the partitions, and each message is handled once whoever comes
// and goes.
func TestKafkaShared(t *testing.T) {
	c := cluster(t, 4, kfake.BrokerConfigs(map[string]string{"group.initial.rebalance.delay.ms": "0"}))
	l := newLedger()
	a := follow(t, specs.ViaKafka, kafkaAddress(c), l, io.Discard)
	var want []string
	send := func(round int) {
		for p := range int32(4) {
			data := fmt.Sprintf("%d-%d", round, p)
			produce(t, c, p, data)
			want = append(want, data)
		}
	}
	send(1)
	b := follow(t, specs.ViaKafka, kafkaAddress(c), l, io.Discard)
	send(2)
	if _, err := c.WaitGroupStable(t.Context(), (&entry{opts: &b.opts, Source: &specs.Source{Subscription: &specs.Subscription{Subject: "orders"}}}).group(), 2); err != nil {
		t.Fatal(err)
	}
	send(3)
	a.Close()
	send(4)
	var got []string
	for range want {
		text, _, _ := strings.Cut(<-l.came, " ")
		got = append(got, text)
	}
	b.Close()
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) || len(l.kept) != len(want) {
		t.Errorf("%d kept: %v\nwant %v", len(l.kept), got, want)
	}
}

// said is a log that tells when a text comes.
type said struct {
	text  string
	found chan struct{}
	once  sync.Once
	mu    sync.Mutex
	all   strings.Builder
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all.Write(p)
	if strings.Contains(s.all.String(), s.text) {
		s.once.Do(func() { close(s.found) })
	}
	return len(p), nil
}

// TestKafkaLater: a topic that is not there, and a server that is not, are told of and found
// once they are.
func TestKafkaLater(t *testing.T) {
	dir := t.TempDir()
	port, err := strconv.Atoi(redistest.Port(t))
	if err != nil {
		t.Fatal(err)
	}
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.DataDir(dir), kfake.Ports(port))
	if err != nil {
		t.Fatal(err)
	}
	log := &said{text: "UNKNOWN_TOPIC_OR_PARTITION", found: make(chan struct{})}
	l := newLedger()
	follow(t, specs.ViaKafka, kafkaAddress(c), l, log)
	<-log.found
	if err := c.CreateTopic("orders", 1, nil); err != nil {
		t.Fatal(err)
	}
	produce(t, c, 0, "1")
	l.next(t, "1")
	c.Close()
	if c, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.DataDir(dir), kfake.Ports(port)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	produce(t, c, 0, "2")
	l.next(t, "2")
}

// TestKafkaLogin: who is not let in says so, without saying who it is.
func TestKafkaLogin(t *testing.T) {
	for sasl, method := range map[string]string{"plain": "PLAIN", "scram-sha-256": "SCRAM-SHA-256", "scram-sha-512": "SCRAM-SHA-512"} {
		c := cluster(t, 1, kfake.EnableSASL(), kfake.Superuser(method, "grow", "hidden-right"))
		address := func(password string) string {
			return "kafka://grow:" + password + "@" + c.ListenAddrs()[0] + "?sasl=" + sasl
		}
		log := &said{text: "does not let the host in", found: make(chan struct{})}
		wrong := follow(t, specs.ViaKafka, address("hidden-wrong"), newLedger(), log)
		<-log.found
		wrong.Close()
		if text := log.all.String(); strings.Contains(text, "hidden") || strings.Contains(text, c.ListenAddrs()[0]) {
			t.Error(text)
		}
		client, err := kafka.Connect("default", func(string) (string, bool) { return address("hidden-right"), true }, kgo.DefaultProduceTopic("orders"))
		if err != nil {
			t.Fatal(err)
		}
		if err := client.ProduceSync(t.Context(), &kgo.Record{Value: []byte("1")}).FirstErr(); err != nil {
			t.Error(err)
		}
		client.Close()
		l := newLedger()
		right := follow(t, specs.ViaKafka, address("hidden-right"), l, io.Discard)
		l.next(t, "1")
		right.Close()
	}
}
