package pace

import (
	"context"
	"runtime"
	"time"
)

// Aside is what work takes turns at that nobody waits for, such as handling messages again
// to compare what comes of them. It leaves a processor, where there are several, to what
// is waited for, and on the others makes room every asideStretch. It is safe for
// concurrent use.
type Aside struct {
	pacer *Pacer
	turns chan struct{}
}

// asideStretch is how long such work holds a processor at most, but for a piece that it
// does not interrupt: what is waited for then waits no longer than a message that takes a
// while makes it wait.
const asideStretch = 200 * time.Microsecond

// NewAside makes one beside the turns of a pacer.
func NewAside(p *Pacer) *Aside {
	return &Aside{p, make(chan struct{}, max(1, p.processors()-1))}
}

// Stint is one goroutine's part of such work. The zero value is of no Aside, and waits for
// nothing.
type Stint struct {
	aside *Aside
	share *Share // of the pacer
	turn  Turn
	held  bool      // the turn is its
	since time.Time // when it last let others go first
}

// Stint is a part of the work that has not begun. Parts of one piece of work have the same
// share. a may be nil.
func (a *Aside) Stint(share *Share) Stint { return Stint{aside: a, share: share} }

// Begin waits for a turn, which lasts until End. It fails with the cause of ctx when that
// ends before.
func (s *Stint) Begin(ctx context.Context) error {
	if s.aside == nil || s.held {
		return nil
	}
	select {
	case s.aside.turns <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	s.held = true
	s.Next()
	return nil
}

// Next is called between two pieces of the work, each of which should take far less than
// a millisecond: now and then it lets go first what waits for a processor.
func (s *Stint) Next() {
	if s.held && time.Since(s.since) >= asideStretch {
		s.give()
	}
}

// give lets others go first: guests that run for long, what else there is to run in this
// program, and what there is in others.
func (s *Stint) give() {
	s.turn.Begin(s.aside.pacer, s.share)
	s.turn.End()
	runtime.Gosched()
	yield()
	s.since = time.Now()
}

// End has somebody else have the turn, until Begin.
func (s *Stint) End() {
	if s.held {
		s.held = false
		<-s.aside.turns
	}
}
