package shard

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/grow-platform/grow/runtime/journal"
)

// batch is what may be seen once entries that one lane wrote together are committed.
type batch struct {
	entries  int // that there are
	answers  []answered
	kept     []*flow
	barriers []chan error // of handlings that must not go on before
	blobs    []blob       // that entries of the batch lie in

	lane   *lane
	number uint64 // among the lane's
	seq    uint64 // of its record
	state  atomic.Uint32
	err    error
}

// memory is about how many bytes a batch takes that holds nothing.
func (b *batch) memory() int64 {
	return int64(unsafe.Sizeof(*b)) + int64(cap(b.answers))*int64(unsafe.Sizeof(answered{}))
}

// follow takes over what another batch of the lane, without entries, holds back.
func (b *batch) follow(empty *batch) {
	b.answers = append(b.answers, empty.answers...)
	b.kept = append(b.kept, empty.kept...)
	b.barriers = append(b.barriers, empty.barriers...)
	empty.answers, empty.kept, empty.barriers = empty.answers[:0], empty.kept[:0], empty.barriers[:0]
}

// answered is an answer that waits for its commit.
type answered struct {
	flow   *flow
	answer Answer
}

// The states of a batch. It is settled by its lane: at once when the journal
// was quick enough, through the lane's inbox when not.
const (
	batchOpen    = iota
	batchLeft    // the lane went on
	batchSettled // the journal has it, or has failed
)

// committer brings batches into the journal, in the order in which lanes hand
// them over. While appends are under way the next ones gather in one record.
type committer struct {
	shard   *Shard
	journal journal.Journal
	epoch   uint64

	// order is held by whoever starts appends, one at a time; it is only ever
	// tried, and who holds it looks for more to do after letting it go.
	order sync.Mutex

	committed atomic.Uint64 // sequence of the last record known to be there
	jammed    atomic.Bool   // so much waits for the journal that lanes rest
	reused    atomic.Int64  // bytes of the batches that lanes keep for reuse

	mu      sync.Mutex
	last    uint64    // sequence of the last append started
	flight  int       // appends under way
	sent    int       // bytes of those
	landed  int       // bytes of the last one that has landed
	doubt   bool      // nothing is appended until it is known what became of unsure
	unsure  []*flight // appends that failed or may have
	misses  []int64   // when the last ones failed, nanoseconds since 1970
	dead    error     // nothing more is appended
	spare   []*flight // for reuse
	waiting []*flight // records that gather, oldest first
	queued  int       // bytes of those
	bytes   int64     // appended since the journal was opened
	marks   []mark
	kept    uint64 // the first record kept for replay; 0: all are
	nudged  int64  // bytes when the keeper was told last
	entries int    // since then
	blobs   []blob // of records not trimmed, oldest first
}

// blob holds an entry too large for a record.
type blob struct {
	seq    uint64 // of the record that refers to it
	digest string
	size   int64
}

// mark says how many bytes had been appended when a record was, and when that was.
type mark struct {
	seq   uint64
	bytes int64
	time  int64 // nanoseconds since 1970
}

// trimStep is the bytes of journal between two marks, at most.
const trimStep = 1 << 20

// open begins an epoch after the record last, which is the journal's last one.
func (c *committer) open(ctx context.Context, s *Shard, last uint64) (err error) {
	c.journal = s.opts.Journal
	c.last, c.epoch = last, last+1
	var w journal.Writer
	w.Reset(c.epoch)
	w.Add(&journal.Epoch{Number: c.epoch, Owner: s.opts.Owner, Format: journal.FormatVersion})
	for tries := 1; ; tries++ {
		if err = c.ensure(ctx, w.Bytes(), c.last); err == nil {
			break
		}
		if tries == openTries || lost(err) || !c.pause(ctx, tries, "open") {
			return fmt.Errorf("begin an epoch: %w", err)
		}
	}
	c.last++
	c.committed.Store(c.last)
	return nil
}

// commit hands a batch over, with what its lane has written. When it returns true the
// batch is settled and its lane goes on with what depends on it; otherwise it comes back
// as an event.
func (c *committer) commit(b *batch) bool {
	c.shard.begin()
	b.state.Store(batchOpen)
	c.mu.Lock()
	if err := c.dead; err != nil {
		c.mu.Unlock()
		b.lane.record.writer.Reset(c.epoch)
		b.settle(err)
		return true
	}
	c.gather(b)
	c.mu.Unlock()
	c.pump()
	return !b.state.CompareAndSwap(batchOpen, batchLeft)
}

// pump starts appends until enough are under way or nothing waits.
func (c *committer) pump() {
	for c.order.TryLock() {
		c.mu.Lock()
		for c.ready() {
			f := c.waiting[0]
			c.waiting = slices.Delete(c.waiting, 0, 1)
			c.queue(-f.writer.Size())
			record := f.writer.Bytes()
			last := c.last
			c.last++
			f.seq = c.last
			c.flight++
			f.size = len(record)
			c.sent += f.size
			c.count(c.last, int64(len(record)))
			for _, b := range f.batches {
				b.seq = c.last
				c.entries += b.entries
				for _, large := range b.blobs {
					large.seq = c.last
					c.blobs = append(c.blobs, large)
					c.bytes += large.size
				}
			}
			c.mu.Unlock()
			c.append(f, record, last)
			c.mu.Lock()
		}
		c.mu.Unlock()
		c.order.Unlock()
		c.mu.Lock()
		more := c.ready()
		c.mu.Unlock()
		if !more {
			return
		}
	}
}

// ready reports whether another append may begin. Called with mu held. The disk
// takes one after the other and each takes it as long, however small it is. So one
// follows another only if it would not become larger by waiting for it, or if both
// are so small that what matters is the way to the disk; otherwise those who are
// about to be answered, and bring more at once, would find what they bring split
// among ever smaller records.
func (c *committer) ready() bool {
	switch {
	case len(c.waiting) == 0 || c.doubt || c.dead != nil:
		return false
	case c.flight == 0:
		return true
	case c.flight == journal.InFlight:
		return false
	}
	ahead := max(c.sent, c.landed)
	return c.queued >= fullBytes || ahead <= smallBytes && c.queued >= ahead/4*3
}

// gather adds what a lane has written to the last record that waits, or has it wait as
// another one. Called with mu held.
func (c *committer) gather(b *batch) {
	own := b.lane.record
	if n := len(c.waiting); n > 0 {
		f := c.waiting[n-1]
		if before := f.writer.Size(); f.writer.Merge(&own.writer) {
			f.batches = append(f.batches, b)
			c.queue(f.writer.Size() - before)
			own.writer.Reset(c.epoch)
			if own.writer.Cap() > ownBytes {
				b.lane.record = nil
				c.reuse(own)
			}
			return
		}
	}
	b.lane.record = nil
	own.batches = append(own.batches, b)
	c.waiting = append(c.waiting, own)
	c.queue(own.writer.Size())
}

// record is another one to write, in the memory of the last that has landed.
func (c *committer) record() *flight {
	c.mu.Lock()
	defer c.mu.Unlock()
	var f *flight
	if n := len(c.spare); n > 0 {
		f, c.spare = c.spare[n-1], c.spare[:n-1]
	} else {
		f = &flight{committer: c}
		f.done = f.landed
	}
	f.writer.Reset(c.epoch)
	return f
}

// count counts a record of so many bytes.
func (c *committer) count(seq uint64, bytes int64) {
	c.bytes += bytes
	if n := len(c.marks); n == 0 || c.bytes-c.marks[n-1].bytes >= min(trimStep, c.shard.opts.KeepBytes/4) {
		c.marks = append(c.marks, mark{seq, c.bytes, c.shard.clock.Now().UnixNano()})
	}
}

// retained is the sequence of the first record that is kept for replay; 0 when
// all of them are.
func (c *committer) retained() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.shard.clock.Now().UnixNano() - int64(c.shard.opts.KeepTime)
	for len(c.marks) > 1 && (c.bytes-c.marks[1].bytes >= c.shard.opts.KeepBytes || c.shard.opts.KeepTime > 0 && c.marks[1].time < old) {
		c.marks = append(c.marks[:0], c.marks[1:]...)
		c.kept = c.marks[0].seq
	}
	return c.kept
}

// trim drops what the journal need not keep any longer, when no keeper does so.
func (c *committer) trim() {
	if c.shard.keeper != nil {
		return
	}
	c.mu.Lock()
	var before uint64
	for len(c.marks) > 1 && c.bytes-c.marks[1].bytes >= c.shard.opts.KeepBytes {
		c.marks = append(c.marks[:0], c.marks[1:]...)
		before = c.marks[0].seq
	}
	if before == 0 {
		c.mu.Unlock()
		return
	}
	n := 0
	for n < len(c.blobs) && c.blobs[n].seq < before {
		n++
	}
	blobs := slices.Clone(c.blobs[:n])
	c.blobs = slices.Delete(c.blobs, 0, n)
	c.mu.Unlock()
	c.shard.start(func() {
		err := c.journal.Trim(c.shard.context, before)
		for _, b := range blobs {
			err = errors.Join(err, c.journal.DeleteBlob(c.shard.context, b.digest))
		}
		if err != nil && c.shard.context.Err() == nil {
			c.shard.log.Warn("trim journal", "before", before, "error", err)
		}
	})
}
