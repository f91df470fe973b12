package redistest

import (
	"bytes"
	"runtime"
	"testing"
	"time"
)

// settleMax bounds how long clients that were closed are waited for.
const settleMax = 5 * time.Second

// Settled are a package's tests, at whose end goroutines are looked for that were left behind:
// the client has one that dials once a second while its server is away, and ends at the next
// time after it was closed. One that was not closed never does.
type Settled struct{ *testing.M }

// Run implements goleak.TestingM.
func (s Settled) Run() int {
	code := s.M.Run()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.After(settleMax); dialing(); {
		select {
		case <-tick.C:
		case <-end:
			return code
		}
	}
	return code
}

// dialing reports whether a client dials by itself.
func dialing() bool {
	stacks := make([]byte, 1<<20)
	return bytes.Contains(stacks[:runtime.Stack(stacks, true)], []byte("pool.(*ConnPool).tryDial"))
}
