package wazero

import "golang.org/x/sys/unix"

// mapped is linear memory mapped from the operating system. All that the
// instance may ever have is reserved, so growing never moves it; only pages
// that are touched exist. It is readable and writable from end to end, so that
// the maps of neighbours are one to the kernel, which limits their number.
type mapped struct{ b []byte }

// reserve maps memory of at most maximum bytes.
func reserve(maximum uint64) (*mapped, bool) {
	if maximum == 0 || maximum > pagesMax*pageSize {
		return nil, false
	}
	b, err := unix.Mmap(-1, 0, int(maximum), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return nil, false
	}
	return &mapped{b}, true
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
	if m.b == nil {
		return
	}
	if err := unix.Munmap(m.b); err != nil {
		panic("wazero: unmap memory: " + err.Error()) // the address is ours, so it cannot fail
	}
	m.b = nil
}
