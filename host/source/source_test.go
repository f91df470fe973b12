package source

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/grow-platform/grow/runtime/shard"
)

// closed is a shard that takes nothing for a while.
type closed struct{ until time.Time }

func (c closed) Accept(context.Context, *shard.Request) (*shard.Flow, error) {
	if time.Now().Before(c.until) {
		return nil, errors.New("not now")
	}
	return &shard.Flow{}, nil
}

// TestKeepTells: while a message cannot be taken, who brought it is told so often that it does
// not bring it again.
func TestKeepTells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told, times := time.Now(), 0
		again := func() {
			if d := time.Since(told); d > KeepWaitMax {
				t.Errorf("told after %v, at most %v are allowed", d, KeepWaitMax)
			}
			told, times = time.Now(), times+1
		}
		r := &shard.Request{Source: "subscribe x"}
		if err := Keep(t.Context(), closed{time.Now().Add(5 * time.Minute)}, r, "k", slog.New(slog.DiscardHandler), again); err != nil {
			t.Fatal(err)
		}
		if times < 30 || !r.Kept || r.Idempotency.Key != "k" {
			t.Errorf("told %d times, %+v", times, r)
		}
	})
}
