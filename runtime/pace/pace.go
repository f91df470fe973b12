// Package pace shares the processors between guests that run for long.
//
// A guest holds a processor from one slice of fuel to the next, and nothing of
// the host runs there meanwhile. Most messages take less than a slice. Those
// that take more take turns here: as many run as there are processors, and at
// the end of a slice the one that has waited longest goes on, first by actor
// and then by message, so that an actor with many instances gets no more than
// one with a single one.
package pace

import (
	"runtime"
	"sync"
	"time"
)

// Pacer is what guests of one host take turns at. It is safe for concurrent
// use. The zero value is ready.
type Pacer struct {
	// Processors is how many guests run at a time; 0: as many as Go uses. It must
	// not change once there are turns.
	Processors int

	mu      sync.Mutex
	running int
	waiting queue[*Share] // actors with turns that wait
	pause   time.Time     // when the last pause ended
}

// Share is what belongs to one actor, or to whatever else is to have no more
// than its share. It belongs to its pacer's lock.
type Share struct{ waiting queue[chan struct{}] }

// Turn is one handling's place. It belongs to one goroutine at a time; the
// zero value has none.
type Turn struct {
	pacer *Pacer
	share *Share
	wake  chan struct{} // made when the turn first waits
}

// Processors that are busy with guests do not look for what arrives from the
// network, unless the last of them pauses.
const (
	pauseEvery = 4 * time.Millisecond
	pauseTime  = 20 * time.Microsecond // the least; the system may make it a millisecond
)

// Taken reports whether the turn has been begun and not ended.
func (t *Turn) Taken() bool { return t.pacer != nil }

// Begin waits for a processor's turn.
func (t *Turn) Begin(p *Pacer, s *Share) {
	t.pacer, t.share = p, s
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
	return runtime.GOMAXPROCS(0)
}

// queue puts the turn behind the others of its share; the lock is held.
func (t *Turn) queue() {
	if t.wake == nil {
		t.wake = make(chan struct{}, 1)
	}
	if t.share.waiting.len() == 0 {
		t.pacer.waiting.push(t.share)
	}
	t.share.waiting.push(t.wake)
}

// Next lets others go first who have waited, and returns when it is this one's
// turn again.
func (t *Turn) Next() {
	p := t.pacer
	p.mu.Lock()
	if p.waiting.len() > 0 {
		t.queue()
		p.pass()
		p.mu.Unlock()
		<-t.wake
		return
	}
	now := time.Now()
	last := p.running >= p.processors() && now.Sub(p.pause) > pauseEvery
	if last {
		p.pause = now
	}
	p.mu.Unlock()
	if last {
		time.Sleep(pauseTime)
		return
	}
	runtime.Gosched()
}

// pass hands a processor to who has waited longest; the lock is held.
func (p *Pacer) pass() {
	s := p.waiting.pop()
	next := s.waiting.pop()
	if s.waiting.len() > 0 {
		p.waiting.push(s)
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
	if p.waiting.len() > 0 {
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
