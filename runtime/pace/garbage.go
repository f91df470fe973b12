package pace

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
)

// GarbageMax is how many bytes of garbage Go's collector waits for during work aside and a
// second after, where it would otherwise wait for fewer.
const GarbageMax = 128 << 20

const (
	garbageLook = 100 * time.Millisecond // between two looks at what is no garbage
	garbageLive = 8 << 20                // bytes that are taken to be none, at least
)

// litter is what work aside says to Go's garbage collector.
type litter struct {
	mu     sync.Mutex
	until  time.Time   // there is some
	timer  *time.Timer // ends it; nil: there is none
	before int         // percentage that was in force without it; negative: nothing is collected
	now    int         // percentage in force
	looked time.Time
}

// leave is for work that makes much garbage beside what is waited for: until d has passed, or
// longer where it is called again meanwhile, GarbageMax of it may lie about before it is
// collected. A collection is on all processors for some milliseconds, and whoever is to run
// then waits until the operating system sees that another has had its share. A limit of the
// process's memory holds all the same. A process has one collector, and should have one Aside.
func (l *litter) leave(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if until := now.Add(d); until.After(l.until) {
		l.until = until
	}
	if l.timer == nil {
		l.timer = time.AfterFunc(d, l.end)
		l.before = int(int32(metric("/gc/gogc:percent")))
		l.now, l.looked = l.before, time.Time{}
	}
	if now.Sub(l.looked) >= garbageLook {
		l.looked = now
		l.set(littered(l.before, metric("/gc/heap/live:bytes")))
	}
}

// end ends it, unless there is some for longer. It is collected first: with the bound of
// before, whoever needs memory would have to help until that is done.
func (l *litter) end() {
	if l.ended(false) {
		runtime.GC()
		l.ended(true)
	}
}

// ended reports whether there is none any more, and if so may set the bound of before; else end is
// called again.
func (l *litter) ended(set bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	left := time.Until(l.until)
	switch {
	case left > 0:
		l.timer.Reset(left)
	case set:
		l.set(l.before)
		l.timer = nil
	}
	return left <= 0
}

// set sets the percentage; the lock is held.
func (l *litter) set(percent int) {
	if l.now != percent {
		l.now = percent
		debug.SetGCPercent(percent)
	}
}

// littered is how many percent of so many live bytes GarbageMax is, or what was in force before
// where that is more.
func littered(before int, live uint64) int {
	if before < 0 {
		return before
	}
	return max(before, int(math.Round(GarbageMax*100/float64(max(live, garbageLive)))))
}

func metric(name string) uint64 {
	s := []metrics.Sample{{Name: name}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
