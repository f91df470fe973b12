package subscribe

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/grow-platform/grow/host/outside/nats"
	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// fromNATS is a subject that a stream keeps.
type fromNATS struct {
	*entry
	conn *client.Conn
}

func openNATS(e *entry) (origin, error) {
	conn, err := nats.Connect(e.Subscription.Server, e.opts.Secret)
	if err != nil {
		return nil, err
	}
	return &fromNATS{e, conn}, nil
}

func (e *fromNATS) close() { e.conn.Close() }

// known is an error without what says where the server is.
func (e *fromNATS) known(err error) string {
	var api jetstream.JetStreamError
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return "no stream keeps the subject " + e.Subscription.Subject
	case errors.As(err, &api) && api.APIError() != nil:
		return api.APIError().Description
	case !e.conn.IsConnected():
		return "the server does not answer"
	}
	return "the server's answer was not what it should be"
}

// consume takes messages until something is wrong, and returns how many.
func (e *fromNATS) consume(ctx context.Context) (taken int, err error) {
	js, err := jetstream.New(e.conn)
	if err != nil {
		return 0, err
	}
	c, err := e.consumer(ctx, js)
	if err != nil {
		return 0, err
	}
	list, err := c.Messages(jetstream.PullMaxMessages(aheadMax))
	if err != nil {
		return 0, err
	}
	defer list.Stop()
	stop := context.AfterFunc(ctx, list.Stop)
	defer stop()
	for {
		m, err := list.Next()
		if err != nil {
			return taken, err
		}
		if err := e.take(ctx, m); err != nil {
			return taken, err
		}
		taken++
	}
}

// consumer finds the subscription's consumer, or makes it.
func (e *fromNATS) consumer(ctx context.Context, js jetstream.JetStream) (jetstream.Consumer, error) {
	ctx, cancel := context.WithTimeout(ctx, callMax)
	defer cancel()
	stream, err := js.StreamNameBySubject(ctx, e.Subscription.Subject)
	if err != nil {
		return nil, err
	}
	c, err := js.Consumer(ctx, stream, e.group())
	if !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return c, err
	}
	config := jetstream.ConsumerConfig{
		Durable: e.group(), Description: "grow " + e.Name, FilterSubject: e.Subscription.Subject, AckPolicy: jetstream.AckExplicitPolicy, AckWait: ackWait, MaxAckPending: 2 * aheadMax,
	}
	if e.Subscription.New {
		config.DeliverPolicy = jetstream.DeliverNewPolicy
	}
	return js.CreateConsumer(ctx, stream, config)
}

// take has a message enter the service, and acknowledges it. One that the service can never
// take is not asked for again.
func (e *fromNATS) take(ctx context.Context, m jetstream.Msg) error {
	meta, err := m.Metadata()
	if err != nil {
		return err
	}
	sequence := strconv.FormatUint(meta.Sequence.Stream, 10)
	h := &headers{prefix: Header, attrs: []string{Subject, m.Subject(), Sequence, sequence}}
	for name, values := range m.Headers() {
		if len(values) > 0 && !strings.HasPrefix(strings.ToLower(name), "nats-") {
			h.add(name, values[0])
		}
	}
	err = e.entry.take(ctx, &message{
		data: m.Data(), attrs: h.attrs, place: meta.Stream + "/" + sequence,
		// A stream that was made anew counts from 1 again.
		key:   meta.Stream + "/" + sequence + "/" + strconv.FormatInt(meta.Timestamp.UnixNano(), 10),
		again: func() { _ = m.InProgress() }, // if that is lost it comes again, and is known
	})
	if errors.Is(err, errRefused) {
		return m.TermWithReason("grow: the service cannot take it")
	}
	if err != nil {
		return err
	}
	return m.Ack()
}
