package subscribe

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/grow-platform/grow/host/outside/redis/redistest"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/specs"
	client "github.com/redis/go-redis/v9"
)

// redisServer starts a Redis at a port, with what is in a folder. stop ends it.
func redisServer(t *testing.T, dir, port string) (address string, c *client.Client, stop func()) {
	t.Helper()
	s := redistest.Start(t, dir, port)
	return s.Address, s.Client, s.Kill
}

func add(t *testing.T, c *client.Client, fields ...string) string {
	t.Helper()
	id, err := c.XAdd(t.Context(), &client.XAddArgs{Stream: "orders", Values: fields}).Result()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// acknowledged waits until a group has handled all that its stream has.
func acknowledged(t *testing.T, c *client.Client) {
	t.Helper()
	for {
		groups, err := c.XInfoGroups(t.Context(), "orders").Result()
		if err != nil {
			t.Fatal(err)
		}
		if len(groups) == 1 && groups[0].Pending == 0 && groups[0].Lag == 0 {
			return
		}
	}
}

// TestRedisTaken: entries come in their order with their fields, those of before too, and
// none again after a restart of either.
func TestRedisTaken(t *testing.T) {
	dir, port := t.TempDir(), redistest.Port(t)
	address, c, stop := redisServer(t, dir, port)
	first := add(t, c, "data", "1", "X-Shop", "main")
	second := add(t, c, "id", "o-1", "total", "20")
	l := newLedger()
	r := follow(t, specs.ViaRedis, address, l, io.Discard)
	l.next(t, "1 redis.stream orders redis.id "+first+" redis.field.x-shop main")
	l.next(t, `{"id":"o-1","total":"20"} redis.stream orders redis.id `+second)
	add(t, c, "data", "3")
	l.next(t, "3")
	acknowledged(t, c)
	r.Close()
	add(t, c, "data", "4")
	r = follow(t, specs.ViaRedis, address, l, io.Discard)
	l.next(t, "4")
	acknowledged(t, c)
	stop()
	_, c, _ = redisServer(t, dir, port)
	add(t, c, "data", "5")
	l.next(t, "5")
	acknowledged(t, c)
	r.Close()
	if l.again != 0 {
		t.Errorf("%d came once more", l.again)
	}
}

// TestRedisCrash: what is in the journal and was not acknowledged comes again, and is known.
func TestRedisCrash(t *testing.T) {
	address, c, _ := redisServer(t, t.TempDir(), redistest.Port(t))
	for _, data := range []string{"1", "2", "3"} {
		add(t, c, "data", data)
	}
	l := newLedger()
	e := &entry{opts: &Options{Namespace: "main", Service: "shop", Shard: l, Log: slog.New(slog.DiscardHandler), Secret: func(string) (string, bool) { return address, true }},
		Source: &specs.Source{Name: "subscribe orders", Subscription: &specs.Subscription{Server: "default", Subject: "orders"}}}
	from, err := openRedis(e)
	if err != nil {
		t.Fatal(err)
	}
	k := from.(*fromRedis)
	if err := k.join(t.Context()); err != nil {
		t.Fatal(err)
	}
	list, err := k.client.XReadGroup(t.Context(), &client.XReadGroupArgs{Group: e.group(), Consumer: redisConsumer, Streams: []string{"orders", ">"}, Count: 3}).Result()
	if err != nil {
		t.Fatal(err)
	}
	ctx, crash := context.WithCancel(t.Context())
	defer crash()
	for _, m := range list[0].Messages[:2] { // two are handled, and the process ends before it can say so
		l.fails = func(string) error { return nil }
		if m.ID == list[0].Messages[1].ID {
			l.fails = func(string) error { crash(); return nil }
		}
		_ = k.take(ctx, &m) // the last is not acknowledged
	}
	from.close()
	l.fails = nil
	r := follow(t, specs.ViaRedis, address, l, io.Discard)
	add(t, c, "data", "4")
	for _, want := range []string{"1", "2", "3", "4"} {
		l.next(t, want)
	}
	acknowledged(t, c)
	r.Close()
	if len(l.kept) != 4 || l.again != 1 {
		t.Errorf("%d are kept, %d came once more", len(l.kept), l.again)
	}
}

// TestRedisRefused: what the service cannot take is passed over, and what it cannot take now
// comes again.
func TestRedisRefused(t *testing.T) {
	address, c, _ := redisServer(t, t.TempDir(), redistest.Port(t))
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
	for _, data := range []string{"large", "later", "3"} {
		add(t, c, "data", data)
	}
	r := follow(t, specs.ViaRedis, address, l, io.Discard)
	l.next(t, "later")
	l.next(t, "3")
	acknowledged(t, c)
	r.Close()
}

// TestRedisLater: a stream that is not there is told of, and found once it is; so is a server
// that does not let the host in, without saying who that is.
func TestRedisLater(t *testing.T) {
	address, c, _ := redisServer(t, t.TempDir(), redistest.Port(t))
	log := &said{text: "there is no stream orders", found: make(chan struct{})}
	l := newLedger()
	follow(t, specs.ViaRedis, address, l, log)
	<-log.found
	add(t, c, "data", "1")
	l.next(t, "1")
	refused := &said{text: "the server refuses it: WRONGPASS", found: make(chan struct{})}
	follow(t, specs.ViaRedis, strings.Replace(address, "hidden", "hidden-wrong", 1), newLedger(), refused)
	<-refused.found
	if text := refused.all.String(); strings.Contains(text, "hidden") || strings.Contains(text, "127.0.0.1") {
		t.Error(text)
	}
}

// TestRedisGone: an entry that was given out and deleted before it was taken is passed over.
func TestRedisGone(t *testing.T) {
	address, c, _ := redisServer(t, t.TempDir(), redistest.Port(t))
	gone := add(t, c, "data", "1")
	add(t, c, "data", "2")
	e := &entry{opts: &Options{Namespace: "main", Service: "shop"}, Source: &specs.Source{Subscription: &specs.Subscription{Subject: "orders"}}}
	if err := c.XGroupCreate(t.Context(), "orders", e.group(), "0").Err(); err != nil {
		t.Fatal(err)
	}
	if err := c.XReadGroup(t.Context(), &client.XReadGroupArgs{Group: e.group(), Consumer: redisConsumer, Streams: []string{"orders", ">"}}).Err(); err != nil {
		t.Fatal(err)
	}
	if err := c.XDel(t.Context(), "orders", gone).Err(); err != nil {
		t.Fatal(err)
	}
	l := newLedger()
	log := &said{text: "an entry was deleted before it was taken", found: make(chan struct{})}
	follow(t, specs.ViaRedis, address, l, log)
	l.next(t, "2")
	<-log.found
	add(t, c, "data", "3")
	l.next(t, "3")
	acknowledged(t, c)
}
