package command

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/compiler"
	"github.com/grow-platform/grow/compiler/project"
	"github.com/grow-platform/grow/host/api"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/runtime/admission"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/shape"
)

// Exit codes, the same for every command.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitNo          = 3 // checked, and the answer is no
	exitPermission  = 4
	exitNotFound    = 5
	exitConflict    = 6
	exitUnreachable = 7 // or timed out
	exitInterrupted = 130
)

// codeUsage is the code of a command line that makes no sense.
const codeUsage = "usage"

// The codes of checks whose answer is no.
const (
	codeSpecInvalid = "spec.invalid"
	codeRefused     = "module.refused"
	codeMissing     = "doctor.missing"
)

// codeInterrupted is the code of a command that somebody stopped.
const codeInterrupted = "interrupted"

// errFollowed is the end of what goes on until it is interrupted: the exit code
// tells of it, and no text, since nothing went wrong.
var errFollowed = errors.New("interrupted")

// The codes of an address to serve at: taken by another, or none of this machine.
const (
	codePort   = "run.port"
	codeListen = "run.listen"
)

// codePermission is the code of files and ports that are somebody else's.
const codePermission = "permission"

// codeStopTimeout is the code of a host that did not finish in time.
const codeStopTimeout = "stop.timeout"

// exits are the exit codes that are not exitFailed, by the error's code.
var exits = map[string]int{
	codeUsage: exitUsage,

	codeSpecInvalid:    exitNo,
	codeRefused:        exitNo,
	codeMissing:        exitNo,
	codeBreak:          exitNo,
	codeBlocked:        exitNo,
	codeFit:            exitNo,
	codeTestFailed:     exitNo,
	codeTestUpdate:     exitNo,
	app.CodeUnfaithful: exitNo,
	app.CodeStates:     exitNo,
	codeTestProves:     exitNo,
	codeTypesStale:     exitNo,
	codeSomeStay:       exitNo,
	codeFsck:           exitNo,
	app.CodeNowhere:    exitNo,
	app.CodeState:      exitNo,
	"deploy.refused":   exitNo,
	codeWithdrawn:      exitNo,

	codeRegistryLayout: exitNo,

	codePermission:         exitPermission,
	codeRegistryDenied:     exitPermission,
	codeRegistry:           exitUnreachable,
	control.CodePermission: exitPermission,
	"token.wrong":          exitPermission,

	control.CodeNotFound:  exitNotFound,
	control.CodeREPLEnded: exitNotFound,
	api.CodeForgotten:     exitNotFound,
	codeNoService:         exitNotFound,

	control.CodeRunning:  exitConflict,
	control.CodeConflict: exitConflict,
	"deploy.trial":       exitConflict,
	codePort:             exitConflict,
	codeSite:             exitConflict,
	codeExists:           exitConflict,
	codeInside:           exitConflict,
	codeConflict:         exitConflict,
	codeTypesOwn:         exitConflict,

	control.CodeNotRunning:  exitUnreachable,
	control.CodeUnreachable: exitUnreachable,
	control.CodeTimeout:     exitUnreachable,
	"reply.timeout":         exitUnreachable,
	codeStopTimeout:         exitUnreachable,

	app.CodeJournalLocked:     exitConflict,
	app.CodeRestoreTarget:     exitConflict,
	app.CodeBackupDamaged:     exitNo,
	app.CodeBackupForeign:     exitNo,
	app.CodeBackupKey:         exitPermission,
	app.CodeBackupFull:        exitNo,
	app.CodeBackupServer:      exitUnreachable,
	app.CodeBackupFormat:      exitNo,
	app.CodeRestoreUnfinished: exitNo,
	app.CodeBackupNothing:     exitNotFound,
	app.CodeJournalDenied:     exitPermission,
	app.CodeJournal:           exitUnreachable,

	codeInterrupted: exitInterrupted,
	codeAborted:     exitInterrupted,
}

// usageError is a command line that makes no sense.
type usageError struct{ fault control.Error }

func (e *usageError) Error() string { return e.fault.Message }

// Unwrap lets errors.As find the error itself.
func (e *usageError) Unwrap() error { return &e.fault }

func usage(format string, args ...any) error {
	return &usageError{control.Error{Code: codeUsage, Message: fmt.Sprintf(format, args...)}}
}

// told is an error whose particulars were printed as the command's answer.
type told struct {
	fault control.Error
	whole bool // the answer says the error's message too
}

func (e *told) Error() string { return e.fault.Message }

// Unwrap lets errors.As find the error itself.
func (e *told) Unwrap() error { return &e.fault }

// fail tells of an error and returns the exit code.
func (s *shell) fail(ctx context.Context, err error) int {
	if errors.Is(err, errFollowed) {
		return exitInterrupted
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = &control.Error{Code: codeInterrupted, Message: "interrupted"}
	}
	all := split(err)
	code := exitFailed
	if known, ok := exits[all[0].Code]; ok {
		code = known
	}
	if wrong := (*usageError)(nil); errors.As(err, &wrong) { // whatever its code
		code = exitUsage
	}
	if s.json() {
		_ = writeJSON(s.stderr, map[string]any{"error": several(all)}, "") // all of it has a form in JSON
		return code
	}
	var quiet *told
	if errors.As(err, &quiet) {
		if !quiet.whole {
			fmt.Fprintln(s.stderr, quiet.fault.Message)
		}
		return code
	}
	fmt.Fprint(s.stderr, s.blocks(all))
	return code
}

// problems are errors as one value for programs.
type problems struct {
	*control.Error
	All []*control.Error `json:"all,omitempty"` // when there are several
}

func several(all []*control.Error) problems {
	if len(all) == 1 {
		return problems{Error: all[0]}
	}
	return problems{all[0], all}
}

// blocks writes errors for a person: what, where, and what to do.
func (s *shell) blocks(all []*control.Error) string {
	red, plain := "", ""
	if s.color(s.stderr) {
		red, plain = "\x1b[31m", "\x1b[0m"
	}
	var b strings.Builder
	for _, e := range all {
		fmt.Fprintf(&b, "%serror%s: %s\n", red, plain, safe(e.Message))
		if e.At != "" && !strings.Contains(e.Message, e.At) {
			fmt.Fprintf(&b, "  at:   %s\n", cell(e.At))
		}
		if e.Next != "" {
			fmt.Fprintf(&b, "  next: %s\n", cell(e.Next))
		}
	}
	return b.String()
}

// split makes of an error what people and programs are told, one or several.
func split(err error) []*control.Error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []*control.Error
		for _, e := range joined.Unwrap() {
			all = append(all, split(e)...)
		}
		if len(all) > 0 {
			return all
		}
	}
	var (
		e        *control.Error
		start    *app.Error
		built    *compiler.Error
		unknown  *project.UnknownError
		problems specs.Problems
		module   *engine.Error
	)
	switch {
	case errors.As(err, &e):
		return []*control.Error{e}
	case errors.Is(err, fs.ErrPermission):
		return []*control.Error{denied(err)}
	case errors.As(err, &start):
		return []*control.Error{{Code: start.Code, Message: start.Error(), At: subject(err), Next: start.Hint}}
	case errors.As(err, &built):
		return []*control.Error{{Code: built.Code, Message: explain(built), At: place(built), Next: built.Hint}}
	case errors.As(err, &unknown):
		next := "the service has " + strings.Join(unknown.Have, ", ")
		if near := shape.Near(unknown.Name, unknown.Have); near != "" {
			next = "did you mean " + near + "?"
		}
		return []*control.Error{{Code: control.CodeNotFound, Message: unknown.Error(), At: unknown.Name, Next: next}}
	case errors.As(err, &problems):
		at := problems[0]
		at.Path, at.Message, at.Hint = "", "", ""
		return []*control.Error{{Code: codeSpecInvalid, Message: problems.Error(), At: strings.TrimSuffix(at.Error(), ": "), Next: "mend them, then look again: grow vet"}}
	case errors.As(err, &module):
		return []*control.Error{{Code: module.Code, Message: within(err.Error()), At: subject(err), Next: admission.Next(module)}}
	}
	return []*control.Error{{Code: "failed", Message: err.Error()}}
}

// denied is an error of a file that this user may not read or write.
func denied(err error) *control.Error {
	e := &control.Error{Code: codePermission, Message: err.Error(), At: subject(err), Next: "look whose the service's folder is: ls -ld; and do it as that user"}
	if e.At != "" {
		e.Next = "look whose it is: ls -ld " + quote(there(e.At)) + "; and do it as that user"
	}
	return e
}

// there is a file, or the nearest folder above that there is.
func there(path string) string {
	for {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) || path == filepath.Dir(path) {
			return path
		}
		path = filepath.Dir(path)
	}
}

// ofActor finds the actor in the text of an error: its type is not told by those
// who wrap the engine's.
var ofActor = regexp.MustCompile(`\bactor ([^\s:]+): `)

// subject is what an error is about as far as it knows: a file, or an actor.
func subject(err error) string {
	var file *fs.PathError
	if errors.As(err, &file) {
		return file.Path
	}
	if found := ofActor.FindStringSubmatch(err.Error()); found != nil {
		return found[1]
	}
	return ""
}

// explain says all that a compiler complained of.
func explain(e *compiler.Error) string {
	var b strings.Builder
	b.WriteString("build " + e.Actor + ": " + e.Text)
	for _, d := range e.Diagnostics {
		b.WriteString("\n  " + strings.ReplaceAll(d.String(), "\n", "\n  "))
	}
	return b.String()
}

func place(e *compiler.Error) string {
	if len(e.Diagnostics) == 0 || e.Diagnostics[0].File == "" {
		return e.Actor
	}
	d := e.Diagnostics[0]
	d.Text = ""
	return strings.TrimSuffix(d.String(), ": ")
}
