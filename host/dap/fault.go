package dap

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/grow-platform/grow/runtime/debug"
)

// Codes of a [Fault]: the message of a response that failed.
const (
	codeOrder       = "debug.order"       // the request comes too early, or twice
	codeArguments   = "debug.arguments"   // its arguments make no sense
	codeUnsupported = "debug.unsupported" // grow, or the language, has no such thing
	codeAttach      = "debug.attach"      // what was asked for cannot be debugged
	codeRunning     = "debug.running"     // only a thread that stands still can be asked
	codeUnknown     = "debug.unknown"     // no such thread, frame, variable, file
	codeReadOnly    = "debug.readonly"    // it cannot be set, or nothing can
	codeEvaluate    = "debug.evaluate"    // the expression has no value
	codeLimit       = "debug.limit"       // more than may be asked for
	codeEnded       = "debug.ended"       // the session is over
	codeFailed      = "debug.failed"      // a fault of the debugger's own
	codeCancelled   = "cancelled"         // its client gave it up; the protocol's word
)

// Fault is why a request failed.
type Fault struct {
	Code   string // stable
	Reason string // one line for a person
}

// Error implements error.
func (f *Fault) Error() string { return f.Code + ": " + f.Reason }

func fault(code, format string, args ...any) *Fault {
	return &Fault{code, fmt.Sprintf(format, args...)}
}

// code is the code of an error that a session or a guest returned.
func code(err error) string {
	for _, c := range []struct {
		err  error
		code string
	}{
		{debug.ErrRunning, codeRunning}, {context.DeadlineExceeded, codeRunning},
		{debug.ErrThread, codeUnknown}, {debug.ErrUnknown, codeUnknown}, {debug.ErrNoCode, codeUnknown},
		{debug.ErrReadOnly, codeReadOnly}, {debug.ErrUnsupported, codeUnsupported},
		{debug.ErrClosed, codeEnded}, {debug.ErrFailed, codeFailed}, {context.Canceled, codeCancelled},
	} {
		if errors.Is(err, c.err) {
			return c.code
		}
	}
	return codeEvaluate
}

// excerpt is the beginning of what a client sent, to be shown.
func excerpt(text string) string {
	const max = 200
	if len(text) > max {
		text = text[:max] + "..."
	}
	if !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, "?")
	}
	return text
}
