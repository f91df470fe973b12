package shard

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grow-platform/grow/runtime/journal"
)

// fragile is a journal of a process that dies after so many writes of any kind:
// nothing reaches it afterwards, and nobody is told anything.
type fragile struct {
	journal.Journal
	left atomic.Int64
	used atomic.Int64
}

func (j *fragile) dead() bool {
	j.used.Add(1)
	return j.left.Add(-1) < 0
}

func (j *fragile) Append(record []byte, last uint64, done func(uint64, error)) {
	if j.dead() {
		done(0, journal.ErrClosed)
		return
	}
	j.Journal.Append(record, last, done)
}

func (j *fragile) PutBlob(ctx context.Context, data []byte) (string, error) {
	if j.dead() {
		return "", journal.ErrClosed
	}
	return j.Journal.PutBlob(ctx, data)
}

func (j *fragile) SetSnapshot(ctx context.Context, pointer []byte, revision uint64) (uint64, error) {
	if j.dead() {
		return 0, journal.ErrClosed
	}
	return j.Journal.SetSnapshot(ctx, pointer, revision)
}

func (j *fragile) Trim(ctx context.Context, before uint64) error {
	if j.dead() {
		return journal.ErrClosed
	}
	return j.Journal.Trim(ctx, before)
}

func (j *fragile) DeleteBlob(ctx context.Context, digest string) error {
	if j.dead() {
		return journal.ErrClosed
	}
	return j.Journal.DeleteBlob(ctx, digest)
}

// try makes the requests as long as the journal lives.
func (x *crash) try(s *Shard) {
	for i, r := range x.requests {
		x.next = idOf(i)
		copied := *r
		if _, err := s.Accept(context.Background(), &copied); err != nil {
			if !errors.Is(err, ErrJournal) {
				x.Fatalf("request %d: %v", i, err)
			}
			return
		}
	}
	await(x.T, "the end, or death", func() bool {
		if s.Err() != nil {
			return true
		}
		for _, n := range s.Status() {
			if n.Mailbox != 0 || n.Waiting != 0 {
				x.clock.pass(500 * time.Millisecond)
				return false
			}
		}
		return s.active.Load() == 0
	})
}

// TestCrashSnapshots has a process that takes snapshots all the time, and keeps
// next to no state in memory, die between any two of its writes: of records,
// pages, roots, the pointer, and what is trimmed and deleted.
func TestCrashSnapshots(t *testing.T) {
	x := crashes(t, 40)
	x.options.Snapshots = Snapshots{Entries: 7, StateBytes: 1}
	j := &fragile{Journal: openJournal(t)}
	j.left.Store(1 << 40)
	s := x.open(j)
	flows := x.send(s)
	x.drain(s)
	want := x.end(s, j, flows)
	s.Close()
	first, last, err := j.Bounds(context.Background())
	if err != nil || first == 1 {
		t.Fatalf("the journal was never trimmed: %d to %d, %v", first, last, err)
	}
	t.Logf("%d writes, %d records of which %d were trimmed; %s", j.used.Load(), last, first-1, summary(want))
	step := int64(1)
	if testing.Short() {
		step = 7
	}
	for n := int64(1); n < j.used.Load(); n += step {
		j := &fragile{Journal: openJournal(t)}
		j.left.Store(n)
		x.options.Ahead = []int{0, 1, 5}[n/step%3]
		s, err := x.tryOpen(j)
		if err == nil {
			switch err := s.Apply(mustCompile(t, x.service), actorsOf(t, s, x.service, x.guests)); {
			case err == nil:
				x.try(s)
			case !errors.Is(err, ErrJournal):
				t.Fatal(err)
			}
			s.Close()
		}
		s = x.open(j.Journal)
		flows := x.send(s)
		x.drain(s)
		if diff := cmp.Diff(want, x.end(s, j.Journal, flows)); diff != "" {
			t.Errorf("dead after write %d (-undisturbed +cut):\n%s", n, diff)
		}
		s.Close()
		if t.Failed() {
			return
		}
	}
}
