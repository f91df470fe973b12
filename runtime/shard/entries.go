package shard

import (
	"context"

	"github.com/grow-platform/grow/runtime/journal"
)

// Entries visits all entries that a journal keeps, in their order, with the
// sequence of the record each is in, until visit returns an error, which is
// returned. Packed ones are read. An entry is valid during its visit only.
func Entries(ctx context.Context, j journal.Journal, visit func(seq uint64, e journal.Entry) error) error {
	return visitEntries(ctx, j, visit)
}
