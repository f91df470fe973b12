// Package subscribe takes a service's messages from subjects of NATS servers outside. Each
// subscription is a durable consumer of the stream that keeps the subject; a message is
// acknowledged once it is in the service's journal, and taken once, however often it comes.
package subscribe

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/grow-platform/grow/host/outside/nats"
	"github.com/grow-platform/grow/host/source"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/shape"
	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Limits.
const (
	callMax    = 10 * time.Second // of one call of a server
	ackWait    = 30 * time.Second // after which a message comes again that nobody acknowledged
	aheadMax   = 64               // messages that are fetched ahead, of a subscription
	headersMax = 32               // of a message; others are left out
	headerMax  = 4 << 10          // bytes of a header's value
)

// The attributes of a message that came from a subject.
const (
	Subject  = "nats.subject"
	Sequence = "nats.sequence"
	Header   = "nats.header." // and the name in lower case
)

// Options of a runner.
type Options struct {
	Namespace, Service string
	Shard              source.Shard
	Secret             func(name string) (string, bool)
	Log                *slog.Logger
}

// Runner runs the subscriptions of a service. Its methods are called by one goroutine at a time.
type Runner struct {
	opts    Options
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// New makes a runner of no subscriptions.
func New(o Options) *Runner { return &Runner{opts: o, cancel: func() {}} }

// Check says what is missing to run the subscriptions of a service.
func Check(sources []*specs.Source, secret func(string) (string, bool)) error {
	for _, s := range sources {
		if s.Subscription != nil {
			if err := nats.Check(s.Subscription.Server, secret); err != nil {
				return fmt.Errorf("%s: %w", s.Name, err)
			}
		}
	}
	return nil
}

// Run runs the subscriptions of a service in place of those that ran.
func (r *Runner) Run(service *specs.Service) error {
	r.Close()
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	for _, s := range service.Sources {
		if s.Subscription == nil {
			continue
		}
		conn, err := nats.Connect(s.Subscription.Server, r.opts.Secret)
		if err != nil {
			r.Close()
			return fmt.Errorf("%s: %w", s.Name, err)
		}
		e := &entry{Source: s, opts: &r.opts, conn: conn, kind: service.Types[s.Send]}
		r.running.Go(func() { e.run(ctx) }) // ends with Close
	}
	return nil
}

// Close ends all subscriptions. What was not acknowledged comes again.
func (r *Runner) Close() {
	r.cancel()
	r.running.Wait()
}

// entry is one subscription. It belongs to the goroutine of run.
type entry struct {
	*specs.Source
	opts *Options
	conn *client.Conn
	kind *shape.Type // of the messages it makes
}

// durable is the name of the consumer: the same for the same subscription.
func (e *entry) durable() string {
	sum := sha256.Sum256([]byte(e.Subscription.Subject))
	return "grow_" + e.opts.Namespace + "_" + e.opts.Service + "_" + hex.EncodeToString(sum[:6])
}

func (e *entry) run(ctx context.Context) {
	defer e.conn.Close()
	said := ""
	for wait := source.WaitMin; ; wait = min(2*wait, source.WaitMax) {
		taken, err := e.consume(ctx)
		if ctx.Err() != nil {
			return
		}
		if taken > 0 {
			wait, said = source.WaitMin, ""
		}
		if text := e.known(err); text != said {
			e.opts.Log.Warn("a subscription takes nothing at the moment", "source", e.Name, "server", e.Subscription.Server, "error", text)
			said = text
		}
		if !source.Wait(ctx, wait) {
			return
		}
	}
}

// known is an error without what says where the server is.
func (e *entry) known(err error) string {
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
func (e *entry) consume(ctx context.Context) (taken int, err error) {
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
func (e *entry) consumer(ctx context.Context, js jetstream.JetStream) (jetstream.Consumer, error) {
	ctx, cancel := context.WithTimeout(ctx, callMax)
	defer cancel()
	stream, err := js.StreamNameBySubject(ctx, e.Subscription.Subject)
	if err != nil {
		return nil, err
	}
	c, err := js.Consumer(ctx, stream, e.durable())
	if !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return c, err
	}
	config := jetstream.ConsumerConfig{
		Durable: e.durable(), Description: "grow " + e.Name, FilterSubject: e.Subscription.Subject, AckPolicy: jetstream.AckExplicitPolicy, AckWait: ackWait, MaxAckPending: 2 * aheadMax,
	}
	if e.Subscription.New {
		config.DeliverPolicy = jetstream.DeliverNewPolicy
	}
	return js.CreateConsumer(ctx, stream, config)
}

// take has a message enter the service, and acknowledges it. One that the service can never
// take is not asked for again.
func (e *entry) take(ctx context.Context, m jetstream.Msg) error {
	meta, err := m.Metadata()
	if err != nil {
		return err
	}
	if e.kind != nil {
		if err := e.kind.Check(m.Data()); err != nil {
			return e.refuse(m, meta, err)
		}
	}
	sequence := strconv.FormatUint(meta.Sequence.Stream, 10)
	// A stream that was made anew counts from 1 again.
	key := meta.Stream + "/" + sequence + "/" + strconv.FormatInt(meta.Timestamp.UnixNano(), 10)
	err = source.Keep(ctx, e.opts.Shard, &shard.Request{
		To: e.To, Source: e.Name, Type: e.Send, Attrs: attributes(m, sequence), Data: m.Data(),
	}, key, e.opts.Log, func() { _ = m.InProgress() }) // if that is lost it comes again, and is known
	if errors.Is(err, source.ErrAstray) {
		return e.refuse(m, meta, err)
	}
	if err != nil {
		return err
	}
	return m.Ack()
}

func (e *entry) refuse(m jetstream.Msg, meta *jetstream.MsgMetadata, cause error) error {
	e.opts.Log.Error("a message of a subscription cannot be taken, and is left where it is", "source", e.Name, "stream", meta.Stream, "sequence", meta.Sequence.Stream, "error", cause)
	return m.TermWithReason("grow: the service cannot take it")
}

// attributes are those of a message's subject and headers.
func attributes(m jetstream.Msg, sequence string) []string {
	attrs := []string{Subject, m.Subject(), Sequence, sequence}
	given := map[string]bool{}
	for name, values := range m.Headers() {
		name = strings.ToLower(name)
		if len(given) == headersMax || len(values) == 0 || given[name] || strings.HasPrefix(name, "nats-") || len(Header)+len(name) > 256 || len(values[0]) > headerMax {
			continue
		}
		given[name] = true
		attrs = append(attrs, Header+name, strings.ToValidUTF8(values[0], "\uFFFD"))
	}
	return attrs
}
