// Package compiled has modules compiled without danger to the host, and keeps
// what comes of it.
//
// A [Queue] compiles in a worker process under limits of memory and processor
// time: whatever a module does to the compiler, it is one failed compilation. A
// [Cache] keeps modules with their machine code in a folder and gives back nothing
// that it has not written itself.
package compiled

import "time"

// Limits of compiling, in one place. Modules that people write take 0.3 s of
// processor time and 20 MiB of memory for each MiB, whatever their language;
// the limit of memory is twice that, that of time five times, for machines that
// are slower. What needs more was made to.
const (
	timeMax    = slower * 2 * time.Second         // processor time of any module
	timePerMiB = slower * 1500 * time.Millisecond // and more of it for each MiB
	clockMax   = 10                               // times that by the clock, for busy machines

	// MemoryMax is the memory of a worker that compiles, in bytes.
	MemoryMax = larger << 30
	// MachineMax is the machine code of one module, in bytes.
	MachineMax = 256 << 20
	// EntryMax is what a cache keeps of one module, in bytes: itself and its machine code.
	EntryMax = MachineMax + sizeMax
	// WaitingMax is how many compilations wait for their turn.
	WaitingMax = 256
	// RefusedMax is how many modules a queue remembers to have refused, for
	// refusedFor: who asks for one again and again does not keep others waiting.
	RefusedMax = 256
	// Workers is how many modules are compiled at a time when nothing else is said.
	Workers = 1

	refusedFor = 10 * time.Minute

	usedMax   = slower * 30 * time.Second         // processor time after which a worker is not used again
	lifeMax   = usedMax + timeMax + 32*timePerMiB // that at which the system ends it: it may be at its largest module
	retainMax = 128 << 20                         // bytes of memory, too
	idleMax   = 3 * time.Second                   // how long a worker is kept without work
	niceness  = 5                                 // who runs comes before who compiles
)

// TimeMax is the processor time that compiling a module of that many bytes may take.
func TimeMax(size int) time.Duration {
	return timeMax + time.Duration(size)*timePerMiB/(1<<20)
}

// SizeMax is how many bytes a cache keeps when nothing else is said.
const SizeMax = 2 << 30

const (
	otherMax = 14 * 24 * time.Hour // how long what another release left is kept unused
	aliveMax = time.Hour           // how old a file may be that is still being written
	touchAge = time.Hour           // how exact it is known when an entry was used last
)
