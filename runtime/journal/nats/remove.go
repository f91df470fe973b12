package nats

import (
	"context"
	"fmt"
	"strings"

	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/nats-io/nats.go/jetstream"
)

// Remove implements journal.Remover. The service's buckets go with its journal.
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
	var streams []string
	if err == nil {
		streams, err = s.bucketsOf(ctx, n)
	}
	for _, stream := range append(streams, l.blobs, l.stream) {
		if err != nil {
			break
		}
		err = s.call(ctx, "remove stream "+stream, func(ctx context.Context, s *session) error { return removeStream(ctx, s.js, stream) })
	}
	if err != nil {
		return fmt.Errorf("remove journal %s: %w", n, err)
	}
	return nil
}

// bucketsOf are the streams of a service's buckets, which are not known any more. The lock
// is held.
func (s *Store) bucketsOf(ctx context.Context, n journal.Name) (streams []string, err error) {
	for name := range s.buckets {
		if name.Namespace == n.Namespace && name.Service == n.Service {
			delete(s.buckets, name)
		}
	}
	for name := range s.objects {
		if name.Namespace == n.Namespace && name.Service == n.Service {
			delete(s.objects, name)
		}
	}
	prefix := "_" + bucketName(bucket.Name{Namespace: n.Namespace, Service: n.Service})
	err = s.call(ctx, "list streams", func(ctx context.Context, s *session) error {
		streams = nil
		list := s.js.StreamNames(ctx)
		for name := range list.Name() {
			if IsBucket(name) && (strings.HasPrefix(name, "KV"+prefix) || strings.HasPrefix(name, "OBJ"+prefix)) {
				streams = append(streams, name)
			}
		}
		return list.Err()
	})
	return streams, err
}
