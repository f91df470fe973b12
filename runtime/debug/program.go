// Package debug stops actors at lines of their source for a person who looks at
// them: breakpoints, steps, frames and variables, in terms that all languages share.
//
// A language is a [Program]: it knows where a module's lines are, compiles the
// module so that its instances report where they come by, and shows what a guest
// that stands still is made of. A [Session] knows what the person wants: where to
// stop, on what condition, how to step. What shows it to the person (a server of the
// Debug Adapter Protocol, a terminal) calls the session and reads its events.
package debug

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/grow-platform/grow/runtime/engine"
)

// Position is a place in a source: a file as [Program.Files] names it, a line and a
// column that count from 1. Column 0 is the line as a whole.
type Position struct {
	File         string
	Line, Column int
}

// Errors of a Program and of what stands still.
var (
	// ErrNoCode is for a breakpoint where no code is, nor after it in its function.
	ErrNoCode = errors.New("no code on this line")
	// ErrUnknown is for a file, function, variable or reference that is not there.
	ErrUnknown = errors.New("not known here")
	// ErrOptimizedOut is for a variable that the compiler did not keep.
	ErrOptimizedOut = errors.New("optimised out")
	// ErrReadOnly is for what cannot be set.
	ErrReadOnly = errors.New("cannot be set")
	// ErrEndless is for an expression that was given up after EvaluateMax.
	ErrEndless = errors.New("took too long, and was given up")
	// ErrUnsupported is for what a language cannot do.
	ErrUnsupported = errors.New("this language has no such thing")
)

// Unknown is an ErrUnknown that says by itself what is not there.
func Unknown(text string) error { return unknown(text) }

type unknown string

// Error implements error.
func (u unknown) Error() string { return string(u) }

// Is makes it an ErrUnknown.
func (unknown) Is(err error) bool { return err == ErrUnknown }

// Language recognises the modules of one language.
type Language interface {
	// Open reads what a module says of its source. files are the sources of the
	// actor; nil: there are none. It returns nil, nil for a module of another
	// language, and fails with the error of ctx once that ends. What the module says may
	// lie, and is bounded.
	Open(ctx context.Context, binary []byte, files fs.FS) (Program, error)
}

// Program is a module as its programmer sees it. It is safe for concurrent use.
type Program interface {
	// Language is its name: "rust", "c", "python", "wasm".
	Language() string
	// Notes are what a person should know of this module before a session: that it is
	// optimised, that a source is not the one it was built from.
	Notes() []string
	// Files are the names of its sources, sorted.
	Files() []string
	// Source is the text of one.
	Source(file string) ([]byte, error)
	// Bind returns where a breakpoint on a line comes to lie: there, or on the next
	// line with code in the same function. It fails with ErrUnknown or ErrNoCode.
	Bind(file string, line int) (Position, error)
	// Function returns where the body of a function begins. Names are those that
	// [Frame] has, or their last part.
	Function(name string) ([]Position, error)
	// Compile compiles the module so that each of its instances calls r while it
	// handles messages. Modules compiled otherwise carry nothing of it.
	Compile(ctx context.Context, e engine.Engine, c engine.Config, r Reporter) (engine.Module, error)
}

// Attacher is what a Program implements whose instances can be debugged as they are:
// in place, with their memory, whatever they are doing.
type Attacher interface {
	// Attach has an instance of the module report to r, from now on if it handles
	// something just now. It may be called concurrently with the instance's methods;
	// the instance costs nothing again once it was detached, which takes effect with
	// its next message at the latest. It fails with ErrUnsupported where the instance
	// runs in another process.
	Attach(i engine.Instance, r Reporter) (detach func(), err error)
}

// Rooted is a Program whose own sources, those that the actor's author wrote, have names
// that begin with Root. What follows is their name in the author's folder.
type Rooted interface {
	Root() string
}

// Checked is a Program that can tell what is no expression of its language before a guest
// stands anywhere. Names are not looked up.
type Checked interface {
	// Check says what is wrong with the form of an expression; condition: it is to be
	// true or false, and what is none is a statement.
	Check(expression string, condition bool) error
}

// Addressed is a Program whose instructions can have breakpoints.
type Addressed interface {
	// Address returns where a breakpoint on an instruction comes to lie, both as offsets
	// in the module's file: there, or before the next instruction of the same function
	// that guests can be stopped at. It fails with ErrNoCode.
	Address(at uint64) (uint64, error)
}

// Reporter is told where guests are. A [Session] is one. Methods are called from the
// goroutine on which the guest runs and return once the guest may go on; an error
// unwinds the guest and is what engine.Instance's Handle returns.
type Reporter interface {
	// Enter is called before the guest handles a message or its init.
	Enter(g Guest) error
	// Arrive is called at a place that the guest's Watch names, before what is there
	// is executed. h is valid until Arrive returns.
	Arrive(g Guest, h Halt) error
	// Leave is called once the guest has returned, or was unwound.
	Leave(g Guest)
}

// Guest is an instance that is debugged. Its methods may be called concurrently.
type Guest interface {
	// Watch replaces what the guest reports. It takes effect at once, also in a loop
	// that is being executed. It is called often with what it was last called with,
	// and does not call the Reporter.
	Watch(w *Watch)
}

// Watch is what a guest is to report. It is not changed once it was given away.
type Watch struct {
	// Lines are those with a breakpoint, as Bind or Function returned them.
	Lines []Position
	// Addresses are those with a breakpoint, as [Addressed] returned them.
	Addresses []uint64
	// Every reports every statement: someone steps, or wants a pause.
	Every bool
	// Depth, unless it is 0, spares a language that can tell what lies deeper than so
	// many frames: of Every, those are not reported. Lines are, wherever they are.
	Depth int
	// Return, unless it is 0, is how many frames there are when a function returns whose
	// return is to be reported, by a language that comes to no statement then: the guest
	// stands in the caller, in the midst of what called.
	Return int
	// Raised and Uncaught report exceptions as they are raised, and those that nobody
	// catches. Traps of a guest are uncaught exceptions.
	Raised, Uncaught bool
}

// Cause is why a guest reports.
type Cause string

// Causes.
const (
	CauseLine      Cause = "line"   // a statement begins
	CauseReturn    Cause = "return" // a function has returned, see Watch.Return
	CauseException Cause = "exception"
	CauseUncaught  Cause = "uncaught" // exception, or trap
)

// Halt is a guest that stands still. It belongs to the goroutine that Arrive runs on:
// a Session has clients' calls carried out there.
type Halt interface {
	// Cause says why, and Text, for an exception or a trap, which one.
	Cause() Cause
	Text() string
	// Position is the statement that is next.
	Position() Position
	// Depth is the number of frames. Inlined functions count.
	Depth() int
	// Frames are the functions that are being executed, innermost first: n of them
	// from start on.
	Frames(start, n int) ([]Frame, error)
	// Scopes are groups of a frame's variables: arguments and locals, globals.
	Scopes(frame int) ([]Variable, error)
	// Children are the parts of a variable: n of them from start on; n 0: all, up to
	// ChildrenMax.
	Children(r Reference, start, n int) ([]Variable, error)
	// Set gives a variable, a child of r, the value that an expression has.
	Set(frame int, r Reference, name, value string) (Variable, error)
	// Evaluate is the value of an expression in a frame: a path in all languages, and
	// what else the language can. It fails with ErrEndless after EvaluateMax, and
	// reports nothing meanwhile; so do Truth and Set.
	Evaluate(frame int, expression string) (Variable, error)
	// Truth is Evaluate for a condition.
	Truth(frame int, expression string) (bool, error)
	// Memory is a part of linear memory, shorter where memory ends; it may be written
	// to where WriteMemory says so.
	Memory(address uint64, n int) ([]byte, error)
	WriteMemory(address uint64, p []byte) error
	// Instructions are what is executed at a frame, for a view of assembly: n from
	// offset instructions after its own place on. Of those before the function's first
	// nothing is said; those behind its last are left out.
	Instructions(frame, offset, n int) ([]Instruction, error)
}

// EvaluateMax is how long an expression may take.
const EvaluateMax = time.Second

// ChildrenMax is how many children are listed at once.
const ChildrenMax = 1000

// ValueMax is the length in bytes to which a value is shortened.
const ValueMax = 1 << 10

// Frame is a function that is being executed.
type Frame struct {
	Function string // as its programmer names it, with its path
	Position
	// Own is false for code that the actor's author did not write: a library's.
	Own bool
	// Inlined is a function whose code is part of the one below.
	Inlined bool
	// Address is where in the module the frame is, as an offset in its file; 0: unknown.
	Address uint64
}

// Reference names a variable with children, as long as the guest stands still. 0: it
// has none.
type Reference int

// Variable is a value with a name.
type Variable struct {
	Name string
	// Type as the language writes it.
	Type string
	// Value as a programmer of the language expects it, shortened to ValueMax; "" with
	// Fault set.
	Value string
	// Fault is why there is no value, as "optimised out".
	Fault string
	// Children is set where the value has parts.
	Children Reference
	// Named and Indexed are how many, where that is known: Children lists those with
	// names first.
	Named, Indexed int
	// Path is an expression that Evaluate takes for it; "": there is none.
	Path string
	// Memory is its address, and Bytes how large it is there; 0: it has none.
	Memory uint64
	Bytes  int
	// Stack is set where that is something else's once a function has returned.
	Stack bool
	// Lazy values are shown when they are asked for.
	Lazy bool
}

// Instruction is one of a module's.
type Instruction struct {
	Address uint64 // offset in the module's file
	Text    string // in the text format of WebAssembly
	Position
}
