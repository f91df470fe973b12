package shard

import (
	"sync"

	"github.com/grow-platform/grow/runtime/journal/fold"
)

// FoldLimits are what a fold of a shard's journal must be bounded by to remember
// what the shard does.
func FoldLimits() fold.Limits { return limits }

// hold keeps what a keeper would drop, for those who read it. The mutex is held
// while something is dropped.
type hold struct {
	mu    sync.Mutex
	count int
}

// drop runs f, which drops what is not needed any more, unless somebody reads it:
// then the next snapshot does it.
func (h *hold) drop(f func() error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.count > 0 {
		return nil
	}
	return f()
}

// Hold keeps every record and blob of the journal where it is until release is
// called, which may be done more than once. It may be called concurrently.
func (s *Shard) Hold() (release func()) {
	if s.keeper == nil {
		return func() {}
	}
	h := &s.keeper.hold
	h.mu.Lock()
	h.count++
	h.mu.Unlock()
	return sync.OnceFunc(func() {
		h.mu.Lock()
		h.count--
		h.mu.Unlock()
	})
}
