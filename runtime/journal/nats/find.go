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
	var gone, there string
	for _, c := range newLog(s, n).configs() {
		err := s.call(ctx, "find stream "+c.Name, func(ctx context.Context, s *session) error {
			_, err := s.js.Stream(ctx, c.Name)
			return err
		})
		switch {
		case errors.Is(err, jetstream.ErrStreamNotFound):
			gone = c.Name
		case err != nil:
			return nil, fmt.Errorf("find journal %s: %w", n, err)
		default:
			there = c.Name
		}
	}
	switch {
	case gone == "":
		return s.Open(ctx, n)
	case there == "":
		return nil, fmt.Errorf("find journal %s: %w: there is no stream %s", n, journal.ErrNotFound, gone)
	}
	return nil, fmt.Errorf("find journal %s: %w: stream %s is gone, and stream %s needs it", n, journal.ErrDamaged, gone, there)
}
