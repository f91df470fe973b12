package gateway

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// standing is a flow that stands still from a time on, for a while, and has an answer at
// another.
type standing struct {
	began      time.Time
	from, last time.Duration
	done       chan struct{}
}

func (s *standing) Done() <-chan struct{} { return s.done }

func (s *standing) Stood() time.Duration {
	return min(s.last, max(0, time.Since(s.began)-s.from))
}

// TestWait: who waits for an answer waits on while somebody looks at what makes it, and no
// longer than they would have otherwise.
func TestWait(t *testing.T) {
	for _, c := range []struct {
		name           string
		from, last     time.Duration // it stands still
		answer, leaves time.Duration // 0: never
		want           waited
		after          time.Duration
	}{
		{"answered in time", 0, 0, 5 * time.Second, 0, answered, 5 * time.Second},
		{"late", 0, 0, time.Minute, 0, late, 30 * time.Second},
		{"held, and answered after its time", 10 * time.Second, 10 * time.Minute, 11 * time.Minute, 0, late, 10*time.Minute + 30*time.Second},
		{"held, and answered", 10 * time.Second, 10 * time.Minute, 10*time.Minute + 29*time.Second, 0, answered, 10*time.Minute + 29*time.Second},
		{"held, and left", 10 * time.Second, 10 * time.Minute, 0, 5 * time.Minute, left, 5 * time.Minute},
		{"held just before its time", 30*time.Second - 1, time.Hour, time.Hour, 0, answered, time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &standing{began: time.Now(), from: c.from, last: c.last, done: make(chan struct{})}
				if c.answer > 0 {
					defer time.AfterFunc(c.answer, func() { close(s.done) }).Stop()
				}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if c.leaves > 0 {
					time.AfterFunc(c.leaves, cancel)
				}
				timer := time.NewTimer(time.Hour)
				timer.Stop()
				got := wait(ctx, timer, s, 30*time.Second)
				if took := time.Since(s.began); got != c.want || took < c.after || took > c.after+2*standLeast {
					t.Errorf("%d after %v, want %d after %v", got, took, c.want, c.after)
				}
			})
		})
	}
}
