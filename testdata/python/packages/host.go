package main

import (
	"context"
	"errors"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
)

// host is the world of a package's actor: nothing is granted.
type host struct{ ctx context.Context }

var errTooLong = errors.New("it takes too long")

// Call implements engine.Host.
func (h *host) Call([]byte) ([]byte, error) {
	b := abi.AppendCount(nil, 1)
	b = abi.AppendAttrCount(b, 2)
	b = abi.AppendAttr(b, abi.Type, abi.TypeError)
	b = abi.AppendAttr(b, abi.Code, "denied")
	return abi.AppendData(b, []byte("nothing is granted here")), nil
}

// Now implements engine.Host: it is 2024-05-03 12:00 UTC.
func (h *host) Now() int64 { return 1_714_737_600_000_000_000 }

// Monotonic implements engine.Host.
func (h *host) Monotonic() int64 { return 1 }

// Random implements engine.Host: any bytes do.
func (h *host) Random(p []byte) {
	for i := range p {
		p[i] = byte(i * 7)
	}
}

// Output implements engine.Host.
func (h *host) Output(int, []byte) {}

// Sleep implements engine.Host.
func (h *host) Sleep(int64) error { return h.ctx.Err() }

// Slice implements engine.Host.
func (h *host) Slice(used uint64) (uint64, error) {
	if used > fuelMax {
		return 0, errTooLong
	}
	return engine.SliceFuel, h.ctx.Err()
}
