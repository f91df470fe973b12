package nats

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/grow-platform/grow/runtime/journal"
	"github.com/nats-io/nats.go/jetstream"
)

// openBuckets makes the namespace's buckets where they are missing.
func (l *log) openBuckets(ctx context.Context) error {
	for _, c := range []jetstream.KeyValueConfig{
		{Bucket: l.pointers(), Storage: jetstream.FileStorage, History: 1, Replicas: l.store.options.Replicas},
		// A lease that does not outlive its server costs no write to the disk.
		{Bucket: l.leases(), Storage: jetstream.MemoryStorage, History: 1, Replicas: l.store.options.Replicas},
	} {
		err := l.store.call(ctx, "open bucket "+c.Bucket, func(ctx context.Context, s *session) error {
			_, err := s.js.KeyValue(ctx, c.Bucket)
			if errors.Is(err, jetstream.ErrBucketNotFound) {
				if _, err = s.js.CreateKeyValue(ctx, c); errors.Is(err, jetstream.ErrBucketExists) {
					_, err = s.js.KeyValue(ctx, c.Bucket)
				}
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *log) pointers() string { return "GROW_" + l.name.Namespace }
func (l *log) leases() string   { return "GROW_LEASE_" + l.name.Namespace }

// bucket runs f on a bucket. That of the leases is gone when its server was
// started anew, and made again.
func (l *log) bucket(ctx context.Context, what, bucket string, f func(ctx context.Context, kv jetstream.KeyValue) error) error {
	what += " of " + l.name.String()
	try := func(ctx context.Context, s *session) error {
		kv, err := s.js.KeyValue(ctx, bucket)
		if err != nil {
			return err
		}
		return f(ctx, kv)
	}
	err := l.store.call(ctx, what, try)
	if !errors.Is(err, jetstream.ErrBucketNotFound) {
		return err
	}
	if bucket == l.pointers() {
		return fmt.Errorf("%s: %w: %w", what, journal.ErrDamaged, err)
	}
	if err := l.openBuckets(ctx); err != nil {
		return err
	}
	return l.store.call(ctx, what, try)
}

// Snapshot implements journal.Snapshots.
func (l *log) Snapshot(ctx context.Context) (pointer []byte, revision uint64, err error) {
	err = l.bucket(ctx, "read snapshot pointer", l.pointers(), func(ctx context.Context, kv jetstream.KeyValue) error {
		e, err := kv.Get(ctx, l.key)
		if errors.Is(err, jetstream.ErrKeyNotFound) {
			return journal.ErrNotFound
		}
		if err != nil {
			return err
		}
		pointer, revision = e.Value(), e.Revision()
		return nil
	})
	return pointer, revision, err
}

// SetSnapshot implements journal.Snapshots.
func (l *log) SetSnapshot(ctx context.Context, pointer []byte, revision uint64) (next uint64, err error) {
	if len(pointer) > journal.PointerMax {
		return 0, fmt.Errorf("a snapshot pointer of %d bytes: %w: at most %d are possible", len(pointer), journal.ErrTooLarge, journal.PointerMax)
	}
	err = l.bucket(ctx, "set snapshot pointer", l.pointers(), func(ctx context.Context, kv jetstream.KeyValue) error {
		failpoint("pointer.before")
		next, err = set(ctx, kv, l.key, pointer, revision)
		failpoint("pointer.after")
		return err
	})
	return next, err
}

// set replaces a value when its revision is still the one given.
func set(ctx context.Context, kv jetstream.KeyValue, key string, value []byte, revision uint64) (next uint64, err error) {
	if revision == 0 {
		next, err = kv.Create(ctx, key, value)
	} else {
		next, err = kv.Update(ctx, key, value, revision)
	}
	var api jetstream.JetStreamError
	switch {
	case errors.Is(err, jetstream.ErrKeyExists), errors.As(err, &api) && api.APIError() != nil && (api.APIError().ErrorCode == wrongSequence || api.APIError().ErrorCode == wrongSequenceConstant):
		return 0, journal.ErrConflict
	case errors.Is(err, context.DeadlineExceeded):
		return 0, fmt.Errorf("%w: %w", journal.ErrUnknown, err)
	}
	return next, err
}

// held is the value of a lease. An empty owner: it was released.
type held struct {
	Owner string        `json:"owner"`
	TTL   time.Duration `json:"ttl"`
}

// lease is held while its revision is the bucket's. It belongs to its holder's goroutine.
type lease struct {
	log      *log
	value    []byte
	revision uint64
}

// Acquire implements journal.Leases. Whether a lease has run out is judged by
// the server's clock alone: it stamped the last renewal.
func (l *log) Acquire(ctx context.Context, owner string, ttl time.Duration) (journal.Lease, error) {
	value, err := json.Marshal(held{owner, ttl})
	if err != nil {
		return nil, err
	}
	mine := &lease{log: l, value: value}
	err = l.bucket(ctx, "acquire lease", l.leases(), func(ctx context.Context, kv jetstream.KeyValue) error {
		revision, err := vacant(ctx, kv, l.key)
		if err != nil {
			return err
		}
		mine.revision, err = set(ctx, kv, l.key, value, revision)
		if errors.Is(err, journal.ErrConflict) {
			return journal.ErrHeld
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return mine, nil
}

// vacant returns the revision of a lease that nobody holds, or ErrHeld.
func vacant(ctx context.Context, kv jetstream.KeyValue, key string) (uint64, error) {
	e, err := kv.Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	var by held
	if err := json.Unmarshal(e.Value(), &by); err != nil {
		return 0, fmt.Errorf("%w: the lease cannot be read: %w", journal.ErrDamaged, err)
	}
	if by.Owner == "" {
		return e.Revision(), nil
	}
	status, err := kv.Status(ctx)
	if err != nil {
		return 0, err
	}
	bucket, ok := status.(*jetstream.KeyValueBucketStatus)
	if !ok {
		return 0, fmt.Errorf("the status of the bucket is a %T", status)
	}
	if now := bucket.StreamInfo().TimeStamp; now.Before(e.Created().Add(by.TTL)) {
		return 0, fmt.Errorf("%w by %s", journal.ErrHeld, by.Owner)
	}
	return e.Revision(), nil
}

// Renew implements journal.Lease.
func (l *lease) Renew(ctx context.Context) error {
	return l.write(ctx, "renew lease", l.value)
}

// Release implements journal.Lease.
func (l *lease) Release(ctx context.Context) error {
	free, err := json.Marshal(held{})
	if err != nil {
		return err
	}
	if err := l.write(ctx, "release lease", free); err != nil && !errors.Is(err, journal.ErrHeld) {
		return err
	}
	return nil
}

func (l *lease) write(ctx context.Context, what string, value []byte) error {
	return l.log.bucket(ctx, what, l.log.leases(), func(ctx context.Context, kv jetstream.KeyValue) error {
		if l.revision == 0 {
			return journal.ErrHeld
		}
		revision, err := set(ctx, kv, l.log.key, value, l.revision)
		if errors.Is(err, journal.ErrConflict) {
			return journal.ErrHeld
		}
		if err == nil {
			l.revision = revision
		}
		return err
	})
}

// redact leaves credentials out of a list of URLs.
func redact(list string) string {
	var safe []string
	for one := range strings.SplitSeq(list, ",") {
		if u, err := url.Parse(strings.TrimSpace(one)); err == nil {
			safe = append(safe, u.Redacted())
		}
	}
	return strings.Join(safe, ",")
}
