package process

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/grow-platform/grow/runtime/engine"
)

// module implements engine.Module.
type module struct {
	engine   *Engine
	binary   []byte // that workers are handed
	config   engine.Config
	about    engine.Info
	probed   *probed       // nil: it has no probes
	turn     chan struct{} // holds a token while a worker is started, or the module closed
	watching sync.WaitGroup

	mu     sync.Mutex
	now    *worker // the last one that was started; nil: there is none
	closed bool
	deaths int       // in a row
	after  time.Time // no worker is started before
	ended  error     // what the last one ended of
}

// process tells of the worker.
func (m *module) process() Process {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := Process{Actor: m.config.Name, Deaths: m.deaths, Next: m.after}
	if m.ended != nil {
		p.Ended = m.ended.Error()
	}
	if m.now != nil && !m.now.dead() {
		p.PID, p.Started, p.Next = m.now.PID, m.now.born, time.Time{}
		if m.engine.Now().Sub(p.Started) >= HealthyFrom {
			p.Deaths = 0
		}
	}
	return p
}

// Info implements engine.Module.
func (m *module) Info() engine.Info { return m.about }

// Instantiate implements engine.Module. It starts a worker when there is none,
// and after deaths in a row waits until it may.
func (m *module) Instantiate(ctx context.Context, h engine.Host) (engine.Instance, error) {
	for {
		w, err := m.worker(ctx)
		if err != nil {
			return nil, fmt.Errorf("start instance: %w", err)
		}
		k, err := w.take()
		if err == nil {
			return start(ctx, m, w, k, h)
		}
		if errors.Is(err, errFull) {
			return nil, err
		}
		w.condemn(err)
	}
}

// worker returns the worker that is alive.
func (m *module) worker(ctx context.Context) (*worker, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case m.turn <- struct{}{}:
		defer func() { <-m.turn }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	m.mu.Lock()
	old, closed := m.now, m.closed
	m.mu.Unlock()
	switch {
	case closed:
		return nil, errors.New("the module is closed")
	case old != nil && !old.dead():
		return old, nil
	case old != nil:
		<-old.gone // it has been killed
		m.set(nil)
		if err := old.release(); err != nil {
			return nil, err
		}
	}
	if err := m.engine.Pause(ctx, m.rest()); err != nil {
		return nil, err
	}
	w, _, err := m.launch(ctx)
	if err != nil {
		if ctx.Err() == nil {
			m.mourn(0, 0, err)
		}
		return nil, err
	}
	m.set(w)
	return w, nil
}

func (m *module) set(w *worker) {
	m.mu.Lock()
	m.now = w
	m.mu.Unlock()
}

// rest is how long no worker must be started yet.
func (m *module) rest() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return max(0, m.after.Sub(m.engine.Now()))
}

// mourn counts the death of a worker that lived for so long.
func (m *module) mourn(pid int, lived time.Duration, cause error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return
	}
	if lived >= HealthyFrom {
		m.deaths = 0
	}
	m.deaths, m.ended = m.deaths+1, cause
	wait := backoff(m.deaths)
	m.after = m.engine.Now().Add(wait)
	m.engine.Log.Warn("worker process of an actor ended", "actor", m.config.Name, "pid", pid, "lived", lived, "error", cause,
		"deaths in a row", m.deaths, "next start in", wait)
}

// backoff is how long to wait after so many deaths in a row: not at all after
// the first, then twice as long each time.
func backoff(deaths int) time.Duration {
	if deaths < 2 {
		return 0
	}
	return min(BackoffMin<<min(deaths-2, 20), BackoffMax)
}

// Close implements engine.Module. Closing again does nothing.
func (m *module) Close(context.Context) error {
	m.turn <- struct{}{}
	defer func() { <-m.turn }()
	m.mu.Lock()
	w, closed := m.now, m.closed
	m.now, m.closed = nil, true
	m.mu.Unlock()
	if closed {
		return nil
	}
	m.engine.mu.Lock()
	delete(m.engine.modules, m)
	m.engine.mu.Unlock()
	var err error
	if w != nil {
		w.Kill() // it has no instances, and nothing that is worth an ordered end
		<-w.gone
		err = w.release()
	}
	m.watching.Wait()
	return err
}
