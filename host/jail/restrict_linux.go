package jail

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/landlock-lsm/go-landlock/landlock"
	"golang.org/x/sys/unix"
)

// program is this binary, also when the file has been replaced since.
func program() (string, error) { return "/proc/self/exe", nil }

// The ways to start a worker, best first; the next one is taken where the
// system refuses.
const (
	wayNamespaces = iota // in namespaces of its own, as nobody
	wayNobody            // root only: as nobody
	wayPlain             // as whoever we are
	wayEnd
)

// nobody is the user and group of workers that are not ours.
const nobody = 65534

// best is the first way that has not been refused.
var best atomic.Int32

func bestWay() int { return int(best.Load()) }

// giveUp leaves a way that the system refuses, for good; false: err is another
// fault, or there is no way left.
func giveUp(way int, err error) bool {
	if way+1 >= wayEnd {
		return false
	}
	for _, refusal := range []error{unix.EPERM, unix.EACCES, unix.EINVAL, unix.ENOSPC, unix.ENOSYS, unix.EUSERS} {
		if errors.Is(err, refusal) {
			best.CompareAndSwap(int32(way), int32(way)+1)
			return true
		}
	}
	return false
}

// confine says how the process is to be started.
func confine(c *exec.Cmd, way int) {
	a := &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL, Setpgid: true}
	switch {
	case way == wayNamespaces:
		// As nobody it loses with exec what a first user of a namespace can do.
		a.Cloneflags = unix.CLONE_NEWUSER | unix.CLONE_NEWNET | unix.CLONE_NEWIPC
		a.UidMappings = []syscall.SysProcIDMap{{ContainerID: nobody, HostID: os.Getuid(), Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{ContainerID: nobody, HostID: os.Getgid(), Size: 1}}
	case way == wayNobody && os.Getuid() == 0:
		a.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	c.SysProcAttr = a
	if way == wayNamespaces {
		c.Env = append(c.Env, namespacesMark)
	}
}

// namespacesMark tells a worker that it has namespaces of its own.
const namespacesMark = "GROW_WORKER=namespaces"

// restrict takes on what holds a worker, from the most important to what needs
// what comes before it, and says what does.
func restrict(o orders) ([]Measure, error) {
	namespaces := os.Getenv("GROW_WORKER") != ""
	os.Clearenv()
	if err := errors.Join(limit(o, namespaces), nice(o.Nice)); err != nil {
		return nil, err
	}
	list := []Measure{
		{Name: measureLimits, Holds: true, Note: "memory, processor time, files, no core dump"},
		{Name: measureParent, Holds: true},
		{Name: measureNamespaces, Holds: namespaces, Note: "user, network, ipc"},
		landlocked(),
		filtered(),
	}
	none, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
	return append(list, Measure{Name: measurePrivileges, Holds: err == nil && none == 1}), nil
}

// shed closes what the host was left with by who started it, and did not know of: all
// that came across exec, from a descriptor on. What is this process's own is closed on
// exec, so it is told by that.
func shed(from int) error {
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return fmt.Errorf("list open files: %w", err)
	}
	for _, e := range list {
		fd, err := strconv.Atoi(e.Name())
		if err != nil || fd < from {
			continue
		}
		// The list's own descriptor has been closed since.
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			if err := unix.Close(fd); err != nil {
				return fmt.Errorf("close a file that was left open: %w", err)
			}
		}
	}
	return nil
}

// limit sets the resource limits. The hard ones are set too: nobody but root
// raises them again.
func limit(o orders, namespaces bool) error {
	limits := map[int]uint64{
		unix.RLIMIT_CORE:   0,
		unix.RLIMIT_FSIZE:  0,
		unix.RLIMIT_NOFILE: uint64(firstFile + o.Files + FilesMax),
	}
	if o.Limits.MemoryMax > 0 {
		// Not the address space: Go reserves far more of it than it uses.
		limits[unix.RLIMIT_DATA] = uint64(o.Limits.MemoryMax + reserved())
	}
	if o.Limits.CPUMax > 0 {
		limits[unix.RLIMIT_CPU] = uint64(seconds(o.Limits.CPUMax) / time.Second)
	}
	if namespaces && countsApart() {
		limits[unix.RLIMIT_NPROC] = ThreadsMax
	}
	return setLimits(limits)
}

// reserved is the memory that the program begins with, in bytes, as RLIMIT_DATA
// counts it: the variables of its packages, what Go keeps books in, and the stacks of
// threads. It differs between builds by 100 MB. 0: it is not known.
func reserved() int64 {
	b, err := os.ReadFile("/proc/self/statm")
	if fields := strings.Fields(string(b)); err == nil && len(fields) > 5 {
		if pages, err := strconv.ParseInt(fields[5], 10, 64); err == nil {
			return pages * int64(os.Getpagesize())
		}
	}
	return 0
}

// countsApart reports whether a user namespace counts its own threads only
// (Linux 5.14 and newer); before, all that the user has would count.
func countsApart() bool {
	var u unix.Utsname
	var major, minor int
	if err := unix.Uname(&u); err != nil {
		return false
	}
	if _, err := fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &major, &minor); err != nil {
		return false
	}
	return major > 5 || major == 5 && minor >= 14
}

// nice lowers the priority of all threads there are; new ones inherit it.
func nice(by int) error {
	if by <= 0 {
		return nil
	}
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return fmt.Errorf("list threads: %w", err)
	}
	for _, t := range threads {
		id, err := strconv.Atoi(t.Name())
		if err != nil {
			return fmt.Errorf("list threads: %w", err)
		}
		// A thread may have ended since (ESRCH), or have a lower priority already,
		// as under nice -n 19, which it may not raise (EACCES).
		if err := unix.Setpriority(unix.PRIO_PROCESS, id, by); err != nil && !errors.Is(err, unix.ESRCH) && !errors.Is(err, unix.EACCES) {
			return fmt.Errorf("lower priority: %w", err)
		}
	}
	return nil
}

// cpuTime reads the clock of a process (clock_getcpuclockid(3)).
func cpuTime(pid int) (time.Duration, bool) {
	const scheduled = 2 // exact, not by ticks
	var t unix.Timespec
	err := unix.ClockGettime(int32(^pid<<3|scheduled), &t)
	return time.Duration(t.Nano()), err == nil
}

// landlocked takes away the file system, TCP, and signals to others.
func landlocked() Measure {
	m := Measure{Name: measureLandlock}
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		m.Note = "the kernel has none, or does not use it"
		return m
	}
	if err := landlock.V11.BestEffort().Restrict(); err != nil {
		m.Note = err.Error()
		return m
	}
	m.Holds, m.Note = true, fmt.Sprintf("version %d", version)
	return m
}
