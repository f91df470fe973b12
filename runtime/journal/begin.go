package journal

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// BeginMax is how often Begin tries to be the last to append.
const BeginMax = 32

// beginPause is how long Begin waits before it looks again what became of an
// append of unknown outcome.
const beginPause = 20 * time.Millisecond

// Replay visits the records from sequence from to the last, each checked, and
// returns the last. It fails with ErrShort when the journal ends before
// from - 1, and with a [Damaged] that names the first record that is not what
// was written. A record is valid during its visit only.
func Replay(ctx context.Context, j Journal, from uint64, visit func(seq uint64, r Record) error) (last uint64, err error) {
	_, end, err := j.Bounds(ctx)
	if err != nil {
		return 0, fmt.Errorf("find the journal's end: %w", err)
	}
	if end+1 < from {
		return 0, fmt.Errorf("%w: it ends with record %d, and replay starts with %d", ErrShort, end, from)
	}
	last = from - 1
	err = j.Read(ctx, from, func(seq uint64, b []byte) error {
		r, err := Parse(b)
		if err != nil {
			return &Damaged{Seq: seq, Cause: err}
		}
		if err := visit(seq, r); err != nil {
			return err
		}
		last = seq
		return nil
	})
	return last, err
}

// Begin takes a journal over: it replays the records from sequence from on,
// and appends an epoch record after the last. When it returns, no append of an
// earlier owner, nor of this one that timed out, can arrive any more. It is
// also how an owner goes on after ErrUnknown: with what it holds in memory
// dropped, or with from the sequence after the last record it knows of.
//
// The epoch's number is the sequence of its record, which is returned. visit
// may see epoch records of tries whose outcome was unknown. Two that begin at
// the same time fence each other; the last one wins.
func Begin(ctx context.Context, j Journal, owner string, from uint64, visit func(seq uint64, r Record) error) (epoch uint64, err error) {
	var w Writer
	for range BeginMax {
		var last uint64
		if last, err = Replay(ctx, j, from, visit); err != nil {
			return 0, err
		}
		from = last + 1
		w.Reset(from)
		w.Add(&Epoch{Number: from, Owner: owner, Format: FormatVersion})
		if err = appendWait(ctx, j, w.Bytes(), last); err == nil {
			return from, nil
		}
		switch {
		case errors.Is(err, ErrFenced):
			// A late append of our own or another owner's: read on.
		case errors.Is(err, ErrUnknown):
			select {
			case <-time.After(beginPause):
			case <-ctx.Done():
				return 0, fmt.Errorf("begin an epoch: %w", ctx.Err())
			}
		default:
			return 0, fmt.Errorf("begin an epoch: %w", err)
		}
	}
	return 0, fmt.Errorf("begin an epoch, %d times: %w", BeginMax, err)
}

// appendWait appends a record and waits for its end.
func appendWait(ctx context.Context, j Journal, record []byte, last uint64) error {
	done := make(chan error, 1)
	j.Append(record, last, func(_ uint64, err error) { done <- err })
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
