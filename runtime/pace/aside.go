package pace

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"
)

// Aside is what work takes turns at that nobody waits for, such as handling messages again
// to compare what comes of them. It leaves a processor, where there are several, to what
// is waited for, and on the others makes room every asideStretch. While there is something
// that is waited for, it rests for most of the time: processors that are all in use have
// whatever comes wait, and where the system gives a program so much of them in each tenth
// of a second, as it does with containers, all of it stands still when that is used up.
// It is safe for concurrent use.
type Aside struct {
	pacer *Pacer
	turns chan struct{}
	live  atomic.Int64 // when somebody was last seen to wait for messages, since begin
	begin time.Time
}

const (
	// asideStretch is how long such work holds a processor at most, but for a piece that
	// it does not interrupt: what is waited for then waits no longer than a message that
	// takes a while makes it wait.
	asideStretch = 200 * time.Microsecond

	asideRest    = 2 * time.Millisecond   // of work, before there is rest
	asideRestMax = 100 * time.Millisecond // at a time: who stops the work does not wait for longer
	asideLive    = 100 * time.Millisecond // since a message was handled: somebody waits for the next
)

// Rest is how many times as long as it has worked such work rests while there is something
// that is waited for.
type Rest int

const (
	// RestLong is for work that may take as long as it does: a twentieth of a processor's time.
	RestLong Rest = 19
	// RestShort is for work that has to keep up with what is waited for: a fifth.
	RestShort Rest = 4
)

// NewAside makes one beside the turns of a pacer.
func NewAside(p *Pacer) *Aside {
	a := &Aside{pacer: p, turns: make(chan struct{}, max(1, p.processors()-1)), begin: time.Now()}
	a.live.Store(-int64(asideLive))
	return a
}

// Stint is one goroutine's part of such work. The zero value is of no Aside, and waits for
// nothing.
type Stint struct {
	aside *Aside
	share *Share // of the pacer
	rest  Rest
	turn  Turn
	held  bool          // the turn is its
	since time.Time     // when it last let others go first
	work  time.Duration // since it has rested
}

// Stint is a part of the work that has not begun. Parts of one piece of work have the same
// share. a may be nil.
func (a *Aside) Stint(share *Share, rest Rest) Stint {
	return Stint{aside: a, share: share, rest: rest}
}

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
	s.held, s.since = true, time.Now()
	s.give()
	return nil
}

// Next is called between two pieces of the work, each of which should take far less than
// a millisecond: now and then it lets go first what waits for a processor.
func (s *Stint) Next() {
	if !s.held {
		return
	}
	if took := time.Since(s.since); took >= asideStretch {
		s.work += took
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
	if s.work >= asideRest {
		if s.aside.waited() {
			time.Sleep(min(time.Duration(s.rest)*s.work, asideRestMax))
		}
		s.work = 0
	}
	s.since = time.Now()
}

// waited reports whether there are messages that somebody waits for.
func (a *Aside) waited() bool {
	now := int64(time.Since(a.begin))
	if a.pacer.Waited() {
		a.live.Store(now)
	}
	return now-a.live.Load() < int64(asideLive)
}

// End has somebody else have the turn, until Begin.
func (s *Stint) End() {
	if s.held {
		s.held = false
		s.work += time.Since(s.since)
		<-s.aside.turns
	}
}
