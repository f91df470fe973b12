// Package publish is the capability of kind publish: messages to subjects of a NATS server
// outside, kept by a stream there, to topics of Kafka, and to streams of Redis.
//
//	uses:
//	  erp: {kind: publish, subjects: [erp.orders.>]}
//
// The operation publish, with the attribute subject, sends the data; attributes
// header.<name> are the message's headers. It answers the attributes stream and sequence
// once the server has the message, and duplicate: true when it knows that it had it before:
// each message carries an id, the same at every attempt.
package publish

import (
	"context"
	_ "embed"
	"strings"

	"github.com/grow-platform/grow/host/capabilities/grants"
	"github.com/grow-platform/grow/host/outside/nats"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/specs"
)

// Publish is the operation.
const Publish = "publish"

// DataMax is how much data one message has at most, in bytes.
const DataMax = 1 << 20

func init() { capability.Register(kind{form}) }

type kind struct{ *grants.Form[grant] }

// grant is what grant.cue describes.
type grant struct {
	Via      string   `json:"via"`
	Server   string   `json:"server"`
	Subjects []string `json:"subjects"`
}

//go:embed grant.cue
var definition string

var form = grants.New[grant]("publish", definition, nil)

// Open implements capability.Kind. The server need not be there yet.
func (kind) Open(_ context.Context, g specs.Grant, env capability.Environment) (capability.Capability, error) {
	read, err := form.Read(g.Params)
	if err != nil {
		return nil, err
	}
	if env.Apart {
		return &opened{grant: read, to: nowhere{}}, nil
	}
	to, err := sinks[read.Via](read.Server, env.Secret)
	if err != nil {
		return nil, err
	}
	return &opened{grant: read, to: to, scope: env.Namespace + "/" + env.Service}, nil
}

// sink is a server that takes messages. It is safe for concurrent use.
type sink interface {
	// send has the server keep a message.
	send(ctx context.Context, m *message) capability.Answer
	close()
}

// nowhere takes nothing.
type nowhere struct{}

func (nowhere) send(context.Context, *message) capability.Answer {
	return capability.Fail(capability.Unavailable, "a copy that stands apart publishes nothing")
}

func (nowhere) close() {}

// sinks connect to servers, each of which need not be there yet.
var sinks = map[string]func(server string, secret func(string) (string, bool)) (sink, error){"nats": toNATS, "kafka": toKafka, "redis": toRedis}

// message is one to be sent.
type message struct {
	subject string
	key     string // of Kafka; "": none
	id      string // the same at every attempt
	data    []byte
	headers []header
}

type header struct{ name, value string }

// opened serves one grant.
type opened struct {
	*grant
	to    sink
	scope string // what ids of messages are unique in
}

// Operations implements capability.Capability.
func (*opened) Operations() map[string]capability.Effect {
	return map[string]capability.Effect{Publish: capability.Changes}
}

// Close implements capability.Capability.
func (o *opened) Close() error {
	o.to.close()
	return nil
}

// Do implements capability.Capability.
func (o *opened) Do(ctx context.Context, r *capability.Request) capability.Answer {
	subject, _ := r.Attr("subject")
	if fault := nats.WrongSubject(subject); fault != "" {
		return capability.Fail(capability.Invalid, "the subject %.80q %s", subject, fault)
	}
	if !o.covers(subject) {
		return capability.Fail(capability.Denied, "the grant does not cover the subject %s", subject)
	}
	if len(r.Data) > DataMax {
		return capability.Fail(capability.Limit, "the data has %d bytes, %d are allowed", len(r.Data), DataMax)
	}
	m := &message{subject: subject, id: o.scope + "/" + r.Stable, data: r.Data}
	m.key, _ = r.Attr("key")
	if name, ok := m.take(r); !ok {
		return capability.Fail(capability.Invalid, "the header %.80q cannot be sent: names are those of HTTP, values are of one line, and Nats- and Grow- are the server's", name)
	}
	return o.to.send(ctx, m)
}

// take takes the headers that a request asks for; or it returns the name of one that cannot be.
func (m *message) take(r *capability.Request) (name string, ok bool) {
	if r.Each == nil {
		return "", true
	}
	for attr, value := range r.Each {
		name, ok := strings.CutPrefix(attr, "header.")
		if !ok {
			continue
		}
		if name == "" || strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c >= 0x7f || c == ':' }) || strings.ContainsAny(value, "\r\n\x00") ||
			strings.HasPrefix(strings.ToLower(name), "nats-") || strings.HasPrefix(strings.ToLower(name), "grow-") {
			return name, false
		}
		m.headers = append(m.headers, header{name, value})
	}
	return "", true
}

// covers reports whether the grant has a subject.
func (o *opened) covers(subject string) bool {
	words := strings.Split(subject, ".")
	for _, pattern := range o.Subjects {
		if matches(strings.Split(pattern, "."), words) {
			return true
		}
	}
	return false
}

func matches(pattern, words []string) bool {
	for i, p := range pattern {
		switch {
		case p == ">":
			return len(words) > i
		case i >= len(words) || p != "*" && p != words[i]:
			return false
		}
	}
	return len(pattern) == len(words)
}
