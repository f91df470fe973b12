package nats

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"

	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"
)

// Headers of a batch, which the server keeps whole or not at all (NATS ADR-50).
const (
	batchID     = "Nats-Batch-Id"
	batchPlace  = "Nats-Batch-Sequence" // of a message in its batch, from 1
	batchCommit = "Nats-Batch-Commit"
)

// Limits of what is sent together. The server keeps a batch in files of its own first, which takes as
// long as a dozen messages by themselves.
const (
	manyFrom   = 24        // messages on their way or waiting, of which most wait, so as to go together
	apartMax   = 3         // by themselves at a time then, which keep the server busy
	batchMin   = 16        // messages of a batch
	batchBytes = 512 << 10 // of a batch's data, unless one message has more
	batchAgain = 256       // messages by themselves after a batch that was refused, its own first
)

// gathering sends what is written to a stream. Few messages at a time go by themselves; what comes
// while many are on their way waits, and goes together, in a batch, which the server syncs once. One
// that it refuses has changed nothing: then each message goes by itself. It is safe for concurrent use.
type gathering struct {
	session *session
	timeout time.Duration
	batches bool // the stream takes them

	mu      sync.Mutex // guards what follows
	waiting []*letter  // in the order in which they came
	apart   int        // letters on their way by themselves
	batch   int        // letters of the batch that is on its way; 0: none is
	until   int        // letters that go by themselves before the next batch
}

// letter is a message on its way.
type letter struct {
	message *client.Msg
	alone   bool // it is not for a batch: one of its subject was before it
	left    bool // nobody waits for its answer
	answer  chan answer
}

type answer struct {
	sequence uint64
	err      error
}

// send keeps a message, and returns its sequence. It returns when ctx ends, whatever becomes of a
// message that is on its way: so it copies the data, which the caller may then use for something else.
func (g *gathering) send(ctx context.Context, m *client.Msg) (uint64, error) {
	m.Data = bytes.Clone(m.Data)
	l := &letter{message: m, answer: make(chan answer, 1)}
	g.mu.Lock()
	g.waiting = append(g.waiting, l)
	start := g.next()
	g.mu.Unlock()
	start()
	select {
	case a := <-l.answer:
		return a.sequence, a.err
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	l.left = true
	g.waiting = slices.DeleteFunc(g.waiting, gone)
	return 0, ctx.Err()
}

func gone(l *letter) bool { return l.left }

// next takes out of what waits what may go now, and returns what sends it. g.mu is held.
func (g *gathering) next() (start func()) {
	var batch, apart []*letter
	if g.batches && g.batch == 0 && g.until == 0 && len(g.waiting) >= batchMin {
		batch = g.takeBatch()
	}
	for many := g.batches && g.apart+g.batch+len(g.waiting) >= manyFrom; !many || g.apart < apartMax; {
		i := slices.IndexFunc(g.waiting, func(l *letter) bool { return !many || l.alone || g.batch == 0 })
		if i < 0 {
			break
		}
		apart = append(apart, g.waiting[i])
		g.waiting = slices.Delete(g.waiting, i, i+1)
		g.apart++
		g.until = max(0, g.until-1)
	}
	return func() {
		if len(batch) > 0 {
			g.sendBatch(batch)
		}
		for _, l := range apart {
			g.session.publish(l.message.Subject, l.message.Header, l.message.Data, g.timeout, func(sequence uint64, err error) {
				l.answer <- answer{sequence, err}
				g.landed(func() { g.apart-- })
			})
		}
	}
}

// takeBatch takes messages of different subjects out of what waits: two of one do not expect the same
// of it. Those that are left go by themselves. nil: too few are. g.mu is held.
func (g *gathering) takeBatch() (batch []*letter) {
	size, subjects := 0, map[string]bool{}
	var rest []*letter
	for _, l := range g.waiting {
		switch {
		case l.alone, len(batch) > 0 && size+len(l.message.Data) > batchBytes:
			rest = append(rest, l)
		case subjects[l.message.Subject]:
			l.alone = true
			rest = append(rest, l)
		default:
			batch, size, subjects[l.message.Subject] = append(batch, l), size+len(l.message.Data), true
		}
	}
	if len(batch) < batchMin {
		return nil
	}
	g.waiting, g.batch = rest, len(batch)
	return batch
}

// sendBatch sends messages together.
func (g *gathering) sendBatch(batch []*letter) {
	id := nuid.Next()
	for i, l := range batch {
		m := l.message
		m.Header.Set(batchID, id)
		m.Header.Set(batchPlace, strconv.Itoa(i+1))
		if i < len(batch)-1 {
			_ = g.session.conn.PublishMsg(m) // the server refuses the last if one before it is missing
			continue
		}
		m.Header.Set(batchCommit, "1")
		g.session.publish(m.Subject, m.Header, m.Data, g.timeout, func(sequence uint64, err error) { g.landedBatch(batch, sequence, err) })
	}
}

// landedBatch tells the messages of a batch what has become of them: sequence is that of the last.
func (g *gathering) landedBatch(batch []*letter, sequence uint64, err error) {
	var no *refused
	again := errors.As(err, &no) || errors.Is(err, errNotSent)
	for i, l := range batch {
		for _, name := range []string{batchID, batchPlace, batchCommit} {
			l.message.Header.Del(name)
		}
		switch {
		case again:
		case err != nil:
			l.answer <- answer{0, err}
		default:
			l.answer <- answer{sequence - uint64(len(batch)-1-i), nil}
		}
	}
	g.landed(func() {
		if g.batch = 0; again {
			g.waiting, g.until = append(slices.DeleteFunc(batch, gone), g.waiting...), batchAgain
		}
	})
}

// landed notes that something has landed, and sends what may go then.
func (g *gathering) landed(note func()) {
	g.mu.Lock()
	note()
	start := g.next()
	g.mu.Unlock()
	start()
}
