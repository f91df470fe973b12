package debug

import "fmt"

// view is what a client sees of a Halt: without secrets, and as it is where the
// session is read-only.
type view struct {
	Halt
	session *Session
}

func (s *Session) masked(text string) string { return s.mask.text(text) }

// maskedError is an error whose text has no secrets.
type maskedError struct {
	error
	text string
}

// Error implements error.
func (e *maskedError) Error() string { return e.text }

func (e *maskedError) Unwrap() error { return e.error }

func (s *Session) maskedError(err error) error {
	if err == nil {
		return nil
	}
	before := err.Error()
	if text := s.mask.shortened(before); text != before {
		return &maskedError{err, text}
	}
	return err
}

// Text implements Halt.
func (v *view) Text() string { return v.session.mask.shortened(v.Halt.Text()) }

func (v *view) variable(of Variable, err error) (Variable, error) {
	m := v.session.mask
	of.Name, of.Value, of.Fault = m.shortened(of.Name), m.shortened(of.Value), m.shortened(of.Fault)
	if m.text(of.Path) != of.Path {
		of.Path = "" // it could not be evaluated
	}
	return of, v.session.maskedError(err)
}

func (v *view) variables(list []Variable, err error) ([]Variable, error) {
	for i := range list {
		list[i], _ = v.variable(list[i], nil)
	}
	return list, v.session.maskedError(err)
}

// Frames implements Halt.
func (v *view) Frames(start, n int) ([]Frame, error) {
	list, err := v.Halt.Frames(start, n)
	return list, v.session.maskedError(err)
}

// Scopes implements Halt.
func (v *view) Scopes(frame int) ([]Variable, error) { return v.variables(v.Halt.Scopes(frame)) }

// Children implements Halt.
func (v *view) Children(r Reference, start, n int) ([]Variable, error) {
	return v.variables(v.Halt.Children(r, start, n))
}

// Set implements Halt.
func (v *view) Set(frame int, r Reference, name, value string) (Variable, error) {
	if v.session.options.ReadOnly {
		return Variable{}, fmt.Errorf("set %s: %w: this session is read-only", name, ErrReadOnly)
	}
	return v.variable(v.Halt.Set(frame, r, name, value))
}

// Evaluate implements Halt.
func (v *view) Evaluate(frame int, expression string) (Variable, error) {
	if v.session.options.ReadOnly {
		if err := Pure(expression); err != nil {
			return Variable{}, err
		}
	}
	return v.variable(v.Halt.Evaluate(frame, expression))
}

// Truth implements Halt.
func (v *view) Truth(frame int, expression string) (bool, error) {
	if v.session.options.ReadOnly {
		if err := Pure(expression); err != nil {
			return false, err
		}
	}
	is, err := v.Halt.Truth(frame, expression)
	return is, v.session.maskedError(err)
}

// Memory implements Halt. Secrets are looked for that begin before, and end behind.
func (v *view) Memory(address uint64, n int) ([]byte, error) {
	m := v.session.mask
	got, err := v.Halt.Memory(address, n)
	if err != nil || len(got) == 0 || m.longest == 0 {
		return got, v.session.maskedError(err)
	}
	reach := m.longest - 1
	before := int(min(address, uint64(reach)))
	around, err := v.Halt.Memory(address-uint64(before), before+len(got)+reach)
	if err != nil {
		return nil, v.session.maskedError(err)
	}
	return m.bytes(around)[before : before+len(got)], nil
}

// WriteMemory implements Halt.
func (v *view) WriteMemory(address uint64, p []byte) error {
	if v.session.options.ReadOnly {
		return fmt.Errorf("write memory at %#x: %w: this session is read-only", address, ErrReadOnly)
	}
	return v.Halt.WriteMemory(address, p)
}
