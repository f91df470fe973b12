package wazero

import "github.com/tetratelabs/wazero/experimental"

// reserve gives an instance its linear memory, of at most maximum bytes.
func reserve(maximum uint64) experimental.LinearMemory {
	if m := mapMemory(maximum); m != nil {
		return m
	}
	return &heaped{}
}

// heaped is linear memory in Go's heap: where nothing can be mapped.
type heaped struct{ b []byte }

// Reallocate implements experimental.LinearMemory.
func (m *heaped) Reallocate(size uint64) []byte {
	if size > uint64(cap(m.b)) {
		grown := make([]byte, size)
		copy(grown, m.b)
		m.b = grown
	}
	m.b = m.b[:size]
	return m.b
}

// Free implements experimental.LinearMemory.
func (m *heaped) Free() { m.b = nil }
