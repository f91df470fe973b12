package wazero

import "sync/atomic"

// budget bounds the memory of all instances together. It is safe for
// concurrent use.
//
// The first half goes to whoever asks. The second is kept for those that have
// less than an even share of it, so that what some hoard is never all of it.
type budget struct {
	max       int64 // bytes; 0: no bound
	used      atomic.Int64
	instances atomic.Int64
}

// join takes what a new instance begins with, and returns false when there is
// not so much.
func (b *budget) join(size int64) bool {
	b.instances.Add(1)
	if b.take(size, size) {
		return true
	}
	b.instances.Add(-1)
	return false
}

// share takes what all instances of a module have together, and returns false when
// there is not so much; unshare gives it back.
func (b *budget) share(size int64) bool { return b.take(size, 0) }

func (b *budget) unshare(size int64) { b.used.Add(-size) }

// take takes more bytes for an instance that will have total.
func (b *budget) take(more, total int64) bool {
	used := b.used.Add(more)
	half := b.max / 2
	if b.max == 0 || used <= half || used <= b.max && total <= half/max(1, b.instances.Load()) {
		return true
	}
	b.used.Add(-more)
	return false
}

// leave gives back what an instance had.
func (b *budget) leave(size int64) {
	b.instances.Add(-1)
	b.used.Add(-size)
}
