package shard

import (
	"context"
	"errors"

	"github.com/grow-platform/grow/runtime/journal"
)

// Entries visits all entries that a journal keeps in records from a sequence on, in
// their order, with the sequence of the record each is in, until visit returns an
// error, which is returned. Packed ones are read. An entry is valid during its visit only.
func Entries(ctx context.Context, j journal.Journal, from uint64, visit func(seq uint64, e journal.Entry) error) error {
	var c journal.Cursor
	for {
		first, last, err := j.Bounds(ctx)
		if err != nil || last < max(first, from) {
			return err
		}
		began := false
		err = j.Read(ctx, max(first, from), func(seq uint64, record []byte) error {
			began = true
			return visitRecord(ctx, j, &c, seq, record, visit)
		})
		if began || !errors.Is(err, journal.ErrTrimmed) { // otherwise it was just now
			return err
		}
	}
}
