package enginetest

import (
	"bytes"
	"cmp"
	"errors"

	"github.com/grow-platform/grow/runtime/engine"
)

// Host is an engine.Host for tests: it does what its fields say and keeps what
// it is asked. It belongs to one goroutine.
type Host struct {
	Answer   []byte // of Call
	Err      error  // of Call
	Panics   bool   // every method does, but for Slice at the start of a call
	Clock    int64  // of Now
	Mono     int64  // of Monotonic
	SleepErr error

	// Fuel is what a call may use; 0: as much as it likes. Beyond it the guest is
	// stopped with ErrFuel.
	Fuel   uint64
	Grant  uint64 // of one slice; 0: engine.SliceFuel
	Slices int    // how often Slice was asked, but for the first of a call

	// Reply, when there is one, makes the answer of Call.
	Reply func(request []byte) ([]byte, error)

	Requests [][]byte
	Outputs  map[int][]byte // by descriptor
	Slept    int64

	drawn byte
}

// Call implements engine.Host.
func (h *Host) Call(request []byte) ([]byte, error) {
	h.fail()
	h.Requests = append(h.Requests, bytes.Clone(request))
	if h.Reply != nil {
		return h.Reply(request)
	}
	return h.Answer, h.Err
}

func (h *Host) fail() {
	if h.Panics {
		panic("a fault of the host")
	}
}

// ErrFuel is what Slice stops a guest with.
var ErrFuel = errors.New("no fuel left")

// Slice implements engine.Host.
func (h *Host) Slice(used uint64) (uint64, error) {
	if used > 0 { // asked while the guest runs
		h.fail()
		h.Slices++
	}
	grant := cmp.Or(h.Grant, engine.SliceFuel)
	if h.Fuel == 0 {
		return grant, nil
	}
	if used >= h.Fuel {
		return 0, ErrFuel
	}
	return min(grant, h.Fuel-used), nil
}

// Now implements engine.Host.
func (h *Host) Now() int64 {
	h.fail()
	return h.Clock
}

// Monotonic implements engine.Host.
func (h *Host) Monotonic() int64 {
	h.fail()
	return h.Mono
}

// Random implements engine.Host: 1, 2, 3 and so on.
func (h *Host) Random(p []byte) {
	h.fail()
	for i := range p {
		h.drawn++
		p[i] = h.drawn
	}
}

// Output implements engine.Host.
func (h *Host) Output(descriptor int, p []byte) {
	h.fail()
	if h.Outputs == nil {
		h.Outputs = map[int][]byte{}
	}
	h.Outputs[descriptor] = append(h.Outputs[descriptor], p...)
}

// Sleep implements engine.Host.
func (h *Host) Sleep(d int64) error {
	h.fail()
	h.Slept += d
	return h.SleepErr
}
