// Package source brings messages into a service that no request does: it is what schedules
// and subscriptions have in common.
package source

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"time"

	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/shard"
)

// Waits between tries.
const (
	WaitMin = time.Second
	WaitMax = time.Minute
	// KeepWaitMax is less than any server waits before it sends a message again that nobody
	// has acknowledged.
	KeepWaitMax = 10 * time.Second
)

// Shard takes messages.
type Shard interface {
	Accept(ctx context.Context, r *shard.Request) (*shard.Flow, error)
}

// ErrAstray is a message that the service can never take.
var ErrAstray = errors.New("the service does not take it")

// Keep has a message enter the journal, once for each key of r's source, however often it
// takes: while the service cannot take it, it is tried again, and again is called before. It
// returns ErrAstray for a message that never can be, and the error of ctx.
func Keep(ctx context.Context, s Shard, r *shard.Request, key string, log *slog.Logger, again func()) error {
	digest := sha256.Sum256([]byte(key))
	r.Kept, r.Idempotency = true, &journal.Idempotency{Scope: r.Source, Key: key, Digest: digest[:]}
	for wait := WaitMin; ; wait = min(2*wait, KeepWaitMax) {
		_, err := s.Accept(ctx, r)
		switch {
		case err == nil, ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, shard.ErrUnknownTarget), errors.Is(err, shard.ErrNotTaken), errors.Is(err, shard.ErrTooLarge), errors.Is(err, shard.ErrReused):
			return errors.Join(ErrAstray, err)
		}
		if wait == WaitMin {
			log.Warn("a message cannot be taken now, and is tried again", "source", r.Source, "key", key, "error", err)
		}
		if !Wait(ctx, wait) {
			return ctx.Err()
		}
		again()
	}
}

// Wait waits; false: ctx ended.
func Wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
