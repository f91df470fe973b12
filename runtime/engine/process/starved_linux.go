package process

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// look is what was seen of a worker when the host last looked.
type look struct {
	at   time.Time
	used time.Duration // of processors
}

// kept reports whether a process was kept from going on since the last look: it has
// something to run, and had less than half a processor for it. The first look says no.
func (l *look) kept(pid int) bool {
	used, ok := processorTime(pid)
	if !ok {
		return false
	}
	now := time.Now()
	was := *l
	*l = look{now, used}
	return !was.at.IsZero() && used-was.used < now.Sub(was.at)/2 && runnable(pid)
}

// processorTime is what a process has used of processors; false: nobody knows.
func processorTime(pid int) (time.Duration, bool) {
	const sched = 2 // CPUCLOCK_SCHED: see clock_getcpuclockid(3)
	var t unix.Timespec
	if pid <= 0 || unix.ClockGettime(int32(^pid<<3|sched), &t) != nil {
		return 0, false
	}
	return time.Duration(t.Nano()), true
}

// runnable reports whether a thread of a process runs, waits for a processor, or for
// its memory to be read from disk (proc_pid_stat(5)).
func runnable(pid int) bool {
	dir := filepath.Join("/proc", strconv.Itoa(pid), "task")
	threads, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, thread := range threads {
		b, err := os.ReadFile(filepath.Join(dir, thread.Name(), "stat"))
		if err != nil {
			continue // it has ended
		}
		_, rest, _ := bytes.Cut(b[bytes.LastIndexByte(b, ')')+1:], []byte(" "))
		if len(rest) > 0 && (rest[0] == 'R' || rest[0] == 'D') {
			return true
		}
	}
	return false
}
