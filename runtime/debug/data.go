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
	// Stack is that of the variable: the breakpoint ends with the function whose memory it
	// is on.
	Stack bool
	When
}

// Stacked is a Halt that knows which memory is on its guest's stack.
type Stacked interface {
	// Gone reports that an address, which was on the stack, is on it no longer.
	Gone(address uint64) bool
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
		p, err := s.make(b.When)
		if err == nil && (b.Bytes < 1 || b.Bytes > DataBytesMax) {
			err = fmt.Errorf("a data breakpoint is on 1 to %d bytes", DataBytesMax)
		}
		if err == nil {
			p.data, p.bytes, p.thread, p.stack = b.Address, b.Bytes, b.Thread, b.Stack
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
		if x.guest == g && !x.over {
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
		if s.returned(p, h) {
			continue
		}
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

// returned ends a data breakpoint on what was a function's, once that has returned.
func (s *Session) returned(p *point, h Halt) bool {
	at, ok := h.(Stacked)
	if !ok || !p.stack || !at.Gone(p.data) {
		return false
	}
	s.mu.Lock()
	p.over = true
	s.rewatch()
	s.mu.Unlock()
	s.emit(Event{Kind: Output, Text: fmt.Sprintf("memory at %#x is looked at no longer: the function that it was of has returned", p.data), Position: h.Position()})
	return true
}
