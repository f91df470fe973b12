package crash

import (
	"context"
	"time"
)

// loadMin and loadMax bound the time that a service is loaded for in a round.
const (
	loadMin = 100 * time.Millisecond
	loadMax = 1500 * time.Millisecond
)

// between draws a time.
func (r *Run) between(least, most time.Duration) time.Duration {
	return least + time.Duration(r.Random.Int64N(int64(most-least)))
}

// Kill is a round that ends with kill -9 at a random moment under load; in
// every fourth the next life is killed too, while it recovers.
func (r *Run) Kill(ctx context.Context) error {
	return r.Round(ctx, r.between(loadMin, loadMax), func(h *Host) error {
		h.Kill()
		if r.Random.IntN(4) > 0 {
			return nil
		}
		next, _, err := r.Service.Launch()
		if err != nil {
			return err
		}
		time.Sleep(r.between(10*time.Millisecond, 400*time.Millisecond))
		next.Kill()
		return nil
	})
}
