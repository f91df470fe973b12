package process

import (
	"time"

	"github.com/grow-platform/grow/abi"
)

// Limits of what passes between a host and a worker.
const (
	InstancesMax = 256      // instances of one worker; each has a thread while it is there
	ModuleMax    = 64 << 20 // bytes of a binary that is handed to a worker; engines accept less
	VerdictMax   = 8 << 20  // bytes of what a worker says of a module
	OutputMax    = 64 << 10 // bytes of guest output that one report carries
	RandomMax    = 64 << 10 // bytes of the random stream that one report asks for
	ReasonMax    = 8 << 10  // bytes of the reason of a fault
	StackMax     = 32 << 10 // bytes of a guest's call stack

	codeMax   = 64                                                // bytes of a fault's code
	reportMax = reportHead + OutputMax + abi.RequestBytesMax + 16 // bytes of a report; an answer is less, see abi.FrameMax
	orderMax  = orderHead + 1<<31                                 // bytes of an order: the largest input block there can be
	bufferMax = 64 << 10                                          // bytes of a message's memory that are kept for the next
	wakesMax  = 100_000                                           // wake-ups without a reason that are put up with, one after the other
	asksMax   = 256                                               // reports of a handling until the host looks at its time again

	// fuelSlack is how much more fuel than it was granted a call may have used:
	// a bulk operation is charged at once.
	fuelSlack = 1 << 33
)

// Times.
const (
	StartMax    = 30 * time.Second       // from the start of a process to its verdict on the module
	GraceMax    = 100 * time.Millisecond // that a worker has to come to its end once its message must
	BackoffMin  = 50 * time.Millisecond  // before the second start in a row that follows a death
	BackoffMax  = 30 * time.Second
	HealthyFrom = time.Minute // a worker that lived so long was well: the next start waits for nothing

	quietStep = 10 * time.Millisecond // how often the host looks at a message whose guest asks nothing
)

// BaseMemory is what a worker needs besides the memory of its instances, in
// bytes: the engine, compiling, and what passes between.
const BaseMemory = 512 << 20

// instanceMemory is what an instance needs besides its memory, in bytes.
const instanceMemory = 1 << 20
