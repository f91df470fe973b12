package wazero

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/grow-platform/grow/runtime/engine"
	"github.com/tetratelabs/wazero/sys"
)

// thrown carries an error of the host through the guest.
type thrown struct{ err error }

// Error implements error.
func (t *thrown) Error() string { return t.err.Error() }

// throw unwinds the guest; wazero recovers it at the outermost call.
func throw(err error) { panic(&thrown{err}) }

// guard turns a panic of the host's own code, which is a fault of grow, into
// an error: the guest is unwound, the process lives.
func guard() {
	r := recover()
	if r == nil {
		return
	}
	if t, ok := r.(*thrown); ok {
		panic(t)
	}
	throw(fmt.Errorf("host panicked: %v\n%s", r, debug.Stack()))
}

// fault turns what a call of the guest ended with into what the contract says.
func (i *instance) fault(err error) error {
	var t *thrown
	if errors.As(err, &t) {
		return t.err
	}
	var exit *sys.ExitError
	if errors.As(err, &exit) {
		return &engine.Error{Code: engine.CodeExit, Reason: fmt.Sprintf("the actor called proc_exit(%d)", exit.ExitCode())}
	}
	reason, stack, _ := strings.Cut(err.Error(), "\nwasm stack trace:\n")
	reason = strings.TrimPrefix(strings.TrimSpace(reason), "wasm error: ")
	return &engine.Error{Code: engine.CodeTrap, Reason: reason, Stack: strings.ReplaceAll(strings.TrimRight(stack, "\n"), "\t", "")}
}

// invalid turns what compilation ended with into what the contract says.
func invalid(err error) error {
	code := engine.CodeInvalid
	if strings.Contains(err.Error(), "over limit of") {
		code = engine.CodeLimit
	}
	return &engine.Error{Code: code, Reason: err.Error(), Cause: err}
}
