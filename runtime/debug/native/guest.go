package native

import (
	"sync/atomic"

	"github.com/grow-platform/grow/runtime/debug"
	"github.com/grow-platform/grow/runtime/engine"
)

// guest implements debug.Guest and engine.Tracer: an instance.
type guest struct {
	program  *program
	reporter debug.Reporter
	traced   engine.Traced
	watch    atomic.Pointer[watch]
}

// watch is a debug.Watch with its lines as they are looked up.
type watch struct {
	*debug.Watch
	lines map[spot]bool
}

// Watch implements debug.Guest.
func (g *guest) Watch(w *debug.Watch) {
	p := g.program
	if w == nil {
		w = &debug.Watch{}
	}
	x := &watch{Watch: w, lines: map[spot]bool{}}
	var armed []int
	for _, at := range w.Lines {
		if f, ok := p.lines.byName[at.File]; ok {
			s := spot{f, int32(at.Line)}
			x.lines[s] = true
			armed = append(armed, p.byLine[s]...)
		}
	}
	if w.Raised || w.Uncaught {
		for id := range p.probes {
			if p.probes[id].panic {
				armed = append(armed, id)
			}
		}
	}
	g.watch.Store(x)
	if w.Every {
		g.traced.ArmAll()
		return
	}
	g.traced.Arm(armed)
}

// Begin implements engine.Tracer.
func (g *guest) Begin() error { return g.reporter.Enter(g) }

// End implements engine.Tracer.
func (g *guest) End(error) { g.reporter.Leave(g) }

// Arrive implements engine.Tracer.
func (g *guest) Arrive(a *engine.Arrival) error {
	w, p := g.watch.Load(), g.program
	if w == nil || a.Probe >= len(p.probes) {
		return nil
	}
	at := &p.probes[a.Probe]
	h := &halt{program: p, guest: g, arrival: a, place: at, cause: debug.CauseLine}
	switch {
	case at.panic && (w.Raised || w.Uncaught):
		h.cause, h.text = debug.CauseUncaught, "the guest panics"
		if p.m.Binary[at.at] == 0 {
			h.text = "unreachable code is reached"
		}
	case at.loop && at.row.line == 0, !w.Every && (at.loop || !w.lines[spot{at.row.file, at.row.line}]):
		return nil
	}
	return g.reporter.Arrive(g, h)
}
