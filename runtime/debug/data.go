package debug

import (
	"bytes"
	"fmt"
)

// DataBreakpoint stops at the next statement once memory has changed: see
// [Variable.Memory]. While there are some, every statement is looked at, which is slow.
type DataBreakpoint struct {
	Address uint64
	Bytes   int // at most DataBytesMax
	When
}

// DataBytesMax is how many bytes a data breakpoint is on.
const DataBytesMax = 64

// SetData replaces the data breakpoints and says which there are.
func (s *Session) SetData(list []DataBreakpoint) []Bound {
	bound := make([]Bound, len(list))
	made := make([]*point, len(list))
	for i, b := range list {
		p, err := b.make(s.options.ReadOnly)
		if err == nil && (b.Bytes < 1 || b.Bytes > DataBytesMax) {
			err = fmt.Errorf("a data breakpoint is on 1 to %d bytes", DataBytesMax)
		}
		if err == nil {
			p.data, p.bytes = b.Address, b.Bytes
			made[i] = p
		}
		bound[i].Err = err
	}
	s.replace(&s.points.data, made, bound)
	return bound
}

// look notes what lies where there are data breakpoints, on the guest's goroutine. It
// returns those whose memory has changed since it was last looked at.
func (s *Session) look(t *thread, h Halt) []*point {
	s.mu.Lock()
	all := s.points.data
	s.mu.Unlock()
	if len(all) == 0 {
		t.seen = nil
		return nil
	}
	var changed []*point
	seen := make(map[*point][]byte, len(all))
	for _, p := range all {
		now, err := h.Memory(p.data, p.bytes)
		if err != nil {
			continue // there is no such memory, yet
		}
		if before, ok := t.seen[p]; ok && !bytes.Equal(before, now) {
			changed = append(changed, p)
		}
		seen[p] = now
	}
	t.seen = seen
	return changed
}
