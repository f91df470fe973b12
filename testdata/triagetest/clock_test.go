package triagetest

import (
	"sync"
	"time"
)

// clock goes as the computer's does, ahead of it or behind, until it is set to another time:
// then what is due by that is due at once. It is safe for concurrent use.
type clock struct {
	mu     sync.Mutex // guards what follows
	ahead  time.Duration
	timers map[*timer]bool // that wait
}

type timer struct {
	due  time.Time
	real *time.Timer
}

func clockAt(t time.Time) *clock {
	return &clock{ahead: time.Until(t), timers: map[*timer]bool{}}
}

// Now implements shard.Clock.
func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

// AfterFunc implements shard.Clock.
func (c *clock) AfterFunc(d time.Duration, f func()) func() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &timer{due: time.Now().Add(c.ahead + d)}
	c.timers[t] = true
	forget := func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.timers, t)
	}
	t.real = time.AfterFunc(d, func() {
		forget()
		f()
	})
	return func() bool {
		forget()
		return t.real.Stop()
	}
}

// set has it be another time, from which on it goes on.
func (c *clock) set(to time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead = time.Until(to)
	for t := range c.timers {
		if t.real.Stop() { // else it is due anyway
			t.real.Reset(max(0, t.due.Sub(to)))
		}
	}
}
