package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/grow-platform/grow/host/capabilities/http"
	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/object"
)

// heldEvery is how often it is looked again for who names answers that are over their time: to
// look through all that a service keeps takes as long as to start it.
const heldEvery = 24 * time.Hour

// expiry is when the answers of buckets are looked at again that something names. It is safe
// for concurrent use.
type expiry struct {
	mu   sync.RWMutex // held while a service's answers are looked at, and for reading while it is backed up
	next map[string]time.Time
}

// String names the service for people.
func (h *Host) String() string { return h.owner() }

// Expire implements sweep.Service: it removes answers of HTTP requests that were kept as objects,
// when they are over their time and nothing names them that may still be handled or read. While the
// service is backed up it removes none: what the backup's journal names must be in its buckets.
func (h *Host) Expire(ctx context.Context) (objects int, bytes int64, err error) {
	store, ok := h.store.(object.Store)
	if !ok || h.stopping.Load() {
		return 0, 0, nil
	}
	if !h.expiry.mu.TryLock() {
		return 0, 0, nil
	}
	defer h.expiry.mu.Unlock()
	if h.expiry.next == nil {
		h.expiry.next = map[string]time.Time{}
	}
	now := h.now()
	for name, keep := range http.Lives(h.service.Load()) {
		if now.Before(h.expiry.next[name]) {
			continue
		}
		b, openErr := store.Objects(ctx, bucket.Name{Namespace: h.opts.Namespace, Service: h.opts.Service.Name, Bucket: name})
		if openErr != nil {
			err = errors.Join(err, fmt.Errorf("open bucket %s: %w", name, openErr))
			continue
		}
		e, expireErr := http.Expire(ctx, b, now.Add(-keep), func(visit func([]byte)) error { return h.shard.Holds(ctx, visit) })
		if expireErr != nil {
			err = errors.Join(err, fmt.Errorf("bucket %s: %w", name, expireErr))
		}
		objects += e.Removed
		bytes += e.Bytes
		if e.Held > 0 {
			h.expiry.next[name] = now.Add(heldEvery)
		}
	}
	return objects, bytes, err
}

// now is the time that the service goes by.
func (h *Host) now() time.Time {
	if h.opts.Clock != nil {
		return h.opts.Clock.Now()
	}
	return time.Now()
}
