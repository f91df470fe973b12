package crash

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/grow-platform/grow/host/outside/redis/redistest"
	"github.com/redis/go-redis/v9"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// The service that takes messages from Kafka and Redis, and keeps all of them in order.
var streamsService = map[string]string{
	"grow.yaml": `service: streams
http:
  GET /entries/{account}: {send: ledger.show, to: book, reply: {ledger.shown: 200}}
subscribe:
  orders: {via: kafka, send: ledger.post, to: book}
  refunds: {via: redis, send: ledger.post, to: book}
`,
	"types/ledger.cue": `"ledger.post":   {account: string, amount: int}
"ledger.show":   {account: string}
"ledger.posted": {...}
"ledger.shown":  {...}
"book":          {entries: [...]}
`,
	"actors/book/actor.yaml": `actor: book
about: Keeps the entries of an account.
code: {language: wasm, source: module.wasm}
in: [ledger.post, ledger.show]
out: [ledger.posted, ledger.shown]
key: data.account
state: {type: book}
`,
}

const (
	streamLives = 2  // after each, Kafka waits for the one that is gone, for 45 s
	streamBatch = 40 // messages that are sent in each life
	streamSeen  = 10 // of which so many are handled when it is killed
)

// onStreams kills a host again and again that takes messages from Kafka and Redis: each is
// handled once, in its order.
func onStreams(t *testing.T, grow string) {
	dir := t.TempDir()
	for name, text := range streamsService {
		write(t, filepath.Join(dir, name), []byte(text))
	}
	module, err := os.ReadFile("../wat/ledger.wasm")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "actors/book/module.wasm"), module)
	s, err := Build(t.Context(), grow, dir, filepath.Join(t.TempDir(), "streams"))
	if err != nil {
		t.Fatal(err)
	}
	send := map[string]func(n int){"kafka": toKafka(t, s), "redis": toRedis(t, s)}
	sent := 0
	for range streamLives {
		h, err := s.Start(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		before := map[string]int{}
		for account := range send {
			before[account] = len(entries(t, h, account))
		}
		for range streamBatch {
			sent++
			for _, f := range send {
				f(sent)
			}
		}
		for account := range send {
			await(t, func() bool { return len(entries(t, h, account)) >= min(sent, before[account]+streamSeen) })
		}
		h.Kill()
	}
	h, err := s.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer h.Kill()
	for account := range send {
		await(t, func() bool { return len(entries(t, h, account)) >= sent })
		for i, n := range entries(t, h, account) {
			if n != i+1 {
				t.Fatalf("%s: message %d stands in place of %d, of %d", account, n, i+1, sent)
			}
		}
	}
}

// toKafka starts a Kafka for a service; what it returns sends a message there.
func toKafka(t *testing.T, s *Service) func(n int) {
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
	s.Env = append(s.Env, "GROW_KAFKA_DEFAULT=kafka://"+c.ListenAddrs()[0])
	return func(n int) {
		r := &kgo.Record{Topic: "orders", Value: fmt.Appendf(nil, `{"account":"kafka","amount":%d}`, n)}
		if err := client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

// toRedis is the same with a Redis.
func toRedis(t *testing.T, s *Service) func(n int) {
	server := redistest.Start(t, t.TempDir(), redistest.Port(t))
	s.Env = append(s.Env, "GROW_REDIS_DEFAULT="+server.Address)
	return func(n int) {
		data := fmt.Sprintf(`{"account":"redis","amount":%d}`, n)
		if err := server.Client.XAdd(t.Context(), &redis.XAddArgs{Stream: "refunds", Values: []string{"data", data}}).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// entries are the numbers that a book has, in their order.
func entries(t *testing.T, h *Host, account string) (list []int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), untilMax)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, h.URL+"/entries/"+account, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var book struct{ Entries []struct{ Amount int } }
	if err := json.NewDecoder(answer.Body).Decode(&book); err != nil {
		t.Fatal(err)
	}
	for _, e := range book.Entries {
		list = append(list, e.Amount)
	}
	return list
}

// await waits for something that comes, or for the test's end.
func await(t *testing.T, there func() bool) {
	t.Helper()
	for !there() {
		if err := t.Context().Err(); err != nil {
			t.Fatal(err)
		}
	}
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, data, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}
