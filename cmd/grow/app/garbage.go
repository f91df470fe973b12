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
	garbageMin  = 64 << 20 // bytes that gather at least before they are collected
	percentMin  = 100      // of what a collection looks through; Go's own
	percentMax  = 1600
	percentStep = 4 // part of a percentage by which another one must differ to be set: setting it stops all goroutines for a moment
)

// spaceCollections has garbage be collected less often, once, where there is little else: Go
// collects when as much has gathered as is in use, which is many times a second in a host that
// is busy and small. It does nothing where the environment says how Go is to collect.
var spaceCollections = sync.OnceFunc(func() {
	if os.Getenv("GOGC") != "" || debug.SetMemoryLimit(-1) != math.MaxInt64 {
		return
	}
	(&collections{used: used, set: func(percent int) { debug.SetGCPercent(percent) }, percent: percentMin}).adjust()
})

// collections sets how much garbage gathers, after each collection anew: it is called by the
// runtime, which does so one after the other.
type collections struct {
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
	if want := garbagePercent(c.used()); max(want, c.percent)-min(want, c.percent) > c.percent/percentStep {
		c.percent = want
		c.set(want)
	}
	runtime.AddCleanup(new([64]byte), (*collections).adjust, c) // which nothing refers to: gone with the next collection
}

// garbagePercent is the percentage of what is in use that may gather.
func garbagePercent(used uint64) int {
	return int(min(max(percentMin, garbageMin*100/max(used, 1)), percentMax))
}
