package wazero

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
)

// imageTime is what the clocks say while an image is made, which is to be the same
// wherever that is: a date that every format of files can hold.
var imageTime = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano()

// world is what a guest sees of the world while an image of it is made: nothing that
// is not the same for every instance.
type world struct{ random *rand.ChaCha8 }

// newWorld makes a world of its own for all that makes an image.
func newWorld(parts ...[]byte) world {
	h := sha256.New()
	for _, p := range parts {
		_ = binary.Write(h, binary.LittleEndian, uint64(len(p))) // a hash takes everything
		h.Write(p)
	}
	return world{rand.NewChaCha8([32]byte(h.Sum(nil)))}
}

// Now implements engine.Host.
func (world) Now() int64 { return imageTime }

// Monotonic implements engine.Host.
func (world) Monotonic() int64 { return 0 }

// Random implements engine.Host.
func (w world) Random(p []byte) { _, _ = w.random.Read(p) } // it never fails

// Call implements engine.Host: everything is denied.
func (world) Call(request []byte) ([]byte, error) { return denied(request) }

// booting is the host of a language runtime that starts, which is trusted.
type booting struct {
	world
	ctx     context.Context
	outputs bytes.Buffer // the last of what it wrote
}

// bootedMax is how many bytes are kept of what a language runtime prints when it starts.
const bootedMax = 32 << 10

// bootFuel is what starting a language runtime may take: what ten seconds of a
// tight loop do.
const bootFuel = 100_000 * engine.SliceFuel

// Output implements engine.Host.
func (b *booting) Output(_ int, p []byte) {
	if b.outputs.Len()+len(p) > bootedMax {
		b.outputs.Reset()
	}
	b.outputs.Write(p[:min(len(p), bootedMax)])
}

// Sleep implements engine.Host: there is nothing to wait for.
func (b *booting) Sleep(int64) error { return b.ctx.Err() }

// Slice implements engine.Host.
func (b *booting) Slice(used uint64) (uint64, error) {
	if used > bootFuel {
		return 0, errLong
	}
	return engine.SliceFuel, b.ctx.Err()
}

// loading is the host of an actor that is loaded: it pays with the fuel and the time
// of the one under it, and writes to its log.
type loading struct {
	engine.Host
	world
}

// Now implements engine.Host.
func (l loading) Now() int64 { return l.world.Now() }

// Monotonic implements engine.Host.
func (l loading) Monotonic() int64 { return l.world.Monotonic() }

// Random implements engine.Host.
func (l loading) Random(p []byte) { l.world.Random(p) }

// Call implements engine.Host: log lines are written, everything else is denied, for
// the image would keep what was answered.
func (l loading) Call(request []byte) ([]byte, error) {
	logs := true
	_, err := each(request, func(v *abi.View) { logs = logs && bytes.HasPrefix(v.Type, []byte("log.")) })
	if err == nil && logs {
		return l.Host.Call(request)
	}
	return denied(request)
}

// each reads a request frame and returns how many messages it has.
func each(request []byte, visit func(*abi.View)) (int, error) {
	r, err := abi.NewReader(request)
	if err != nil {
		return 0, err
	}
	n := r.Left()
	var v abi.View
	for range n {
		if _, err := r.Next(&v); err != nil {
			return 0, err
		}
		visit(&v)
	}
	return n, nil
}

// denied answers each request of a frame with an error.
func denied(request []byte) ([]byte, error) {
	n, err := each(request, func(*abi.View) {})
	if err != nil {
		return nil, err
	}
	b := abi.AppendCount(nil, n)
	for range n {
		b = abi.AppendAttrCount(b, 3)
		b = abi.AppendAttr(b, abi.Type, abi.TypeError)
		b = abi.AppendAttr(b, abi.Code, "denied")
		b = abi.AppendAttr(b, abi.RetryAttr, "no")
		b = abi.AppendData(b, []byte("nothing can be asked for while the actor is loaded, for all its instances begin there: ask while it handles a message"))
	}
	return b, nil
}
