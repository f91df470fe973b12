package actor

import (
	"context"
	"errors"
	"sync"
)

// ErrBusy: as many instances run as may, and none is free.
var ErrBusy = errors.New("all instances are busy")

// ErrClosed: the actor has been closed.
var ErrClosed = errors.New("actor is closed")

// pool keeps the free instances of an actor and counts all of them.
type pool struct {
	actor *Actor

	mu     sync.Mutex
	free   []*Instance
	count  int                // running, starting or being closed
	ending int                // being closed
	freed  chan struct{}      // closed when a place or an instance is free again; nil: nobody waits for one
	all    map[*Instance]bool // that have started and were not discarded
	closed bool
	gone   chan struct{} // closed when the actor is closed and no instance is left
}

// Take returns a free instance, or ErrBusy when Start should be called or the
// caller has to wait: more says which. Those whose process has ended meanwhile
// are closed.
func (a *Actor) Take() (i *Instance, more bool, err error) {
	for {
		i, more, _, err = a.take()
		if i == nil || i.mortal == nil || !i.mortal.Gone() {
			return i, more, err
		}
		a.Discard(i)
	}
}

// take is Take without a look at processes. When an instance is being closed, whose place is
// free afterwards, soon is closed then.
func (a *Actor) take() (i *Instance, more bool, soon <-chan struct{}, err error) {
	p := &a.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, false, nil, ErrClosed
	}
	if n := len(p.free); n > 0 {
		i, p.free[n-1] = p.free[n-1], nil
		p.free = p.free[:n-1]
		return i, false, nil, nil
	}
	if p.count < a.Scale.Max {
		p.count++
		return nil, true, nil, ErrBusy
	}
	if p.ending > 0 {
		if p.freed == nil {
			p.freed = make(chan struct{})
		}
		soon = p.freed
	}
	return nil, false, soon, ErrBusy
}

// acquire is Take that waits, within ctx, for the place of an instance that is being closed.
// Before it does it calls wait, unless that is nil.
func (a *Actor) acquire(ctx context.Context, wait func()) (i *Instance, more bool, err error) {
	for {
		i, more, soon, err := a.take()
		switch {
		case i != nil && i.mortal != nil && i.mortal.Gone():
			a.Discard(i)
		case soon == nil:
			return i, more, err
		default:
			if wait != nil {
				wait()
			}
			select {
			case <-soon:
			case <-ctx.Done():
				return nil, false, err
			}
		}
	}
}

// Decline gives back the place that Take said there was more of, unused.
func (a *Actor) Decline() { a.forget(0) }

// Start makes an instance after Take said more. The instance is the caller's;
// on an error the place is free again.
func (a *Actor) Start(ctx context.Context) (*Instance, error) {
	i, err := a.start(ctx)
	if err != nil {
		a.forget(0)
		return i, err
	}
	a.pool.mu.Lock()
	defer a.pool.mu.Unlock()
	if a.pool.all == nil {
		a.pool.all = map[*Instance]bool{}
	}
	a.pool.all[i] = true
	return i, nil
}

// Run has an instance handle a message that reaches it by nobody but the caller, and read
// see what came of it before the instance goes back. When none is free it starts one, or
// waits for the place of one that is being closed, and calls t.Wait before. The error,
// ErrBusy among others, says that nothing was handled.
func (a *Actor) Run(ctx context.Context, t *Task, read func(*Result)) error {
	i, more, err := a.acquire(ctx, t.Wait)
	if errors.Is(err, ErrBusy) && more {
		if t.Wait != nil {
			t.Wait()
		}
		i, err = a.Start(ctx)
	}
	if err != nil {
		return err
	}
	r := i.Handle(t)
	read(r)
	if r.Broken {
		a.Discard(i)
	} else {
		a.Put(i)
	}
	return nil
}

// Put gives an instance back.
func (a *Actor) Put(i *Instance) {
	p := &a.pool
	p.mu.Lock()
	if !p.closed {
		p.free = append(p.free, i)
		p.tell()
		p.mu.Unlock()
		return
	}
	p.mu.Unlock()
	a.Discard(i)
}

// Discard closes an instance that the caller took and that must not go on.
func (a *Actor) Discard(i *Instance) {
	a.pool.mu.Lock()
	delete(a.pool.all, i)
	a.pool.ending++
	a.pool.mu.Unlock()
	err := i.running.Close()
	a.memory.Add(-i.memory)
	a.forget(1) // the module may be closed from here on
	if err != nil {
		i.line("warn", []byte("close instance: "+err.Error()), 0, nil)
	}
}

// forget gives a place back, of an instance that was being closed or of none: ended says which.
func (a *Actor) forget(ended int) {
	a.pool.mu.Lock()
	defer a.pool.mu.Unlock()
	a.pool.count--
	a.pool.ending -= ended
	a.pool.tell()
	if a.pool.closed && a.pool.count == 0 {
		close(a.pool.gone)
	}
}

// tell has who waits for a place look again. The caller holds mu.
func (p *pool) tell() {
	if p.freed != nil {
		close(p.freed)
		p.freed = nil
	}
}

// Instances is the number of instances, those being started included.
func (a *Actor) Instances() int {
	a.pool.mu.Lock()
	defer a.pool.mu.Unlock()
	return a.pool.count
}

// Warm starts instances until there are n, or as many as may be.
func (a *Actor) Warm(ctx context.Context, n int) error {
	for {
		a.pool.mu.Lock()
		enough := a.pool.count >= min(n, a.Scale.Max) || a.pool.closed
		if !enough {
			a.pool.count++
		}
		a.pool.mu.Unlock()
		if enough {
			return nil
		}
		i, err := a.Start(ctx)
		if err != nil {
			return err
		}
		a.Put(i)
	}
}

// Shrink closes free instances beyond Scale.Min, at most n of them, and
// returns how many. Who was told to wait meanwhile should try again then.
func (a *Actor) Shrink(n int) int {
	done := 0
	for ; done < n; done++ {
		a.pool.mu.Lock()
		last := len(a.pool.free) - 1
		if last < 0 || a.pool.count <= a.Scale.Min {
			a.pool.mu.Unlock()
			break
		}
		i := a.pool.free[last]
		a.pool.free[last] = nil
		a.pool.free = a.pool.free[:last]
		a.pool.mu.Unlock()
		a.Discard(i)
	}
	return done
}

// Available reports whether Take would not tell who calls it to wait.
func (a *Actor) Available() bool {
	a.pool.mu.Lock()
	defer a.pool.mu.Unlock()
	return len(a.pool.free) > 0 || a.pool.count < a.Scale.Max || a.pool.closed
}

// Free is the number of instances nobody uses.
func (a *Actor) Free() int {
	a.pool.mu.Lock()
	defer a.pool.mu.Unlock()
	return len(a.pool.free)
}

// Close closes the free instances; those in use are closed when they are given
// back. The module must stay open until the returned channel is closed, which
// happens when no instance is left.
func (a *Actor) Close() <-chan struct{} {
	a.pool.mu.Lock()
	if a.pool.closed {
		a.pool.mu.Unlock()
		return a.pool.gone
	}
	a.pool.closed = true
	free := a.pool.free
	a.pool.free = nil
	if a.pool.count == 0 {
		close(a.pool.gone)
	}
	a.pool.mu.Unlock()
	for _, i := range free {
		a.Discard(i)
	}
	return a.pool.gone
}
