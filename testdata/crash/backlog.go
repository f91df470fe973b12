package crash

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// A backlog's messages are spread over keys, so that books stay short.
const (
	backlogLines = 25
	backlogRate  = 1000 // messages a second that are surely taken
	backlogMax   = 10 * time.Minute
)

// Backlog is a round in which Messages entries are accepted that wait for a moment
// at which the service does not run: kill -9, and after the next start all of them
// are due at once. All must be entered, each once.
func (r *Run) Backlog(ctx context.Context) error {
	b, ok := r.work.(*books)
	if !ok {
		return errBooks
	}
	b.spoil(0, 0)
	if err := r.Start(ctx); err != nil {
		return err
	}
	r.rounds++
	began := time.Now()
	due := began.Add(time.Duration(r.Messages) * time.Second / backlogRate).Add(5 * time.Second)
	ops := r.waiting(ctx, due)
	if err := ctx.Err(); err != nil {
		return err
	}
	taken := time.Since(began)
	r.host.Kill()
	if wait := time.Until(due); wait > 0 {
		time.Sleep(wait)
	}
	if err := r.Start(ctx); err != nil {
		return err
	}
	served := time.Now()
	if err := r.drained(ctx, ops); err != nil {
		return err
	}
	r.Say("%d messages accepted in %v, served %v after the start, drained %v later, at most %d MiB of memory", r.Messages,
		taken.Round(time.Second), r.host.Took.Round(time.Millisecond), time.Since(served).Round(10*time.Millisecond), r.host.memory()>>20)
	var keys []string
	for n := range backlogKeys(r.Messages) {
		keys = append(keys, backlogKey(r.rounds, n))
	}
	b.keys, b.ops = keys, ops
	return r.Verify(ctx)
}

func backlogKeys(messages int) int { return max(1, messages/backlogLines) }

func backlogKey(round, n int) string { return fmt.Sprintf("b%d-%d", round, n) }

// waiting sends entries from all connections that wait until due.
func (r *Run) waiting(ctx context.Context, due time.Time) []*Op {
	ops := make([]*Op, r.Messages)
	var next atomic.Int64
	var clients sync.WaitGroup
	for range r.Load.Clients {
		clients.Go(func() {
			for n := next.Add(1) - 1; int(n) < r.Messages && ctx.Err() == nil; n = next.Add(1) - 1 {
				key := backlogKey(r.rounds, int(n)%backlogKeys(r.Messages))
				op := &Op{Leave: true, Pour: true, Entry: Entry{Key: key, ID: fmt.Sprintf("%s-%d", key, n), Delay: max(1, int(time.Until(due).Milliseconds()))}}
				ops[n] = op
				for r.Load.Send(ctx, r.host.URL, op); op.Status == http.StatusServiceUnavailable && ctx.Err() == nil; r.Load.Send(ctx, r.host.URL, op) {
					time.Sleep(10 * time.Millisecond)
				}
			}
		})
	}
	clients.Wait()
	return ops
}

// drained waits until every entry stands in the mirror, looking at as few books
// as it can: it goes on to the next key when one is complete.
func (r *Run) drained(ctx context.Context, ops []*Op) error {
	want := map[string]int{}
	for _, op := range ops {
		if op.Status != http.StatusAccepted {
			return fmt.Errorf("%s was answered %d: %s", op.ID, op.Status, op.Body)
		}
		want[op.Key]++
	}
	end := time.Now().Add(backlogMax)
	for key, lines := range want {
		for {
			b, err := r.Load.Book(ctx, r.host.URL, "mirror", key)
			if err == nil && len(b.Lines) >= lines {
				break
			}
			if time.Now().After(end) {
				return errors.Join(err, fmt.Errorf("%s: not all of %d messages are entered %v after the start", key, lines, backlogMax))
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	return nil
}
