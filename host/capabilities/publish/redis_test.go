package publish

import (
	"fmt"
	"strings"
	"testing"

	"github.com/grow-platform/grow/host/outside/redis/redistest"
	"github.com/grow-platform/grow/runtime/capability/capabilitytest"
	client "github.com/redis/go-redis/v9"
)

func startRedis(t *testing.T) (address string, c *client.Client) {
	t.Helper()
	s := redistest.Start(t, t.TempDir(), redistest.Port(t))
	return s.Address, s.Client
}

// TestRedisSuite: streams of Redis are like subjects of NATS.
func TestRedisSuite(t *testing.T) {
	capabilitytest.Run(t, func(t *testing.T) capabilitytest.Subject {
		address, c := startRedis(t)
		to := func(subject string, data []byte) capabilitytest.Request {
			return capabilitytest.Request{Operation: Publish, Attrs: []string{"subject", subject}, Data: data}
		}
		away := environment("redis://:hidden@127.0.0.1:1")
		return capabilitytest.Subject{
			Kind: "publish", Params: map[string]any{"via": "redis", "subjects": []any{"erp.a", "erp.b"}}, Environment: environment(address),
			Read: to("erp.a", nil), Change: to("erp.b", []byte("1")), Count: func() int { return int(c.XLen(t.Context(), "erp.b").Val()) },
			Denied: to("erp.c", nil), Large: to("erp.a", make([]byte, DataMax+1)), Away: &away, Secrets: []string{"hidden", "127.0.0.1"},
		}
	})
}

// TestRedisRights: what an account may not do is refused before anything is published, so
// that what is reported as a failure is not there twice after the next attempt.
func TestRedisRights(t *testing.T) {
	address, c := startRedis(t)
	for i, lack := range []string{"hset", "expire", "xadd", "hmget", "xinfo"} {
		user := "lacks" + lack
		if err := c.Do(t.Context(), "ACL", "SETUSER", user, "on", ">hidden", "~*", "+@all", "-"+lack).Err(); err != nil {
			t.Fatal(err)
		}
		o, stream, id := openVia(t, "redis", strings.Replace(address, "redis://", "redis://"+user, 1), ">"), "erp."+lack, fmt.Sprintf("m%d/1", i)
		first, second := send(t.Context(), o, id, stream, "1"), send(t.Context(), o, id, stream, "1")
		want, entries := "denied: server default does not let us publish to "+stream, int64(0)
		if lack == "xinfo" {
			want, entries = "stream "+stream+" id ", 1
		}
		if !strings.HasPrefix(first, want) || second != first+map[bool]string{true: " duplicate true"}[entries == 1] {
			t.Errorf("without %s: %s, and then %s", lack, first, second)
		}
		if n := c.XLen(t.Context(), stream).Val(); n != entries {
			t.Errorf("without %s: %d entries, want %d", lack, n, entries)
		}
	}
}

// TestRedis: what is published is there once, with its headers.
func TestRedis(t *testing.T) {
	address, c := startRedis(t)
	o := openVia(t, "redis", address, ">")
	first := send(t.Context(), o, "m1/1", "erp.a", "1", "X-A", "b")
	if again := send(t.Context(), o, "m1/1", "erp.a", "1", "X-A", "b"); again != first+" duplicate true" || !strings.HasPrefix(first, "stream erp.a sequence 1 id ") {
		t.Errorf("%s, and then %s", first, again)
	}
	if second := send(t.Context(), o, "m1/2", "erp.a", "2"); !strings.HasPrefix(second, "stream erp.a sequence 2 id ") {
		t.Error(second)
	}
	list, err := c.XRange(t.Context(), "erp.a", "-", "+").Result()
	if err != nil || len(list) != 2 || list[0].Values["data"] != "1" || list[0].Values["grow-id"] != "main/shop/m1/1" || list[0].Values["header.X-A"] != "b" {
		t.Errorf("%+v %v", list, err)
	}
	if err := c.Set(t.Context(), "erp.text", "x", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if got := send(t.Context(), o, "m1/3", "erp.text", ""); got != "invalid: erp.text of server default is no stream" {
		t.Error(got)
	}
	if got := send(t.Context(), openVia(t, "redis", strings.Replace(address, "hidden", "wrong", 1), ">"), "m1/3", "erp.a", ""); got != "unavailable: server default does not answer" {
		t.Error(got)
	}
}
