package process

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
)

// What is asked of an engine.Debugger.
const (
	debugBegin = iota // Begin: the answer is whether the guest is to attend
	debugSlice        // Slice: whether it is, and whether the slice is the debugger's
	debugServe        // Serve of the body
	debugEnd          // nothing more
)

// What it says, in the place of a grant of fuel: the body of an answer may lie there yet that
// the guest has not read.
const (
	saysAttend = 1 << iota
	saysHeld
)

// looked is who debugs an instance, in the host. What is not atomic belongs to the goroutine
// that runs the instance.
type looked struct {
	can   bool // it is on a language runtime, which knows of debuggers
	wants atomic.Pointer[debugger]
	looks *debugger // that has begun; nil: none has
}

// debugger is one. A pointer to it is another one for each Debug.
type debugger struct{ engine.Debugger }

// Debug implements engine.Debuggable.
func (i *instance) Debug(d engine.Debugger) bool {
	switch {
	case !i.can:
		return false
	case d == nil:
		i.wants.Store(nil)
	default:
		i.wants.Store(&debugger{d})
	}
	return true
}

// wanted is what an order says of it.
func (l *looked) wanted() byte {
	if l.wants.Load() != nil {
		return knowsDebug
	}
	return 0
}

// part ends what the debugger has begun.
func (l *looked) part() {
	if l.looks != nil {
		looks := l.looks
		l.looks = nil
		looks.End()
	}
}

// debugged asks the debugger what a guest wants to know of it. The worker may ask what it
// likes: there may be no debugger, or another one than it asked before.
func (i *instance) debugged(r *report) (answer []byte, says uint64, err error) {
	wanted, attend := i.wants.Load(), false
	if wanted != i.looks {
		i.part()
		if wanted != nil {
			i.looks = wanted
			if attend, err = wanted.Begin(); err != nil {
				return nil, 0, err
			}
		}
	}
	switch {
	case r.value == debugServe && i.looks == nil:
		answer, err = i.host.Call(r.body)
		return answer, 0, err
	case r.value == debugServe:
		if p, ok := i.host.(engine.Paced); ok {
			p.Rest()
		}
		answer, err = i.looks.Serve(r.body)
		return answer, 0, err
	case r.value == debugBegin || i.looks == nil:
		return nil, said(attend, false), nil
	}
	again, held, err := i.looks.Slice()
	if p, ok := i.host.(engine.Paced); ok && held && err == nil {
		err = p.Pace()
	}
	return nil, said(attend || again, held), err
}

// took tells the debugger how long the worker had the turn. Whatever the worker says, its
// time is the host's.
func (i *instance) took() error {
	if i.looks == nil {
		return nil
	}
	d := time.Since(i.handed)
	i.handed = i.handed.Add(d)
	if timed, ok := i.looks.Debugger.(engine.Timed); ok {
		return timed.Took(d)
	}
	return nil
}

func said(attend, held bool) (says uint64) {
	if attend {
		says |= saysAttend
	}
	if held {
		says |= saysHeld
	}
	return says
}

// look has the instance have a debugger, or none any more, as an order says.
func (g *guest) look(w world) {
	on := w.knows&knowsDebug != 0
	if on == g.looked || g.debugs == nil {
		return
	}
	g.looked = on
	if on {
		g.debugs.Debug(&remote{g})
	} else {
		g.debugs.Debug(nil)
	}
}

// remote implements engine.Debugger in the worker: what it is asked goes to the host.
type remote struct{ guest *guest }

// Begin implements engine.Debugger.
func (d *remote) Begin() (attend bool, err error) {
	attend, _, err = d.ask(debugBegin)
	return attend, err
}

// End implements engine.Debugger. The host knows.
func (d *remote) End() {}

// Slice implements engine.Debugger.
func (d *remote) Slice() (attend, held bool, err error) { return d.ask(debugSlice) }

func (d *remote) ask(what uint64) (attend, held bool, err error) {
	if _, err := d.guest.ask(reportDebug, what, nil); err != nil {
		return false, false, err
	}
	says := d.guest.said
	return says&saysAttend != 0, says&saysHeld != 0, nil
}

// Serve implements engine.Debugger.
func (d *remote) Serve(request []byte) ([]byte, error) {
	if len(request) > abi.RequestBytesMax {
		return nil, &engine.Error{Code: engine.CodeRequest, Reason: fmt.Sprintf("a request of %d bytes; at most %d are allowed", len(request), abi.RequestBytesMax)}
	}
	return d.guest.ask(reportDebug, debugServe, request)
}
