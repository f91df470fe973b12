package mem

import (
	"context"

	"github.com/grow-platform/grow/runtime/journal"
)

// Remove implements journal.Remover. The service's buckets go with its journal.
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
	s.Forget(n.Namespace, n.Service)
	s.ForgetObjects(n.Namespace, n.Service)
	return nil
}
