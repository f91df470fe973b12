package app

import (
	"context"
	"fmt"
	"time"

	"github.com/grow-platform/grow/runtime/journal"
)

// clockMax is how far the clock may be behind the journal's last entries, and
// tailMax how many records are looked at for that.
const (
	clockMax = 24 * time.Hour
	tailMax  = 64
)

// checkClock refuses to go on with a journal that tells of times to come: what
// is delayed, and for how long keys and answers are remembered, would be wrong.
func (h *Host) checkClock(ctx context.Context, j journal.Journal, last uint64) error {
	if h.opts.Journal.AnyClock || last == 0 {
		return nil
	}
	first, last, err := j.Bounds(ctx)
	if err != nil {
		return journalError(h.opts.Journal, err)
	}
	latest, err := newest(ctx, j, max(first, last-min(last, tailMax)+1))
	if err != nil {
		return journalError(h.opts.Journal, err)
	}
	now := time.Now()
	if ahead := time.Unix(0, latest).Sub(now); ahead > clockMax {
		return &Error{Code: CodeJournalClock, Err: fmt.Errorf("open journal: its last entry is of %s, and this machine's clock says %s",
			time.Unix(0, latest).UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339)),
			Hint: "set the clock right; if the clock was wrong when that was written, start with --journal-any-clock"}
	}
	return nil
}

// newest is the last time that records from one on tell of.
func newest(ctx context.Context, j journal.Journal, from uint64) (at int64, err error) {
	err = j.Read(ctx, from, func(_ uint64, record []byte) error {
		return journal.EachEntry(record, func(e journal.Entry) error {
			at = max(at, timeOf(e))
			return nil
		})
	})
	return at, err
}

// timeOf is when an entry was made, in nanoseconds since 1970; 0: it does not say.
func timeOf(e journal.Entry) int64 {
	switch e := e.(type) {
	case *journal.Accepted:
		return e.Time
	case *journal.Handled:
		return e.Time
	case *journal.Dead:
		return e.Time
	case *journal.AttemptMade:
		return e.Time
	case *journal.Begun:
		return e.Time
	}
	return 0
}
