package engine

import "errors"

// Debug has a module compiled with probes: its instances tell a [Tracer] where they
// are. What a message uses of fuel stays the same.
type Debug struct {
	// Probed are the functions with probes, ascending by Body. A probe has the number
	// that it gets by counting all of them in their order.
	Probed []Probed
	// Attach returns who is told of a new instance, before its first message; nil:
	// nobody is. h is whom the instance was started with.
	Attach func(t Traced, h Host) Tracer
}

// Probed is a function with probes.
type Probed struct {
	Body int // among the functions that are not imported
	// At are the offsets in the binary of the instructions they stand before, ascending.
	At []uint32
	// Locals are those that they hand over, by index.
	Locals []uint32
}

// Tracer follows one instance. Its methods are called on the goroutine that runs it.
type Tracer interface {
	// Begin is called before the instance handles a message, or Init does. An error is
	// what that then returns.
	Begin() error
	// Arrive is called at a probe that is armed; what it is given is valid until it
	// returns. An error unwinds the guest, and is what Handle returns.
	Arrive(a *Arrival) error
	// Trap is called when the guest has trapped, or its calls have gone too deep, with the
	// fault: its memory and its globals are as they were then. Of a there are only the
	// calls, the innermost [TrapCallsMax] at most; the first is at what trapped.
	Trap(a *Arrival, fault error)
	// End is called once the guest has returned, or was unwound with an error, if
	// Begin returned none.
	End(err error)
}

// TrapCallsMax is how many calls are known of a guest that has trapped.
const TrapCallsMax = 30

// Arrival is a guest that stands still at a probe.
type Arrival struct {
	Probe  int
	Locals []uint64 // the bits of those of Probed.Locals
	calls  func() []Call
}

// NewArrival is for engines. calls finds out what is being executed.
func NewArrival(probe int, locals []uint64, calls func() []Call) *Arrival {
	return &Arrival{Probe: probe, Locals: locals, calls: calls}
}

// Calls are the functions of the guest that are being executed, innermost first; none
// at a quiet probe.
func (a *Arrival) Calls() []Call { return a.calls() }

// Call is a function that is being executed.
type Call struct {
	Body int // among the functions that are not imported; -1: At says it
	// At is an offset in the binary: of the call that has not returned, or of the
	// instruction after the probe.
	At uint32
}

// Traced is an instance that is debugged.
type Traced interface {
	// Arm has exactly these probes report; those that are quiet without the calls, which
	// is ten times as fast. It may be called concurrently, while the guest runs too, and
	// takes effect at once.
	Arm(probes, quiet []int)
	// ArmAll has all of them report.
	ArmAll()
	// Memory is the linear memory, while the guest does not run.
	Memory() Memory
	// Global is the bits of a global that is not imported, by its index, while the
	// guest does not run. Where the guest runs in another process, of the first
	// [GlobalsMax].
	Global(index int) (bits uint64, ok bool)
}

// GlobalsMax is how many globals of a guest in another process are known.
const GlobalsMax = 64

// Memory is linear memory that nothing runs in.
type Memory interface {
	// Size is its bytes.
	Size() uint64
	// Read is n bytes at an address, to be read only, and valid until the guest goes on.
	// It fails with ErrOutside, or where a guest in another process cannot be asked.
	Read(address uint64, n int) ([]byte, error)
	// Write puts bytes at an address. It fails as Read does.
	Write(address uint64, p []byte) error
}

// ErrOutside is for an address that is not in linear memory, or not all of what is there.
var ErrOutside = errors.New("its address is outside of memory")

// Bytes are a Memory that lies in this process.
type Bytes []byte

// Size implements Memory.
func (b Bytes) Size() uint64 { return uint64(len(b)) }

// Read implements Memory.
func (b Bytes) Read(address uint64, n int) ([]byte, error) {
	if err := Within(b, address, n); err != nil {
		return nil, err
	}
	return b[address:][:n], nil
}

// Write implements Memory.
func (b Bytes) Write(address uint64, p []byte) error {
	if err := Within(b, address, len(p)); err != nil {
		return err
	}
	copy(b[address:], p)
	return nil
}

// Within fails with ErrOutside unless n bytes at an address lie in a memory.
func Within(m Memory, address uint64, n int) error {
	if size := m.Size(); n < 0 || address > size || uint64(n) > size-address {
		return ErrOutside
	}
	return nil
}
