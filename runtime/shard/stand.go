package shard

import (
	"sync"
	"time"
)

// standing is for how long a flow has stood still for people who look at a message of it.
// It is safe for concurrent use.
type standing struct {
	clock Clock

	mu    sync.Mutex
	count int           // messages that stand still now
	since time.Time     // when the first of them began to
	total time.Duration // until then
}

// Stood is for how long messages of the flow have stood still so far, for people who look
// at what handles them. Who waits for its answer should not count it.
func (f *Flow) Stood() time.Duration {
	s := f.stood.Load()
	if s == nil {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count == 0 {
		return s.total
	}
	return s.total + s.clock.Now().Sub(s.since)
}

// stand has a flow stand still until goOn is called.
func (f *flow) stand(c Clock) (goOn func()) {
	s := f.stood.Load()
	if s == nil {
		f.stood.CompareAndSwap(nil, &standing{clock: c})
		s = f.stood.Load()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count++; s.count == 1 {
		s.since = c.Now()
	}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.count--; s.count == 0 {
			s.total += c.Now().Sub(s.since)
		}
	}
}

// stand is called when what the worker handles is held for somebody who looks at it.
func (w *worker) stand() (goOn func()) {
	if w.item.flow == nil {
		return func() {}
	}
	return w.item.flow.stand(w.lane.shard.clock)
}
