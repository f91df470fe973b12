package shard

import (
	"errors"
	"math/bits"
	"slices"
	"time"

	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/capability"
)

// worker is what one goroutine needs to handle messages. While it holds the
// lane's token it works for the lane; once its handling has to wait it is on
// its own until it has posted the result.
type worker struct {
	_        apart
	lane     *lane
	task     actor.Task
	state    capability.State
	away     bool // the token was passed on
	late     bool // something else runs at the node since
	cell     *cell
	run      *running
	item     *parcel
	instance *actor.Instance
	result   *actor.Result
	time     int64         // the clock the guest saw, which may be that of an earlier life
	since    int64         // the lane's clock when it began
	took     time.Duration // in a trial
	begun    bool          // the journal has the clock that the guest sees
	_        apart
}

// hire returns a worker that is free, or a new one.
func (l *lane) hire() *worker {
	if n := len(l.workers); n > 0 {
		w := l.workers[n-1]
		l.workers = l.workers[:n-1]
		return w
	}
	w := &worker{lane: l}
	w.task.Wait = w.wait
	w.task.Effect = w.effect
	w.task.Stand = w.stand
	return w
}

// clockEvery is how stale, in nanoseconds, a lane's clock may become.
const clockEvery = 100_000

// clockMax is the number of messages after which a lane reads its clock at
// the latest.
const clockMax = 256

// run handles messages of one cell. gone means that the caller no longer holds
// the token and must end.
func (l *lane) run(c *cell, w *worker) (n int, gone bool) {
	c.listed = false
	local := c.local
	for n < cellMax && c.queue.len() > 0 && !c.parked {
		if n%warmMax == 0 {
			l.warm(c)
		}
		r := local.node.run.Load()
		if r == nil {
			l.clear(c)
			return n, false
		}
		if r.next != nil {
			r = r.pick(c)
		}
		if l.helping && (r.waits || r.long.Load() > 0) {
			l.passed = true
			break
		}
		if c.busy > 0 && r.spec.Exclusive() {
			return n, false // finish lists it again
		}
		if l.waits(c, r) || !c.loaded && !l.ensureState(c, r) || l.stalled(c, r) || !l.equip(c, r) {
			return n, false
		}
		it := c.queue.pop()
		t := l.counted(local)
		t.left(it)
		n++
		c.busy++
		w.cell, w.run, w.item, w.instance, w.time = c, r, it, local.instance, l.now
		w.since = l.now
		if r.long.Load() > 0 {
			w.task.Long = true
			w.wait()
		}
		w.handle()
		if w.away {
			w.lane.post(event{note: noteFinished{w}})
			l.shard.finish()
			return n, true
		}
		l.finish(w)
		l.watch(t)
	}
	l.list(c)
	return n, false
}

// warm reads ahead in a mailbox: what waits there was written a while ago.
func (l *lane) warm(c *cell) {
	n := min(warmMax, c.queue.len())
	for i := range n {
		l.warmth += int((*c.queue.at(i)).attempt)
	}
	for i := range n {
		l.warmth += (*c.queue.at(i)).msg.Touch()
	}
}

// watch looks at the clock often enough, and seldom enough: from what messages
// took lately follows after how many it is read again. What passed is put down
// to the node that ran last, which is right on average.
func (l *lane) watch(t *tally) {
	l.sinceClock++
	if l.sinceClock < l.clockAfter {
		return
	}
	before := l.now
	l.tick()
	passed := max(1, l.now-before)
	t.busy += passed
	l.addUp()
	l.takeTurn()
	l.clockAfter = min(clockMax, max(1, int(clockEvery*int64(l.sinceClock)/passed)))
	l.sinceClock = 0
}

// aloneMax is how long, in nanoseconds, a lane may be busy before it takes turns
// with whatever else runs for long.
const aloneMax = 1_000_000

// takeTurn lets others have the processor, if the lane has been busy for long.
func (l *lane) takeTurn() {
	switch {
	case l.began == 0:
		l.began = l.now
	case l.turning.Taken():
		l.turning.Next()
	case l.now-l.began > aloneMax && !l.helping:
		l.turning.Begin(l.shard.opts.Pacer, &l.share)
	}
}

func (w *worker) handle() {
	w.begun = false
	if p := w.item.past; p != nil {
		if w.task.Again = p.answers; p.clock != 0 {
			w.time, w.begun = p.clock, true
		}
	} else if w.task.Again != nil {
		w.task.Again = nil
	}
	w.task.Message, w.task.ID, w.task.Now, w.task.State = &w.item.msg, w.item.msg.ID(), w.time, nil
	w.task.First = w.item.attempt == 1 && !w.item.found && !w.item.direct
	if decl := w.run.state; len(decl) > 0 {
		w.state.Reset(decl, w.cell.state, w.cell.size)
		w.task.State = &w.state
	}
	var began time.Time
	counts := w.run.arm != nil || w.item.by != nil
	if counts {
		began = w.lane.shard.clock.Now()
	}
	w.result = w.instance.Handle(&w.task)
	if counts {
		w.took = w.lane.shard.clock.Now().Sub(began)
	}
	w.task.Long = false
	if w.result.Long {
		w.run.long.Store(longMax)
	} else if w.run.long.Load() > 0 {
		w.run.long.Add(-1)
	}
}

// longMax is how many handlings at a node are expected to be as long as the
// last one that was.
const longMax = 100

// wait is called by a handling that is about to wait, or runs for long: the lane
// goes on without it.
func (w *worker) wait() {
	if w.away {
		return
	}
	w.away = true
	l := w.lane
	l.away = append(l.away, w)
	l.shard.begin()
	w.cell.local.instance = nil
	l.worker, l.helping = nil, false
	l.list(w.cell)
	l.shard.start(l.work)
}

// noteFinished brings a handling back that had to wait.
type noteFinished struct{ worker *worker }

func (n noteFinished) run(l *lane) {
	w := n.worker
	w.away = false
	l.away = slices.DeleteFunc(l.away, func(a *worker) bool { return a == w })
	local := w.cell.local
	instance := w.instance
	r := local.node.run.Load()
	w.late = r == nil || r.plan != w.run.plan
	l.finish(w)
	if w.instance != nil {
		instance.Actor().Put(instance)
		l.feed(local.node)
	}
	*w = worker{lane: l, task: w.task, state: w.state}
	l.workers = append(l.workers, w)
}

// equip sees to it that the cell's node has an instance at hand. If not, the
// cell waits for one.
func (l *lane) equip(c *cell, r *running) bool {
	local := c.local
	if local.instance != nil {
		if local.instance.Actor() == r.actor {
			return true
		}
		local.instance.Actor().Put(local.instance) // of another revision
		local.instance = nil
		l.feed(local.node)
	}
	instance, more, err := r.actor.Take()
	if err == nil {
		local.instance = instance
		l.borrow = append(l.borrow, local)
		return true
	}
	c.listed = true
	local.hungry = append(local.hungry, c)
	switch {
	case errors.Is(err, actor.ErrClosed):
		// Apply has put another revision in force, or will; it feeds us.
	case more && slices.Contains(local.starting, r.actor):
		r.actor.Decline()
	case more:
		l.start(local, r)
	default:
		local.node.hungry.Or(1 << l.index)
		// One may have come back since Take looked, or its place.
		if r.actor.Available() {
			l.feed(local.node)
		}
	}
	return false
}

// start starts an instance elsewhere; it comes back as an event.
func (l *lane) start(local *local, r *running) {
	local.starting = append(local.starting, r.actor)
	l.shard.begin()
	l.shard.start(func() {
		instance, err := r.actor.Start(l.shard.context)
		l.post(event{note: noteStarted{local, r, instance, err}})
		l.shard.finish()
	})
}

type noteStarted struct {
	local    *local
	of       *running
	instance *actor.Instance
	err      error
}

func (n noteStarted) run(l *lane) {
	n.local.starting = slices.DeleteFunc(n.local.starting, func(a *actor.Actor) bool { return a == n.of.actor })
	if n.err == nil {
		n.of.actor.Put(n.instance)
		l.feedHere(n.local)
		l.feed(n.local.node) // what waited here may have been handled meanwhile
		return
	}
	l.shard.log.Error("start instance", "node", n.local.node.path, "error", n.err)
	// The message at hand pays for it: it is tried again by its policy.
	hungry := n.local.hungry
	n.local.hungry = nil
	for _, c := range hungry {
		c.listed = false
	}
	paid := false
	for _, c := range hungry {
		if !paid && c.queue.len() > 0 && c.picked() == n.of.actor {
			paid = true
			l.startFailed(c, n.of, n.err)
		}
		l.list(c)
	}
	l.feed(n.local.node) // the place that this instance had is free again
}

// feed tells the lanes that wait for an instance of the node to try again.
func (l *lane) feed(n *node) {
	if own := uint64(1) << l.index; n.hungry.Load()&own != 0 { // it alone sets it
		n.hungry.And(^own)
		l.feedHere(l.local(n))
	}
	l.shard.feed(n)
}

// feed is the same for who is no lane.
func (s *Shard) feed(n *node) {
	for waiting := n.hungry.Swap(0); waiting != 0; waiting &= waiting - 1 {
		s.lanes[bits.TrailingZeros64(waiting)].post(event{note: noteFed{n}})
	}
}

type noteFed struct{ node *node }

func (n noteFed) run(l *lane) { l.feedHere(l.local(n.node)) }

func (l *lane) feedHere(local *local) {
	for _, c := range local.hungry {
		c.listed = false
		l.list(c)
	}
	clear(local.hungry)
	local.hungry = local.hungry[:0]
}

// giveBack returns the instances at hand, before the lane sleeps.
func (l *lane) giveBack() {
	for i, local := range l.borrow {
		if local.instance != nil {
			local.instance.Actor().Put(local.instance)
			local.instance = nil
			l.feed(local.node)
		}
		l.borrow[i] = nil
	}
	l.borrow = l.borrow[:0]
}

// lend returns the instance at hand when other lanes wait for one.
func (l *lane) lend(local *local) {
	if local.instance != nil && local.node.hungry.Load() != 0 {
		local.instance.Actor().Put(local.instance)
		local.instance = nil
		l.feed(local.node)
	}
}
