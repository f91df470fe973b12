package debug

// InstructionBreakpoint stops before an instruction of the module.
type InstructionBreakpoint struct {
	Address uint64 // offset in the module's file
	When
}

// SetInstructions replaces the breakpoints on instructions and says where each came to lie:
// see [Frame.Address]. All of a program that has none fail with ErrUnsupported.
func (s *Session) SetInstructions(list []InstructionBreakpoint) ([]Bound, []uint64) {
	bound, at := make([]Bound, len(list)), make([]uint64, len(list))
	made := make([]*point, len(list))
	program, ok := s.program.(Addressed)
	for i, b := range list {
		p, err := s.make(b.When)
		if err == nil && !ok {
			err = ErrUnsupported
		}
		if err == nil {
			if p.address, err = program.Address(b.Address); err == nil {
				at[i], made[i] = p.address, p
			}
		}
		bound[i].Err = err
	}
	s.replace(&s.points.instructions, made, bound)
	return bound, at
}

// instructionsAt are the breakpoints on the instruction that is next where h is.
func (s *Session) instructionsAt(h Halt) []*point {
	s.mu.Lock()
	all := s.points.instructions
	s.mu.Unlock()
	if len(all) == 0 {
		return nil
	}
	frames, err := h.Frames(0, 1)
	if err != nil || len(frames) == 0 {
		return nil
	}
	var here []*point
	for _, p := range all {
		if p.address == frames[0].Address {
			here = append(here, p)
		}
	}
	return here
}
