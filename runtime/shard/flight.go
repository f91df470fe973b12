package shard

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/grow-platform/grow/runtime/journal"
)

// flight is a record from when a lane begins to write it. It lies in writer until its append
// has landed: one of which it is not known whether the journal has it is made again.
type flight struct {
	committer *committer
	writer    journal.Writer
	batches   []*batch
	seq       uint64
	size      int                 // bytes of the record, once it is under way
	err       error               // of the last try
	done      func(uint64, error) // landed
}

// landed ends an append; on whatever goroutine the journal calls.
func (f *flight) landed(_ uint64, err error) {
	c := f.committer
	c.mu.Lock()
	c.flight--
	c.sent -= f.size
	c.landed = f.size
	if err != nil {
		f.err = err
		c.doubt = true
		c.unsure = append(c.unsure, f)
	}
	nudge := false
	if err == nil {
		c.committed.Store(max(c.committed.Load(), f.seq))
		nudge = c.news()
	}
	find := c.doubt && c.flight == 0
	if find {
		c.shard.begin()
	}
	c.mu.Unlock()
	if err == nil {
		c.settle(f, nil)
	}
	if nudge {
		c.shard.keeper.nudge()
	}
	if find {
		c.shard.start(func() {
			c.find()
			c.shard.finish()
		})
	}
	c.pump()
}

// news reports whether there is enough that the keeper has not been told of.
// Called with mu held.
func (c *committer) news() bool {
	k := c.shard.keeper
	if k == nil || c.bytes-c.nudged < foldBytes && (k.policy.Entries == 0 || c.entries < min(foldEntries, k.policy.Entries)) {
		return false
	}
	c.nudged, c.entries = c.bytes, 0
	return true
}

// settle tells the batches of an append what became of it, which is over then.
func (c *committer) settle(f *flight, err error) {
	for _, b := range f.batches {
		b.settle(err)
	}
	clear(f.batches)
	f.batches, f.err = f.batches[:0], nil
	c.mu.Lock()
	c.reuse(f)
	c.mu.Unlock()
}

// reuse keeps the memory of a record that nothing is left in. Called with mu held.
func (c *committer) reuse(f *flight) {
	if len(c.spare) < flightsMax {
		c.spare = append(c.spare, f)
	}
}

// settle tells a batch what became of its entries.
func (b *batch) settle(err error) {
	b.err = err
	l := b.lane
	if !b.state.CompareAndSwap(batchOpen, batchSettled) {
		l.post(event{note: noteCommitted{b}})
	}
	l.shard.finish()
}

// find finds out what became of the appends that failed, and makes those again
// that the journal does not have, until it has them or has another owner.
// Nothing else is appended meanwhile. This is also how the disk is probed: a
// journal that takes nothing is asked again and again.
func (c *committer) find() {
	ctx := c.shard.context
	c.mu.Lock()
	slices.SortFunc(c.unsure, func(a, b *flight) int { return int(int64(a.seq) - int64(b.seq)) })
	c.mu.Unlock()
	c.miss(c.unsure[0].err)
	for tries := 1; len(c.unsure) > 0; { // only this goroutine changes it now
		f := c.unsure[0]
		if err := c.ensure(ctx, f.writer.Bytes(), f.seq-1); err == nil {
			c.unsure = c.unsure[1:]
			c.committed.Store(f.seq)
			c.settle(f, nil)
		} else if c.miss(err); lost(err) || !c.pause(ctx, tries, "find") {
			c.abandon(err)
			return
		} else {
			tries++
		}
	}
	c.mu.Lock()
	c.unsure, c.doubt, c.misses = nil, false, c.misses[:0]
	c.mu.Unlock()
	c.shard.healthy()
	c.pump()
}

// ensure sees to it that the journal holds a record after the one of sequence
// last: it looks, and appends it when it is not there.
func (c *committer) ensure(ctx context.Context, record []byte, last uint64) error {
	_, end, err := c.journal.Bounds(ctx)
	if err != nil {
		return fmt.Errorf("find the journal's end: %w", err)
	}
	switch {
	case end > last:
		return c.same(ctx, record, last+1)
	case end < last:
		return fmt.Errorf("%w: it ends at record %d and has had %d", journal.ErrDamaged, end, last)
	}
	done := make(chan error, 1)
	c.journal.Append(record, last, func(_ uint64, err error) { done <- err })
	select {
	case err := <-done:
		c.shard.resume(ctx, "append")
		if errors.Is(err, journal.ErrFenced) { // a copy of it that was late came first, or another owner
			return c.same(ctx, record, last+1)
		}
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// same tells, by ErrFenced, whether the record of a sequence is another one.
func (c *committer) same(ctx context.Context, record []byte, seq uint64) error {
	err := c.journal.Read(ctx, seq, func(at uint64, found []byte) error {
		if at == seq && bytes.Equal(found, record) {
			return errSame
		}
		return fmt.Errorf("record %d is not ours: %w", at, journal.ErrFenced)
	})
	switch {
	case errors.Is(err, errSame):
		return nil
	case err == nil:
		return fmt.Errorf("record %d is not there: %w", seq, journal.ErrUnknown)
	}
	return err
}

var errSame = errors.New("the record is there")

// lost reports whether an error means that this shard will never append again.
func lost(err error) bool {
	return errors.Is(err, journal.ErrFenced) || errors.Is(err, journal.ErrClosed) || errors.Is(err, journal.ErrDamaged) ||
		errors.Is(err, journal.ErrTooLarge) || errors.Is(err, journal.ErrTrimmed)
}

// miss notes that an append failed. After several in a short time nothing more
// is accepted until the journal takes records again.
func (c *committer) miss(err error) {
	now := c.shard.clock.Now().UnixNano()
	c.misses = append(c.misses, now)
	for now-c.misses[0] > int64(missTime) {
		c.misses = c.misses[1:]
	}
	if len(c.misses) >= missMax {
		c.shard.unhealthy(err)
	}
}

// pause waits before another try; false: ctx has ended. who is told apart from
// others that pause under the same ctx.
func (c *committer) pause(ctx context.Context, tries int, who string) bool {
	over := make(chan struct{})
	stop := c.shard.clock.AfterFunc(min(pauseMax, pauseMin<<min(tries-1, 10)), func() { close(over) })
	select {
	case <-over:
		c.shard.resume(ctx, who)
		return true
	case <-ctx.Done():
		stop()
		return false
	}
}

// abandon ends everything that waits for the journal: it will not take it.
func (c *committer) abandon(err error) {
	if c.shard.context.Err() == nil {
		c.shard.fail(err)
	}
	c.mu.Lock()
	unsure := c.unsure
	c.unsure = nil
	c.mu.Unlock()
	for _, f := range unsure {
		c.settle(f, err)
	}
	c.end(err)
}

// pack puts an entry into a blob, and tries again until the journal takes it:
// nothing of the lane may come after an entry that is missing. nil: it never
// will, and nothing more is appended.
func (l *lane) pack(e journal.Entry) *journal.Packed {
	s := l.shard
	for tries := 1; ; tries++ {
		packed, err := journal.Pack(s.context, s.opts.Journal, e)
		switch {
		case err == nil && tries > 1:
			s.healthy() // or find says otherwise
			return packed
		case err == nil:
			return packed
		case !lost(err):
			s.unhealthy(err)
			if s.committer.pause(s.context, tries, "pack of lane "+strconv.Itoa(l.index)) {
				continue
			}
		}
		s.fail(err)
		s.committer.end(err)
		return nil
	}
}

// end has nothing more be appended; what is under way may still arrive.
func (c *committer) end(err error) {
	c.mu.Lock()
	c.dead = err
	waiting := c.waiting
	c.waiting = nil
	c.queue(-c.queued) // lanes that rest go on: what they bring is answered at once
	c.mu.Unlock()
	for _, f := range waiting {
		c.settle(f, err)
	}
}

// queue counts bytes that wait for the journal. Lanes rest while there are too
// many. Called with mu held.
func (c *committer) queue(n int) {
	c.queued += n
	switch jammed := c.jammed.Load(); {
	case !jammed && c.queued > jamBytes:
		c.jammed.Store(true)
	case jammed && c.queued < jamBytes/2:
		c.jammed.Store(false)
		c.shard.start(func() { // which holds no lock
			for _, l := range c.shard.lanes {
				l.post(event{note: noteRoom{}})
			}
		})
	}
}
