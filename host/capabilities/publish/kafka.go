package publish

import (
	"context"
	"errors"
	"regexp"
	"strconv"

	"github.com/grow-platform/grow/host/outside/kafka"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// kafkaID is the header that a message is known by: a producer that begins anew after a crash
// is not known to Kafka, so that a message may be there twice then, with one id.
const kafkaID = "grow-id"

// topic is what one may be called.
var topic = regexp.MustCompile(`^[A-Za-z0-9._-]{1,249}$`)

// bufferedMax is how many messages of a grant may be under way.
const (
	bufferedMax   = 1000
	bufferedBytes = 32 << 20
)

// kafkaSink is a Kafka cluster.
type kafkaSink struct {
	server string
	client *kgo.Client
}

func toKafka(server string, secret func(string) (string, bool)) (sink, error) {
	c, err := kafka.Connect(server, secret, kgo.MaxBufferedRecords(bufferedMax), kgo.MaxBufferedBytes(bufferedBytes), kgo.RecordDeliveryTimeout(capability.CallTimeMax))
	if err != nil {
		return nil, err
	}
	return &kafkaSink{server, c}, nil
}

func (o *kafkaSink) close() { o.client.Close() }

// send implements sink.
func (o *kafkaSink) send(ctx context.Context, m *message) capability.Answer {
	if !topic.MatchString(m.subject) {
		return capability.Fail(capability.Invalid, "%s is no topic of Kafka: letters, digits, dots, dashes and underscores, at most 249", m.subject)
	}
	// The data is copied, since the request ends before what is given up on is sent; and no
	// value at all would mark its key as deleted.
	r := &kgo.Record{Topic: m.subject, Value: append([]byte{}, m.data...), Headers: []kgo.RecordHeader{{Key: kafkaID, Value: []byte(m.id)}}}
	if m.key != "" {
		r.Key = []byte(m.key)
	}
	for _, h := range m.headers {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: h.name, Value: []byte(h.value)})
	}
	if ctx.Err() != nil {
		return o.failed(ctx, m.subject, ctx.Err())
	}
	// What is given up on is sent all the same for a while, so that the producer's numbers stay in
	// order: the next attempt has the same id.
	done := make(chan error, 1)
	o.client.TryProduce(context.WithoutCancel(ctx), r, func(_ *kgo.Record, err error) { done <- err })
	select {
	case err := <-done:
		if err != nil {
			return o.failed(ctx, m.subject, err)
		}
	case <-ctx.Done():
		return o.failed(ctx, m.subject, ctx.Err())
	}
	return capability.Answer{Attrs: []string{"stream", r.Topic + "/" + strconv.Itoa(int(r.Partition)), "sequence", strconv.FormatInt(r.Offset, 10)}}
}

// failed is what an error means to an actor. What the server says of itself is left out.
func (o *kafkaSink) failed(ctx context.Context, topic string, err error) capability.Answer {
	switch {
	case errors.Is(err, kerr.UnknownTopicOrPartition):
		return capability.Fail(capability.NotFound, "server %s has no topic %s", o.server, topic)
	case errors.Is(err, kerr.MessageTooLarge), errors.Is(err, kerr.RecordListTooLarge):
		return capability.Fail(capability.Limit, "the message is larger than server %s takes", o.server)
	case errors.Is(err, kerr.TopicAuthorizationFailed), errors.Is(err, kerr.ClusterAuthorizationFailed):
		return capability.Fail(capability.Denied, "server %s does not let us publish to %s", o.server, topic)
	case errors.Is(err, kgo.ErrMaxBuffered):
		return capability.Fail(capability.Unavailable, "so much waits for server %s that no more is taken", o.server)
	case ctx.Err() != nil:
		return capability.Fail(capability.Timeout, "server %s did not answer in time", o.server)
	}
	return capability.Fail(capability.Unavailable, "server %s does not take the message at the moment", o.server)
}
