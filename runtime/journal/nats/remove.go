package nats

import (
	"context"
	"errors"
	"fmt"

	"github.com/grow-platform/grow/runtime/journal"
	"github.com/nats-io/nats.go/jetstream"
)

// Remove implements journal.Remover.
func (s *Store) Remove(ctx context.Context, n journal.Name) error {
	if err := n.Check(); err != nil {
		return err
	}
	l := newLog(s, n)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return err
	}
	delete(s.journals, n)
	if err := l.openBuckets(ctx); err != nil {
		return fmt.Errorf("remove journal %s: %w", n, err)
	}
	// The records are the last to go: while they are there, so is the journal.
	err := l.bucket(ctx, "forget snapshot pointer", l.pointers(), func(ctx context.Context, kv jetstream.KeyValue) error { return kv.Purge(ctx, l.key) })
	for _, stream := range []string{l.blobs, l.stream} {
		if err != nil {
			break
		}
		err = s.call(ctx, "remove stream "+stream, func(ctx context.Context, s *session) error {
			err := s.js.DeleteStream(ctx, stream)
			if errors.Is(err, jetstream.ErrStreamNotFound) {
				return nil
			}
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("remove journal %s: %w", n, err)
	}
	return nil
}
