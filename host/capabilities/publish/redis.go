package publish

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/grow-platform/grow/host/outside/redis"
	"github.com/grow-platform/grow/runtime/capability"
	client "github.com/redis/go-redis/v9"
)

// redisKnown is for how long a stream knows the messages that it has.
const redisKnown = 24 * time.Hour

// add adds an entry to the stream KEYS[1] unless the marker KEYS[2] tells of one, which it keeps
// for ARGV[1] seconds. It answers the entry's id and number, and whether it was there. What an
// account may not do is refused while nothing is added yet: a script that ends in the middle
// takes nothing back. An account without XINFO is not told the number.
var add = client.NewScript(`
local had = redis.call('HMGET', KEYS[2], 'id', 'number')
if had[1] and had[1] ~= '' then return {had[1], had[2], 1} end
redis.call('HSET', KEYS[2], 'id', '', 'number', '')
redis.call('EXPIRE', KEYS[2], ARGV[1])
local id = redis.call('XADD', KEYS[1], '*', unpack(ARGV, 2))
local info, number = redis.pcall('XINFO', 'STREAM', KEYS[1]), ''
for i = 1, #info, 2 do
  if info[i] == 'entries-added' then number = tostring(info[i + 1]) end
end
redis.call('HSET', KEYS[2], 'id', id, 'number', number)
return {id, number, 0}`)

// mayNot is what servers say of a command in a script that an account may not give.
const mayNot = "user executing the script can't"

// redisSink is a Redis server.
type redisSink struct {
	server string
	client *client.Client
}

func toRedis(server string, secret func(string) (string, bool)) (sink, error) {
	c, err := redis.Connect(server, secret)
	if err != nil {
		return nil, err
	}
	return &redisSink{server, c}, nil
}

func (o *redisSink) close() { _ = o.client.Close() } // nothing is under way

// send implements sink.
func (o *redisSink) send(ctx context.Context, m *message) capability.Answer {
	args := []any{int(redisKnown.Seconds()), "data", m.data, "grow-id", m.id}
	for _, h := range m.headers {
		args = append(args, "header."+h.name, h.value)
	}
	// The marker lies where its stream does, in a cluster too.
	got, err := add.Run(ctx, o.client, []string{m.subject, "{" + m.subject + "}:grow:" + m.id}, args...).Slice()
	if err == nil && len(got) != 3 {
		err = errors.New("another answer")
	}
	if err != nil {
		return o.failed(ctx, m.subject, err)
	}
	attrs := []string{"stream", m.subject}
	if number := fmt.Sprint(got[1]); number != "" {
		attrs = append(attrs, "sequence", number)
	}
	attrs = append(attrs, "id", fmt.Sprint(got[0]))
	if got[2] == int64(1) {
		attrs = append(attrs, "duplicate", "true")
	}
	return capability.Answer{Attrs: attrs}
}

// failed is what an error means to an actor. What the server says of itself is left out.
func (o *redisSink) failed(ctx context.Context, stream string, err error) capability.Answer {
	switch {
	case client.HasErrorPrefix(err, "OOM"):
		return capability.Fail(capability.Limit, "server %s has no room", o.server)
	case client.HasErrorPrefix(err, "NOPERM"), strings.Contains(err.Error(), mayNot):
		return capability.Fail(capability.Denied, "server %s does not let us publish to %s", o.server, stream)
	case client.HasErrorPrefix(err, "WRONGTYPE"):
		return capability.Fail(capability.Invalid, "%s of server %s is no stream", stream, o.server)
	case ctx.Err() != nil:
		return capability.Fail(capability.Timeout, "server %s did not answer in time", o.server)
	}
	return capability.Fail(capability.Unavailable, "server %s does not answer", o.server)
}
