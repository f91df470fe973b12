package subscribe

import (
	"context"
	"errors"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/grow-platform/grow/host/outside/kafka"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// The attributes of a message that came from a topic of Kafka.
const (
	KafkaTopic     = "kafka.topic"
	KafkaPartition = "kafka.partition"
	KafkaOffset    = "kafka.offset"
	KafkaKey       = "kafka.key"     // when it is a text of at most 4096 bytes
	KafkaHeader    = "kafka.header." // and the name in lower case
)

// kafkaWait is how long nothing comes before it is asked whether the server is there.
const kafkaWait = 30 * time.Second

// fetchMax bounds what is fetched ahead, in bytes, but for a message that is larger.
const fetchMax = 8 << 20

// fromKafka is a topic. It is a member of a group, so that several hosts would share its
// partitions. An offset is committed once the messages before it are in the journal; what
// comes again, after a crash or from a partition that went to and fro, is known there.
type fromKafka struct {
	*entry
	client *kgo.Client // nil: it has not begun
}

func openKafka(e *entry) (origin, error) {
	k := &fromKafka{entry: e}
	if e.Subscription.New { // which has to be asked for first
		return k, kafka.Check(e.Subscription.Server, e.opts.Secret)
	}
	return k, k.join()
}

// join makes the subscription a member of its group. What the group has no offset of is
// taken from its beginning.
func (e *fromKafka) join() (err error) {
	start := kgo.NewOffset().AtStart()
	e.client, err = kafka.Connect(e.Subscription.Server, e.opts.Secret, kgo.ConsumerGroup(e.group()), kgo.ConsumeTopics(e.Subscription.Subject), kgo.DisableAutoCommit(),
		kgo.ConsumeStartOffset(start), kgo.ConsumeResetOffset(start), kgo.FetchMaxBytes(fetchMax), kgo.FetchMaxPartitionBytes(fetchMax/8), kgo.MaxConcurrentFetches(2), kgo.KeepRetryableFetchErrors())
	return err
}

// begin notes the ends of the topic's partitions as the group's offsets, unless it has some:
// what comes after that is taken, however long nobody is there to take it. Of a topic that is
// not there yet everything comes after that.
func (e *fromKafka) begin(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callMax)
	defer cancel()
	c, err := kafka.Connect(e.Subscription.Server, e.opts.Secret)
	if err != nil {
		return err
	}
	defer c.Close()
	asked := kadm.NewClient(c)
	had, err := asked.FetchOffsets(ctx, e.group())
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return err
	}
	if len(had[e.Subscription.Subject]) > 0 {
		return nil
	}
	ends, err := asked.ListEndOffsets(ctx, e.Subscription.Subject)
	if err == nil {
		err = ends.Error()
	}
	if err == nil {
		err = asked.CommitAllOffsets(ctx, e.group(), ends.Offsets())
	}
	if errors.Is(err, kerr.UnknownTopicOrPartition) || errors.Is(err, kerr.UnknownMemberID) { // or another host has begun
		return nil
	}
	return err
}

func (e *fromKafka) close() {
	if e.client != nil {
		e.client.CloseAllowingRebalance()
	}
}

// known implements origin.
func (e *fromKafka) known(err error) string { return kafka.Known(err) }

// consume implements origin.
func (e *fromKafka) consume(ctx context.Context) (taken int, err error) {
	if e.client == nil {
		if err := e.begin(ctx); err != nil {
			return 0, err
		}
		if err := e.join(); err != nil {
			return 0, err
		}
	}
	for quiet := true; ; {
		if quiet { // the client tries again for ever what it cannot do, and says nothing
			if err := e.ping(ctx); err != nil {
				return taken, err
			}
		}
		fetched := e.poll(ctx)
		if ctx.Err() != nil {
			return taken, ctx.Err()
		}
		quiet = fetched.Empty()
		records := fetched.Records()
		for i, r := range records {
			if err := e.take(ctx, r); err != nil {
				return taken + i, errors.Join(err, e.commit(records[:i]))
			}
		}
		if err := e.commit(records); err != nil {
			return taken, err
		}
		taken += len(records)
		if err := fetched.Err(); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return taken, err
		}
	}
}

// poll waits for messages for a while.
func (e *fromKafka) poll(ctx context.Context) kgo.Fetches {
	ctx, cancel := context.WithTimeout(ctx, kafkaWait)
	defer cancel()
	return e.client.PollRecords(ctx, aheadMax)
}

// ping finds out whether the server is there and lets the client in.
func (e *fromKafka) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callMax)
	defer cancel()
	return e.client.Ping(ctx)
}

// commit says that messages need not come again. It does so also when the subscription ends.
func (e *fromKafka) commit(records []*kgo.Record) error {
	if len(records) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), callMax)
	defer cancel()
	return e.client.CommitRecords(ctx, records...)
}

// take has a message enter the service. One that it can never take is passed over.
func (e *fromKafka) take(ctx context.Context, r *kgo.Record) error {
	partition, offset := strconv.Itoa(int(r.Partition)), strconv.FormatInt(r.Offset, 10)
	h := &headers{prefix: KafkaHeader, attrs: []string{KafkaTopic, r.Topic, KafkaPartition, partition, KafkaOffset, offset}}
	if r.Key != nil && len(r.Key) <= headerMax && utf8.Valid(r.Key) {
		h.attrs = append(h.attrs, KafkaKey, string(r.Key))
	}
	for _, header := range r.Headers {
		h.add(header.Key, string(header.Value))
	}
	place := r.Topic + "/" + partition + "/" + offset
	err := e.entry.take(ctx, &message{
		data: r.Value, attrs: h.attrs, place: place,
		key:   place + "/" + strconv.FormatInt(r.Timestamp.UnixMilli(), 10), // a topic that was made anew counts from 0 again
		again: func() {},
	})
	if errors.Is(err, errRefused) {
		return nil
	}
	return err
}
