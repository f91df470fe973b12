package process

import (
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
)

// Limits of what passes between a host and a worker.
const (
	InstancesMax = 256             // instances of one worker; each has a thread while it is there
	ModuleMax    = 320 << 20       // bytes of a module, with its machine code, that is handed to a worker
	VerdictMax   = 8 << 20         // bytes of what a worker says of a module
	OutputMax    = 64 << 10        // bytes of guest output that one report carries
	RandomMax    = 64 << 10        // bytes of the random stream that one report asks for
	ReasonMax    = engine.FaultMax // bytes of the reason of a fault
	StackMax     = engine.FaultMax // bytes of a guest's call stack

	codeMax   = 64                                                // bytes of a fault's code
	reportMax = reportHead + OutputMax + abi.RequestBytesMax + 16 // bytes of a report, but for one with a larger answer
	orderMax  = orderHead + 1<<31                                 // bytes of an order: the largest input block there can be
	bufferMax = 64 << 10                                          // bytes of a message's memory that are kept for the next
	wakesMax  = 10_000                                            // wake-ups without a reason that are put up with, one after the other
	asksMax   = 256                                               // reports of a handling until the host looks at its time again

	// fuelSlack is how much more fuel than it was granted a call may have used:
	// a bulk operation is charged at once.
	fuelSlack = 1 << 33
)

// Times.
const (
	StartMax    = 30 * time.Second       // from the start of a process to its verdict on the module
	GraceMax    = 250 * time.Millisecond // that a worker has to come to its end once its message must
	StarvedMax  = 30 * time.Second       // more that it has where the machine hardly gives it a processor
	LookMax     = 30 * time.Second       // that a worker takes in all to show the memory of a guest which stands still
	CloseMax    = time.Second            // that a worker has to close an instance
	BackoffMin  = 50 * time.Millisecond  // before the second start in a row that follows a death
	BackoffMax  = 30 * time.Second
	HealthyFrom = time.Minute // a worker that lived so long was well: the next start waits for nothing

	quietStep = 10 * time.Millisecond // how often the host looks at a message whose guest asks nothing
)

// What a worker needs besides the memory of its instances, in bytes.
const (
	BaseMemory = 128 << 20 // Go's heap, which is collected late, and all that is small
	compileMax = 512 << 20 // compiling a module that is handed over as it is

	stackMemory    = 24 << 20 // of an instance that calls deeply: its stack, and the one that it outgrew
	threadMemory   = 8 << 20  // the stack of its thread, most of which is never touched
	instanceMemory = stackMemory + threadMemory + 1<<20
)

// memory is what a worker of the module may have, in bytes.
func (m *module) memory() int64 {
	each := m.config.MemoryMax + instanceMemory
	if m.config.AnswerMax > abi.FrameMax {
		each += int64(m.config.AnswerMax) // its copy, on the way
	}
	most := BaseMemory + int64(m.config.Instances)*each
	if m.engine.Prepare == nil {
		most += compileMax
	}
	if m.probed != nil {
		most += threadMemory // of who hears the bell
	}
	// Read into memory, decoded, and collected late.
	return most + 4*int64(len(m.binary))
}
