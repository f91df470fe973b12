package compiled

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/grow-platform/grow/host/jail"
	"github.com/grow-platform/grow/runtime/engine"
)

// Queue compiles modules in worker processes, a few at a time. Its methods may be
// called concurrently.
//
// A worker belongs to who took it out of slots. One that is idle is ended after
// a while by a timer, which takes it first.
type Queue struct {
	slots   chan *worker // as many as compile at a time; nil: none is running
	waiting atomic.Int32
	closed  chan struct{}
	close   sync.Once
	refused refusals
}

// NewQueue makes a queue of as many workers; 0: [Workers]. None is started
// before it is needed. Close it in the end.
func NewQueue(workers int) *Queue {
	if workers <= 0 {
		workers = Workers
	}
	q := &Queue{slots: make(chan *worker, workers), closed: make(chan struct{})}
	for range workers {
		q.slots <- nil
	}
	return q
}

var errClosed = errors.New("compile module: the host is stopping")

// Compile makes machine code of a module, with the key that the compiler gives
// it. It fails with an *engine.Error of code module.compile when the module
// takes more than it may or breaks the compiler, and with ctx's error.
func (q *Queue) Compile(ctx context.Context, code []byte) (key [32]byte, machine []byte, err error) {
	module := sha256.Sum256(code)
	if err := q.refused.find(module); err != nil {
		return key, nil, err
	}
	if q.waiting.Add(1) > WaitingMax {
		q.waiting.Add(-1)
		return key, nil, refusal(fmt.Sprintf("%d modules wait to be compiled already; try again when they are done", WaitingMax))
	}
	w, err := q.take(ctx)
	q.waiting.Add(-1)
	if err != nil {
		return key, nil, err
	}
	defer func() { q.put(w) }()
	if w == nil {
		if w, err = startWorker(); err != nil {
			return key, nil, fmt.Errorf("compile module: %w", err)
		}
	}
	key, machine, err = w.compile(ctx, q.closed, code)
	q.refused.note(module, err)
	if err != nil || w.last {
		w.end()
		w = nil
	}
	return key, machine, err
}

// take waits for a turn.
func (q *Queue) take(ctx context.Context) (*worker, error) {
	select {
	case <-q.closed:
		return nil, errClosed
	default:
	}
	select {
	case w := <-q.slots:
		if w == nil {
			return nil, nil
		}
		w.idle.Stop()
		if w.ended() { // somebody killed it
			w.end()
			return nil, nil
		}
		return w, nil
	case <-q.closed:
		return nil, errClosed
	case <-ctx.Done():
		return nil, fmt.Errorf("compile module: %w", ctx.Err())
	}
}

// put gives a turn back, with the worker or nil.
func (q *Queue) put(w *worker) {
	if w != nil {
		w.idle = time.AfterFunc(idleMax, func() { q.dismiss(w) })
	}
	q.slots <- w
}

// dismiss ends a worker if it is still idle.
func (q *Queue) dismiss(w *worker) {
	for range cap(q.slots) {
		select {
		case got := <-q.slots:
			if got == w {
				w.end()
				got = nil
			}
			q.slots <- got
		default:
			return
		}
	}
}

// Close ends the workers, and compilations under way with them.
func (q *Queue) Close() {
	q.close.Do(func() {
		close(q.closed)
		for range cap(q.slots) {
			if w := <-q.slots; w != nil {
				w.idle.Stop()
				w.end()
			}
		}
	})
}

func refusal(reason string) error {
	return &engine.Error{Code: engine.CodeCompile, Reason: reason}
}

// verdict says what the end of a worker means for the module of size bytes.
func verdict(err error, size int) error {
	var exit *jail.ExitError
	var known *engine.Error
	switch {
	case errors.Is(err, errClosed):
		return errClosed
	case errors.As(err, &known):
		return known
	case errors.Is(err, errTime):
		return refusal(fmt.Sprintf("compiling the module takes more than %v of processor time, which is what its %d bytes may take", TimeMax(size).Round(time.Millisecond), size))
	case errors.Is(err, errClock):
		return &engine.Error{Code: engine.CodeCompile, Cause: err, Reason: fmt.Sprintf(
			"compiling the module was not done after %v, on a machine that is busy or with a module that was made to take long", clockMax*TimeMax(size).Round(time.Millisecond))}
	case errors.Is(err, jail.ErrMemory):
		return refusal(fmt.Sprintf("compiling the module takes more than %d MiB of memory", MemoryMax>>20))
	case errors.As(err, &exit):
		reason := "the compiler broke on the module: " + exit.Cause.Error() + ", " + exit.State
		if said := strings.TrimSpace(exit.Output); said != "" {
			line, _, _ := strings.Cut(said, "\n")
			reason += ": " + line
		}
		return &engine.Error{Code: engine.CodeCompile, Reason: reason, Stack: exit.Output, Cause: err}
	}
	return fmt.Errorf("compile module: %w", err)
}
