package wazero

import (
	"errors"
	"fmt"
	"regexp"
	"runtime/debug"
	"strconv"
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

// outside ends a message whose guest named an address it does not have.
func (i *instance) outside(what string, at, n uint32) {
	throw(&engine.Error{Code: engine.CodeRequest, Reason: fmt.Sprintf(
		"%s of %d bytes at %d is outside the memory of %d bytes", what, n, at, i.memory.Size())})
}

// guard turns a panic of the host's own code, which is a fault of grow, into
// an error: the guest is unwound, the process lives. It is deferred by
// whatever calls a Host while the guest runs.
func guard() {
	r := recover()
	if r == nil {
		return
	}
	if t, ok := r.(*thrown); ok {
		panic(t)
	}
	throw(panicked(r))
}

// caught is guard for what calls a Host while the guest does not run.
func caught(err *error) {
	if r := recover(); r != nil {
		*err = panicked(r)
	}
}

func panicked(r any) error {
	cause, _ := r.(error)
	return &engine.Error{Code: engine.CodePanic, Reason: fmt.Sprintf("host panicked: %v", r), Stack: string(debug.Stack()), Cause: cause}
}

// What wazero writes around the reason of an error.
const (
	stackMark     = "\nwasm stack trace:\n"
	trapMark      = "wasm error: "
	recoveredMark = " (recovered by wazero)"
)

// fault turns what a call of the guest ended with into what the contract says.
// own is the index of the module's first function that is not imported, as its
// author counts, and added how many imports stand before it that were not there.
func fault(err error, own, added int) error {
	var t *thrown
	if errors.As(err, &t) {
		return t.err
	}
	var exit *sys.ExitError
	if errors.As(err, &exit) {
		return exited(exit.ExitCode())
	}
	reason, stack, _ := strings.Cut(err.Error(), stackMark)
	stack = sourceLine.ReplaceAllString(stack, "")
	reason, panicked := strings.CutSuffix(reason, recoveredMark)
	if panicked { // not in a Host, which guard watches: in wazero's own functions
		return &engine.Error{Code: engine.CodePanic, Reason: "host panicked: " + reason, Stack: stack, Cause: err}
	}
	if before, after, found := strings.Cut(reason, trapMark); found {
		reason = before + after
	}
	return &engine.Error{Code: engine.CodeTrap, Reason: reason, Stack: renumber(strings.ReplaceAll(strings.TrimRight(stack, "\n"), "\t", ""), own, added)}
}

// sourceLine is what wazero writes below a function of a module with probes: where in the
// code section it is, and that this is line 1 of one file. See package probe.
var sourceLine = regexp.MustCompile(`(?m)\n\t+0x([0-9a-f]{1,8}): code:1$`)

// numbered is how wazero calls a function without a name, by its index.
var numbered = regexp.MustCompile(`(?m)^\.\$[0-9]+`)

// renumber gives functions in a stack the indexes they had before the rewriting,
// which adds imports behind those there are.
func renumber(stack string, own, added int) string {
	return numbered.ReplaceAllStringFunc(stack, func(name string) string {
		if i, err := strconv.Atoi(name[2:]); err == nil && i >= own+added {
			return ".$" + strconv.Itoa(i-added)
		}
		return name
	})
}

// exited is the fault of a guest that calls proc_exit.
func exited(code uint32) error {
	return &engine.Error{Code: engine.CodeExit, Reason: fmt.Sprintf("the actor called proc_exit(%d)", code)}
}

// invalid turns what compilation ended with into what the contract says.
func invalid(err error) error {
	code := engine.CodeInvalid
	if strings.Contains(err.Error(), "over limit of") {
		code = engine.CodeLimit
	}
	return &engine.Error{Code: code, Reason: err.Error(), Cause: err}
}
