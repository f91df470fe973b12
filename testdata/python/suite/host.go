package main

import (
	"errors"
	"strings"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
)

// host serves an instance while it runs one module of the suite. It knows the test
// that is under way by what the actor logs.
type host struct {
	begun  time.Time
	random uint64
	test   string // that is under way; "": none has begun
	slow   string // the test that was under way when fuel was last given
	before uint64 // the fuel that had been used when that began
}

// Fuel, which is the same on every machine: what is given at a time, about 10 ms, and
// what one test may use, about half a minute.
const (
	fuel     = 100 * engine.SliceFuel
	fuelTest = 60_000_000_000
)

var errLate = errors.New("took too long")

// Call answers the requests of ABI frames: log lines, and the config, which is empty.
func (h *host) Call(request []byte) ([]byte, error) {
	r, err := abi.NewReader(request)
	if err != nil {
		return nil, err
	}
	answer := abi.AppendCount(nil, r.Left())
	for r.Left() > 0 {
		var v abi.View
		if _, err := r.Next(&v); err != nil {
			return nil, err
		}
		answer = h.serve(answer, &v)
	}
	return answer, nil
}

func (h *host) serve(answer []byte, v *abi.View) []byte {
	operation := string(v.Type)
	switch {
	case strings.HasPrefix(operation, "log."):
		if test, ok := v.Attr(abi.OwnPrefix + "test"); ok {
			h.test = string(test)
		}
		return reply(answer, nil, abi.Type, abi.TypeOK)
	case operation == "config.get":
		return reply(answer, []byte("{}"), abi.Type, abi.TypeOK)
	}
	return reply(answer, []byte("the suite's host does not do that"), abi.Type, abi.TypeError, abi.Code, "invalid", abi.RetryAttr, "no")
}

func reply(answer, data []byte, attrs ...string) []byte {
	answer = abi.AppendAttrCount(answer, len(attrs)/2)
	for i := 0; i < len(attrs); i += 2 {
		answer = abi.AppendAttr(answer, attrs[i], attrs[i+1])
	}
	return abi.AppendData(answer, data)
}

// Now and Monotonic go on while a test runs, as they do not for a message: tests
// measure.
func (h *host) Now() int64       { return time.Now().UnixNano() }
func (h *host) Monotonic() int64 { return int64(time.Since(h.begun)) + 1 }

// Random is splitmix64: the same run of a module has the same numbers.
func (h *host) Random(p []byte) {
	for i := range p {
		h.random += 0x9e3779b97f4a7c15
		z := h.random
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		p[i] = byte(z >> 56)
	}
}

// Output takes what tests print, which is no result.
func (h *host) Output(int, []byte) {}

// Sleep waits.
func (h *host) Sleep(d int64) error {
	time.Sleep(time.Duration(d))
	return nil
}

// Slice gives fuel until a test has had its share.
func (h *host) Slice(used uint64) (uint64, error) {
	if h.slow != h.test {
		h.slow, h.before = h.test, used
	}
	if used-h.before > fuelTest {
		return 0, errLate
	}
	return fuel, nil
}
