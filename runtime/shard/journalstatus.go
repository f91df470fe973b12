package shard

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/grow-platform/grow/runtime/journal"
)

// Taken is a snapshot.
type Taken struct {
	After uint64    // sequence of the last record in it
	Time  time.Time // zero: in an earlier life of the shard
}

// JournalStatus is how far a shard's journal has come.
type JournalStatus struct {
	Last     uint64 // sequence of the last record that is known to be there
	Epoch    uint64 // of this shard
	Snapshot *Taken // the last one; nil: there is none
}

// JournalStatus tells how far the journal has come; with an error, of what is
// known without asking it.
func (s *Shard) JournalStatus(ctx context.Context) (st JournalStatus, err error) {
	st = JournalStatus{Last: s.committer.committed.Load(), Epoch: s.committer.epoch}
	if k := s.keeper; k != nil {
		if st.Snapshot = k.last.Load(); st.Snapshot == nil {
			st.Snapshot, err = LastSnapshot(ctx, s.opts.Journal)
		}
	}
	return st, err
}

// LastSnapshot is the one a journal's pointer leads to; nil: there is none.
func LastSnapshot(ctx context.Context, j journal.Snapshots) (*Taken, error) {
	pointer, _, err := j.Snapshot(ctx)
	if errors.Is(err, journal.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find the snapshot: %w", err)
	}
	var t *Taken
	err = journal.Entries(pointer, func(e journal.Entry) error {
		if s, ok := e.(*journal.SnapshotTaken); ok {
			t = &Taken{After: s.Sequence}
		}
		return nil
	})
	return t, err
}
