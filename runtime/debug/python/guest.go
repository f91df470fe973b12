package python

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"strings"
	"sync/atomic"
	"time"

	"github.com/grow-platform/grow/runtime/debug"
	"github.com/grow-platform/grow/runtime/engine"
)

// Limits of what a guest does for its debugger, in slices of fuel of about 100 µs.
const (
	// workMax is what the guest may take for one thing that it is asked.
	workMax = 20_000
	// mercyMax is what it has, once it was told that this is too long, to end it.
	mercyMax = 5_000
	// answerTime is what it may take for one thing by the host's clock, without the turns of
	// others: what it says of its fuel may be a lie.
	answerTime = 30 * time.Second
)

// ErrEndless unwinds a guest that does not end what it was asked for, though it was
// told to.
var ErrEndless = errors.New("an evaluation did not end, though it was told to")

// guest debugs an instance: it implements engine.Debugger and debug.Guest.
//
// While its guest stands still, Arrive runs as a coroutine of the guest's goroutine:
// what it asks the Halt for makes Serve return with a command, and the guest's next
// request has the result.
type guest struct {
	program  *program
	reporter debug.Reporter
	watch    atomic.Pointer[debug.Watch]
	changed  atomic.Bool // the guest does not know of watch
	detached atomic.Bool

	// What follows belongs to the guest's goroutine.
	entered bool          // Leave is due
	slices  int           // that it has left for what it was asked for; 0: it goes its way
	took    time.Duration // for that
	halt    *halt
}

// Watch implements debug.Guest. The guest is told of what is new alone: it looks at all of
// its code again then.
func (g *guest) Watch(w *debug.Watch) {
	if old := g.watch.Swap(w); old != nil && (old == w || reflect.DeepEqual(old, w)) {
		return
	}
	g.changed.Store(true)
}

// detach has the guest report nothing any more, and leave nothing of a debugger behind.
func (g *guest) detach() {
	g.detached.Store(true)
	g.changed.Store(true)
}

// Begin implements engine.Debugger.
func (g *guest) Begin() (attend bool, err error) {
	if !g.detached.Load() {
		g.entered = true
		err = g.reporter.Enter(g)
	}
	return g.changed.Load(), err
}

// End implements engine.Debugger.
func (g *guest) End() {
	if g.halt != nil { // it was unwound in the midst of an answer
		g.halt.end()
		g.halt = nil
	}
	g.slices = 0
	if g.entered {
		g.entered = false
		g.reporter.Leave(g)
	}
}

// Slice implements engine.Debugger.
func (g *guest) Slice() (attend, held bool, err error) {
	if g.slices == 0 {
		return g.changed.Load(), false, nil
	}
	return patience(&g.slices)
}

// Took implements engine.Timed.
func (g *guest) Took(d time.Duration) error {
	if g.slices == 0 {
		return nil
	}
	if g.took += d; g.took > answerTime {
		return ErrEndless
	}
	return nil
}

// Serve implements engine.Debugger.
func (g *guest) Serve(b []byte) ([]byte, error) {
	operation, data, err := request(b)
	if err != nil {
		return nil, err
	}
	switch operation {
	case opWatch:
		if g.slices == 1 { // what asks again and again comes to an end too
			return nil, ErrEndless
		}
		g.slices = max(0, g.slices-1)
		return reply(g.told())
	case opStop:
		return g.arrive(data)
	case opResult:
		return g.result(data)
	case opFailed:
		return nil, fmt.Errorf("debug: %.200q", data)
	}
	return errorAnswer("invalid", "there is no such operation"), nil
}

// told is what the guest is to report, which it knows from now on.
func (g *guest) told() *watch {
	g.changed.Store(false) // before it is read
	if g.detached.Load() {
		return &watch{Off: true}
	}
	w := g.watch.Load()
	if w == nil {
		return &watch{}
	}
	told := &watch{Every: w.Every, Depth: w.Depth, Return: w.Return, Raised: w.Raised, Uncaught: w.Uncaught, Lines: map[string][][2]int{}}
	for _, p := range w.Lines {
		file, last := inGuest(p.File), p.Line
		if s := g.program.sources[p.File]; s != nil {
			last = s.outline().end(p.Line)
		}
		told.Lines[file] = append(told.Lines[file], [2]int{p.Line, last})
	}
	return told
}

// library is where a guest sees Python's own modules.
const library = "/lib/python313.zip/"

// inGuest is a file as the guest names it.
func inGuest(file string) string {
	if rest, ok := strings.CutPrefix(file, "lib/"); ok {
		return library + rest
	}
	return "/" + file
}

// arrive tells the reporter that the guest stands still.
func (g *guest) arrive(data []byte) ([]byte, error) {
	if g.halt != nil {
		return nil, errors.New("debug: the guest stands still, and says so again")
	}
	if g.detached.Load() {
		return reply(command{Do: "go", Watch: g.told()})
	}
	h := &halt{}
	if err := json.Unmarshal(data, &h.at); err != nil {
		return nil, fmt.Errorf("read where a guest stands: %w", err)
	}
	h.next, h.stop = iter.Pull(func(yield func(command) bool) {
		h.yield = yield
		h.err = g.reporter.Arrive(g, h)
	})
	g.halt = h
	return g.goOn()
}

// result hands what the guest was asked for to who asked.
func (g *guest) result(data []byte) ([]byte, error) {
	if g.halt == nil {
		return nil, errors.New("debug: the guest answers, and was not asked")
	}
	g.halt.result = result{}
	if err := json.Unmarshal(data, &g.halt.result); err != nil {
		return nil, fmt.Errorf("read a guest's answer: %w", err)
	}
	return g.goOn()
}

// goOn goes on with what is done while the guest stands still, and returns what it is
// to do next.
func (g *guest) goOn() ([]byte, error) {
	if c, ok := g.halt.next(); ok {
		g.slices, g.took = workMax+mercyMax, 0
		return reply(c)
	}
	err := g.halt.err
	g.halt, g.slices = nil, 0
	if err != nil {
		return nil, err
	}
	c := command{Do: "go"}
	if g.changed.Load() {
		c.Watch = g.told()
	}
	return reply(c)
}

var (
	_ engine.Debugger = (*guest)(nil)
	_ engine.Timed    = (*guest)(nil)
)
