// Package pace shares the processors between guests that run for long.
//
// A guest holds a processor from one slice of fuel to the next, and nothing of
// the host runs there meanwhile. Most messages take less than a slice. Those
// that take more take turns here: as many run as there are processors, and at
// the end of a slice the one that has waited longest goes on, first by actor
// and then by message, so that an actor with many instances gets no more than
// one with a single one. What handles the short messages takes part too once it
// has been busy for long, and has every other turn.
//
// A Go program looks for what arrives from the network when it has a processor
// with nothing to run, or 10 ms later. So it should have one more than Processors
// (GOMAXPROCS), which the operating system runs beside the others.
package pace

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Pacer is what guests of one host take turns at. It is safe for concurrent
// use. The zero value is ready.
type Pacer struct {
	// Processors is how many turns there are at a time, which must be fewer than
	// the processors that Go uses; 0: one fewer, but at least 1. It must not change
	// once there are turns.
	Processors int

	mu      sync.Mutex
	running int
	waiting [2]queue[*Share] // those with turns that wait: of actors, and of lanes
	last    int              // which of the two had the last turn passed to it

	live atomic.Bool // messages were handled since it was last asked
}

// Live says that messages were handled that somebody waits for. It costs next to nothing.
func (p *Pacer) Live() {
	if !p.live.Load() {
		p.live.Store(true)
	}
}

// Waited reports whether there were such messages since it was last asked.
func (p *Pacer) Waited() bool { return p.live.Swap(false) }

// Share is what belongs to one actor, or to one lane of a shard. It belongs to
// its pacer's lock. The zero value is an actor's.
type Share struct {
	// Lane has every other turn go to lanes.
	Lane    bool
	waiting queue[chan struct{}]
}

// Turn is one handling's place. It belongs to one goroutine at a time; the
// zero value has none.
type Turn struct {
	pacer  *Pacer
	share  *Share
	wake   chan struct{} // made when the turn first waits
	slices uint32        // since it was begun
}

// A turn that has lasted for some slices lets the operating system run something
// else now and then: its own slices are milliseconds, which whatever arrives
// from outside would wait. It would be too polite sooner: on a busy machine, what
// yields has little left for itself.
const (
	politeAfter = 20
	yieldEvery  = 4
)

// Taken reports whether the turn has been begun and not ended.
func (t *Turn) Taken() bool { return t.pacer != nil }

// Begin waits for a processor's turn.
func (t *Turn) Begin(p *Pacer, s *Share) {
	t.pacer, t.share, t.slices = p, s, 0
	p.mu.Lock()
	if p.running < p.processors() {
		p.running++
		p.mu.Unlock()
		return
	}
	t.queue()
	p.mu.Unlock()
	<-t.wake
}

func (p *Pacer) processors() int {
	if p.Processors > 0 {
		return p.Processors
	}
	return max(1, runtime.GOMAXPROCS(0)-1)
}

// queue puts the turn behind the others of its share; the lock is held.
func (t *Turn) queue() {
	if t.wake == nil {
		t.wake = make(chan struct{}, 1)
	}
	if t.share.waiting.len() == 0 {
		t.pacer.list(t.share)
	}
	t.share.waiting.push(t.wake)
}

// Next lets others go first who have waited, and returns when it is this one's
// turn again, with how long that took.
func (t *Turn) Next() (waited time.Duration) {
	p := t.pacer
	if t.slices++; t.slices > politeAfter && t.slices%yieldEvery == 0 {
		yield()
	}
	p.mu.Lock()
	if p.idle() {
		p.mu.Unlock()
		if p.Processors == 0 {
			runtime.Gosched() // there may be no other processor for what else there is to run
		}
		return 0
	}
	before := time.Now()
	t.queue()
	p.pass()
	p.mu.Unlock()
	<-t.wake
	return time.Since(before)
}

func (p *Pacer) idle() bool { return p.waiting[0].len()+p.waiting[1].len() == 0 }

// Waiting is the number of actors and lanes that have turns waiting.
func (p *Pacer) Waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.waiting[0].len() + p.waiting[1].len()
}

// list puts a share that has a turn waiting at the end of its kind; the lock is
// held.
func (p *Pacer) list(s *Share) {
	kind := 0
	if s.Lane {
		kind = 1
	}
	p.waiting[kind].push(s)
}

// pass hands a processor to who has waited longest; the lock is held.
func (p *Pacer) pass() {
	p.last = 1 - p.last
	if p.waiting[p.last].len() == 0 {
		p.last = 1 - p.last
	}
	s := p.waiting[p.last].pop()
	next := s.waiting.pop()
	if s.waiting.len() > 0 {
		p.list(s)
	}
	next <- struct{}{} // has room for it
}

// End gives the processor to the next.
func (t *Turn) End() {
	p := t.pacer
	if p == nil {
		return
	}
	t.pacer, t.share = nil, nil
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.idle() {
		p.pass()
		return
	}
	p.running--
}

// queue is first in, first out.
type queue[T any] struct {
	list []T
	head int
}

func (q *queue[T]) len() int { return len(q.list) - q.head }

func (q *queue[T]) push(v T) {
	if q.head > 0 && len(q.list) == cap(q.list) {
		q.list = q.list[:copy(q.list, q.list[q.head:])]
		q.head = 0
	}
	q.list = append(q.list, v)
}

func (q *queue[T]) pop() T {
	var none T
	v := q.list[q.head]
	q.list[q.head] = none
	q.head++
	if q.head == len(q.list) {
		q.list, q.head = q.list[:0], 0
	}
	return v
}
