package dap

import (
	"context"
	"sync"

	"github.com/google/go-dap"
)

// aheadMax is how many requests are read while one is carried out.
const aheadMax = 64

// cancels are the requests that a client has given up. They are safe for concurrent use:
// the goroutine that reads notes them, the one that carries requests out asks.
type cancels struct {
	mu     sync.Mutex
	now    int // the request that is being carried out, or was last
	cancel context.CancelFunc
	given  map[int]bool // those to come, at most aheadMax
}

// give gives a request up: it is answered as cancelled, unless it was answered before.
func (c *cancels) give(seq int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case seq == 0:
	case seq == c.now:
		c.cancel()
	case seq > c.now && len(c.given) < aheadMax:
		if c.given == nil {
			c.given = map[int]bool{}
		}
		c.given[seq] = true
	}
}

// begin is called before a request is carried out, and what it returns after it. The
// context ends when the request is given up.
func (c *cancels) begin(ctx context.Context, seq int) (_ context.Context, end func()) {
	ctx, cancel := context.WithCancel(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now, c.cancel = seq, cancel
	for given := range c.given {
		if given == seq {
			cancel()
		}
		if given <= seq {
			delete(c.given, given)
		}
	}
	return ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		cancel()
	}
}

// cancelled answers a client that gives up a request, on the goroutine that reads.
func (s *server) cancelled(r *dap.CancelRequest) {
	if r.Arguments != nil {
		s.cancels.give(r.Arguments.RequestId)
	}
	answer := &dap.CancelResponse{}
	answer.Response = response(&r.Request)
	s.send(answer)
}
