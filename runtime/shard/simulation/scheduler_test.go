package simulation

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"runtime/debug"
	"slices"
	"sync"
	"testing/synctest"
	"time"
)

// scheduler lets one goroutine of a life go on at a time. All others are parked
// here, wait for something in the shard, or wait for time to pass.
//
// Whoever runs may wake clients that wait in the shard; those park without
// having done anything else, so nothing depends on who of them is quicker.
type scheduler struct {
	world *world

	mu      sync.Mutex
	list    []*parked
	next    uint64 // number of the next thing to park
	dead    bool   // nobody waits any more: everything runs to its end as it likes
	arrived chan struct{}
}

// parked is a goroutine that could go on.
type parked struct {
	rank   rank
	number uint64
	what   string
	gone   chan struct{} // closed to let it go on
}

// rank tells kinds of goroutines apart, so that their numbers need not differ.
type rank uint8

const (
	rankShard  rank = iota // started by the shard, by number
	rankResume             // resumed in the shard, by what
	rankAlarm
	rankDisk
	rankGuest // by what
	rankActor // clients and the like, by number
)

func newScheduler(w *world) *scheduler {
	return &scheduler{world: w, arrived: make(chan struct{}, 1)}
}

// number is given to what will park later, by who runs now.
func (s *scheduler) number() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	return s.next
}

// park returns when it is the caller's turn.
func (s *scheduler) park(r rank, number uint64, what string) {
	p := &parked{rank: r, number: number, what: what, gone: make(chan struct{})}
	s.mu.Lock()
	if s.dead {
		s.mu.Unlock()
		return
	}
	s.list = append(s.list, p)
	s.mu.Unlock()
	select {
	case s.arrived <- struct{}{}:
	default:
	}
	<-p.gone
}

// Start implements shard.Scheduler.
func (s *scheduler) Start(f func()) func() {
	n := s.number()
	return func() {
		defer s.world.caught()
		s.park(rankShard, n, "goroutine")
		f()
	}
}

// Resume implements shard.Scheduler.
func (s *scheduler) Resume(ctx context.Context, what string) {
	number, _ := ctx.Value(callerKey{}).(uint64)
	s.park(rankResume, number, what)
}

// callerKey is where the context of a caller of the shard has its number.
type callerKey struct{}

// AfterFunc runs f when so much time has passed and its turn has come.
func (s *scheduler) AfterFunc(d time.Duration, f func()) func() bool {
	n := s.number()
	return time.AfterFunc(d, func() {
		defer s.world.caught()
		s.park(rankAlarm, n, "alarm")
		f()
	}).Stop
}

// step lets somebody go on; false: nobody can before time has passed.
func (s *scheduler) step() bool {
	synctest.Wait()
	s.mu.Lock()
	if len(s.list) == 0 {
		s.mu.Unlock()
		return false
	}
	slices.SortFunc(s.list, func(a, b *parked) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.number, b.number), cmp.Compare(a.what, b.what))
	})
	n := len(s.list)
	i := s.world.random.IntN(n)
	p := s.list[i]
	s.list = slices.Delete(s.list, i, i+1)
	s.mu.Unlock()
	s.world.trace("%d of %d: %d/%d %s", i, n, p.rank, p.number, p.what)
	close(p.gone)
	synctest.Wait()
	return true
}

// kill lets everybody go on, for good.
func (s *scheduler) kill() {
	s.mu.Lock()
	s.dead = true
	list := s.list
	s.list = nil
	s.mu.Unlock()
	for _, p := range list {
		close(p.gone)
	}
}

// trace notes that something happened, which is part of the run's hash.
func (w *world) trace(format string, args ...any) {
	line := fmt.Sprintf("%d %v ", w.steps, time.Since(w.began)) + fmt.Sprintf(format, args...)
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%x %s", w.hash, line) // never fails
	w.hash = h.Sum64()
	w.steps++
	if w.print != nil {
		w.print(line)
	}
	if w.last = append(w.last, line); len(w.last) > 2*lastMax {
		w.last = append(w.last[:0], w.last[lastMax:]...)
	}
}

// lastMax is how many lines of its trace a world that fails shows.
const lastMax = 40

// violate notes that something does not hold. The first is what the run is about.
func (w *world) violate(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.violation == "" {
		w.violation = fmt.Sprintf(format, args...)
	}
}

// violated tells what did not hold; "" as long as all does.
func (w *world) violated() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.violation
}

// caught makes a panic of a goroutine the run's violation.
func (w *world) caught() {
	if fault := recover(); fault != nil {
		w.violate("panic: %v\n%s", fault, debug.Stack())
		w.mu.Lock()
		w.broken = true
		w.mu.Unlock()
	}
}
