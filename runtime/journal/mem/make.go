package mem

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/grow-platform/grow/runtime/journal"
)

// Make implements journal.Maker.
func (s *Store) Make(ctx context.Context, n journal.Name, first uint64) (journal.Journal, func(context.Context) error, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, nil, journal.ErrClosed
	case s.journals[n] != nil:
		return nil, nil, fmt.Errorf("make journal %s: %w", n, journal.ErrExists)
	}
	j := &log{store: s, first: first, next: first, blobs: map[string][]byte{}}
	done := func(ctx context.Context) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.journals[n] != nil {
			return fmt.Errorf("make journal %s: %w", n, journal.ErrExists)
		}
		s.journals[n] = j
		return ctx.Err()
	}
	return j, done, ctx.Err()
}

// ListBlobs implements journal.BlobLister.
func (j *log) ListBlobs(ctx context.Context, visit func(digest string, whole bool) error) error {
	j.mu.Lock()
	digests := slices.Collect(maps.Keys(j.blobs))
	j.mu.Unlock()
	for _, d := range digests {
		if err := visit(d, true); err != nil {
			return err
		}
	}
	return ctx.Err()
}
