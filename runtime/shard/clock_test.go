package shard

import (
	"slices"
	"sync"
	"testing"
	"time"
)

// manual is a clock that stands until the test moves it on.
type manual struct {
	mu    sync.Mutex
	now   time.Time
	alarm []*alarm
}

type alarm struct {
	due time.Time
	f   func()
}

func newManual() *manual { return &manual{now: time.Unix(1_800_000_000, 0)} }

func (c *manual) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *manual) AfterFunc(d time.Duration, f func()) func() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := &alarm{c.now.Add(d), f}
	c.alarm = append(c.alarm, a)
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		stopped := a.f != nil
		a.f = nil
		return stopped
	}
}

// pass moves the clock on and rings what is due.
func (c *manual) pass(d time.Duration) {
	c.mu.Lock()
	c.now = c.now.Add(d)
	var due []func()
	left := c.alarm[:0]
	for _, a := range c.alarm {
		switch {
		case a.f == nil:
		case a.due.After(c.now):
			left = append(left, a)
		default:
			due = append(due, a.f)
			a.f = nil
		}
	}
	c.alarm = left
	c.mu.Unlock()
	for _, f := range due {
		f()
	}
}

// ring waits until an alarm is set that is due within d, and passes d.
func (c *manual) ring(t *testing.T, d time.Duration) {
	t.Helper()
	c.armed(t, d)
	c.pass(d)
}

// armed waits until an alarm is set that is due within d: who reads the clock before it moves,
// and sets an alarm afterwards, sets one that is too late by as much.
func (c *manual) armed(t *testing.T, d time.Duration) {
	t.Helper()
	await(t, "an alarm", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return slices.ContainsFunc(c.alarm, func(a *alarm) bool { return a.f != nil && !a.due.After(c.now.Add(d)) })
	})
}

// run passes d again and again, until the returned function is called. It leaves others
// the time to see each: on a busy machine a clock that runs as fast as it can has passed
// every deadline before anybody gets to act.
func (c *manual) run(d time.Duration) (stop func()) {
	end, ended := make(chan struct{}), make(chan struct{})
	go func() { // until stop is called
		defer close(ended)
		tick := time.NewTicker(50 * time.Microsecond)
		defer tick.Stop()
		for {
			select {
			case <-end:
				return
			case <-tick.C:
				c.pass(d)
			}
		}
	}()
	return func() {
		close(end)
		<-ended
	}
}
