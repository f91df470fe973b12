package nats

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/nats-io/nats.go/jetstream"
)

// RestoreMark is the metadata of a stream that says by which restore it was made, until all of
// that is there: nobody opens it meanwhile.
const RestoreMark = "grow-restore"

// unsettled says that a stream is of a restore, other than the store's own, that did not come
// to its end.
func unsettled(c *jetstream.StreamConfig, own string) error {
	if id := c.Metadata[RestoreMark]; id != "" && id != own {
		return fmt.Errorf("%w: a restore into stream %s did not come to its end: repeat it", journal.ErrDamaged, c.Name)
	}
	return nil
}

// streams lists the settings of all streams, by name.
func (s *Store) streams(ctx context.Context) (list []jetstream.StreamConfig, err error) {
	err = s.call(ctx, "list streams", func(ctx context.Context, s *session) error {
		all := s.js.ListStreams(ctx)
		for i := range all.Info() {
			list = append(list, i.Config)
		}
		return all.Err()
	})
	slices.SortFunc(list, func(a, b jetstream.StreamConfig) int { return strings.Compare(a.Name, b.Name) })
	return list, err
}

// Unsettled lists the streams that restores have made which did not come to their end, by what
// names the restore in [Options].
func (s *Store) Unsettled(ctx context.Context) (map[string][]string, error) {
	list, err := s.streams(ctx)
	found := map[string][]string{}
	for i := range list {
		if id := list[i].Metadata[RestoreMark]; id != "" {
			found[id] = append(found[id], list[i].Name)
		}
	}
	return found, err
}

// Holds lists the streams of journals and of buckets that are there.
func (s *Store) Holds(ctx context.Context) (names []string, err error) {
	list, err := s.streams(ctx)
	for i := range list {
		if n := list[i].Name; strings.HasPrefix(n, journalPrefix) || strings.HasPrefix(n, blobPrefix) || IsBucket(n) {
			names = append(names, n)
		}
	}
	return names, err
}

// JournalStreams are the streams of a journal.
func JournalStreams(n journal.Name) []string {
	l := newLog(nil, n)
	return []string{l.stream, l.blobs}
}

// BucketStream is the stream of a bucket.
func BucketStream(c bucket.Carried) string {
	kind := "KV_"
	if c.Kind == bucket.Objects {
		kind = "OBJ_"
	}
	return kind + bucketName(c.Name)
}

// Forget removes the streams that the restore of a name has made, which were not settled. What
// others have made stays.
func (s *Store) Forget(ctx context.Context, restore string) error {
	return s.each(ctx, restore, "remove stream", func(ctx context.Context, s *session, c jetstream.StreamConfig) error {
		return removeStream(ctx, s.js, c.Name)
	})
}

// Settle has everybody use what the restore of a name has made, all of which is there: journals
// last.
func (s *Store) Settle(ctx context.Context, restore string) error {
	return s.each(ctx, restore, "settle stream", func(ctx context.Context, s *session, c jetstream.StreamConfig) error {
		c.Metadata = maps.Clone(c.Metadata)
		delete(c.Metadata, RestoreMark)
		_, err := s.js.UpdateStream(ctx, c)
		return err
	})
}

// each calls do with the streams of a restore, the records of journals last.
func (s *Store) each(ctx context.Context, restore, what string, do func(ctx context.Context, s *session, c jetstream.StreamConfig) error) error {
	if restore == "" {
		return errors.New("a restore needs a name")
	}
	list, err := s.streams(ctx)
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(c jetstream.StreamConfig) bool { return c.Metadata[RestoreMark] != restore })
	slices.SortStableFunc(list, func(a, b jetstream.StreamConfig) int { return rank(a.Name) - rank(b.Name) })
	for _, c := range list {
		if err := s.call(ctx, what+" "+c.Name, func(ctx context.Context, s *session) error { return do(ctx, s, c) }); err != nil {
			return err
		}
	}
	return nil
}

func rank(stream string) int {
	if strings.HasPrefix(stream, journalPrefix) {
		return 1
	}
	return 0
}

// removeStream removes a stream, unless it is gone. A server may answer once more from one that
// it has removed, but not with what was purged before.
func removeStream(ctx context.Context, js jetstream.JetStream, name string) error {
	old, err := js.Stream(ctx, name)
	if err == nil {
		err = errors.Join(old.Purge(ctx), js.DeleteStream(ctx, name))
	}
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil
	}
	return err
}
