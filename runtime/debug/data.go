package debug

import (
	"bytes"
	"fmt"
	"slices"
)

// DataBreakpoint stops at the next statement once memory has changed: see
// [Variable.Memory]. It is on the memory of one guest: others have other things at the
// same address. While there are some, every statement of their guests is looked at, which
// is slow.
type DataBreakpoint struct {
	// Thread is the one that the variable was shown of. What its guest handles later is
	// looked at too.
	Thread  int
	Address uint64
	Bytes   int // at most DataBytesMax
	When
}

// DataBytesMax is how many bytes a data breakpoint is on.
const DataBytesMax = 64

// SetData replaces the data breakpoints and says which there are. One of a thread that
// has ended lies nowhere, by ErrThread, unless it or another one of that thread lay there
// before.
func (s *Session) SetData(list []DataBreakpoint) []Bound {
	bound := make([]Bound, len(list))
	made := make([]*point, len(list))
	for i, b := range list {
		p, err := b.make(s.options.ReadOnly)
		if err == nil && (b.Bytes < 1 || b.Bytes > DataBytesMax) {
			err = fmt.Errorf("a data breakpoint is on 1 to %d bytes", DataBytesMax)
		}
		if err == nil {
			p.data, p.bytes, p.thread = b.Address, b.Bytes, b.Thread
			p.guest, err = s.guestOf(b.Thread)
		}
		if err == nil {
			made[i] = p
		}
		bound[i].Err = err
	}
	s.replace(&s.points.data, made, bound)
	return bound
}

// guestOf is the guest that is, or was, a thread.
func (s *Session) guestOf(thread int) (Guest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.find(thread)
	if err == nil {
		return t.guest, nil
	}
	if i := slices.IndexFunc(s.points.data, func(p *point) bool { return p.thread == thread }); i >= 0 && !s.closed {
		return s.points.data[i].guest, nil
	}
	return nil, err
}

// of are the data breakpoints that are on a guest's memory. Session.mu is held.
func (p *points) of(g Guest) []*point {
	var list []*point
	for _, x := range p.data {
		if x.guest == g {
			list = append(list, x)
		}
	}
	return list
}

// look notes what lies where there are data breakpoints, on the guest's goroutine. It
// returns those whose memory has changed since it was last looked at.
func (s *Session) look(t *thread, h Halt) []*point {
	s.mu.Lock()
	all := s.points.of(t.guest)
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
