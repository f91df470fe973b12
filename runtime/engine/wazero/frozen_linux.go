package wazero

import (
	"os"
	"unsafe"

	"github.com/grow-platform/grow/runtime/wasm/snapshot"
	"github.com/tetratelabs/wazero/experimental"
	"golang.org/x/sys/unix"
)

// memfd makes a file in memory. It is a variable for tests, which have it fail.
var memfd = func() (int, error) {
	return unix.MemfdCreate("grow image", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
}

// fileOf makes a file of an image, which nobody can write any more; nil: it cannot
// be had. What is zero takes no memory.
func fileOf(i *snapshot.Image) *os.File {
	fd, err := memfd()
	if err != nil {
		return nil
	}
	f := os.NewFile(uintptr(fd), "image")
	err = f.Truncate(i.Size)
	for _, r := range i.Runs {
		if err == nil {
			_, err = f.WriteAt(r.Bytes, r.At)
		}
	}
	if err == nil {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE|unix.F_SEAL_SEAL)
	}
	if err != nil {
		_ = f.Close() // it is done without
		return nil
	}
	return f
}

// mapFile maps memory of at most maximum bytes whose beginning is a private copy of
// a file: a page of it is shared with all others until it is written. nil: it
// cannot be had.
func mapFile(f *os.File, size, maximum uint64) experimental.LinearMemory {
	m, ok := mapMemory(maximum).(*mapped)
	if !ok || size > maximum {
		return nil
	}
	if size == 0 {
		return m
	}
	_, err := unix.MmapPtr(int(f.Fd()), 0, unsafe.Pointer(unsafe.SliceData(m.b)), uintptr(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_FIXED)
	if err != nil {
		m.Free()
		return nil
	}
	m.front = int(size)
	return m
}

// plain has all of a map anonymous again.
func plain(b []byte, front int) bool {
	_, err := unix.MmapPtr(-1, 0, unsafe.Pointer(unsafe.SliceData(b)), uintptr(front), unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE|unix.MAP_FIXED)
	return err == nil && unix.Madvise(b[:front], unix.MADV_NOHUGEPAGE) != unix.ENOMEM
}
