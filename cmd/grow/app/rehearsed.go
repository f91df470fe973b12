package app

import (
	"context"

	"github.com/grow-platform/grow/runtime/replay"
	"github.com/grow-platform/grow/specs"
)

// Rehearse has a service, whose modules are at these paths by the actors' names, handle
// again what a node has handled last, at most so many messages, apart from all that runs.
// It tells how many it has handled, and how many came out the same. It fails with
// replay.ErrNone when there is none.
func (h *Host) Rehearse(ctx context.Context, s *specs.Service, modules map[string]string, node string, last int) (ran, equal int, err error) {
	now, err := h.wanted(s, modules)
	if err != nil {
		return 0, 0, err
	}
	r, err := h.replayed(ctx, &again{node: node, now: now, of: replay.Select{Last: last}})
	if err != nil {
		return 0, 0, err
	}
	return r.Ran, r.Equal, nil
}
