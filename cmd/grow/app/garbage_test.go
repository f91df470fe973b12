package app

import (
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"testing"
)

func TestGarbagePercent(t *testing.T) {
	for _, c := range []struct {
		used uint64
		want int
	}{{0, percentMax}, {1 << 20, percentMax}, {15 << 20, percentMax}, {32 << 20, 200}, {64 << 20, 100}, {512 << 20, 100}} {
		if got := garbagePercent(c.used, 64<<20); got != c.want {
			t.Errorf("%d bytes in use: %d %%, want %d", c.used, got, c.want)
		}
	}
}

// TestGarbageGrowing: where all that was to gather is in use after all, the percentage of before lets gather,
// until it is set anew, no more than a few times as much.
func TestGarbageGrowing(t *testing.T) {
	for used := uint64(1 << 20); used <= 1<<30; used += 1 << 20 {
		percent := uint64(garbagePercent(used, garbageMost))
		grown := used + used*percent/100
		if next := grown + grown*percent/100; next > 5*(used+max(used, garbageMost)) {
			t.Fatalf("%d MiB in use, then %d MiB: the next collection is at %d MiB", used>>20, grown>>20, next>>20)
		}
	}
}

func TestGarbageRoom(t *testing.T) {
	for memory, want := range map[int64]uint64{0: garbageGuess, 512 << 20: 16 << 20, 4 << 30: 128 << 20, 64 << 30: garbageMost} {
		if got := garbageRoom(memory); got != want {
			t.Errorf("%d bytes of memory: %d, want %d", memory, got, want)
		}
	}
}

// TestCollections sees the percentage follow what is in use, from one collection to the next.
func TestCollections(t *testing.T) {
	var inUse atomic.Uint64
	said, end := make(chan int), make(chan struct{})
	defer close(end)
	c := &collections{room: 64 << 20, used: inUse.Load, percent: percentMin, set: func(percent int) {
		select {
		case said <- percent:
		case <-end:
		}
	}}
	go c.adjust() // ends with end
	next := func() int {
		for {
			select {
			case percent := <-said:
				return percent
			default:
				runtime.GC()
			}
		}
	}
	for _, step := range []struct {
		used uint64
		want int
	}{{0, percentMax}, {32 << 20, 200}, {512 << 20, 100}, {0, percentMax}} {
		inUse.Store(step.used)
		if got := next(); got != step.want {
			t.Fatalf("%d bytes in use: %d %%, want %d", step.used, got, step.want)
		}
		inUse.Store(step.used + step.used/8) // about as much
		for range 3 {
			runtime.GC()
		}
	}
}

// TestUsed holds what the percentage is taken of against what is in use.
func TestUsed(t *testing.T) {
	const size = 64 << 20
	runtime.GC()
	before := used()
	held := make([]byte, size)
	runtime.GC()
	if more := int64(used()) - int64(before); more < size/2 {
		t.Errorf("%d bytes more are in use with %d held", more, len(held))
	}
	runtime.KeepAlive(held)
	debug.FreeOSMemory()
}
