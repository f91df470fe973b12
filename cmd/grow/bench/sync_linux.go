package main

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// syncData has what was written to a file be on disk.
func syncData(f *os.File) error { return unix.Fdatasync(int(f.Fd())) }

// sleep has the thread sleep, to some ten microseconds: a timer of Go's may be a
// millisecond late, which is what epoll counts in.
func sleep(d time.Duration) {
	if d > 0 {
		t := unix.NsecToTimespec(int64(d))
		_ = unix.Nanosleep(&t, nil) // a signal ends it early, and who calls looks at the clock
	}
}
