package process

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// supported: this system has what workers need.
const supported = true

// region is the memory that a host and a worker share: their lines. Only pages
// that are touched exist.
type region struct {
	b     []byte
	lines int
}

// sizeOf is the bytes of a region, of a module with probes or without.
func sizeOf(lines int, probed bool) int {
	if probed {
		return lines*(lineSize+armsSize) + bellSize
	}
	return lines * lineSize
}

// newRegion makes the memory of a number of lines, and the file by which a
// worker maps it. Its size is sealed: a worker that shrank it would have the
// host die of reading it.
func newRegion(lines int, probed bool) (region, *os.File, error) {
	fd, err := unix.MemfdCreate("grow worker", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return region{}, nil, fmt.Errorf("make shared memory: %w", err)
	}
	f := os.NewFile(uintptr(fd), "shared memory")
	err = f.Truncate(int64(sizeOf(lines, probed)))
	if err == nil {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL)
	}
	var r region
	if err == nil {
		r, err = mapRegion(f, lines, probed)
	}
	if err != nil {
		_ = f.Close() // the fault is what matters
		return region{}, nil, fmt.Errorf("make shared memory: %w", err)
	}
	return r, f, nil
}

// mapRegion maps the lines that lie in f.
func mapRegion(f *os.File, lines int, probed bool) (region, error) {
	b, err := unix.Mmap(int(f.Fd()), 0, sizeOf(lines, probed), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return region{}, fmt.Errorf("map shared memory: %w", err)
	}
	return region{b, lines}, nil
}

func (r region) line(k int, me uint32) line { return lineOf(r.b[k*lineSize:(k+1)*lineSize], me) }

// arms are those of a line, in a region of a module with probes.
func (r region) arms(k, probes int) arms {
	at := r.lines*lineSize + k*armsSize
	return armsOf(r.b[at:at+armsSize], r.bell(), probes)
}

func (r region) bell() *atomic.Uint32 {
	return (*atomic.Uint32)(unsafe.Pointer(&r.b[len(r.b)-bellSize]))
}

func (r region) close() error { return unix.Munmap(r.b) }

// Operations of futex(2), on words that processes share.
const (
	futexWait = 0
	futexWake = 1
)

// wait blocks while word has the value, for at most limit; 0: for ever. It may
// come back early.
func wait(word *atomic.Uint32, value uint32, limit time.Duration) (timedOut bool) {
	var until *unix.Timespec
	if limit > 0 {
		t := unix.NsecToTimespec(int64(limit))
		until = &t
	}
	_, _, errno := unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWait, uintptr(value), uintptr(unsafe.Pointer(until)), 0, 0)
	return errno == unix.ETIMEDOUT
}

// wake wakes who waits at word.
func wake(word *atomic.Uint32) {
	_, _, _ = unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWake, 1, 0, 0, 0) // there may be nobody
}

// rights is the control message that hands over a file (unix(7), SCM_RIGHTS).
func rights(f *os.File) []byte { return unix.UnixRights(int(f.Fd())) }

// fileOf is the file that a control message hands over.
func fileOf(control []byte) (*os.File, error) {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil || len(messages) != 1 {
		return nil, errors.New("take shared memory: there is none")
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return nil, errors.New("take shared memory: there is none")
	}
	return os.NewFile(uintptr(fds[0]), "shared memory"), nil
}
