// Package publish is the capability of kind publish: messages to subjects of a NATS server
// outside, kept by a stream there.
//
//	uses:
//	  erp: {kind: publish, subjects: [erp.orders.>]}
//
// The operation publish, with the attribute subject, sends the data; attributes
// header.<name> are the message's headers. It answers the attributes stream and sequence
// once the stream has the message, and duplicate: true when it had it before: each message
// carries the header Nats-Msg-Id, the same at every attempt.
package publish

import (
	"context"
	_ "embed"
	"errors"
	"net/textproto"
	"strconv"
	"strings"

	"github.com/grow-platform/grow/host/capabilities/grants"
	"github.com/grow-platform/grow/host/outside/nats"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/specs"
	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Publish is the operation.
const Publish = "publish"

// DataMax is how much data one message has at most, in bytes.
const DataMax = 1 << 20

func init() { capability.Register(kind{}) }

type kind struct{}

// Name implements capability.Kind.
func (kind) Name() string { return "publish" }

// grant is what grant.cue describes.
type grant struct {
	Server   string   `json:"server"`
	Subjects []string `json:"subjects"`
}

//go:embed grant.cue
var definition string

var form = grants.New("publish", definition)

// read reads a grant's parameters.
func read(params map[string]any) (*grant, error) {
	var g grant
	return &g, form.Read(params, &g)
}

// Check implements capability.Kind.
func (kind) Check(params map[string]any) error {
	_, err := read(params)
	return err
}

// Open implements capability.Kind. The server need not be there yet.
func (kind) Open(_ context.Context, g specs.Grant, env capability.Environment) (capability.Capability, error) {
	read, err := read(g.Params)
	if err != nil {
		return nil, err
	}
	conn, err := nats.Connect(read.Server, env.Secret)
	if err != nil {
		return nil, err
	}
	js, err := jetstream.New(conn)
	if err != nil {
		conn.Close()
		return nil, err
	}
	return &opened{grant: read, conn: conn, js: js, scope: env.Namespace + "/" + env.Service}, nil
}

// opened serves one grant.
type opened struct {
	*grant
	conn  *client.Conn
	js    jetstream.JetStream
	scope string // what ids of messages are unique in
}

// Operations implements capability.Capability.
func (*opened) Operations() map[string]capability.Effect {
	return map[string]capability.Effect{Publish: capability.Changes}
}

// Close implements capability.Capability.
func (o *opened) Close() error {
	o.conn.Close()
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
	m := client.NewMsg(subject)
	m.Data = r.Data
	if name, ok := headers(r, m.Header); !ok {
		return capability.Fail(capability.Invalid, "the header %.80q cannot be sent: names are those of HTTP, values are of one line, and Nats- is the server's", name)
	}
	ack, err := o.js.PublishMsg(ctx, m, jetstream.WithMsgID(o.scope+"/"+r.Stable))
	if err != nil {
		return o.failed(ctx, subject, err)
	}
	attrs := []string{"stream", ack.Stream, "sequence", strconv.FormatUint(ack.Sequence, 10)}
	if ack.Duplicate {
		attrs = append(attrs, "duplicate", "true")
	}
	return capability.Answer{Attrs: attrs}
}

// headers sets those that a request asks for; or it returns the name of one that cannot be.
func headers(r *capability.Request, h client.Header) (name string, ok bool) {
	if r.Each == nil {
		return "", true
	}
	for attr, value := range r.Each {
		name, ok := strings.CutPrefix(attr, "header.")
		if !ok {
			continue
		}
		if name == "" || strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c >= 0x7f || c == ':' }) || strings.ContainsAny(value, "\r\n\x00") ||
			strings.HasPrefix(textproto.CanonicalMIMEHeaderKey(name), "Nats-") {
			return name, false
		}
		h.Set(name, value)
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

// failed is what an error means to an actor. What the server says of itself is left out.
func (o *opened) failed(ctx context.Context, subject string, err error) capability.Answer {
	var api jetstream.JetStreamError
	switch {
	case errors.Is(err, jetstream.ErrNoStreamResponse) && o.conn.IsConnected():
		return capability.Fail(capability.NotFound, "no stream of server %s keeps the subject %s", o.Server, subject)
	case errors.Is(err, client.ErrMaxPayload):
		return capability.Fail(capability.Limit, "the message is larger than server %s takes", o.Server)
	case errors.As(err, &api) && api.APIError() != nil:
		return capability.Fail(capability.Limit, "the stream of subject %s does not take the message (%d)", subject, api.APIError().ErrorCode)
	case ctx.Err() != nil && o.conn.IsConnected():
		return capability.Fail(capability.Timeout, "server %s did not answer in time", o.Server)
	}
	return capability.Fail(capability.Unavailable, "server %s does not answer", o.Server)
}
