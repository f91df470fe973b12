package simulation

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/pace"
	"github.com/grow-platform/grow/runtime/shard"
)

// life is the process from one start to its end.
type life struct {
	*scheduler
	journal *handle
	options shard.Options
	shard   *shard.Shard // nil until it has been opened
	actors  map[string]*actor.Actor
	context context.Context
	cancel  context.CancelFunc
	killed  chan struct{}
	people  sync.WaitGroup // all that is not the shard's
	last    bool
	tries   int  // at opening the shard
	busy    int  // clients and the like that have something to do
	closed  bool // the shard was, in order
	audited bool
	auditor bool // is at work

	applying bool // a revision is being put in force
	trials   *trials
	leaving  []*actor.Actor // of nodes that are gone, and finish what they have
}

func newLife(w *world) *life {
	l := &life{scheduler: newScheduler(w), killed: make(chan struct{}), trials: &trials{busy: &handling{of: map[cell]string{}}}}
	l.context, l.cancel = context.WithCancel(context.Background())
	l.journal = &handle{disk: w.disk, life: l}
	l.options = shard.Options{
		Namespace: "main", Service: "test", Journal: l.journal, Owner: fmt.Sprint("life ", w.lives), Clock: clock{l},
		Lanes: 1 + w.random.IntN(3), Pacer: &pace.Pacer{Processors: 64}, KeepBytes: 1 << 40, Scheduler: l, KeepIdle: w.oneIn(2),
		ID: w.id,
	}
	if w.oneIn(3) {
		return l
	}
	if w.oneIn(2) { // then what waits is left in the journal, and read ahead
		l.options.Ahead = 1 + w.random.IntN(4)
	}
	l.options.Snapshots = shard.Snapshots{Entries: 2 + w.random.IntN(40), StateBytes: 1}
	if w.oneIn(2) {
		l.options.Snapshots.Every = time.Duration(1+w.random.IntN(60)) * time.Second
	}
	if w.oneIn(2) {
		l.options.Snapshots.StateBytes = 1 << 20
	}
	if w.oneIn(2) {
		l.options.KeepBytes = 1 << w.random.IntN(16)
	}
	return l
}

// clock is the world's clock as a life sees it.
type clock struct{ *life }

// Now implements shard.Clock.
func (c clock) Now() time.Time { return c.world.now() }

func (l *life) dead() bool {
	l.scheduler.mu.Lock()
	defer l.scheduler.mu.Unlock()
	return l.scheduler.dead
}

// go_ runs f on a goroutine of the life.
func (l *life) go_(f func()) {
	l.people.Go(func() {
		defer l.world.caught()
		f()
	})
}

// sleep lets time pass, without taking a turn.
func (l *life) sleep(d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.killed:
	}
}

// begin starts the process.
func (l *life) begin() {
	w := l.world
	l.busy++
	n := l.number()
	stops := !l.last && w.oneIn(3) // in order, some time
	l.go_(func() {
		l.park(rankActor, n, "host")
		if l.open(n) && !l.dead() {
			l.host(n, stops)
		}
	})
}

// open opens the shard and has its clients come.
func (l *life) open(n uint64) bool {
	w := l.world
	for ; !l.dead(); l.tries++ {
		s, err := shard.Open(l.context, l.options)
		if err == nil {
			l.shard = s
			s.Govern(w.modes.modes)
			if err = l.apply(w.model.revision); err == nil {
				l.tries = 0
				break
			}
			if l.dead() {
				return false
			}
			l.shard = nil // what waits cannot be read at the moment
			s.Close()
			l.park(rankActor, n, "host gives up")
		}
		if l.dead() {
			return false
		}
		w.trace("open: %v", err)
		if l.tries > 200 {
			w.violate("the shard cannot be opened: %v", err)
			return false
		}
		l.sleep(time.Second)
		l.park(rankActor, n, "host opens again")
	}
	if l.dead() {
		return false
	}
	if w.calm > 1 {
		return true
	}
	for _, c := range w.people {
		l.come(c.visit)
	}
	l.come(w.desk.visit)
	l.come(w.modes.visit)
	return true
}

// come has somebody use the shard, on a goroutine and under a number of their own.
func (l *life) come(visit func(v *visitor)) {
	l.busy++
	n := l.number()
	v := &visitor{life: l, number: n, context: context.WithValue(l.context, callerKey{}, n)}
	l.go_(func() {
		v.turn("comes")
		if !l.dead() {
			visit(v)
		}
		if v.turn("goes") {
			l.busy--
		}
	})
}

// visitor is somebody who uses the shard for as long as a life lasts.
type visitor struct {
	*life
	number  uint64
	context context.Context
}

// turn waits for the visitor's turn; false: the process is dead.
func (v *visitor) turn(what string) bool {
	v.park(rankActor, v.number, what)
	return !v.dead()
}

// pause lets time pass.
func (v *visitor) pause(d time.Duration) bool {
	v.sleep(d)
	return v.turn("has waited")
}

// host swaps revisions, or tries one first, and may stop the shard in the end.
func (l *life) host(n uint64, stops bool) {
	w := l.world
	if w.trial != nil { // of the last life
		if w.oneIn(3) || w.calm > 0 || !l.resume() {
			w.trial = nil
		} else if l.follow(n); l.dead() {
			return
		}
	}
	for w.plan.swaps && w.calm == 0 && !w.oneIn(4) {
		l.sleep(time.Duration(w.random.Int64N(int64(20 * time.Second))))
		l.park(rankActor, n, "host swaps")
		if l.dead() {
			return
		}
		if w.oneIn(2) {
			l.try(n)
			if l.dead() {
				return
			}
			continue
		}
		w.found.Swaps++
		w.model.revision = w.random.IntN(len(revisions))
		l.insist(n, w.model.revision, l.apply(w.model.revision))
	}
	if stops && w.calm == 0 {
		l.sleep(time.Duration(w.random.Int64N(int64(30 * time.Second))))
		l.park(rankActor, n, "host stops")
		if l.dead() {
			return
		}
		_, err := l.shard.Stop(l.context)
		l.park(rankActor, n, "host closes")
		if l.dead() {
			return
		}
		w.trace("stopped: %v", err)
		l.shard.Close()
		l.park(rankActor, n, "host ends")
		l.closed = true
	}
	if !l.dead() {
		l.busy--
	}
}

// apply puts a revision in force.
func (l *life) apply(revision int) error {
	return l.put(revision, l.world.actors(l, revisions[revision]))
}

// insist puts a revision in force that was not, err, for as long as the journal takes no note
// of it.
func (l *life) insist(n uint64, revision int, err error) {
	for ; err != nil && !l.dead(); err = l.apply(revision) {
		if !errors.Is(err, shard.ErrJournal) {
			l.world.violate("apply revision %d: %v", revision, err)
			return
		}
		l.sleep(time.Second)
		l.park(rankActor, n, "host swaps again")
		if l.dead() {
			return
		}
	}
}

// put puts a revision in force that these actors run.
func (l *life) put(revision int, actors map[string]*actor.Actor) error {
	l.world.trace("revision %d", revision)
	before := l.actors
	l.actors = actors
	l.applying = true
	err := l.shard.Apply(revisions[revision].table, l.actors)
	l.applying = false
	if err != nil {
		before, l.actors = l.actors, before
	}
	if err != nil {
		closeAll(before)
	} else {
		l.leave(before)
	}
	return err
}

// opened reports whether the shard takes requests.
func (l *life) opened() bool { return l.shard != nil && l.actors != nil }

// over reports whether the life has come to its end.
func (l *life) over() bool { return l.closed || l.audited }

// idle reports whether nobody wants anything any more.
func (l *life) idle() bool { return l.busy == 0 && !l.auditor }

// settled reports whether the shard has nothing left to do.
func (l *life) settled() bool {
	done, cancel := context.WithCancel(context.Background())
	cancel()
	if l.shard.Settle(done) != nil || len(l.journal.appends) > 0 || len(l.world.model.waits) > 0 {
		return false
	}
	for _, n := range l.shard.Status() {
		if n.Mailbox != 0 || n.Waiting != 0 {
			return false
		}
	}
	return true
}

// unfinished says what is left to do.
func (l *life) unfinished() string {
	var b strings.Builder
	fmt.Fprintf(&b, "  %d at work, audited %t\n", l.busy, l.auditor)
	if l.shard == nil {
		return b.String() + "  not open\n"
	}
	fmt.Fprintf(&b, "  error: %v\n", l.shard.Err())
	for _, n := range l.shard.Status() {
		if n.Mailbox != 0 || n.Waiting != 0 {
			fmt.Fprintf(&b, "  %s: %d in the mailbox, %d wait for their time\n", n.Node, n.Mailbox, n.Waiting)
		}
	}
	for _, m := range l.world.model.pending() {
		fmt.Fprintf(&b, "  %s waits at %s %q\n", m.id, m.node, m.key)
	}
	return b.String()
}

// passTime waits until somebody can go on.
func (l *life) passTime() {
	limit := time.NewTimer(stuckMax)
	defer limit.Stop()
	select {
	case <-l.arrived:
	case <-limit.C:
	}
}

// end ends the process, in the middle of whatever it does.
func (l *life) end() {
	l.journal.die()
	l.scheduler.kill()
	l.cancel()
	close(l.killed)
	w := l.world
	w.mu.Lock()
	broken := w.broken
	w.mu.Unlock()
	if broken {
		return // for good
	}
	before := time.Now()
	l.people.Wait()
	if l.shard != nil {
		l.shard.Close()
	}
	closeAll(l.actors)
	closeAll(l.trials.actors)
	for _, a := range l.leaving {
		a.Close()
	}
	// Whatever time that took, the next life begins when it would have.
	w.clock -= time.Since(before)
	w.began = w.began.Add(time.Since(before))
	w.clock += time.Duration(w.random.Int64N(int64(10 * time.Second)))
}
