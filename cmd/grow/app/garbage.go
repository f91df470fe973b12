package app

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

const (
	garbageMost  = 192 << 20 // bytes that may gather in a host that uses less than that
	garbagePart  = 32        // part of the memory there is that may, if that is less
	garbageGuess = 64 << 20  // where it is not known how much there is
	percentMin   = 100       // of what a collection looks through; Go's own
	percentMax   = 400       // it holds for one more collection when a heap has grown meanwhile, and this many times the heap gathers then
	percentStep  = 4         // part of a percentage by which another one must differ to be set: setting it stops all goroutines for a moment
)

// spaceCollections has garbage be collected less often, once, where there is little else: Go
// collects when as much has gathered as is in use, which is many times a second in a host that
// is busy and small. It does nothing where the environment says how Go is to collect.
var spaceCollections = sync.OnceFunc(func() {
	if os.Getenv("GOGC") != "" || debug.SetMemoryLimit(-1) != math.MaxInt64 {
		return
	}
	c := &collections{room: garbageRoom(hostMemory()), used: used, set: func(percent int) { debug.SetGCPercent(percent) }, percent: percentMin}
	c.adjust()
})

// garbageRoom is how many bytes of garbage may gather, whatever is in use, where there is so much memory; 0: it is not known.
func garbageRoom(memory int64) uint64 {
	if memory <= 0 {
		return garbageGuess
	}
	return min(garbageMost, uint64(memory)/garbagePart)
}

// collections sets how much garbage gathers, after each collection anew: it is called by the
// runtime, which does so one after the other.
type collections struct {
	room    uint64 // bytes that may gather whatever is in use
	used    func() uint64
	set     func(percent int)
	percent int // in force
}

// scanned is what Go's percentage is of: https://go.dev/doc/gc-guide, "GOGC".
var scanned = [...]string{"/gc/heap/live:bytes", "/gc/scan/stack:bytes", "/gc/scan/globals:bytes"}

// used is the bytes in use, as the last collection found them.
func used() (sum uint64) {
	var samples [len(scanned)]metrics.Sample
	for i, name := range scanned {
		samples[i].Name = name
	}
	metrics.Read(samples[:])
	for i := range samples {
		sum += samples[i].Value.Uint64()
	}
	return sum
}

// adjust sets the percentage for what is in use now, and has itself be called after the next collection.
func (c *collections) adjust() {
	if want := garbagePercent(c.used(), c.room); max(want, c.percent)-min(want, c.percent) > c.percent/percentStep {
		c.percent = want
		c.set(want)
	}
	runtime.AddCleanup(new([64]byte), (*collections).adjust, c) // which nothing refers to: gone with the next collection
}

// garbagePercent is the percentage of what is in use that may gather where room bytes may.
func garbagePercent(used, room uint64) int {
	return int(min(max(percentMin, room*100/max(used, 1)), percentMax))
}
