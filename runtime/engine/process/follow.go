package process

import (
	"encoding/binary"
	"errors"

	"github.com/grow-platform/grow/runtime/engine"
)

// follower implements engine.Tracer in the worker: what it is told goes to the host, which
// knows by itself when something is handled.
type follower struct{ guest *guest }

// follow is who is told of an instance in the worker.
func follow(t engine.Traced, h engine.Host) engine.Tracer {
	g := h.(*guest)
	g.followed.follow(t)
	return follower{g}
}

// Begin implements engine.Tracer.
func (follower) Begin() error { return nil }

// End implements engine.Tracer.
func (follower) End(error) {}

// Arrive implements engine.Tracer.
func (f follower) Arrive(a *engine.Arrival) error {
	return f.tell(reportArrive, uint64(a.Probe), a, nil)
}

// Trap implements engine.Tracer. The guest is unwound whatever the host says.
func (f follower) Trap(a *engine.Arrival, fault error) {
	_ = f.tell(reportTrap, 0, a, fault)
}

func (f follower) tell(kind byte, value uint64, a *engine.Arrival, fault error) error {
	g := f.guest
	t := g.followed.traced
	g.stands = appendStand(g.stands[:0], a, t)
	if fault != nil {
		g.stands = appendFault(g.stands, fault)
	}
	g.memory = int64(t.Memory().Size())
	_, err := g.ask(kind, value, g.stands)
	g.memory = 0
	return err
}

var errLook = errors.New("the host looks at what is not there")

// show carries out what the host wants of the memory of a guest that stands still.
func (g *guest) show(o order) error {
	if g.memory == 0 || len(o.body) < 8 {
		return errLook
	}
	m, at := g.followed.traced.Memory(), binary.LittleEndian.Uint64(o.body)
	var shown []byte
	var err error
	switch {
	case o.kind == orderWrite:
		err = m.Write(at, o.body[8:])
	case len(o.body) == 12:
		shown, err = m.Read(at, int(binary.LittleEndian.Uint32(o.body[8:])))
	default:
		err = errLook
	}
	if err != nil {
		return err
	}
	return g.send(reportLooked, 0, 0, shown)
}
