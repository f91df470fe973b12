package nats

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/grow-platform/grow/runtime/journal"
	"github.com/nats-io/nats.go/jetstream"
)

// unfinishedFormat is what a stream says of its format until all of it is there.
const unfinishedFormat = "unfinished"

// Make implements journal.Maker.
func (s *Store) Make(ctx context.Context, n journal.Name, first uint64) (journal.Journal, func(context.Context) error, error) {
	if err := n.Check(); err != nil {
		return nil, nil, err
	}
	l := newLog(s, n)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return nil, nil, err
	}
	configs := l.configs()
	for i, c := range configs {
		c.Metadata = s.marked(map[string]string{streamFormat: unfinishedFormat})
		if i == 0 {
			c.FirstSeq = first
		}
		if err := s.call(ctx, "make stream "+c.Name, func(ctx context.Context, s *session) error { return makeStream(ctx, s.js, c) }); err != nil {
			return nil, nil, fmt.Errorf("make journal %s: %w", n, err)
		}
	}
	if err := l.openBuckets(ctx); err != nil {
		return nil, nil, fmt.Errorf("make journal %s: %w", n, err)
	}
	// A pointer may have been left by a journal of that name that was deleted.
	err := l.bucket(ctx, "forget snapshot pointer", l.pointers(), func(ctx context.Context, kv jetstream.KeyValue) error {
		_, err := kv.Get(ctx, l.key)
		if errors.Is(err, jetstream.ErrKeyNotFound) {
			return nil
		}
		if err == nil {
			err = kv.Purge(ctx, l.key)
		}
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("make journal %s: %w", n, err)
	}
	return l, l.finished, nil
}

// marked adds to the metadata of a stream that is made by which restore it is.
func (s *Store) marked(of map[string]string) map[string]string {
	if id := s.options.Restore; id != "" {
		of[RestoreMark] = id
	}
	return of
}

// makeStream makes a stream that is not there.
func makeStream(ctx context.Context, js jetstream.JetStream, want jetstream.StreamConfig) error {
	switch _, err := js.Stream(ctx, want.Name); {
	case err == nil:
		return fmt.Errorf("%w: stream %s", journal.ErrExists, want.Name)
	case !errors.Is(err, jetstream.ErrStreamNotFound):
		return err
	}
	_, err := js.CreateStream(ctx, want)
	return err
}

// finished has the streams of a journal say which format they are of. That of the
// records is last: it is what makes it a journal.
func (l *log) finished(ctx context.Context) error {
	configs := l.configs()
	for _, i := range []int{1, 0} {
		err := l.store.call(ctx, "finish stream "+configs[i].Name, func(ctx context.Context, s *session) error {
			stream, err := s.js.Stream(ctx, configs[i].Name)
			if err != nil {
				return err
			}
			c := stream.CachedInfo().Config
			c.Metadata = maps.Clone(c.Metadata)
			c.Metadata[streamFormat] = l.format
			_, err = s.js.UpdateStream(ctx, c)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// ListBlobs implements journal.BlobLister.
func (l *log) ListBlobs(ctx context.Context, visit func(digest string, whole bool) error) error {
	found := map[string]bool{}
	err := l.store.call(ctx, "list blobs of "+l.name.String(), func(ctx context.Context, s *session) error {
		stream, err := s.js.Stream(ctx, l.blobs)
		if err != nil {
			return err
		}
		info, err := stream.Info(ctx, jetstream.WithSubjectFilter(l.blob+">"))
		if err != nil {
			return err
		}
		for subject := range info.State.Subjects {
			note(found, strings.TrimPrefix(subject, l.blob))
		}
		return nil
	})
	if err != nil {
		return err
	}
	return eachBlob(found, visit)
}

// note adds one piece of a blob to those found.
func note(found map[string]bool, piece string) {
	digest, part, _ := strings.Cut(piece, ".")
	found[digest] = found[digest] || part == allToken
}

func eachBlob(found map[string]bool, visit func(digest string, whole bool) error) error {
	for digest, whole := range found {
		if err := visit(digestPrefix+digest, whole); err != nil {
			return err
		}
	}
	return nil
}
