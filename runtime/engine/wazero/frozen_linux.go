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
	if err := mapOver(m.b[:size], int(f.Fd()), unix.MAP_PRIVATE); err != nil {
		m.Free()
		return nil
	}
	m.front = int(size)
	return m
}

// mapOver maps a file, or -1 for none, in place of what is mapped there. It is a
// variable for tests, which have it fail.
var mapOver = func(b []byte, file, flags int) error {
	_, err := unix.MmapPtr(file, 0, unsafe.Pointer(unsafe.SliceData(b)), uintptr(len(b)), unix.PROT_READ|unix.PROT_WRITE, flags|unix.MAP_FIXED)
	return err
}

// plain has memory that is mapped from a file anonymous again, as the rest of its map
// is, and says whether it is.
func plain(b []byte) bool {
	if err := mapOver(b, -1, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE); err != nil {
		return false
	}
	_ = unix.Madvise(b, unix.MADV_NOHUGEPAGE) // see mapMemory
	return true
}
