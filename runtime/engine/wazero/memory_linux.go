package wazero

import (
	"sync"
	"unsafe"

	"github.com/tetratelabs/wazero/experimental"
	"golang.org/x/sys/unix"
)

// mapped is linear memory mapped from the operating system. All that the
// instance may ever have is reserved, so growing never moves it; only pages
// that are touched exist. It is readable and writable from end to end, so that
// the maps of neighbours are one to the kernel, which limits their number.
type mapped struct {
	b     []byte
	front int // bytes at the beginning that are mapped from a file
}

// mapMemory maps memory of at most maximum bytes; nil: it cannot be had.
func mapMemory(maximum uint64) experimental.LinearMemory {
	if maximum == 0 || maximum > pagesMax*pageSize {
		return nil
	}
	if b := spare.take(int(maximum)); b != nil {
		return &mapped{b: b}
	}
	at, err := unix.MmapPtr(-1, 0, nil, uintptr(maximum), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return nil
	}
	b := unsafe.Slice((*byte)(at), maximum)
	// A huge page would make 2 MiB of every word that is touched. A kernel
	// without huge pages answers EINVAL, and that is well.
	_ = unix.Madvise(b, unix.MADV_NOHUGEPAGE)
	return &mapped{b: b}
}

// Reallocate implements experimental.LinearMemory.
func (m *mapped) Reallocate(size uint64) []byte {
	if size > uint64(len(m.b)) {
		return nil
	}
	return m.b[:size:size]
}

// Free implements experimental.LinearMemory.
func (m *mapped) Free() {
	b := m.b
	m.b = nil
	if b == nil {
		return
	}
	if err := unmap(b); err != nil && (m.front == 0 || plain(b, m.front)) {
		spare.put(b)
	}
}

// unmap is a variable for tests, which have it fail.
var unmap = func(b []byte) error { return unix.MunmapPtr(unsafe.Pointer(unsafe.SliceData(b)), uintptr(len(b))) }

// spare holds maps that could not be given back: taking one from the midst of
// its neighbours makes two maps of one, which the kernel refuses at its limit
// (vm.max_map_count). Their pages are given back all the same, and the next
// instance of that size takes them.
var spare spares

type spares struct {
	mu   sync.Mutex
	maps map[int][][]byte // by size
}

func (s *spares) take(size int) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.maps[size]
	if len(list) == 0 {
		return nil
	}
	last := len(list) - 1
	b := list[last]
	list[last] = nil
	s.maps[size] = list[:last]
	return b
}

func (s *spares) put(b []byte) {
	// What was in it must not be seen by the next. The pages of a private map
	// are zero after this.
	if err := unix.Madvise(b, unix.MADV_DONTNEED); err != nil {
		clear(b)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.maps == nil {
		s.maps = map[int][][]byte{}
	}
	s.maps[len(b)] = append(s.maps[len(b)], b)
}
