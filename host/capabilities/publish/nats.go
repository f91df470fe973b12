package publish

import (
	"context"
	"errors"
	"strconv"

	"github.com/grow-platform/grow/host/outside/nats"
	"github.com/grow-platform/grow/runtime/capability"
	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// natsSink is a NATS server, whose streams know messages by the header Nats-Msg-Id.
type natsSink struct {
	Server string
	conn   *client.Conn
	js     jetstream.JetStream
}

func toNATS(server string, secret func(string) (string, bool)) (sink, error) {
	conn, err := nats.Connect(server, secret)
	if err != nil {
		return nil, err
	}
	js, err := jetstream.New(conn)
	if err != nil {
		conn.Close()
		return nil, err
	}
	return &natsSink{server, conn, js}, nil
}

func (o *natsSink) close() { o.conn.Close() }

// send implements sink.
func (o *natsSink) send(ctx context.Context, sent *message) capability.Answer {
	m := client.NewMsg(sent.subject)
	m.Data = sent.data
	for _, h := range sent.headers {
		m.Header.Set(h.name, h.value)
	}
	ack, err := o.js.PublishMsg(ctx, m, jetstream.WithMsgID(sent.id))
	if err != nil {
		return o.failed(ctx, sent.subject, err)
	}
	attrs := []string{"stream", ack.Stream, "sequence", strconv.FormatUint(ack.Sequence, 10)}
	if ack.Duplicate {
		attrs = append(attrs, "duplicate", "true")
	}
	return capability.Answer{Attrs: attrs}
}

// failed is what an error means to an actor. What the server says of itself is left out.
func (o *natsSink) failed(ctx context.Context, subject string, err error) capability.Answer {
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
