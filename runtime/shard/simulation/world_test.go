package simulation

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/mem"
	"github.com/grow-platform/grow/runtime/shard"
)

// world is one run: some lives of a process on one disk, and their clients.
// Only the goroutine whose turn it is touches it, but for what mu guards.
type world struct {
	seed   uint64
	random *rand.Rand
	plan   plan
	began  time.Time
	clock  time.Duration // what the clock shows besides the time that has passed
	back   time.Duration // that the clock was ever set back, together
	disk   *disk
	model  *model
	people []*client
	desk   *operator
	modes  *governor
	life   *life
	trial  *attempt // under way; nil: none is
	lives  int
	ids    int
	next   string // what the ids of messages from outside begin with
	calm   int    // not 0: nothing fails any more, and nothing is asked for

	steps int
	hash  uint64
	last  []string
	print func(line string) // nil: the trace is not shown

	mu        sync.Mutex
	violation string
	broken    bool // something panicked, so that the life cannot be closed
	found     findings
}

// findings count what runs came upon, to show that they do what they are for.
type findings struct {
	Lives, Swaps, Rivals, Ghosts, Requests, Repeats, Answers, Records, Handled, Attempts, Letters, Actions, Snapshots, Effects, Packed, Modes, Shut, Trials int
}

func (f *findings) each(visit func(name string, n *int)) {
	v := reflect.ValueOf(f).Elem()
	for i := range v.NumField() {
		visit(v.Type().Field(i).Name, v.Field(i).Addr().Interface().(*int))
	}
}

func (f *findings) add(other *findings) {
	byName := map[string]int{}
	other.each(func(name string, n *int) { byName[name] = *n })
	f.each(func(name string, n *int) { *n += byName[name] })
}

// check holds that everything has happened at all.
func (f *findings) check(t *testing.T) {
	f.each(func(name string, n *int) {
		if *n == 0 {
			t.Errorf("not one of %s", name)
		}
	})
}

// plan is what a world draws for all of its life.
type plan struct {
	lives        int
	clients      int
	requests     int // of each client
	keys         int
	appendFaults int // one append in so many; 0: none
	writeFaults  int
	readFaults   int
	startFaults  int
	slow         bool
	fills        bool // the disk does, now and then
	jumps        bool // the clock does
	rivals       bool
	swaps        bool
	operator     int // what a person does to states and dead letters
	modes        int // how often modes change
}

// limits of a run.
const (
	stepsMax = 200_000
	stuckMax = 2 * time.Hour // of the world's time without anything left that fails
)

func (w *world) oneIn(n int) bool { return w.random.IntN(n) == 0 }

// faulty draws whether something fails that does one time in n.
func (w *world) faulty(n int) bool { return n > 0 && w.calm == 0 && w.oneIn(n) }

func (w *world) some(often int, n ...int) int {
	if !w.oneIn(often) {
		return 0
	}
	return n[w.random.IntN(len(n))]
}

func (w *world) draw() plan {
	return plan{
		lives:        2 + w.random.IntN(4),
		clients:      1 + w.random.IntN(4),
		requests:     2 + w.random.IntN(9),
		keys:         1 + w.random.IntN(3),
		appendFaults: w.some(2, 3, 10, 40),
		writeFaults:  w.some(2, 2, 5, 20),
		readFaults:   w.some(3, 3, 10, 40),
		startFaults:  w.some(4, 3, 10),
		slow:         w.oneIn(4),
		fills:        w.oneIn(4),
		jumps:        w.oneIn(3),
		rivals:       w.oneIn(5),
		swaps:        w.oneIn(2),
		operator:     w.random.IntN(12),
		modes:        w.some(2, 1, 3, 6),
	}
}

// name sets what the ids of the next messages from outside begin with.
func (w *world) name(of string) { w.next = of }

// id is that of the next message from outside.
func (w *world) id() string {
	w.ids++
	return fmt.Sprintf("%s-%d", w.next, w.ids)
}

// now is what the clock shows.
func (w *world) now() time.Time { return time.Now().Add(w.clock) }

// result is how a run went.
type result struct {
	seed      uint64
	hash      uint64
	steps     int
	violation string
	last      []string
	found     findings
}

// simulate has the world of a seed. print, if not nil, gets every line of its trace.
func simulate(t *testing.T, seed uint64, print func(string)) (r result) {
	w := &world{seed: seed, random: rand.New(rand.NewPCG(seed, 0x67726f77)), print: print}
	defer func() {
		if fault := recover(); fault != nil { // the bubble was left by nobody but us
			w.violate("the run cannot go on: %v", fault)
		}
		r = result{seed, w.hash, w.steps, w.violated(), w.last, w.found}
	}()
	synctest.Test(t, func(t *testing.T) {
		w.began = time.Now()
		w.run()
	})
	return r
}

func (w *world) run() {
	store := mem.New(mem.Options{})
	defer func() { _ = store.Close() }() // of memory, which always works
	j, err := store.Open(context.Background(), journal.Name{Namespace: "main", Service: "test"})
	if err != nil {
		panic(err)
	}
	w.clock = time.Duration(w.random.IntN(1_000_000)) * time.Second
	w.plan = w.draw()
	w.model = newModel(w, j)
	w.disk = &disk{world: w, journal: j, model: w.model}
	for i := range w.plan.clients {
		w.people = append(w.people, &client{world: w, number: i})
	}
	w.desk, w.modes = &operator{world: w}, &governor{world: w}
	w.trace("plan %+v", w.plan)
	for w.lives = 1; w.lives <= w.plan.lives && w.violated() == ""; w.lives++ {
		w.found.Lives++
		w.live(w.lives == w.plan.lives)
	}
	if w.violated() == "" { // what was left is there in yet another life
		w.found.Lives++
		w.calm, w.modes.modes = 2, shard.Modes{}
		w.live(true)
	}
	w.found.Records, w.found.Handled, w.found.Attempts = w.model.records, w.model.handledEver, w.model.attemptsEver
	w.found.Effects, w.found.Packed = len(w.model.effects), w.model.packedEver
	w.found.Letters, w.found.Actions, w.found.Snapshots = w.model.lettersEver, w.model.actionsEver, w.model.snapshotsEver
}

// live has one life: to its end, or until the process dies.
func (w *world) live(last bool) {
	l := newLife(w)
	w.life, l.last = l, last
	l.begin()
	dies, limit := -1, w.steps+stepsMax
	if !last {
		dies = w.steps + w.random.IntN(1+w.random.IntN(900))
	}
	quiet := time.Now()
	for w.violated() == "" {
		switch {
		case w.steps == dies || l.over():
			w.trace("the process ends")
			l.end()
			return
		case w.steps > limit:
			w.violate("no end after %d steps", stepsMax)
		case w.calm == 0:
			synctest.Wait()
			quiet = time.Now()
			w.meddle(l, &dies)
		case time.Since(quiet) > stuckMax:
			w.violate("stuck: nothing is left to fail, and not all is done:\n%s", l.unfinished())
		}
		if l.scheduler.step() {
			continue
		}
		if l.idle() {
			switch {
			case !last:
				dies = w.steps
				continue
			case w.calm == 0:
				w.trace("calm")
				w.calm, w.disk.full = 1, false
				l.come(w.modes.rest)
			case l.settled():
				l.audit()
			}
		}
		l.passTime()
	}
	l.end()
}

// meddle does what happens of itself.
func (w *world) meddle(l *life, dies *int) {
	w.disk.haunt()
	if w.plan.fills && w.oneIn(100) {
		w.disk.full = !w.disk.full
		w.trace("disk is full: %t", w.disk.full)
	}
	if w.plan.jumps && w.oneIn(150) {
		by := time.Duration(w.random.Int64N(int64(time.Hour))) - 20*time.Minute
		w.jump(by)
	}
	if w.plan.rivals && *dies >= 0 && l.opened() && w.oneIn(300) {
		w.found.Rivals++
		w.disk.rival()
		*dies = w.steps + w.random.IntN(100)
	}
	if w.oneIn(200) { // the processor was elsewhere
		time.Sleep(time.Duration(w.random.Int64N(int64(4 * time.Second))))
		synctest.Wait()
	}
}

// jump sets the clock.
func (w *world) jump(by time.Duration) {
	w.trace("clock is set by %v", by)
	w.clock += by
	w.back += max(0, -by)
}

// replay is the command that runs a seed again.
func replay(seed uint64) string {
	text := fmt.Sprint("make simulate SEED=", seed)
	if built := tags(); built != "" {
		text += " TAGS=" + built
	}
	return text
}

// text says what did not hold, and how to see it again.
func (r *result) text() string {
	last := r.last[max(0, len(r.last)-lastMax):]
	return fmt.Sprintf("seed %d, step %d: %s\nthe last of its trace:\n  %s\nreplay: %s", r.seed, r.steps, r.violation, strings.Join(last, "\n  "), replay(r.seed))
}

var _ shard.Scheduler = (*scheduler)(nil)
