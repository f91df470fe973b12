package capability

import (
	"context"
	"sync/atomic"
	"time"
)

// deadline is the context of one request, as [context.WithDeadline] makes it. It has a
// timer from when somebody waits for it on: a request that is answered at once needs
// none. It is safe for concurrent use, also after end.
type deadline struct {
	message *scope
	after   time.Duration         // the moment that those of a message count from
	timed   atomic.Pointer[timed] // nil: nobody has asked for it; over: nobody had when it ended
}

// scope is what the deadlines of one message share.
type scope struct {
	context.Context
	began time.Time // some moment before them
}

// timed is a context with a timer.
type timed struct {
	ctx    context.Context
	cancel context.CancelFunc
}

var over = &timed{}

// Deadline implements context.Context.
func (d *deadline) Deadline() (time.Time, bool) {
	own := d.at()
	if at, ok := d.message.Deadline(); ok && at.Before(own) {
		return at, true
	}
	return own, true
}

// at is when the time of the request itself is over.
func (d *deadline) at() time.Time { return d.message.began.Add(d.after) }

// Done implements context.Context.
func (d *deadline) Done() <-chan struct{} { return d.timer().Done() }

// Err implements context.Context.
func (d *deadline) Err() error {
	if d.timed.Load() == nil && d.message.Err() == nil && time.Now().Before(d.at()) {
		return nil
	}
	return d.timer().Err()
}

// Value implements context.Context: contexts made of it find the one with the timer.
func (d *deadline) Value(key any) any {
	if t := d.timed.Load(); t != nil && t != over {
		return t.ctx.Value(key)
	}
	return d.message.Value(key)
}

// timer is the context with the timer.
func (d *deadline) timer() context.Context {
	for {
		was := d.timed.Load()
		if was != nil && was != over {
			return was.ctx
		}
		t := &timed{}
		t.ctx, t.cancel = context.WithDeadline(d.message.Context, d.at())
		if was == over {
			t.cancel()
		}
		if d.timed.CompareAndSwap(was, t) {
			return t.ctx
		}
		t.cancel() // another has made it, or it has ended
	}
}

// end lets go of the timer, as a [context.CancelFunc] does.
func (d *deadline) end() {
	if d.timed.CompareAndSwap(nil, over) {
		return
	}
	if t := d.timed.Load(); t != over {
		t.cancel()
	}
}
