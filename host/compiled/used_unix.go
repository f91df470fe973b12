//go:build unix

package compiled

import (
	"time"

	"golang.org/x/sys/unix"
)

// cpuUsed is the processor time of this process.
func cpuUsed() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return usedMax + 1
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
