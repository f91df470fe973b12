// Package engine is the contract between grow and what executes WebAssembly.
// An implementation turns the bytes of an actor module into instances that
// handle messages; package enginetest is the suite each one must pass.
//
// An engine knows the ABI (exports, imports, where bytes lie) and nothing of
// routing, state or durability: whatever a guest asks for goes to a [Host].
package engine

import (
	"context"
	"fmt"
)

// Engine compiles modules. It is safe for concurrent use.
type Engine interface {
	// Compile checks that binary is an actor module and compiles it. It fails
	// with an *Error of code module.invalid, module.feature, module.limit,
	// module.export, module.import, module.version or module.compile. Its deadline is ctx's.
	Compile(ctx context.Context, binary []byte, c Config) (Module, error)
	// Close releases the engine; modules and instances must be closed before.
	Close(ctx context.Context) error
}

// Config is what may differ from actor to actor.
type Config struct {
	// MemoryMax bounds an instance's linear memory, in bytes; it is rounded
	// down to whole pages of 64 KiB. A module that demands more at start is
	// refused with module.limit; growing beyond it fails inside the guest. What the
	// runtime of a thin module has once it is started does not count: instances
	// share it, until they write to it.
	MemoryMax int64
	// AnswerMax bounds the frame that a message is answered with, in bytes, see
	// abi.AnswerMax; 0: abi.FrameMax.
	AnswerMax int
	// Name is what logs call the module by: the actor's name.
	Name string
	// Owner is whose module an isolated one is: the service's NAMESPACE/NAME. Engines are
	// shared by services, and actors of several may have one name.
	Owner string
	// Isolated wants the module's instances in a process of their own. Engines
	// that run everything in this one do not look at it.
	Isolated bool
	// Instances is how many there will be at most, which bounds the memory of a
	// process of their own; 0: the engine's to say.
	Instances int
	// Seed is what a language runtime makes its hashes with: the same for all
	// instances of a revision, and not to be guessed from outside.
	Seed uint32
}

// Module is a compiled module. It is safe for concurrent use.
type Module interface {
	// Info describes the module.
	Info() Info
	// Instantiate makes an instance and runs its _initialize, if it has one,
	// with h serving its imports. It fails as Handle does.
	Instantiate(ctx context.Context, h Host) (Instance, error)
	// Close releases the compiled code; instances must be closed before.
	Close(ctx context.Context) error
}

// Info describes a module.
type Info struct {
	Digest    string   // sha256:<64 hex digits> of the binary
	Size      int      // bytes of the binary
	Imports   []string // module.name, sorted
	Exports   []string // sorted
	HasInit   bool     // exports grow_init
	MemoryMin int64    // bytes
	Language  string   // of the runtime that a thin module needs; "": it is whole
}

// Instance is one running copy of a module. It belongs to one goroutine at a
// time. After an error other than a non-zero result of Init, or a *[Stopped], it
// is broken: close it.
type Instance interface {
	// Init hands the grow.init message to grow_init, once, before messages.
	// An instance without grow_init succeeds. A non-zero result is an *Error
	// of code actor.init.
	Init(h Host, frame []byte) error
	// Handle hands one message to the guest and returns its answer frame,
	// empty for none. The bytes lie in the instance's memory and are valid
	// until the next call of any method. The frame is not decoded here.
	//
	// It fails with an *Error of code trap, exit, abi.alloc, abi.answer,
	// abi.request, limit.memory, limit.stack or host.panic, or with the error a
	// Host method returned, which [errors.Is] and [errors.As] find. The answer's
	// Fuel is that of the call then too.
	Handle(h Host, in Input) (Answer, error)
	// MemorySize is the size of linear memory in bytes, as Config.MemoryMax counts.
	MemorySize() int64
	// Close releases the instance.
	Close() error
}

// Mortal is what instances implement that can end while nothing is asked of
// them, because what they run in does.
type Mortal interface {
	// Gone reports that the instance handles nothing any more. It may be called
	// concurrently with the other methods.
	Gone() bool
}

// Legible is what instances implement whose exported globals can be read from outside.
type Legible interface {
	// SwapGlobal sets a mutable global of numbers by its export, and returns what it was;
	// false: there is none. Nothing may run in the instance meanwhile.
	SwapGlobal(export string, value uint64) (old uint64, ok bool)
}

// Input is the frame of a message, which need not lie anywhere yet: the engine
// has it written into the guest's memory. *abi.Message is one.
type Input interface {
	// Size is the number of bytes of the frame.
	Size() int
	// CopyTo writes the frame to the beginning of b, which has room for it.
	CopyTo(b []byte)
}

// Frame is an Input that lies in memory.
type Frame []byte

// Size implements Input.
func (f Frame) Size() int { return len(f) }

// CopyTo implements Input.
func (f Frame) CopyTo(b []byte) { copy(b, f) }

// Answer is what came of one message.
type Answer struct {
	Frame []byte // aliases the instance's memory
	Fuel  uint64 // units used, see Host.Slice
}

// Host serves an instance's imports while it handles one message. The engine
// calls it from the goroutine that called Init or Handle and at no other time,
// and never calls the guest from within. When a method returns an error the
// guest is unwound and the error is what Handle returns.
type Host interface {
	// Call serves grow.call. request lies in guest memory and is valid until
	// Call returns; the answer frame is read before the next method is called.
	Call(request []byte) (answer []byte, err error)
	// Now is the wall clock in nanoseconds since 1970, fixed per message.
	Now() int64
	// Monotonic is a clock in nanoseconds that never goes back.
	Monotonic() int64
	// Random fills p from the message's stream.
	Random(p []byte)
	// Output takes what the guest wrote to descriptor 1 or 2.
	Output(descriptor int, p []byte)
	// Sleep waits for d nanoseconds, or returns an error at the message's deadline.
	// One of 0 waits for nothing: it says whether the message may go on. Engines
	// ask that while a guest that runs elsewhere is silent.
	Sleep(d int64) error
	// Slice is asked for fuel: with used 0 when the guest is called, unless more
	// than half of what that gave to an earlier call is left, and whenever there
	// is no more, with what the call has used since its start. It returns how many
	// units more the guest may use before it is asked again, at least 1, or the
	// error that stops it.
	//
	// A unit is one instruction, charged per straight stretch of code; bulk
	// operations charge by length. The same module with the same input and
	// answers uses the same fuel, however it was sliced. Nothing else can
	// interrupt a guest: it holds a processor from one Slice to the next, and Go's
	// garbage collector waits for it, so a slice should be about [SliceFuel].
	Slice(used uint64) (grant uint64, err error)
}

// SliceFuel is the fuel of about 100 µs of a tight loop.
const SliceFuel = 200_000

// Error is a fault of a module or of an instance.
type Error struct {
	Code   string // stable: trap, module.import, …
	Reason string // one line for a person
	Stack  string // the guest's call stack, innermost first; may be empty
	Cause  error  // may be nil
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("%s: %s", e.Code, e.Reason) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Codes of [Error].
const (
	CodeInvalid     = "module.invalid"      // not a WebAssembly module this engine accepts
	CodeExport      = "module.export"       // an export is missing or of another type
	CodeImport      = "module.import"       // an import nobody serves, or of another type
	CodeVersion     = "module.version"      // grow_abi returned a version this host does not speak
	CodeLimit       = "module.limit"        // the module demands more than it may have
	CodeFeature     = "module.feature"      // it needs a proposal that is not accepted
	CodeCompile     = "module.compile"      // compiling it took more time or memory than it may
	CodeInit        = "actor.init"          // grow_init returned non-zero
	CodeTrap        = "trap"                // unreachable, out of bounds, stack overflow, …
	CodeExit        = "exit"                // proc_exit
	CodeAlloc       = "abi.alloc"           // grow_alloc returned no room, or room outside memory
	CodeAnswer      = "abi.answer"          // the answer lies outside memory or is too large
	CodeRequest     = "abi.request"         // an address given to grow.call lies outside memory, or its frame is malformed
	CodeMemory      = "limit.memory"        // linear memory could not be had
	CodeOutput      = "limit.output"        // the answer is larger than outputs may be
	CodeStack       = "limit.stack"         // calls went deeper than the stack allows
	CodeDied        = "process.died"        // the worker process of an isolated actor ended, or could not be started
	CodeUnsupported = "process.unsupported" // this system has no worker processes for actors
	CodePanic       = "host.panic"          // a Host panicked: a fault of grow, not of the guest
)
