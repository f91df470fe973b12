package python

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/grow-platform/grow/runtime/debug"
	"github.com/grow-platform/grow/runtime/engine"
)

// ErrLeft unwinds the guest of a console that nobody sits at any more.
var ErrLeft = errors.New("the console was left")

// SourceMax is how many bytes an input has at most.
const SourceMax = 256 << 10

// Carried is what came of an input.
type Carried struct {
	More   bool   `json:"more"`   // it is only a beginning: give it again, with more lines
	Output string `json:"output"` // what was printed, and the value of an expression
	Fault  string `json:"fault"`  // the traceback, of the person's and the actor's own lines
}

// Console has an instance carry out Python, input by input, in place of the message that
// it is given to handle. Each input has about 2 s of fuel of its own; while the console
// waits for one, the clocks of the message stand still.
//
// Compile and the instance's Handle are for whoever runs the actor, Evaluate and Close for
// a person; Evaluate is called by one goroutine at a time.
type Console struct {
	sources chan string
	results chan Carried
	left    chan struct{} // the person has gone
	ended   chan struct{} // the instance has
	leave   sync.Once
	end     sync.Once
}

// NewConsole returns a console of no instance yet.
func NewConsole() *Console {
	return &Console{sources: make(chan string), results: make(chan Carried), left: make(chan struct{}), ended: make(chan struct{})}
}

// Close has the instance end. Evaluate fails with ErrLeft afterwards.
func (c *Console) Close() { c.leave.Do(func() { close(c.left) }) }

// Gone is closed once Ended was called.
func (c *Console) Gone() <-chan struct{} { return c.ended }

// Ended is to be called once the instance handles nothing any more.
func (c *Console) Ended() { c.end.Do(func() { close(c.ended) }) }

// Evaluate carries out an input. It fails with ErrLeft if the instance has ended, or does
// so meanwhile. When ctx ends, what is carried out goes on.
func (c *Console) Evaluate(ctx context.Context, source string) (Carried, error) {
	if len(source) > SourceMax {
		return Carried{}, fmt.Errorf("an input has at most %d bytes, not %d", SourceMax, len(source))
	}
	select {
	case c.sources <- source:
	case <-c.ended:
		return Carried{}, ErrLeft
	case <-c.left:
		return Carried{}, ErrLeft
	case <-ctx.Done():
		return Carried{}, ctx.Err()
	}
	select {
	case r := <-c.results:
		return r, nil
	case <-c.ended:
		return Carried{}, ErrLeft
	}
}

// Compile compiles a module so that its instances are the console's.
func (c *Console) Compile(ctx context.Context, e engine.Engine, binary []byte, config engine.Config) (engine.Module, error) {
	m, err := e.Compile(ctx, binary, config)
	if err != nil {
		return nil, err
	}
	return &consoleModule{m, c}, nil
}

type consoleModule struct {
	engine.Module
	console *Console
}

// Instantiate implements engine.Module.
func (m *consoleModule) Instantiate(ctx context.Context, h engine.Host) (engine.Instance, error) {
	i, err := m.Module.Instantiate(ctx, h)
	if err != nil {
		return nil, err
	}
	return &consoleInstance{i, m.console}, nil
}

type consoleInstance struct {
	engine.Instance
	console *Console
}

// Handle implements engine.Instance.
func (i *consoleInstance) Handle(h engine.Host, in engine.Input) (engine.Answer, error) {
	d, ok := i.Instance.(engine.Debuggable)
	if !ok || !d.Debug(&sitting{console: i.console, host: h}) {
		return engine.Answer{}, fmt.Errorf("open a console: the instance runs in another process: %w", debug.ErrUnsupported)
	}
	return i.Instance.Handle(h, in)
}

// sitting implements engine.Debugger: it belongs to the guest's goroutine.
type sitting struct {
	console *Console
	host    engine.Host
	slices  int  // that the guest has left for an input; 0: it carries out none
	open    bool // the guest has asked for its first input
}

// holder is a host whose clocks can stand, as actor.Instance is.
type holder interface{ Hold() (release func()) }

// Begin implements engine.Debugger.
func (s *sitting) Begin() (attend bool, err error) { return true, nil }

// End implements engine.Debugger.
func (s *sitting) End() { s.slices = 0 }

// Slice implements engine.Debugger.
func (s *sitting) Slice() (attend, held bool, err error) {
	if s.slices == 0 {
		return false, false, nil
	}
	return patience(&s.slices)
}

// patience counts down what a guest has for what it was asked, tells it when that is too
// long, and unwinds it in the end.
func patience(slices *int) (attend, held bool, err error) {
	*slices--
	switch {
	case *slices == 0:
		return false, false, ErrEndless
	case *slices < mercyMax: // it may have caught the last one
		return *slices%10 == 0, true, nil
	}
	return false, true, nil
}

// Serve implements engine.Debugger.
func (s *sitting) Serve(b []byte) ([]byte, error) {
	operation, data, err := request(b)
	if err != nil {
		return nil, err
	}
	switch operation {
	case opWatch:
		return reply(watch{Console: true})
	case opConsole:
		return s.turn(data)
	case opFailed:
		return nil, fmt.Errorf("open a console: %.200q", data)
	}
	return errorAnswer("invalid", "there is no such operation"), nil
}

// turn hands over what came of the last input, and waits for the next.
func (s *sitting) turn(data []byte) ([]byte, error) {
	var r Carried
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("read a guest's answer: %w", err)
	}
	if s.open {
		select {
		case s.console.results <- r:
		case <-s.console.left:
			return nil, ErrLeft
		}
	}
	s.open = true
	if h, ok := s.host.(holder); ok {
		defer h.Hold()()
	}
	select {
	case source := <-s.console.sources:
		s.slices = workMax + mercyMax
		return reply(input{source})
	case <-s.console.left:
		return nil, ErrLeft
	}
}
