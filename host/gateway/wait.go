package gateway

import (
	"context"
	"time"
)

// waited is how a wait for an answer ended.
type waited int

const (
	answered waited = iota
	late            // the time-out has passed
	left            // its client is gone
)

// awaited is what is waited for: a shard.Flow.
type awaited interface {
	Done() <-chan struct{}
	Stood() time.Duration
}

// standLeast is by how much a wait is prolonged at least for what stood still meanwhile.
const standLeast = 10 * time.Millisecond

// wait waits for an answer, for so long at most as limit says, and until client ends. The
// time that the flow stood still, because somebody debugs what handles it, does not count.
// t, which is stopped, is used for it.
func wait(client context.Context, t *time.Timer, f awaited, limit time.Duration) waited {
	select {
	case <-f.Done():
		return answered
	default:
	}
	defer t.Stop()
	stood := f.Stood()
	for {
		t.Reset(limit)
		select {
		case <-f.Done():
			return answered
		case <-client.Done():
			return left
		case <-t.C:
		}
		now := f.Stood()
		if now == stood {
			return late
		}
		limit, stood = max(standLeast, now-stood), now
	}
}
