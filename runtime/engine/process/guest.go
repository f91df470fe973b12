package process

import (
	"errors"
	"fmt"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
)

// errUnwind is what a guest gets that asks again after the host has ended its message.
var errUnwind = errors.New("the host ended the message")

// guest implements engine.Host in the worker: what the guest asks goes to the
// host. It belongs to the goroutine of its line.
type guest struct {
	line    *line
	debugs  engine.Debuggable // the instance; nil: it cannot be debugged
	world   world
	failed  bool   // the message must end
	looked  bool   // the instance has a debugger
	said    uint64 // what that has said last
	buffer  []byte // what the host answered last
	outputs []byte // what the guest wrote since the last report

	followed followed // nobody does unless the module has probes
	stands   []byte   // where it stood last
	memory   int64    // bytes of its memory, while it stands still

	head [reportHead + OutputMax]byte
}

// begin begins an order.
func (g *guest) begin(w world) {
	g.world, g.failed, g.outputs = w, false, g.outputs[:0]
	g.look(w)
	g.followed.heed()
}

// send sends a report, along with what the guest wrote.
func (g *guest) send(kind byte, value uint64, memory int64, body []byte) error {
	putReport((*[reportHead]byte)(g.head[:]), kind, len(g.outputs), value, uint64(memory))
	n := reportHead + copy(g.head[reportHead:], g.outputs)
	g.outputs = g.outputs[:0]
	return g.line.send(g.head[:n], engine.Frame(body), nil)
}

// ask sends a report and returns what the host answers, valid until the next.
func (g *guest) ask(kind byte, value uint64, body []byte) ([]byte, error) {
	if g.failed {
		return nil, errUnwind
	}
	g.failed = true // until it turns out well
	if err := g.send(kind, value, g.memory, body); err != nil {
		return nil, err
	}
	o, err := g.next()
	for err == nil && (o.kind == orderRead || o.kind == orderWrite) {
		if err = g.show(o); err == nil {
			o, err = g.next()
		}
	}
	if err != nil {
		return nil, err
	}
	if o.kind != orderReply {
		return nil, errors.New(string(o.body))
	}
	g.failed = false
	g.look(o.world)
	g.followed.heed()
	g.said = o.grant
	if o.knows&knowsClocks != 0 {
		g.world.now, g.world.mono = o.now, o.mono
		g.world.knows |= knowsClocks
	}
	if o.knows&knowsGrant != 0 {
		g.world.grant = o.grant
		g.world.knows |= knowsGrant
	}
	return o.body, nil
}

// next returns what the host says next.
func (g *guest) next() (order, error) {
	if cap(g.buffer) > bufferMax {
		g.buffer = nil
	}
	b, err := g.line.receive(g.buffer, orderMax, nil)
	g.buffer = b
	if err != nil {
		return order{}, err
	}
	return decodeOrder(b)
}

// Call implements engine.Host.
func (g *guest) Call(request []byte) ([]byte, error) {
	if len(request) > abi.RequestBytesMax {
		return nil, &engine.Error{Code: engine.CodeRequest, Reason: fmt.Sprintf(
			"grow.call: a request of %d bytes; at most %d are allowed", len(request), abi.RequestBytesMax)}
	}
	return g.ask(reportCall, 0, request)
}

// clocks asks for the clocks when the order did not say them. A host that does
// not answer ends the message.
func (g *guest) clocks(kind byte) {
	if g.world.knows&knowsClocks != 0 {
		return
	}
	if _, err := g.ask(kind, 0, nil); err != nil {
		panic(err)
	}
}

// Now implements engine.Host.
func (g *guest) Now() int64 {
	g.clocks(reportNow)
	return g.world.now
}

// Monotonic implements engine.Host: as of the last order.
func (g *guest) Monotonic() int64 {
	g.clocks(reportMonotonic)
	return g.world.mono
}

// Random implements engine.Host.
func (g *guest) Random(p []byte) {
	for len(p) > 0 {
		n := min(len(p), RandomMax)
		b, err := g.ask(reportRandom, uint64(n), nil)
		if err == nil && len(b) != n {
			err = errUnwind
		}
		if err != nil {
			panic(err)
		}
		p = p[copy(p, b):]
	}
}

// Output implements engine.Host. It goes with the next report.
func (g *guest) Output(descriptor int, p []byte) {
	for len(p) > 0 {
		room := OutputMax - len(g.outputs) - outputHead
		if room <= 0 {
			if _, err := g.ask(reportOutput, 0, nil); err != nil {
				panic(err)
			}
			continue
		}
		n := min(len(p), room)
		g.outputs = appendOutput(g.outputs, descriptor, p[:n])
		p = p[n:]
	}
}

// Sleep implements engine.Host.
func (g *guest) Sleep(d int64) error {
	_, err := g.ask(reportSleep, uint64(d), nil)
	return err
}

// Slice implements engine.Host.
func (g *guest) Slice(used uint64) (uint64, error) {
	if used > 0 || g.world.knows&knowsGrant == 0 {
		if _, err := g.ask(reportSlice, used, nil); err != nil {
			return 0, err
		}
	}
	g.world.knows &^= knowsGrant // once
	return g.world.grant, nil
}
