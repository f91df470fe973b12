package simulation

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/router"
	"github.com/grow-platform/grow/runtime/shard"
)

// trials are of a life: another revision beside the one in force, which handles a share of
// the keys that grows.
type trials struct {
	actors map[string]*actor.Actor // of what is tried; nil: nothing is
	next   *revision
	moved  map[cell]bool // what was handled by what is tried
	busy   *handling
}

// handling is what is being handled of keys that are handled one at a time: the ids of messages. What
// ends with a life ends on all its goroutines at once.
type handling struct {
	mu sync.Mutex
	of map[cell]string
}

// begin is the id of what is being handled of a key already, or "".
func (h *handling) begin(what cell, id string) (other string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	other = h.of[what]
	h.of[what] = id
	return other
}

func (h *handling) end(what cell) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.of, what)
}

// attempt is a trial that has begun, in this life or an earlier one.
type attempt struct {
	index int
	salt  string
	share float64
}

// try has another revision be tried, and kept or not.
func (l *life) try(n uint64) {
	w := l.world
	w.trial = &attempt{w.random.IntN(len(revisions)), fmt.Sprint(w.steps), w.random.Float64()}
	if l.resume() {
		l.follow(n)
	}
}

// resume has the revision of the world's trial be tried; false: it is not.
func (l *life) resume() bool {
	w, x := l.world, l.world.trial
	t := &trials{actors: w.actors(l, revisions[x.index]), next: revisions[x.index], moved: map[cell]bool{}, busy: l.trials.busy}
	w.trace("revision %d is tried with %v of the keys", x.index, x.share)
	before := l.trials
	l.trials = t
	err := l.shard.Try(&shard.Trial{Table: t.next.table, Actors: t.actors, Salt: x.salt, Share: x.share})
	if err != nil {
		if !l.dead() && !errors.Is(err, shard.ErrJournal) {
			w.violate("revision %d is tried beside %d: %v", x.index, w.model.revision, err)
		}
		l.trials, w.trial = before, nil
		closeAll(t.actors)
		return false
	}
	w.found.Trials++
	return true
}

// follow gives the revision that is tried more keys, and keeps it or not.
func (l *life) follow(n uint64) {
	w := l.world
	share := w.trial.share
	for range 1 + w.random.IntN(3) {
		l.sleep(time.Duration(w.random.Int64N(int64(20 * time.Second))))
		l.park(rankActor, n, "host looks at the trial")
		if l.dead() {
			return
		}
		share += (1 - share) * w.random.Float64()
		w.trace("it has %v of the keys", share)
		w.trial.share = share
		if err := l.shard.Share(share); err != nil {
			w.violate("a trial is given more keys: %v", err)
		}
	}
	l.decide(n, w.trial.index)
}

// decide keeps what is tried, or does not.
func (l *life) decide(n uint64, index int) {
	w, t := l.world, l.trials
	l.trials, w.trial = &trials{busy: t.busy}, nil
	if w.oneIn(2) {
		w.trace("it is withdrawn")
		if !l.shard.Untry() {
			w.violate("a trial has ended by itself")
		}
		l.leave(t.actors)
		return
	}
	w.model.revision = index
	l.insist(n, index, l.put(index, t.actors))
}

// leave closes actors, once nothing of them is used any more.
func (l *life) leave(actors map[string]*actor.Actor) {
	l.leaving = append(l.leaving, slices.Collect(maps.Values(actors))...)
	used := l.shard.InUse()
	l.leaving = slices.DeleteFunc(l.leaving, func(a *actor.Actor) bool {
		if used[a] {
			return false
		}
		a.Close()
		return true
	})
}

func closeAll(actors map[string]*actor.Actor) {
	for _, a := range actors {
		a.Close()
	}
}

// begins holds what begins to be handled against what is: a key that is handled one at a
// time has one revision at a time, and one that what is tried has got stays with it. The
// function that it returns is called at the end.
func (t *trials) begins(w *world, n *router.Node, of *revision, m *abi.Message) (ends func()) {
	what := cell{n.Path, m.Key()}
	if !n.Exclusive() {
		what.key = m.ID()
	}
	switch {
	case t.actors == nil:
	case of == t.next:
		t.moved[what] = true
	case t.moved[what]:
		w.violate("%s of %q at %s is handled by the old revision, after another of it by the one that is tried", m.ID(), what.key, n.Path)
	}
	if !n.Exclusive() {
		return func() {}
	}
	if other := t.busy.begin(what, m.ID()); other != "" {
		w.violate("%s and %s are handled at the same time, both of %q at %s", other, m.ID(), what.key, n.Path)
	}
	return func() { t.busy.end(what) }
}
