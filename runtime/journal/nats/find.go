package nats

import (
	"context"
	"errors"
	"fmt"

	"github.com/grow-platform/grow/runtime/journal"
	"github.com/nats-io/nats.go/jetstream"
)

// Find is Open for a journal that is there: where there is none, or only part of
// one, it makes nothing, and fails with ErrNotFound or ErrDamaged.
func (s *Store) Find(ctx context.Context, n journal.Name) (journal.Journal, error) {
	if err := n.Check(); err != nil {
		return nil, err
	}
	configs := newLog(s, n).configs()
	for i, c := range configs {
		err := s.call(ctx, "find stream "+c.Name, func(ctx context.Context, s *session) error {
			_, err := s.js.Stream(ctx, c.Name)
			return err
		})
		switch {
		case errors.Is(err, jetstream.ErrStreamNotFound) && i == 0:
			return nil, fmt.Errorf("find journal %s: %w: there is no stream %s", n, journal.ErrNotFound, c.Name)
		case errors.Is(err, jetstream.ErrStreamNotFound):
			return nil, fmt.Errorf("find journal %s: %w: stream %s is gone, and stream %s needs it", n, journal.ErrDamaged, c.Name, configs[0].Name)
		case err != nil:
			return nil, fmt.Errorf("find journal %s: %w", n, err)
		}
	}
	return s.Open(ctx, n)
}
