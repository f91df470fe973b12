package compiler

import (
	"strconv"
	"strings"
)

// The codes of an Error.
const (
	CodeFailed    = "build.failed"    // the compiler refused the sources, or was stopped
	CodeToolchain = "build.toolchain" // a tool is missing, too old, or does not run; Hint gets it
	CodeSource    = "build.source"    // there is nothing at Source.Path that this language could build
)

// Limits of what a build keeps of its tools' output.
const (
	LogMax         = 1 << 20 // bytes of Result.Log and Error.Log; what comes after is dropped, and said
	DiagnosticsMax = 100     // entries of Error.Diagnostics
)

// Diagnostic is one complaint of a compiler.
type Diagnostic struct {
	File string // relative to the service's folder when inside it, else absolute; "" when the compiler named none
	Line int    // from 1; 0 when the compiler gave none
	Col  int    // from 1, in bytes; 0 when the compiler gave none
	Text string // may hold several lines
}

// String is file:line:col: text, without the parts that are not known.
func (d Diagnostic) String() string {
	var b strings.Builder
	if d.File != "" {
		b.WriteString(d.File)
		for _, n := range []int{d.Line, d.Col} {
			if n <= 0 {
				break
			}
			b.WriteString(":" + strconv.Itoa(n))
		}
		b.WriteString(": ")
	}
	b.WriteString(d.Text)
	return b.String()
}

// Error says why there is no module.
type Error struct {
	Code        string       // one of the codes above
	Actor       string       // name of the actor
	Text        string       // what went wrong, in one line
	Diagnostics []Diagnostic // in the compiler's order; errors only, warnings are in Log
	Hint        string       // what to do next, a command where one helps; "" when the diagnostics say it all
	Log         string       // what the tools printed; at most LogMax bytes
	Cause       error        // nil, or what Text was made from: context.Canceled, fs.ErrNotExist, …
}

// Error is one line: the actor, what went wrong, and the first diagnostic.
func (e *Error) Error() string {
	text := "build " + e.Actor + ": " + e.Text
	if len(e.Diagnostics) > 0 {
		first, _, _ := strings.Cut(e.Diagnostics[0].String(), "\n")
		text += ": " + first
		if more := len(e.Diagnostics) - 1; more > 0 {
			text += " (and " + strconv.Itoa(more) + " more)"
		}
	}
	return text
}

// Unwrap returns the cause, so that errors.Is finds a cancelled context.
func (e *Error) Unwrap() error { return e.Cause }

// Fail makes an Error of a cause.
func Fail(s Source, code, text string, cause error) *Error {
	if cause != nil {
		text += ": " + cause.Error()
	}
	return &Error{Code: code, Actor: s.Actor, Text: text, Cause: cause}
}
