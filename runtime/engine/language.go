package engine

import "io/fs"

// Language is a language runtime: the interpreter that thin modules run on. A
// thin module carries the custom section grow.runtime, which names a language and
// its digest, and the actor's own files (see package runtime/wasm/thin); from
// outside it is an actor like any other.
//
// What the reactor and an engine say to each other is between the two:
//
//   - grow_boot (seed i32) -> i32, called once after _initialize: start the
//     interpreter, with seed for its hashes. Non-zero: it could not.
//   - grow_load () -> i32, called once after that: load the actor from /app.
//     Non-zero: it could not, and has said why by language.fault.
//   - grow_alloc, grow_handle and grow_init as in the actor ABI.
//   - grow_interrupt () -> i32: where in memory is an array of pairs (address u32,
//     bits u32), ended by an address of 0. To interrupt what runs, the engine sets
//     those bits in the words at those addresses, in that order, while the guest
//     waits for [Host.Slice], or for a sleep that the host ends: poll_oneoff then
//     returns EINTR. It asks for the array once, after grow_boot, and reads it each
//     time. Bits that are still set when the call returns it takes back. Where the
//     guest goes on, they are set again after some time. Behind the end of the array
//     may stand the address u32 and the size u32 of room for a text, where the engine
//     writes, in UTF-8 and with a 0 behind it, why it interrupts. Behind that may stand
//     a pair (address u32, 1) of a runtime that can be debugged: to ask for attention,
//     the engine sets the word there to 1 in place of the first of the pairs, before a message is
//     handed over, too. The guest then makes requests by grow.call that a
//     [Debugger] serves.
//   - It imports language.fault (kind i32, ptr i32, len i32): why the call that is
//     under way fails. The text's first line is the reason, the rest the guest's
//     own traceback. Kind 0 is a failure of the actor, 1 says that it was stopped
//     by an interrupt and can go on with the next message. The call then returns 0;
//     the others, of which 0 is a success, something else.
//
// A call that was interrupted has failed with a *[Stopped], whatever it returns in
// the fuel that it has been given to come to its end.
//
// An engine runs _initialize, grow_boot and grow_load once, keeps memory and
// globals, and begins every instance with them. While it runs them the clocks stand
// at the beginning of 2000, random bytes follow from the seed and the module, and
// every request but for log lines is denied: what is kept is the same on every host
// and has nothing in it that came from outside. /app and /packages are empty before
// grow_load. No file may be open after it.
type Language struct {
	Name   string // python
	Digest string // of the recipe that made it: 64 hex digits
	// Module returns the reactor. It is asked when there is no machine code of it.
	Module func() ([]byte, error)
	// Files is what the reactor sees of a file system, by mount point and in this
	// order, besides the actor's own /app and /packages, which come after, and /,
	// which leads to them all and comes last.
	Files []Mount
}

// Mount is a read-only file system that a guest sees.
type Mount struct {
	At    string // /lib
	Files fs.FS
}

// Codes of [Error] about thin modules.
const (
	CodeRuntime   = "module.runtime" // the host has no such language runtime, or it does not start
	CodeException = "exception"      // the actor raised what nobody caught: Stack is its language's own traceback
)

// FaultMax is how many bytes from their beginning an engine gives of a reason and of a stack:
// more than anybody is told, by the length of a secret. So where an engine has cut is never
// shown, and who cuts them for good sees secrets whole.
const FaultMax = 512 << 10

// Stopped is the error of Handle when a guest was stopped by a limit and its
// language runtime stopped by itself: the instance is whole and handles the next
// message.
type Stopped struct {
	Cause error  // what Host.Slice returned
	Stack string // where the guest was, in its language's own words
}

// Error implements error.
func (s *Stopped) Error() string { return s.Cause.Error() }

// Unwrap returns the cause.
func (s *Stopped) Unwrap() error { return s.Cause }
