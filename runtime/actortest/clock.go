package actortest

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// TimersMax is how many timers may ring in one step of a test.
const TimersMax = 10_000

// clock is a shard.Clock that moves only when the test says so.
type clock struct {
	mu     sync.Mutex
	now    time.Time
	alarms alarms
	serial int
}

type alarm struct {
	at      time.Time
	serial  int // of those at one time, the first set rings first
	ring    func()
	stopped bool
}

type alarms []*alarm

func (a alarms) Len() int { return len(a) }
func (a alarms) Less(i, j int) bool {
	return a[i].at.Before(a[j].at) || a[i].at.Equal(a[j].at) && a[i].serial < a[j].serial
}
func (a alarms) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *alarms) Push(x any)   { *a = append(*a, x.(*alarm)) }
func (a *alarms) Pop() any {
	old := *a
	last := old[len(old)-1]
	*a = old[:len(old)-1]
	return last
}

// Now implements shard.Clock.
func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// AfterFunc implements shard.Clock; f is called by advance.
func (c *clock) AfterFunc(d time.Duration, f func()) func() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.serial++
	a := &alarm{at: c.now.Add(d), serial: c.serial, ring: f}
	heap.Push(&c.alarms, a)
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		was := !a.stopped
		a.stopped = true
		return was
	}
}

// advance moves time on by d. It stops at each alarm on the way, and goes on
// once settle has returned. False when there were more alarms than TimersMax.
func (c *clock) advance(ctx context.Context, d time.Duration, settle func(context.Context) error) (bool, error) {
	c.mu.Lock()
	until := c.now.Add(d)
	c.mu.Unlock()
	for range TimersMax {
		a := c.next(until)
		if a == nil {
			return true, nil
		}
		a.ring()
		if err := settle(ctx); err != nil {
			return true, err
		}
	}
	return false, nil
}

// next takes the next alarm up to a time, which it then is; nil: there is none.
func (c *clock) next(until time.Time) *alarm {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.alarms) > 0 && !c.alarms[0].at.After(until) {
		a := heap.Pop(&c.alarms).(*alarm)
		if a.stopped {
			continue
		}
		a.stopped = true
		if a.at.After(c.now) {
			c.now = a.at
		}
		return a
	}
	c.now = until
	return nil
}
