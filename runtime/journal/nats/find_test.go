package nats

import (
	"context"
	"errors"
	"testing"

	"github.com/grow-platform/grow/runtime/journal"
)

// TestFind: a journal is there, or is not; one of which a part alone is left is damaged.
func TestFind(t *testing.T) {
	n := journal.Name{Namespace: "main", Service: "shop"}
	for i, want := range []error{journal.ErrDamaged, journal.ErrDamaged, journal.ErrNotFound} {
		s := open(t, Options{Dir: t.TempDir()})
		if _, err := s.Find(t.Context(), n); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("before it is made: %v", err)
		}
		_, err := s.Open(t.Context(), n)
		if err == nil {
			_, err = s.Find(t.Context(), n)
		}
		if err != nil {
			t.Fatal(err)
		}
		streams := JournalStreams(n)
		if i < len(streams) {
			streams = streams[i : i+1]
		}
		for _, stream := range streams {
			if err := s.call(t.Context(), "remove", func(ctx context.Context, s *session) error { return removeStream(ctx, s.js, stream) }); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Find(t.Context(), n); !errors.Is(err, want) {
			t.Errorf("without %v: %v, want %v", streams, err, want)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
