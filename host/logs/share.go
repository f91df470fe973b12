package logs

import (
	"container/heap"
	"slices"
	"time"
)

// What a source may have shown as it comes, to followers and Writer.
const (
	liveRate    = 16 << 20 // bytes a second of all sources together
	liveSources = 8        // as many as may all take their part of it even where there are fewer
	liveBurst   = 2        // seconds of its part that a source may have at once
	livePause   = 1        // seconds of its part that it must have again once it had more
)

// source is whose records are: a node's of a service, or the host's about a node.
type source struct {
	namespace, service string
	node               string
	host               bool
}

// kept is a record with its place among all.
type kept struct {
	Record
	number uint64
}

func (k *kept) weight() int { return max(k.size(), weightMin) }

// queue holds the records of one source.
type queue struct {
	of      source
	records []kept // oldest first, from head on
	head    int
	weight  int
	place   int // in shares

	left   float64   // bytes that may be shown
	asOf   time.Time // when left was right
	missed int       // records that were not shown, and not told of
}

// queue returns the queue of a source.
func (s *Store) queue(of source) *queue {
	q := s.queues[of]
	if q == nil {
		q = &queue{of: of, left: liveRate * liveBurst / liveSources}
		s.queues[of] = q
		heap.Push(&s.largest, q)
	}
	return q
}

func (s *Store) push(q *queue, k kept) {
	if q.head > len(q.records)/2 { // what is gone makes room
		q.records = slices.Delete(q.records, 0, q.head)
		q.head = 0
	}
	q.records = append(q.records, k)
	s.weigh(q, k.weight())
}

// dropOldest lets the oldest record of a queue go, and the queue with its last.
func (s *Store) dropOldest(q *queue) {
	k := &q.records[q.head]
	weight := k.weight()
	*k = kept{}
	q.head++
	s.dropped++
	s.weigh(q, -weight)
	if q.head == len(q.records) {
		heap.Remove(&s.largest, q.place)
		delete(s.queues, q.of)
	}
}

func (s *Store) weigh(q *queue, more int) {
	q.weight += more
	s.weight += more
	heap.Fix(&s.largest, q.place)
}

// allowed reports whether a record may be shown as it comes, as one of so many
// sources. Time is that of the records.
func (q *queue) allowed(r *Record, sources int) bool {
	rate := float64(liveRate) / float64(max(sources, liveSources))
	if passed := r.Time.Sub(q.asOf); !q.asOf.IsZero() && passed > 0 {
		q.left = min(q.left+passed.Seconds()*rate, rate*liveBurst)
	}
	q.asOf = r.Time
	size := float64(r.size())
	if q.left < size || q.missed > 0 && q.left < rate*livePause {
		return false
	}
	q.left -= size
	return true
}

// shares are queues as a heap, the heaviest at the top.
type shares []*queue

// Len implements heap.Interface.
func (h shares) Len() int { return len(h) }

// Less implements heap.Interface.
func (h shares) Less(i, j int) bool { return h[i].weight > h[j].weight }

// Swap implements heap.Interface.
func (h shares) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

// Push implements heap.Interface.
func (h *shares) Push(x any) {
	q := x.(*queue)
	q.place = len(*h)
	*h = append(*h, q)
}

// Pop implements heap.Interface.
func (h *shares) Pop() any {
	last := len(*h) - 1
	q := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return q
}
