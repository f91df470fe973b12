package nats

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/grow-platform/grow/runtime/journal"
	client "github.com/nats-io/nats.go"
)

// Subjects that read a stream without a consumer: from any replica, and from the leader.
const (
	directGet  = "$JS.API.DIRECT.GET."
	messageGet = "$JS.API.STREAM.MSG.GET."
)

const (
	batchMax   = 1024 // records the server sends ahead
	againMax   = 100  // times that one Read waits for a replica
	againPause = 20 * time.Millisecond
)

// Read implements journal.Journal. Where the server's files are at hand they are
// read. From the server records come in batches, each asked for when the one
// before it is through, so what is on the way is bounded.
func (l *log) Read(ctx context.Context, from uint64, visit func(uint64, []byte) error) error {
	first, last, err := l.extent(ctx)
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	case from < first:
		return fmt.Errorf("read %d of %s: %w: the first is %d", from, l.name, journal.ErrTrimmed, first)
	case from > last:
		return nil
	}
	select {
	case l.store.readers <- struct{}{}:
		defer func() { <-l.store.readers }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if from, err = l.readBlocks(ctx, from, last, visit); err != nil || from > last {
		return err
	}
	conn := l.store.session.Load().reads
	inbox := client.NewInbox()
	sub, err := conn.SubscribeSync(inbox)
	if err == nil {
		err = sub.SetPendingLimits(batchMax+16, ReadAhead+2*journal.RecordMax)
	}
	if err != nil {
		return fmt.Errorf("read %d of %s: %w", from, l.name, l.store.callError(ctx, err))
	}
	defer sub.Unsubscribe() // fails only when the connection is closed
	r := reading{log: l, conn: conn, sub: sub, inbox: inbox, next: from, last: last, visit: visit}
	for r.next <= r.last {
		if err := r.batch(ctx); err != nil {
			return err
		}
	}
	return nil
}

// reading is one Read.
type reading struct {
	log        *log
	conn       *client.Conn
	sub        *client.Subscription
	inbox      string
	next, last uint64
	again      int // times that a replica was behind
	skip       bool
	visit      func(uint64, []byte) error
}

// request is what the server is asked for.
type request struct {
	Seq      uint64 `json:"seq"`
	Batch    int    `json:"batch,omitempty"`
	MaxBytes int    `json:"max_bytes,omitempty"`
}

// batch asks for the next records and visits them.
func (r *reading) batch(ctx context.Context) error {
	ask, err := json.Marshal(request{r.next, int(min(batchMax, r.last-r.next+1)), ReadAhead})
	if err != nil {
		return err
	}
	if err := r.conn.PublishRequest(directGet+r.log.stream, r.inbox, ask); err != nil {
		return r.failed(ctx, err)
	}
	begin := r.next
	r.skip = false
	for {
		m, err := r.message(ctx)
		if err != nil {
			return r.failed(ctx, err)
		}
		if status := m.Header.Get("Status"); status != "" {
			switch {
			case status == "503":
				return r.failed(ctx, client.ErrNoResponders)
			case r.skip:
				return nil
			case r.next == begin: // nothing came, though there should be something
				return r.missing(ctx)
			}
			return nil
		}
		if r.skip { // the rest of a batch that had a gap
			continue
		}
		if err := r.take(ctx, m); err != nil {
			return err
		}
	}
}

// message waits for the next one.
func (r *reading) message(ctx context.Context) (*client.Msg, error) {
	limited, cancel := r.log.store.within(ctx)
	defer cancel()
	return r.sub.NextMsgWithContext(limited)
}

// take visits the record of a message.
func (r *reading) take(ctx context.Context, m *client.Msg) error {
	seq, err := strconv.ParseUint(m.Header.Get("Nats-Sequence"), 10, 64)
	if err != nil || seq < r.next {
		return r.damaged(errors.New("the server sends something else"))
	}
	if seq > r.next {
		r.skip = true
		return r.missing(ctx)
	}
	switch format := m.Header.Get(headerFormat); format {
	case r.log.format:
	case "":
		return r.damaged(fmt.Errorf("%w: something else has put a message there", journal.ErrForeign))
	default:
		return r.damaged(fmt.Errorf("%w: the record is of version %s; this version of grow reads %s", journal.ErrFormat, format, r.log.format))
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case r.log.store.closed.Load():
		return journal.ErrClosed
	}
	if seq <= r.last {
		if err := r.visit(seq, m.Data); err != nil {
			return err
		}
	}
	r.next++
	return nil
}

// missing says why the next record is not there, or returns nil when it is:
// then it is asked for again.
func (r *reading) missing(ctx context.Context) error {
	first, _, err := r.log.bounds(ctx)
	switch {
	case err != nil:
		return err
	case first > r.next:
		return fmt.Errorf("read %d of %s: %w: the first is %d", r.next, r.log.name, journal.ErrTrimmed, first)
	}
	// Batches come from any replica, which may be behind; this from the leader.
	ask, err := json.Marshal(request{Seq: r.next})
	if err != nil {
		return err
	}
	limited, cancel := r.log.store.within(ctx)
	defer cancel()
	m, err := r.conn.RequestWithContext(limited, messageGet+r.log.stream, ask)
	if err != nil {
		return r.failed(ctx, err)
	}
	var answer struct {
		Error *refused `json:"error"`
	}
	if err := json.Unmarshal(m.Data, &answer); err != nil {
		return r.failed(ctx, err)
	}
	if answer.Error != nil {
		return r.damaged(fmt.Errorf("the server cannot read it: %w", answer.Error))
	}
	if r.again++; r.again > againMax {
		return r.failed(ctx, fmt.Errorf("%w: a replica is behind", journal.ErrUnhealthy))
	}
	select {
	case <-time.After(againPause):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *reading) damaged(cause error) error {
	return &journal.Damaged{Journal: r.log.name.String(), Seq: r.next, Cause: cause}
}

func (r *reading) failed(ctx context.Context, err error) error {
	return fmt.Errorf("read %d of %s: %w", r.next, r.log.name, r.log.store.callError(ctx, err))
}
