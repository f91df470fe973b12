package debug

import "fmt"

// MaskReach is how far around a part of memory secrets are looked for, in bytes: one
// that is longer may be seen in parts.
const MaskReach = 4 << 10

// view is what a client sees of a Halt: without secrets, and as it is where the
// session is read-only.
type view struct {
	Halt
	session *Session
}

func (s *Session) masked(text string) string {
	if s.options.Mask == nil {
		return text
	}
	return s.options.Mask(text)
}

// Text implements Halt.
func (v *view) Text() string { return v.session.masked(v.Halt.Text()) }

func (v *view) show(list []Variable, err error) ([]Variable, error) {
	if v.session.options.Mask == nil {
		return list, err
	}
	for i := range list {
		list[i].Value = v.session.masked(list[i].Value)
	}
	return list, err
}

// Scopes implements Halt.
func (v *view) Scopes(frame int) ([]Variable, error) { return v.show(v.Halt.Scopes(frame)) }

// Children implements Halt.
func (v *view) Children(r Reference, start, n int) ([]Variable, error) {
	return v.show(v.Halt.Children(r, start, n))
}

// Set implements Halt.
func (v *view) Set(frame int, r Reference, name, value string) (Variable, error) {
	if v.session.options.ReadOnly {
		return Variable{}, fmt.Errorf("set %s: %w: this session is read-only", name, ErrReadOnly)
	}
	got, err := v.Halt.Set(frame, r, name, value)
	got.Value = v.session.masked(got.Value)
	return got, err
}

// Evaluate implements Halt.
func (v *view) Evaluate(frame int, expression string) (Variable, error) {
	if v.session.options.ReadOnly {
		if err := Pure(expression); err != nil {
			return Variable{}, err
		}
	}
	got, err := v.Halt.Evaluate(frame, expression)
	got.Value = v.session.masked(got.Value)
	return got, err
}

// Truth implements Halt.
func (v *view) Truth(frame int, expression string) (bool, error) {
	if v.session.options.ReadOnly {
		if err := Pure(expression); err != nil {
			return false, err
		}
	}
	return v.Halt.Truth(frame, expression)
}

// Memory implements Halt.
func (v *view) Memory(address uint64, n int) ([]byte, error) {
	if v.session.options.Mask == nil || n <= 0 {
		return v.Halt.Memory(address, n)
	}
	got, err := v.Halt.Memory(address, n)
	if err != nil || len(got) == 0 {
		return got, err
	}
	before := min(address, MaskReach)
	around, err := v.Halt.Memory(address-before, int(before)+n+MaskReach)
	if err != nil {
		return nil, err
	}
	shown := v.session.masked(string(around))
	if len(shown) != len(around) {
		return nil, fmt.Errorf("memory at %#x: secrets could not be masked in place", address)
	}
	return []byte(shown[before : int(before)+len(got)]), nil
}

// WriteMemory implements Halt.
func (v *view) WriteMemory(address uint64, p []byte) error {
	if v.session.options.ReadOnly {
		return fmt.Errorf("write memory at %#x: %w: this session is read-only", address, ErrReadOnly)
	}
	return v.Halt.WriteMemory(address, p)
}
