package python

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/grow-platform/grow/runtime/debug"
)

// errUnwound is what is said of a guest that is not there any more.
var errUnwound = errors.New("the guest has ended")

// halt implements debug.Halt for a guest that waits in Serve. It belongs to the
// coroutine that Arrive runs in.
type halt struct {
	at     stop
	yield  func(command) bool
	result result // of the last command
	gone   bool   // the guest was unwound

	// Of the guest's goroutine.
	next func() (command, bool)
	stop func()
	err  error // that Arrive returned
}

// end has Arrive return: the guest is gone.
func (h *halt) end() { h.stop() }

// do has the guest do something, and reads what came of it into v.
func (h *halt) do(c command, v any) error {
	if h.gone || !h.yield(c) {
		h.gone = true
		return errUnwound
	}
	if err := h.result.fault(); err != nil {
		return err
	}
	if err := json.Unmarshal(h.result.OK, v); err != nil {
		return fmt.Errorf("read a guest's answer: %w", err)
	}
	return nil
}

// Cause implements debug.Halt.
func (h *halt) Cause() debug.Cause { return h.at.Cause }

// Text implements debug.Halt.
func (h *halt) Text() string { return cut(h.at.Text) }

// Position implements debug.Halt.
func (h *halt) Position() debug.Position { return debug.Position{File: h.at.File, Line: h.at.Line} }

// Depth implements debug.Halt.
func (h *halt) Depth() int { return h.at.Depth }

// Frames implements debug.Halt.
func (h *halt) Frames(start, n int) ([]debug.Frame, error) {
	var all []frame
	if err := h.do(command{Do: "frames", Start: max(0, start), N: max(0, n)}, &all); err != nil {
		return nil, err
	}
	found := make([]debug.Frame, len(all))
	for i, f := range all {
		found[i] = debug.Frame{Function: f.Function, Position: debug.Position{File: f.File, Line: f.Line}, Own: f.Own}
	}
	return found, nil
}

// Scopes implements debug.Halt.
func (h *halt) Scopes(frame int) ([]debug.Variable, error) {
	return h.variables(command{Do: "scopes", Frame: frame})
}

// Children implements debug.Halt.
func (h *halt) Children(r debug.Reference, start, n int) ([]debug.Variable, error) {
	return h.variables(command{Do: "children", Of: int(r), Start: max(0, start), N: max(0, n)})
}

func (h *halt) variables(c command) ([]debug.Variable, error) {
	var all []variable
	if err := h.do(c, &all); err != nil {
		return nil, err
	}
	found := make([]debug.Variable, min(len(all), debug.ChildrenMax))
	for i := range found {
		found[i] = all[i].debug()
	}
	return found, nil
}

// Set implements debug.Halt.
func (h *halt) Set(frame int, r debug.Reference, name, value string) (debug.Variable, error) {
	return h.variable(command{Do: "set", Frame: frame, Of: int(r), Name: name, Value: value})
}

// Evaluate implements debug.Halt: of an expression, or of statements, whose value is
// nothing.
func (h *halt) Evaluate(frame int, expression string) (debug.Variable, error) {
	return h.variable(command{Do: "evaluate", Frame: frame, Expression: expression})
}

func (h *halt) variable(c command) (debug.Variable, error) {
	var v variable
	err := h.do(c, &v)
	return v.debug(), err
}

// Truth implements debug.Halt.
func (h *halt) Truth(frame int, expression string) (is bool, err error) {
	err = h.do(command{Do: "truth", Frame: frame, Expression: expression}, &is)
	return is, err
}

// Memory implements debug.Halt: the interpreter's is of no use to a programmer.
func (*halt) Memory(uint64, int) ([]byte, error) { return nil, debug.ErrUnsupported }

// WriteMemory implements debug.Halt.
func (*halt) WriteMemory(uint64, []byte) error { return debug.ErrUnsupported }

// Instructions implements debug.Halt.
func (*halt) Instructions(int, int, int) ([]debug.Instruction, error) {
	return nil, debug.ErrUnsupported
}

var _ debug.Halt = (*halt)(nil)
