package shard

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/fold"
	"github.com/grow-platform/grow/specs/shape"
)

// backlog is what waited when the journal ended and is not in memory: of each
// such message it knows the place. One goroutine reads ahead of the lanes, for
// each node so much that they have something to do, so that what fills one
// mailbox never keeps another's from being read.
//
// What comes to such a node meanwhile waits behind all of it; see local.behind.
//
// mu guards what is below it; the keeper's mu, which is taken after it, the world.
type backlog struct {
	shard   *Shard
	world   *fold.World
	flows   map[string]*flow
	wake    chan struct{} // gets a token when a lane has room, or time has passed
	starved atomic.Bool   // a lane has nothing to do
	turn    int           // the lane of the next message without a home
	begun   bool          // the reader has; whoever applies a table knows

	mu     sync.Mutex
	queues []*unread
	later  []delayed // the next one first
	nudged bool      // the reader is to look; Settle waits until it has
	ended  bool      // it will not look again
}

// unread are messages of a node that are due, in the order of their handling.
type unread struct {
	node *node
	list []*fold.Wait
	room int // messages that the memory of list is for
}

// drop takes n messages away, and now and then the memory that they had.
func (q *unread) drop(n int) {
	clear(q.list[:n])
	if q.list = q.list[n:]; len(q.list) < q.room/2 || q.room == 0 {
		q.list = slices.Clone(q.list)
		q.room = len(q.list)
	}
}

// delayed is a message that waits for its time.
type delayed struct {
	due  int64
	node *node
	wait *fold.Wait
}

// restore hands what waited when the journal ended to the lanes: in front of
// everything that comes after it, and without waking them, since the table that
// it is handled by is not in force yet. Apply does so afterwards. What is too
// much stays where it is and is read when its turn comes.
func (s *Shard) restore(p *plan) error {
	r := s.recovered
	if r == nil {
		return nil
	}
	s.remake(p)
	b := &backlog{shard: s, world: r.world, flows: r.flows, wake: make(chan struct{}, 1)}
	first := r.waits
	if s.keeper != nil && len(first) > s.opts.Ahead {
		first = b.leave(first)
	}
	lists := make([][]waiting, len(s.lanes))
	_, err := b.fetch(first, func(m *fold.Message) error {
		it := b.parcel(m, s.node(m.Node))
		home := b.home(it)
		lists[home] = append(lists[home], waiting{it, m.Due, m.Held})
		if m.Due == 0 {
			it.node.shift(1, int64(it.msg.Size()))
		} else {
			it.node.waiting.Add(1)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read what waits: %w", err)
	}
	s.recovered = nil
	var behind []*node
	for _, q := range b.queues {
		behind = append(behind, q.node)
	}
	for i, l := range s.lanes {
		l.mu.Lock()
		l.inbox = append(l.inbox, event{note: noteRestored{lists[i], behind}})
		l.mu.Unlock()
	}
	if len(b.queues) > 0 || len(b.later) > 0 {
		s.backlog.Store(b)
	}
	return nil
}

// readBacklog begins to read what restore has left where it is: once the table is
// in force, since lanes handle at once what they are handed.
func (s *Shard) readBacklog() {
	if b := s.backlog.Load(); b != nil && !b.begun {
		b.begun = true
		b.nudge()
		s.start(b.run)
	}
}

// leave takes over what need not be in memory, and returns the rest: what holds
// its key up, which lanes have to know of.
func (b *backlog) leave(list []*fold.Wait) (held []*fold.Wait) {
	defer b.shard.lockWorld()()
	of := map[*node]*unread{}
	now := b.shard.clock.Now().UnixNano()
	var past []delayed
	counts := map[string]int{}
	for _, w := range list {
		counts[b.world.Message(w).Node]++
	}
	for _, path := range slices.Sorted(maps.Keys(counts)) {
		q := &unread{node: b.shard.node(path), list: make([]*fold.Wait, 0, counts[path])}
		of[q.node] = q
	}
	for _, w := range list {
		m := b.world.Message(w)
		n := b.shard.node(m.Node)
		switch {
		case m.Due == 0:
			b.queue(of, n, w)
		case m.Due > now && n.run.Load() != nil && !m.Held:
			b.later = append(b.later, delayed{m.Due, n, w})
			n.waiting.Add(1)
		case m.Held && n.run.Load() != nil:
			held = append(held, w)
		default:
			past = append(past, delayed{m.Due, n, w})
		}
	}
	soonest := func(a, b delayed) int { return cmp.Compare(a.due, b.due) }
	slices.SortStableFunc(past, soonest)
	slices.SortStableFunc(b.later, soonest)
	for _, d := range past {
		b.queue(of, d.node, d.wait)
	}
	return held
}

// queue has a message wait in its node's mailbox, unread. of has the queues.
func (b *backlog) queue(of map[*node]*unread, n *node, w *fold.Wait) {
	q := of[n]
	if q == nil {
		q = &unread{node: n}
		of[n] = q
	}
	if len(q.list) == 0 {
		b.queues = append(b.queues, q)
	}
	q.list = append(q.list, w)
	n.shift(1, 0)
	n.unread.Add(1)
}

// lockWorld locks the world that was recovered, which the keeper moves on, and
// returns what unlocks it.
func (s *Shard) lockWorld() func() {
	if s.keeper == nil {
		return func() {}
	}
	s.keeper.mu.Lock()
	return s.keeper.mu.Unlock
}

// run is the life of the reader: until all has been read, or the shard is closed.
func (b *backlog) run() {
	stop := func() bool { return true }
	ctx := b.shard.context
	for more := true; more; {
		select {
		case <-b.wake:
		case <-ctx.Done():
		}
		stop()
		if ctx.Err() != nil {
			break
		}
		b.shard.resume(ctx, "backlog")
		more, stop = b.look()
	}
	stop()
	b.shard.backlog.Store(nil)
	b.mu.Lock()
	b.ended = true
	nudged := b.nudged
	b.mu.Unlock()
	if nudged {
		b.shard.finish()
	}
}

// look reads what there is room for. It returns whether there is more, and what
// stops the alarm for it.
func (b *backlog) look() (more bool, stop func() bool) {
	b.mu.Lock()
	b.nudged = false
	b.mu.Unlock()
	defer b.shard.finish()
	stop = b.ripen()
	starved := b.starved.Swap(false)
	for _, q := range b.waiting() {
		for len(q.list) > 0 && q.node.wants(b.shard.opts.Ahead, starved) {
			starved = false
			if b.shard.context.Err() != nil {
				return false, stop
			}
			if !b.read(q) {
				b.again()
				break
			}
		}
	}
	return len(b.queues) > 0 || len(b.later) > 0, stop
}

// waiting are the queues that are not empty.
func (b *backlog) waiting() []*unread {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.queues)
}

// again has the reader look again in a while.
func (b *backlog) again() { b.shard.clock.AfterFunc(loadAgain, b.nudge) }

// nudge tells the reader to look.
func (b *backlog) nudge() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.nudged || b.ended {
		return
	}
	b.nudged = true
	b.shard.begin()
	b.wake <- struct{}{} // which is taken before nudged is false again
}

// starve is called by a lane that has nothing to do: what is in memory may all
// be held up.
func (b *backlog) starve() {
	if !b.starved.Swap(true) {
		b.nudge()
	}
}

// ripen has messages wait in their mailboxes whose time has come, and sets the
// alarm for the next; what it returns stops that.
func (b *backlog) ripen() func() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.shard.clock.Now().UnixNano()
	of := map[*node]*unread{}
	for _, q := range b.queues {
		of[q.node] = q
	}
	n := 0
	for ; n < len(b.later) && b.later[n].due <= now; n++ {
		d := &b.later[n]
		d.node.waiting.Add(-1)
		b.queue(of, d.node, d.wait)
		*d = delayed{}
	}
	b.later = b.later[n:]
	if len(b.later) == 0 {
		return func() bool { return true }
	}
	return b.shard.clock.AfterFunc(time.Duration(b.later[0].due-now), b.nudge)
}

// wants reports whether more of a node's messages should be in memory.
func (n *node) wants(ahead int, starved bool) bool {
	times := int64(1)
	if starved {
		times = starvedTimes
	}
	return n.ahead.Load() < times*int64(ahead) && n.aheadBytes.Load() < times*aheadBytes
}

// readOn tells the reader when few of a node's messages are left in memory.
func (s *Shard) readOn(n *node) {
	if n.unread.Load() == 0 || !n.wants(max(1, s.opts.Ahead/2), false) {
		return
	}
	if b := s.backlog.Load(); b != nil {
		b.nudge()
	}
}

// read reads some of a queue's messages and hands them to the lanes; false: they
// cannot be read at the moment.
func (b *backlog) read(q *unread) bool {
	b.mu.Lock()
	list := q.list[:min(len(q.list), readMax, max(1, b.shard.opts.Ahead))]
	b.mu.Unlock()
	lists := make([][]waiting, len(b.shard.lanes))
	bytes := 0
	n, err := b.fetch(list, func(m *fold.Message) error {
		it := b.parcel(m, q.node)
		it.old = true
		home := b.home(it)
		lists[home] = append(lists[home], waiting{item: it})
		if bytes += it.msg.Size(); bytes >= readBytes {
			return errEnd
		}
		return nil
	})
	q.node.ahead.Add(int64(n))
	q.node.aheadBytes.Add(int64(bytes))
	q.node.shift(0, int64(bytes))
	q.node.unread.Add(-int64(n))
	for i, l := range b.shard.lanes {
		if len(lists[i]) > 0 {
			l.post(event{note: noteRestored{list: lists[i]}})
		}
	}
	b.mu.Lock()
	q.drop(n)
	through := len(q.list) == 0
	if through {
		b.queues = slices.DeleteFunc(b.queues, func(other *unread) bool { return other == q })
	}
	b.mu.Unlock()
	if through {
		for _, l := range b.shard.lanes {
			l.post(event{note: noteThrough{q.node}})
		}
	}
	switch {
	case err == nil || errors.Is(err, errEnd):
		return true
	case b.shard.context.Err() != nil:
	case errors.Is(err, journal.ErrDamaged):
		b.shard.fail(fmt.Errorf("read what waits: %w", err))
	default:
		b.shard.log.Error("read what waits", "node", q.node.path, "error", err)
	}
	return false
}

// fetch visits messages, with their frames, in their order, and returns how many.
func (b *backlog) fetch(list []*fold.Wait, visit func(*fold.Message) error) (n int, err error) {
	places := b.places(list)
	from := journalSource{b.shard.context, b.shard.opts.Journal}
	if frames := gather(places, from); frames != nil {
		for i := range places {
			m := &places[i].Message
			m.Frame = frames[m.ID]
			n++
			if err := visit(m); err != nil {
				return n, err
			}
		}
		return n, nil
	}
	for {
		begin := n
		err = fold.Fetch(places, from, func(m *fold.Message) error {
			n++
			return visit(m)
		})
		if !errors.Is(err, journal.ErrTrimmed) && !errors.Is(err, journal.ErrNotFound) {
			return n, err
		}
		// A snapshot that was taken meanwhile has it.
		now := b.places(list[n:])
		if now[0].Same(&places[n-begin]) {
			return n, fmt.Errorf("%w: message %s: %w", journal.ErrDamaged, now[0].ID, err)
		}
		places = now
	}
}

// gather reads messages by id that do not lie in their order, as delayed ones do
// not, so that no record is read for each of them. nil: they do, or they are too
// large to have all of them at once, or cannot be read so.
func gather(places []fold.Place, from fold.Source) map[string][]byte {
	near := func(a, b fold.Place) int { return a.Before(&b) }
	if len(places) > readMax || slices.IsSortedFunc(places, near) {
		return nil
	}
	frames, bytes := make(map[string][]byte, len(places)), 0
	err := fold.Fetch(slices.SortedFunc(slices.Values(places), near), from, func(m *fold.Message) error {
		if bytes += len(m.Frame); bytes > 2*readBytes {
			return errEnd
		}
		frames[m.ID] = slices.Clone(m.Frame)
		return nil
	})
	if err != nil {
		return nil
	}
	return frames
}

// places are where messages are.
func (b *backlog) places(list []*fold.Wait) []fold.Place {
	defer b.shard.lockWorld()()
	places := make([]fold.Place, 0, len(list))
	for _, w := range list {
		places = append(places, b.world.Place(w))
	}
	return places
}

// home is the index of the lane that a message goes to.
func (b *backlog) home(it *parcel) int {
	b.turn++
	return b.shard.home(it, it.node.run.Load(), b.shard.lanes[b.turn%len(b.shard.lanes)]).index
}

// left lists what has not been read.
func (b *backlog) left() (list []Waiting) {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer b.shard.lockWorld()()
	add := func(w *fold.Wait) *Waiting {
		m := b.world.Message(w)
		list = append(list, Waiting{ID: m.ID, Node: m.Node, Key: m.Key, Attempt: int(m.Attempt)})
		return &list[len(list)-1]
	}
	for _, q := range b.queues {
		for _, w := range q.list {
			add(w)
		}
	}
	for _, d := range b.later {
		add(d.wait).Due = time.Unix(0, d.due)
	}
	return list
}

// parcel is the shard's form of a message that waits at a node.
func (b *backlog) parcel(m *fold.Message, n *node) *parcel {
	it := parcels.Get().(*parcel)
	it.node, it.flow, it.attempt, it.first, it.kept = n, b.flows[m.Flow], int32(m.Attempt), m.First, true
	it.direct, it.out, it.found, it.places, it.routes = false, false, true, shape.Places{}, m.Routes
	parsed, err := abi.ParseMessage(append(it.room[:0], m.Frame...))
	if err != nil {
		panic("shard: a message that the fold has read: " + err.Error())
	}
	it.msg = *parsed
	if planted == unpinWaiting {
		it.routes = b.shard.plan.Load().number
	}
	if m.Attempt > 1 {
		it.msg.SetAttempt(int(m.Attempt))
	}
	it.past = pastOf(m)
	return it
}

// journalSource is the journal as the fold reads it.
type journalSource struct {
	ctx     context.Context
	journal journal.Journal
}

func (s journalSource) Blob(digest string) ([]byte, error) { return s.journal.Blob(s.ctx, digest) }

func (s journalSource) Records(from uint64, visit func(uint64, []byte) error) error {
	return s.journal.Read(s.ctx, from, visit)
}

func (s journalSource) Unpack(p *journal.Packed) (journal.Entry, error) {
	return journal.Unpack(s.ctx, s.journal, p)
}
