package native

import (
	"cmp"
	"slices"
	"sort"
	"strings"
	"sync/atomic"

	"github.com/grow-platform/grow/runtime/debug"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/wasm"
)

// guest implements debug.Guest and engine.Tracer: an instance.
type guest struct {
	program  *program
	reporter debug.Reporter
	traced   engine.Traced
	watch    atomic.Pointer[watch]
	pauses   atomic.Int64 // how often nothing was watched

	// What follows belongs to the goroutine that the guest runs on.
	entered map[entered][]uint64 // the locals that functions were entered with
	since   int64                // pauses, when it was begun
	told    bool                 // the reporter was told that it panics
	panics  *panicking           // nil: it does not
}

// entered is a function that was, by the address of its frame.
type entered struct {
	body    int
	address uint32
}

// enteredMax bounds those that are noted.
const enteredMax = 10_000

// panicking is a guest whose panic has begun: where it stood then. What is left of the panic
// is its hook, which says why, and a trap.
type panicking struct {
	place   *place
	arrival *engine.Arrival
	pointer uint64 // to the stack
	text    string // what was written since
}

// panicMax is how many bytes of what a panic writes are kept.
const panicMax = 4 << 10

// Heard implements debug.Hearer.
func (g *guest) Heard(text []byte) {
	if p := g.panics; p != nil && len(p.text) < panicMax {
		p.text += string(text[:min(len(text), panicMax-len(p.text))])
	}
}

// panicMark is what Rust begins to tell of a panic with; its place and text follow.
const panicMark = "panicked at "

// reason is the panic's place and text; "": it has not said them.
func (p *panicking) reason() string {
	at := strings.Index(p.text, panicMark)
	if at < 0 {
		return ""
	}
	text, _, _ := strings.Cut(p.text[at:], "\nnote: run with `RUST_BACKTRACE")
	where, why, _ := strings.Cut(text, "\n")
	return strings.TrimSpace(strings.ToValidUTF8(where+" "+why, "\ufffd"))
}

// watch is a debug.Watch with its lines as they are looked up.
type watch struct {
	*debug.Watch
	lines map[spot]bool
	at    map[int]bool // the probes of its addresses
}

// Watch implements debug.Guest.
func (g *guest) Watch(w *debug.Watch) {
	p := g.program
	if w == nil {
		w = &debug.Watch{}
	}
	x := &watch{Watch: w, lines: map[spot]bool{}, at: map[int]bool{}}
	var armed []int
	for _, at := range w.Lines {
		if f, ok := p.lines.byName[at.File]; ok {
			s := spot{f, int32(at.Line)}
			x.lines[s] = true
			armed = append(armed, p.byLine[s]...)
		}
	}
	for _, at := range w.Addresses {
		id := sort.Search(len(p.probes), func(i int) bool { return uint64(p.probes[i].at) >= at })
		if id < len(p.probes) && uint64(p.probes[id].at) == at {
			x.at[id] = true
			armed = append(armed, id)
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
	switch {
	case w.Every:
		g.traced.ArmAll()
	case len(armed) > 0:
		g.traced.Arm(armed, p.entries)
	default:
		g.pauses.Add(1)
		g.traced.Arm(nil, nil)
	}
}

// Begin implements engine.Tracer.
func (g *guest) Begin() error {
	g.entered, g.told, g.panics = nil, false, nil
	return g.reporter.Enter(g)
}

// Trap implements engine.Tracer. A guest that was stopped before it trapped is not stopped
// again.
func (g *guest) Trap(a *engine.Arrival, fault error) {
	w, p := g.watch.Load(), g.program
	if w == nil || !w.Raised && !w.Uncaught || g.told {
		return
	}
	h := &halt{program: p, guest: g, arrival: a, trapped: true, cause: debug.CauseUncaught}
	if began := g.panics; began != nil { // the guest is shown as it was where that began
		h.panics, h.arrival, h.place, h.trapped = began, began.arrival, began.place, false
		h.text = cmp.Or(began.reason(), panicText)
		_ = g.reporter.Arrive(g, h) // the guest is unwound whatever it says
		return
	}
	calls := h.calls()
	if len(calls) == 0 {
		return
	}
	h.text = fault.Error()
	if known, ok := fault.(*engine.Error); ok {
		h.text = known.Reason
	}
	at := calls[0]
	h.place = &place{body: at.Body, at: at.At, row: p.lines.rowAt(at.Body, at.At), panic: true}
	_ = g.reporter.Arrive(g, h) // the guest is unwound whatever it says
}

// End implements engine.Tracer.
func (g *guest) End(error) { g.reporter.Leave(g) }

// Arrive implements engine.Tracer.
func (g *guest) Arrive(a *engine.Arrival) error {
	w, p := g.watch.Load(), g.program
	if w == nil || a.Probe >= len(p.probes) {
		return nil
	}
	at := &p.probes[a.Probe]
	if o := p.owners[at.body]; o.kept != nil && o.entry == a.Probe {
		g.note(at.body, a)
	}
	if len(a.Calls()) == 0 {
		return nil // it was noted
	}
	h := &halt{program: p, guest: g, arrival: a, place: at, cause: debug.CauseLine}
	switch {
	case at.panic && (w.Raised || w.Uncaught) && p.m.Binary[at.at] != byte(wasm.OpUnreachable):
		if g.panics == nil {
			pointer, _ := g.traced.Global(stackPointer)
			calls := slices.Clone(a.Calls())
			kept := engine.NewArrival(a.Probe, slices.Clone(a.Locals), func() []engine.Call { return calls })
			g.panics = &panicking{place: at, arrival: kept, pointer: pointer}
		}
		return nil
	case at.panic && (w.Raised || w.Uncaught):
		g.told = true
		h.cause, h.text = debug.CauseUncaught, "unreachable code is reached"
		if g.panics != nil {
			h.text = cmp.Or(g.panics.reason(), panicText)
		}
	case w.at[a.Probe]:
	case at.loop && at.row.line == 0, !w.Every && (at.loop || !w.lines[spot{at.row.file, at.row.line}]):
		return nil
	}
	return g.reporter.Arrive(g, h)
}

// panicText is said of a panic that says nothing.
const panicText = "the guest panics"

// note notes the locals that a function is entered with.
func (g *guest) note(body int, a *engine.Arrival) {
	pointer, ok := g.traced.Global(stackPointer)
	if n := g.pauses.Load(); g.entered == nil || n != g.since || len(g.entered) == enteredMax {
		g.entered, g.since = map[entered][]uint64{}, n
	}
	if ok {
		at := entered{body, uint32(pointer) - g.program.owners[body].frame.size}
		g.entered[at] = append(g.entered[at][:0], a.Locals...)
	}
}

// noted is a local that a function was entered with, whose frame is at an address.
func (g *guest) noted(body int, address uint32, local uint64) (uint64, bool) {
	o := g.program.owners[body]
	if o == nil || g.pauses.Load() != g.since {
		return 0, false
	}
	values, ok := g.entered[entered{body, address}]
	for i, l := range o.locals {
		if ok && uint64(l) == local && i < len(values) && slices.Contains(o.kept, l) {
			return values[i], true
		}
	}
	return 0, false
}
