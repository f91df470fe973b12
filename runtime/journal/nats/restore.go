package nats

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

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

// streams lists all streams, by name.
func (s *Store) streams(ctx context.Context) (list []*jetstream.StreamInfo, err error) {
	err = s.call(ctx, "list streams", func(ctx context.Context, s *session) error {
		list = nil // of a try before
		all := s.js.ListStreams(ctx)
		for i := range all.Info() {
			list = append(list, i)
		}
		return all.Err()
	})
	slices.SortFunc(list, func(a, b *jetstream.StreamInfo) int { return strings.Compare(a.Config.Name, b.Config.Name) })
	return list, err
}

// Unsettled lists the streams that restores have made which did not come to their end, by what
// names the restore in [Options].
func (s *Store) Unsettled(ctx context.Context) (map[string][]string, error) {
	list, err := s.streams(ctx)
	found := map[string][]string{}
	for _, i := range list {
		if id := i.Config.Metadata[RestoreMark]; id != "" {
			found[id] = append(found[id], i.Config.Name)
		}
	}
	return found, err
}

// Made says which streams the restore of a name has made, which were not settled, and when.
func (s *Store) Made(ctx context.Context, restore string) (map[string]time.Time, error) {
	list, err := s.streams(ctx)
	made := map[string]time.Time{}
	for _, i := range list {
		if i.Config.Metadata[RestoreMark] == restore {
			made[i.Config.Name] = i.Created
		}
	}
	return made, err
}

// Holds lists the streams of journals and of buckets that are there, but for those that a
// restore has made which did not come to its end.
func (s *Store) Holds(ctx context.Context) (names []string, err error) {
	list, err := s.streams(ctx)
	for _, i := range list {
		if n := i.Config.Name; i.Config.Metadata[RestoreMark] == "" && (strings.HasPrefix(n, journalPrefix) || strings.HasPrefix(n, blobPrefix) || IsBucket(n)) {
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
	list, err := s.streams(ctx)
	if err != nil {
		return err
	}
	return s.each(ctx, list, restore, "remove stream", func(ctx context.Context, s *session, c jetstream.StreamConfig) error {
		return removeStream(ctx, s.js, c.Name)
	})
}

// Settle has everybody use what the restore of a name has made, all of which is there: journals
// last. When one of the streams that [Store.Made] has told is gone, or another is in its place, it
// settles none and fails with ErrNotFound; those that were settled before stay so.
func (s *Store) Settle(ctx context.Context, restore string, made map[string]time.Time) error {
	list, err := s.streams(ctx)
	if err != nil {
		return err
	}
	there := map[string]time.Time{}
	for _, i := range list {
		if id := i.Config.Metadata[RestoreMark]; id == restore || id == "" {
			there[i.Config.Name] = i.Created
		}
	}
	for _, name := range slices.Sorted(maps.Keys(made)) {
		if at, ok := there[name]; !ok || !at.Equal(made[name]) {
			return fmt.Errorf("settle a restore: %w: stream %s, which it has made, is gone", journal.ErrNotFound, name)
		}
	}
	return s.each(ctx, list, restore, "settle stream", func(ctx context.Context, s *session, c jetstream.StreamConfig) error {
		c.Metadata = maps.Clone(c.Metadata)
		delete(c.Metadata, RestoreMark)
		_, err := s.js.UpdateStream(ctx, c)
		return err
	})
}

// each calls do with those streams that are of a restore, the records of journals last.
func (s *Store) each(ctx context.Context, list []*jetstream.StreamInfo, restore, what string, do func(ctx context.Context, s *session, c jetstream.StreamConfig) error) error {
	if restore == "" {
		return errors.New("a restore needs a name")
	}
	list = slices.DeleteFunc(list, func(i *jetstream.StreamInfo) bool { return i.Config.Metadata[RestoreMark] != restore })
	slices.SortStableFunc(list, func(a, b *jetstream.StreamInfo) int { return rank(a.Config.Name) - rank(b.Config.Name) })
	for _, i := range list {
		if err := s.call(ctx, what+" "+i.Config.Name, func(ctx context.Context, s *session) error { return do(ctx, s, i.Config) }); err != nil {
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
