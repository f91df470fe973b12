//go:build failpoint

package nats

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
)

// failpoint ends the process, as a power cut does, when it comes to this moment for
// the n-th time: GROW_FAILPOINT is "append.kept:3". Only a build for
// make crash FAULT=failpoint has it.
func failpoint(at string) {
	if at == deadlyPoint && deadlyCount.Add(-1) == 0 {
		if self, err := os.FindProcess(os.Getpid()); err == nil {
			_ = self.Kill()
		}
		select {} // until the signal comes
	}
}

var (
	deadlyPoint string
	deadlyCount atomic.Int64
)

func init() {
	point, times, _ := strings.Cut(os.Getenv("GROW_FAILPOINT"), ":")
	n, err := strconv.ParseInt(times, 10, 64)
	if point == "" {
		return
	}
	if err != nil || n < 1 {
		panic("GROW_FAILPOINT must be like append.kept:3")
	}
	deadlyPoint = point
	deadlyCount.Store(n)
}
