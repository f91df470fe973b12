//go:build !wasip1

package bridge

// Host answers the requests of an actor under test.
type Host interface {
	// Call takes a request frame and returns the answer frame.
	Call(request []byte) []byte
}

// Native is the host of an actor that runs natively; growtest sets it.
var Native Host

var waiting []byte

// Call hands the host a request frame and returns the length of the answer.
// When that is more than len(buf) nothing has been written and Answer fetches it.
func Call(req, buf []byte) int {
	if Native == nil {
		panic("grow: an actor that runs natively has no host; use package growtest")
	}
	waiting = nil
	answer := Native.Call(req)
	if len(answer) > len(buf) {
		waiting = answer
		return len(answer)
	}
	return copy(buf, answer)
}

// Answer writes the waiting answer into buf and returns its length, or 0 when
// none waits or buf is too small.
func Answer(buf []byte) int {
	if len(waiting) > len(buf) {
		return 0
	}
	n := copy(buf, waiting)
	waiting = nil
	return n
}
