package shard

import (
	"slices"
	"sync"
)

// deadLetters keeps what was given up on, the oldest going first when there is
// too much.
type deadLetters struct {
	mu      sync.Mutex
	list    []*DeadLetter // oldest first
	bytes   int
	total   uint64          // ever
	dropped uint64          // of them, no longer kept
	busy    map[string]bool // ids of those that somebody does something to
}

// size is what counts against deadBytes.
func (l *DeadLetter) size() int { return l.Message.Size() + len(l.Reason) }

func (d *deadLetters) add(l *DeadLetter) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.list = append(d.list, l)
	d.bytes += l.size()
	d.total++
	n := 0
	for len(d.list)-n > deadMax || d.bytes > deadBytes && len(d.list)-n > 1 {
		d.bytes -= d.list[n].size()
		d.list[n] = nil
		d.dropped++
		n++
	}
	d.list = d.list[n:]
}

// DeadLetters returns what keep selects, newest first, at most limit; 0 is no limit.
func (s *Shard) DeadLetters(keep func(*DeadLetter) bool, limit int) []*DeadLetter {
	s.dead.mu.Lock()
	defer s.dead.mu.Unlock()
	var out []*DeadLetter
	for _, l := range slices.Backward(s.dead.list) {
		if limit > 0 && len(out) == limit {
			break
		}
		if keep == nil || keep(l) {
			out = append(out, l)
		}
	}
	return out
}

// DeadLetter returns the dead letter of that message id.
func (s *Shard) DeadLetter(id string) (*DeadLetter, bool) {
	found := s.DeadLetters(func(l *DeadLetter) bool { return l.ID == id }, 1)
	if len(found) == 0 {
		return nil, false
	}
	return found[0], true
}

// DeadCount is the number of dead letters: ever, and kept.
func (s *Shard) DeadCount() (total uint64, kept int) {
	s.dead.mu.Lock()
	defer s.dead.mu.Unlock()
	return s.dead.total, len(s.dead.list)
}
