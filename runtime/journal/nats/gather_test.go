package nats

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/bucket/buckettest"
	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// crowd sends messages that wait until all are there, so that they go together if they may.
// It returns their sequences and errors.
func crowd(ctx context.Context, h *handle, list []*client.Msg) (sequences []uint64, errs []error) {
	g := h.gathering
	sequences, errs = make([]uint64, len(list)), make([]error, len(list))
	g.mu.Lock()
	g.apart, g.batch = manyFrom, 1
	g.mu.Unlock()
	var wait sync.WaitGroup
	for i, m := range list {
		wait.Go(func() { sequences[i], errs[i] = g.send(ctx, m) })
		for waiting := 0; waiting <= i; runtime.Gosched() {
			g.mu.Lock()
			waiting = len(g.waiting)
			g.mu.Unlock()
		}
	}
	g.landed(func() { g.apart, g.batch = 0, 0 })
	wait.Wait()
	return sequences, errs
}

// valuesOf is values of some keys, each of which expects a sequence.
func valuesOf(v *values, keys []int, expect uint64) (list []*client.Msg) {
	for i, key := range keys {
		m := client.NewMsg(v.subject(fmt.Sprintf("key-%d", key)))
		m.Data = fmt.Appendf(nil, "%d for %d", i, key)
		m.Header.Set(jetstream.ExpectedLastSubjSeqHeader, fmt.Sprint(expect))
		list = append(list, m)
	}
	return list
}

func handleOf(t *testing.T, v *values) *handle {
	t.Helper()
	if err := v.measure(t.Context()); err != nil {
		t.Fatal(err)
	}
	return v.handle.Load()
}

// batchOf is the batch that a message came with; empty: none.
func batchOf(t *testing.T, h *handle, sequence uint64) string {
	t.Helper()
	m, err := h.stream.GetMsg(t.Context(), sequence)
	if err != nil {
		t.Fatal(err)
	}
	return m.Header.Get(batchID)
}

func upTo(n int) (list []int) {
	for i := range n {
		list = append(list, i)
	}
	return list
}

// TestGathered: messages that wait go together, and each is told the sequence that it has.
func TestGathered(t *testing.T) {
	v, _ := basket(t)
	h := handleOf(t, v)
	list := valuesOf(v, upTo(3*batchMin), 0)
	sequences, errs := crowd(t.Context(), h, list)
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	batch := batchOf(t, h, sequences[0])
	if batch == "" {
		t.Error("they went by themselves")
	}
	for i, sequence := range sequences {
		m, err := h.stream.GetMsg(t.Context(), sequence)
		if err != nil {
			t.Fatal(err)
		}
		if m.Subject != list[i].Subject || string(m.Data) != string(list[i].Data) {
			t.Errorf("%d is said to be %s, which is %s with %q", sequence, list[i].Subject, m.Subject, m.Data)
		}
		if other := m.Header.Get(batchID); other != batch {
			t.Errorf("%s went with batch %q, the others with %q", m.Subject, other, batch)
		}
	}
}

// TestGatheredFew: a few messages go by themselves, and so does what is large.
func TestGatheredFew(t *testing.T) {
	v, _ := basket(t)
	h := handleOf(t, v)
	large := valuesOf(v, upTo(2*batchMin), 0)
	for _, m := range large {
		m.Subject, m.Data = m.Subject+"-large", make([]byte, batchBytes/8)
	}
	for _, list := range [][]*client.Msg{valuesOf(v, upTo(batchMin-1), 0), large} {
		sequences, errs := crowd(t.Context(), h, list)
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		for _, sequence := range sequences {
			if batch := batchOf(t, h, sequence); batch != "" {
				t.Errorf("one went with batch %q", batch)
			}
		}
	}
}

// TestGatheredRefused: of a batch with a message that the server refuses, the others are kept all
// the same, and only that one is told. There is no batch for a while then.
func TestGatheredRefused(t *testing.T) {
	v, write := basket(t)
	h := handleOf(t, v)
	write(bucket.Write{Key: "key-7", Data: []byte("before"), Once: "m1"})
	sequences, errs := crowd(t.Context(), h, valuesOf(v, upTo(2*batchMin), 0))
	for i, err := range errs {
		var no *refused
		if conflict := errors.As(err, &no) && no.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence; conflict != (i == 7) || err != nil && !conflict {
			t.Errorf("key %d: %v", i, err)
		}
		if err == nil && batchOf(t, h, sequences[i]) != "" {
			t.Errorf("key %d went with a batch", i)
		}
	}
	for _, late := range []bool{false, true} {
		list := valuesOf(v, upTo(2*batchMin), 0)
		for _, m := range list {
			m.Subject += fmt.Sprint("-next", late)
		}
		if late {
			h.gathering.mu.Lock()
			h.gathering.until = 0
			h.gathering.mu.Unlock()
		}
		sequences, errs := crowd(t.Context(), h, list)
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		if batch := batchOf(t, h, sequences[0]); (batch != "") != late {
			t.Errorf("when it is %t that a while has passed, one went with batch %q", late, batch)
		}
	}
}

// TestGatheredSame: of two messages of one subject that wait, the second does not spoil the batch of the first.
func TestGatheredSame(t *testing.T) {
	v, _ := basket(t)
	h := handleOf(t, v)
	sequences, errs := crowd(t.Context(), h, valuesOf(v, append(upTo(batchMin), 3), 0))
	var no *refused
	if last := errs[batchMin]; !errors.As(last, &no) || no.ErrorCode != jetstream.JSErrCodeStreamWrongLastSequence {
		t.Errorf("the second: %v", last)
	}
	for i := range batchMin {
		if errs[i] != nil || batchOf(t, h, sequences[i]) == "" {
			t.Errorf("key %d: %v, in batch %q", i, errs[i], batchOf(t, h, sequences[i]))
		}
	}
}

// TestGatheredAlone: what is not for a batch neither waits for one nor counts for one.
func TestGatheredAlone(t *testing.T) {
	v, _ := basket(t)
	h := handleOf(t, v)
	g := h.gathering
	var list []*letter
	for _, m := range valuesOf(v, upTo(batchMin), 0) {
		list = append(list, &letter{message: m, answer: make(chan answer, 1)})
	}
	list[batchMin-1].alone = true
	g.mu.Lock()
	g.waiting = slices.Clone(list)
	if batch := g.takeBatch(); batch != nil || len(g.waiting) != batchMin {
		t.Errorf("a batch of %d, and %d wait", len(batch), len(g.waiting))
	}
	g.batch = manyFrom
	start := g.next()
	g.mu.Unlock()
	start()
	if a := <-list[batchMin-1].answer; a.err != nil || a.sequence != 1 {
		t.Errorf("%d, %v", a.sequence, a.err)
	}
	g.landed(func() { g.batch = 0 })
	for i, l := range list[:batchMin-1] {
		if a := <-l.answer; a.err != nil {
			t.Errorf("key %d: %v", i, a.err)
		}
	}
}

// TestGatheredLeft: who waits no longer is not sent, and keeps nobody waiting.
func TestGatheredLeft(t *testing.T) {
	v, _ := basket(t)
	h := handleOf(t, v)
	g := h.gathering
	g.mu.Lock()
	g.apart = manyFrom
	g.mu.Unlock()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	list := valuesOf(v, upTo(2), 0)
	if _, err := g.send(ctx, list[0]); !errors.Is(err, context.Canceled) {
		t.Errorf("one that waits no longer: %v", err)
	}
	g.landed(func() { g.apart = 0 })
	if sequence, err := g.send(t.Context(), list[1]); err != nil || sequence != 1 {
		t.Errorf("the next: %d, %v", sequence, err)
	}
}

// TestGatheredMemory: who waits no longer may use the memory of what it sent for something else,
// though that is about to go.
func TestGatheredMemory(t *testing.T) {
	v, _ := basket(t)
	h := handleOf(t, v)
	g, m := h.gathering, valuesOf(v, upTo(1), 0)[0]
	g.mu.Lock()
	g.apart = manyFrom
	g.mu.Unlock()
	ctx, cancel := context.WithCancel(t.Context())
	data, ended := m.Data, make(chan error)
	go func() {
		_, err := g.send(ctx, m)
		ended <- err
	}()
	var l *letter
	for ; l == nil; runtime.Gosched() {
		g.mu.Lock()
		if len(g.waiting) > 0 {
			l = g.waiting[0]
		}
		g.mu.Unlock()
	}
	g.mu.Lock()
	g.apart = 0
	start := g.next()
	g.mu.Unlock()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	clear(data)
	start()
	if a := <-l.answer; a.err != nil {
		t.Fatal(a.err)
	}
	if have, err := v.Get(t.Context(), "key-0"); err != nil || string(have.Data) != "0 for 0" {
		t.Errorf("%q, %v", have.Data, err)
	}
}

// TestGatheredAway: when the connection is lost, everybody is told, and none waits.
func TestGatheredAway(t *testing.T) {
	v, _ := basket(t)
	h := handleOf(t, v)
	h.session.close()
	_, errs := crowd(t.Context(), h, valuesOf(v, upTo(3*batchMin), 0))
	for i, err := range errs {
		if !errors.Is(err, errNotSent) {
			t.Errorf("key %d: %v", i, err)
		}
	}
}

// TestGatheredMany: only while there are many does one wait, and the ones of a batch count.
func TestGatheredMany(t *testing.T) {
	for _, c := range []struct {
		apart, batch int
		goes         bool
	}{
		{0, 0, true}, {manyFrom - 2, 0, true}, {manyFrom - 1, 0, false},
		{0, manyFrom - 2, true}, {apartMax, manyFrom - 2 - apartMax, true}, {0, manyFrom - 1, false}, {apartMax, manyFrom - 1 - apartMax, false},
	} {
		v, _ := basket(t)
		g, m := handleOf(t, v).gathering, valuesOf(v, upTo(1), 0)[0]
		l := &letter{message: m, answer: make(chan answer, 1)}
		g.mu.Lock()
		g.apart, g.batch, g.waiting = c.apart, c.batch, []*letter{l}
		start := g.next()
		if goes := len(g.waiting) == 0; goes != c.goes {
			t.Errorf("beside %d and a batch of %d: goes %t", c.apart, c.batch, goes)
		}
		g.mu.Unlock()
		start()
		g.landed(func() { g.apart, g.batch = max(0, g.apart-c.apart), 0 })
		if a := <-l.answer; a.err != nil || a.sequence != 1 {
			t.Errorf("%d, %v", a.sequence, a.err)
		}
	}
}

// TestBucketsAway: buckets of a server that is not the host's own, which may not sync what it is sent:
// nothing waits there.
func TestBucketsAway(t *testing.T) {
	away := func(t *testing.T) bucket.Store {
		_, url := external(t, nil)
		s := open(t, Options{URL: url})
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s
	}
	buckettest.Run(t, away)
	b, err := away(t).Bucket(t.Context(), bucket.Name{Namespace: "main", Service: "shop", Bucket: "carts"})
	if err != nil {
		t.Fatal(err)
	}
	h := handleOf(t, b.(*values))
	if h.stream.CachedInfo().Config.AllowAtomicPublish {
		t.Error("the stream takes batches")
	}
	g := h.gathering
	g.mu.Lock()
	g.apart = 10 * manyFrom
	g.mu.Unlock()
	for i, m := range valuesOf(b.(*values), upTo(2*batchMin), 0) {
		if sequence, err := g.send(t.Context(), m); err != nil || sequence != uint64(i+1) || batchOf(t, h, sequence) != "" {
			t.Errorf("%d, %v, in batch %q", sequence, err, batchOf(t, h, sequence))
		}
	}
}

// TestReadAside: what is read of a bucket has a connection of its own, beside the one for what is
// written, whether this process has made the bucket, found it, or found one of an earlier version.
func TestReadAside(t *testing.T) {
	for _, c := range []string{"made", "found", "of before"} {
		v, write := basket(t)
		write(bucket.Write{Key: "a", Data: []byte("x"), Once: "m1"})
		h := handleOf(t, v)
		if c == "of before" {
			ofBefore(t, h)
		}
		if c != "made" {
			v.handle.Store(nil)
			h = handleOf(t, v)
		}
		h.session.conn.Close()
		if e, err := v.Get(t.Context(), "a"); err != nil || string(e.Data) != "x" {
			t.Errorf("%s: %q, %v", c, e.Data, err)
		}
	}
}

// ofBefore has a bucket be as an earlier version made it, without batches.
func ofBefore(t *testing.T, h *handle) {
	t.Helper()
	config := h.stream.CachedInfo().Config
	config.AllowAtomicPublish = false
	if _, err := h.session.js.UpdateStream(t.Context(), config); err != nil {
		t.Fatal(err)
	}
}

// TestBatchesOfBefore: a bucket that an earlier version made takes batches.
func TestBatchesOfBefore(t *testing.T) {
	v, write := basket(t)
	write(bucket.Write{Key: "a", Data: []byte("x"), Once: "m1"})
	ofBefore(t, handleOf(t, v))
	v.handle.Store(nil)
	if h := handleOf(t, v); !h.gathering.batches || !h.stream.CachedInfo().Config.AllowAtomicPublish {
		t.Error("it takes none")
	}
	if e, err := v.Get(t.Context(), "a"); err != nil || string(e.Data) != "x" {
		t.Errorf("its value: %q, %v", e.Data, err)
	}
}
