package wazero

import (
	"github.com/tetratelabs/wazero/experimental"
)

// allocator gives each instance its linear memory.
var allocator = experimental.MemoryAllocatorFunc(func(capacity, maximum uint64) experimental.LinearMemory {
	if m, ok := reserve(maximum); ok {
		return m
	}
	return &slice{}
})

// slice is linear memory in Go's heap: where nothing can be mapped.
type slice struct{ b []byte }

// Reallocate implements experimental.LinearMemory.
func (s *slice) Reallocate(size uint64) []byte {
	if size > uint64(cap(s.b)) {
		grown := make([]byte, size)
		copy(grown, s.b)
		s.b = grown
	}
	s.b = s.b[:size]
	return s.b
}

// Free implements experimental.LinearMemory.
func (s *slice) Free() { s.b = nil }
