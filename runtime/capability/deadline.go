package capability

import (
	"context"
	"sync"
	"time"
)

// deadline is the context of one request, as [context.WithDeadline] makes it. It has a
// timer from when somebody waits for it on: a request that is answered at once needs
// none. It is safe for concurrent use, also after end.
type deadline struct {
	context.Context // of the message
	at              time.Time

	mu     sync.Mutex
	timed  context.Context // with the timer; nil: nobody has asked for it
	cancel context.CancelFunc
	ended  bool
}

// Deadline implements context.Context.
func (d *deadline) Deadline() (time.Time, bool) {
	if at, ok := d.Context.Deadline(); ok && at.Before(d.at) {
		return at, true
	}
	return d.at, true
}

// Done implements context.Context.
func (d *deadline) Done() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.timer().Done()
}

// Err implements context.Context.
func (d *deadline) Err() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timed == nil && !d.ended && d.Context.Err() == nil && time.Now().Before(d.at) {
		return nil
	}
	return d.timer().Err()
}

// Value implements context.Context: contexts made of it find the one with the timer.
func (d *deadline) Value(key any) any {
	d.mu.Lock()
	of := d.Context
	if d.timed != nil {
		of = d.timed
	}
	d.mu.Unlock()
	return of.Value(key)
}

// timer is the context with the timer. d.mu is held.
func (d *deadline) timer() context.Context {
	if d.timed == nil {
		d.timed, d.cancel = context.WithDeadline(d.Context, d.at)
		if d.ended {
			d.cancel()
		}
	}
	return d.timed
}

// end lets go of the timer, as a [context.CancelFunc] does.
func (d *deadline) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended = true
	if d.cancel != nil {
		d.cancel()
	}
}
