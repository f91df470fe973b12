package mem

import (
	"context"

	"github.com/grow-platform/grow/runtime/journal"
)

// Remove implements journal.Remover.
func (s *Store) Remove(ctx context.Context, n journal.Name) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return journal.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	delete(s.journals, n)
	return nil
}
