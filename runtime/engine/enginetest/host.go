package enginetest

import "bytes"

// Host is an engine.Host for tests: it does what its fields say and keeps what
// it is asked. It belongs to one goroutine.
type Host struct {
	Answer   []byte // of Call
	Err      error  // of Call
	Panics   bool   // every method does
	Clock    int64  // of Now
	Mono     int64  // of Monotonic
	SleepErr error

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
