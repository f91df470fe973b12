package shard

import (
	"container/heap"
	"time"
)

// timer is a message that waits for its time: a delayed output, or a retry.
type timer struct {
	due  int64 // nanoseconds since 1970
	item *parcel
	cell *cell // not nil: the message holds this key up
}

// timers are those of one lane, the next one first.
type timers struct {
	heap  timerHeap
	alarm func() bool // stops the alarm that is set
	at    int64       // when it rings; 0: none is set
}

type timerHeap []timer

func (h timerHeap) Len() int           { return len(h) }
func (h timerHeap) Less(i, j int) bool { return h[i].due < h[j].due }
func (h timerHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *timerHeap) Push(x any)        { *h = append(*h, x.(timer)) }
func (h *timerHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = timer{}
	*h = old[:len(old)-1]
	return last
}

func (t *timers) add(l *lane, next timer) {
	heap.Push(&t.heap, next)
	t.set(l)
}

// set sets the alarm for the next timer.
func (t *timers) set(l *lane) {
	if len(t.heap) == 0 {
		return
	}
	due := t.heap[0].due
	if t.at != 0 && t.at <= due {
		return
	}
	t.stop()
	t.at = due
	pause := time.Duration(due - l.shard.clock.Now().UnixNano())
	t.alarm = l.shard.clock.AfterFunc(max(0, pause), func() { l.post(event{note: noteAlarm{due}}) })
}

func (t *timers) stop() {
	if t.alarm != nil {
		t.alarm()
		t.alarm = nil
	}
	t.at = 0
}

// noteAlarm says that the alarm set for a time has rung. The lane has read its
// clock since, so all that is left to do is to set the next one.
type noteAlarm struct{ at int64 }

func (n noteAlarm) run(l *lane) {
	if l.timers.at == n.at {
		l.timers.alarm, l.timers.at = nil, 0
	}
	l.fire()
	l.timers.set(l)
}

// fire delivers every message whose time has come.
func (l *lane) fire() {
	for h := &l.timers.heap; len(*h) > 0 && (*h)[0].due <= l.now; {
		next := heap.Pop(h).(timer)
		it := next.item
		it.node.waiting.Add(-1)
		if c := next.cell; c != nil {
			t := l.counted(c.local)
			t.depth++
			t.bytes += int64(it.msg.Size())
			c.parked = false
			c.queue.pushFront(it)
			l.list(c)
			continue
		}
		r := it.node.run.Load()
		if home := l.shard.home(it, r, l); home != l {
			it.node.shift(1, int64(it.msg.Size()))
			l.dispatch(home, it)
			continue
		}
		local := l.local(it.node)
		t := l.counted(local)
		t.depth++
		t.bytes += int64(it.msg.Size())
		l.enqueue(it, local, r)
	}
}

// noteWaiting ends a lane's handling and asks for what it has not finished:
// timers and what waits behind them, mailboxes, and handlings under way.
type noteWaiting struct{ answer chan []Waiting }

func (n noteWaiting) run(l *lane) {
	l.timers.stop()
	l.ended = true
	var list []Waiting
	add := func(it *parcel, due int64) {
		w := Waiting{ID: it.msg.Clone().ID(), Node: it.node.path, Key: it.msg.Clone().Key(), Attempt: int(it.attempt)}
		if due > 0 {
			w.Due = time.Unix(0, due)
		}
		list = append(list, w)
	}
	for i := range l.timers.heap {
		add(l.timers.heap[i].item, l.timers.heap[i].due)
	}
	for _, w := range l.away {
		add(w.item, 0)
	}
	for _, local := range l.locals {
		if local == nil {
			continue
		}
		local.open.queue.each(func(it **parcel) { add(*it, 0) })
		for _, it := range local.after {
			add(it, 0)
		}
		for _, c := range local.cells {
			c.queue.each(func(it **parcel) { add(*it, 0) })
		}
	}
	n.answer <- list
}

// noteEnd has the lane handle no more messages; it goes on taking back what
// others still work at.
type noteEnd struct{ done chan struct{} }

func (n noteEnd) run(l *lane) {
	l.timers.stop()
	l.ended = true
	close(n.done)
}

// noteClose ends the lane.
type noteClose struct{ done chan struct{} }

func (n noteClose) run(l *lane) {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	close(n.done)
}

// noteApplied says that another table is in force.
type noteApplied struct{}

func (noteApplied) run(l *lane) {
	l.room = true
	for _, local := range l.locals {
		if local == nil {
			continue
		}
		l.feedHere(local)
		if local.node.run.Load() != nil {
			continue
		}
		after := local.after
		local.after = nil
		for _, it := range after {
			l.enqueue(it, local, nil)
		}
		l.clear(&local.open)
		for _, c := range local.cells {
			l.clear(c)
		}
	}
}
