package subscribe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/grow-platform/grow/host/outside/redis"
	client "github.com/redis/go-redis/v9"
)

// The attributes of a message that came from a stream of Redis.
const (
	RedisStream = "redis.stream"
	RedisID     = "redis.id"
	RedisField  = "redis.field." // and the name in lower case, of an entry that has a field data
)

const (
	redisConsumer = "grow"          // the one consumer of the group
	redisData     = "data"          // the field that is a message's data
	redisWait     = 5 * time.Second // for what comes
)

// fromRedis is a stream. An entry is acknowledged once it is in the journal; what was not when
// something failed is asked for again first, and is known by its id.
type fromRedis struct {
	*entry
	client *client.Client
}

func openRedis(e *entry) (origin, error) {
	c, err := redis.Connect(e.Subscription.Server, e.opts.Secret)
	if err != nil {
		return nil, err
	}
	return &fromRedis{e, c}, nil
}

func (e *fromRedis) close() { _ = e.client.Close() } // there is nobody to tell

// errNoStream is a stream that is not there.
var errNoStream = errors.New("there is no such stream")

// known implements origin.
func (e *fromRedis) known(err error) string {
	if errors.Is(err, errNoStream) {
		return "there is no stream " + e.Subscription.Subject
	}
	return redis.Known(err)
}

// consume implements origin.
func (e *fromRedis) consume(ctx context.Context) (taken int, err error) {
	stop := context.AfterFunc(ctx, e.close) // the client waits for an answer whatever becomes of ctx
	defer stop()
	if err := e.join(ctx); err != nil {
		return 0, err
	}
	for from := "0"; ; { // what was read and not acknowledged, and then what is new
		list, err := e.client.XReadGroup(ctx, &client.XReadGroupArgs{
			Group: e.group(), Consumer: redisConsumer, Streams: []string{e.Subscription.Subject, from}, Count: aheadMax, Block: redisWait,
		}).Result()
		if err != nil && !errors.Is(err, client.Nil) {
			return taken, err
		}
		n := 0
		for _, stream := range list {
			for _, m := range stream.Messages {
				if err := e.take(ctx, &m); err != nil {
					return taken, err
				}
				n++
			}
		}
		if taken += n; n == 0 {
			from = ">"
		}
	}
}

// join makes the group, when it is not there.
func (e *fromRedis) join(ctx context.Context) error {
	from := "0"
	if e.Subscription.New {
		from = "$"
	}
	err := e.client.XGroupCreate(ctx, e.Subscription.Subject, e.group(), from).Err()
	switch {
	case err == nil, client.HasErrorPrefix(err, "BUSYGROUP"):
		return nil
	case strings.Contains(err.Error(), "requires the key to exist"):
		return errNoStream
	}
	return err
}

// take has an entry enter the service, and acknowledges it. One that the service can never
// take is acknowledged, too.
func (e *fromRedis) take(ctx context.Context, m *client.XMessage) error {
	if m.Values == nil {
		e.opts.Log.Warn("an entry was deleted before it was taken", "source", e.Name, "server", e.Subscription.Server, "stream", e.Subscription.Subject, "id", m.ID)
		return e.client.XAck(ctx, e.Subscription.Subject, e.group(), m.ID).Err()
	}
	h := &headers{prefix: RedisField, attrs: []string{RedisStream, e.Subscription.Subject, RedisID, m.ID}}
	data, err := dataOf(m, h)
	if err != nil {
		return err
	}
	place := e.Subscription.Subject + "/" + m.ID
	err = e.entry.take(ctx, &message{data: data, attrs: h.attrs, place: place, key: place, again: func() {}})
	if err != nil && !errors.Is(err, errRefused) {
		return err
	}
	return e.client.XAck(ctx, e.Subscription.Subject, e.group(), m.ID).Err()
}

// dataOf is the data of an entry: its field of that name, beside which others are attributes,
// or all its fields as JSON.
func dataOf(m *client.XMessage, h *headers) ([]byte, error) {
	data, ok := m.Values[redisData]
	if !ok {
		all, err := json.Marshal(m.Values)
		return all, err
	}
	for _, name := range slices.Sorted(maps.Keys(m.Values)) {
		if name != redisData {
			h.add(name, fmt.Sprint(m.Values[name]))
		}
	}
	return []byte(fmt.Sprint(data)), nil
}
