package shard

import (
	"context"

	"github.com/grow-platform/grow/runtime/journal"
)

// Recent visits what the last records of a journal say of messages, records of
// them at the least, in the journal's order, and reports whether there are older
// ones. A hop is without what a message holds, keeps and was answered. An
// error of visit ends it.
func (s *Shard) Recent(ctx context.Context, records uint64, visit func(*Hop) error) (older bool, err error) {
	return Recent(ctx, s.opts.Journal, records, visit)
}

// Recent is what the method of that name does, with a journal alone.
func Recent(ctx context.Context, j journal.Journal, records uint64, visit func(*Hop) error) (older bool, err error) {
	return visitLast(ctx, j, records, hopsOf(func(h *Hop, _ string) error {
		h.Data, h.State, h.Answers = nil, nil, nil
		for i := range h.Outputs {
			h.Outputs[i].Data = nil
		}
		return visit(h.clone())
	}))
}
