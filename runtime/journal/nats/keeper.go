package nats

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/grow-platform/grow/runtime/journal"
)

// keeper looks after a store's health: it probes the disk every second, and
// when the server has given up (JetStream takes nothing more from a stream once
// a write failed), it starts it anew as soon as the disk is well. Its goroutine
// ends with stop.
type keeper struct {
	store  *Store
	cancel context.CancelFunc
	ended  chan struct{}
	kick   chan struct{}
	mended time.Time             // when mending was last tried; the goroutine's
	sick   atomic.Pointer[error] // nil: well
	anew   atomic.Bool           // the server must be started anew, or the external one asked

	mu      sync.Mutex
	strikes []time.Time
}

func (k *keeper) start() {
	ctx, cancel := context.WithCancel(context.Background())
	k.cancel, k.ended = cancel, make(chan struct{})
	go k.run(ctx)
}

func (k *keeper) stop() {
	k.cancel()
	<-k.ended
}

func (k *keeper) health() error {
	if err := k.sick.Load(); err != nil {
		return *err
	}
	return nil
}

// fail notes that the store takes nothing. anew: and that looking at the disk
// is not enough to know that it does again.
func (k *keeper) fail(cause error, anew bool) {
	if !errors.Is(cause, journal.ErrUnhealthy) {
		cause = fmt.Errorf("%w: %w", journal.ErrUnhealthy, cause)
	}
	first := k.sick.Swap(&cause) == nil
	if anew {
		k.anew.Store(true) // after sick: who sees it asks health why
	}
	if first {
		k.store.options.Log.Error("journals take nothing", "error", cause)
	}
	select {
	case k.kick <- struct{}{}:
	default:
	}
}

// alarm takes what the server says when it could not write. It is called under
// the server's locks.
func (k *keeper) alarm(text string) {
	cause := errors.New(text)
	if full(text) {
		cause = fmt.Errorf("%w: %s", journal.ErrFull, text)
	}
	k.fail(cause, true)
}

// strike counts appends that were not answered; several of them in short time
// are more than bad luck.
func (k *keeper) strike(now time.Time) {
	k.mu.Lock()
	k.strikes = append(k.strikes, now)
	for now.Sub(k.strikes[0]) > strikesSpan {
		k.strikes = k.strikes[1:]
	}
	out := len(k.strikes) >= strikesMax
	if out {
		k.strikes = nil
	}
	k.mu.Unlock()
	if out {
		k.fail(fmt.Errorf("%w: %d appends within %s were not answered", journal.ErrUnhealthy, strikesMax, strikesSpan), true)
	}
}

func (k *keeper) run(ctx context.Context) {
	defer close(k.ended)
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-k.kick:
			if k.store.disk == nil { // let the connection come back by itself first
				continue
			}
			if time.Since(k.mended) < probeEvery { // a disk that fails again and again
				k.store.session.Load().drop()
				continue
			}
		case <-tick.C:
		}
		k.look(ctx)
	}
}

// look finds out how the store is, and mends it when that can be done now.
func (k *keeper) look(ctx context.Context) {
	if k.anew.Load() && k.store.folder != nil {
		k.store.session.Load().drop() // no answers will come
	}
	if d := k.store.disk; d != nil {
		if err := d.probe(); err != nil {
			k.fail(err, false)
			return
		}
	}
	if k.anew.Swap(false) {
		k.mended = time.Now()
		if err := k.mend(ctx); err != nil {
			k.fail(err, true)
			return
		}
	}
	was := k.sick.Load()
	if was != nil && !k.anew.Load() && k.sick.CompareAndSwap(was, nil) { // unless it has failed again since
		k.store.options.Log.Info("journals take records again")
	}
}

// mend starts the server anew, or asks the external one.
func (k *keeper) mend(ctx context.Context) error {
	s := k.store
	old := s.session.Load()
	if s.folder == nil {
		return old.ping(ctx, &s.options)
	}
	old.close()
	if err := stopServer(old.server); err != nil {
		return err
	}
	session, err := s.serve(ctx)
	if err != nil {
		return fmt.Errorf("start the server anew: %w", err)
	}
	s.session.Store(session)
	return nil
}
