package python

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/grow-platform/grow/runtime/debug"
	"github.com/grow-platform/grow/runtime/engine"
)

// ErrLeft unwinds the guest of a console that nobody sits at any more.
var ErrLeft = errors.New("the console was left")

// Limits of an input.
const (
	SourceMax = 256 << 10        // bytes
	InputTime = 20 * time.Second // that it may take, with others' turns; besides its fuel
	mercyTime = 10 * time.Second // more, for a guest that asks for no fuel, until it is unwound
)

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
	sources chan *typed
	results chan Carried
	left    chan struct{} // the person has gone
	ended   chan struct{} // the instance has
	leave   sync.Once
	end     sync.Once
}

// NewConsole returns a console of no instance yet.
func NewConsole() *Console {
	return &Console{sources: make(chan *typed), results: make(chan Carried), left: make(chan struct{}), ended: make(chan struct{})}
}

// Close has the instance end. Evaluate fails with ErrLeft afterwards.
func (c *Console) Close() { c.leave.Do(func() { close(c.left) }) }

// Gone is closed once Ended was called.
func (c *Console) Gone() <-chan struct{} { return c.ended }

// Ended is to be called once the instance handles nothing any more.
func (c *Console) Ended() { c.end.Do(func() { close(c.ended) }) }

// typed is an input.
type typed struct {
	source string
	told   chan struct{} // closed once it was given up: it is to end
}

// Evaluate carries out an input. It fails with ErrLeft if the instance has ended, or does
// so meanwhile. When ctx ends, the input is told to end too, and Evaluate returns the error
// of ctx once it has; what does not heed that ends the instance.
func (c *Console) Evaluate(ctx context.Context, source string) (Carried, error) {
	if len(source) > SourceMax {
		return Carried{}, fmt.Errorf("an input has at most %d bytes, not %d", SourceMax, len(source))
	}
	in := &typed{source: source, told: make(chan struct{})}
	select {
	case c.sources <- in:
	case <-c.ended:
		return Carried{}, ErrLeft
	case <-c.left:
		return Carried{}, ErrLeft
	case <-ctx.Done():
		return Carried{}, ctx.Err()
	}
	gone := ctx.Done()
	for {
		select {
		case r := <-c.results:
			return r, ctx.Err()
		case <-c.ended:
			return Carried{}, ErrLeft
		case <-gone:
			gone = nil
			close(in.told)
		}
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
	s := &sitting{Host: h, console: i.console}
	if !ok || !d.Debug(s.debugger()) {
		return engine.Answer{}, fmt.Errorf("open a console: the instance runs in another process: %w", debug.ErrUnsupported)
	}
	return i.Instance.Handle(s, in)
}

// sitting is the host of an instance that somebody types at. It belongs to the guest's
// goroutine.
type sitting struct {
	engine.Host
	console *Console
	input   *typed    // nil: the guest carries out none
	until   time.Time // that has to end
	slices  int       // that the guest has left for it
	open    bool      // the guest has asked for its first input
	release func()    // of the hold; nil: there is none
}

// Pace implements engine.Paced, if the host does.
func (s *sitting) Pace() error {
	if p, ok := s.Host.(engine.Paced); ok {
		return p.Pace()
	}
	return nil
}

// Rest implements engine.Paced.
func (s *sitting) Rest() {
	if p, ok := s.Host.(engine.Paced); ok {
		p.Rest()
	}
}

// Sleep implements engine.Host. It ends early where the input is to end, which it is told
// with its next slice of fuel; who asks for none is unwound.
func (s *sitting) Sleep(d int64) error {
	if s.input == nil {
		return s.Host.Sleep(d)
	}
	if err := s.over(); err != nil {
		return err
	}
	if d <= 0 {
		return s.Pace()
	}
	s.Rest()
	timer := time.NewTimer(min(time.Duration(d), time.Until(s.until)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.input.told:
	case <-s.console.left:
		return ErrLeft
	}
	return nil
}

// over is why the input that is carried out must end at once; nil: it must not.
func (s *sitting) over() error {
	now := time.Now()
	select {
	case <-s.console.left:
		return ErrLeft
	case <-s.input.told:
		if now.Before(s.until) {
			s.until = now
		}
	default:
	}
	if now.Sub(s.until) > mercyTime {
		return ErrEndless
	}
	return nil
}

// debugger is the sitting as an engine.Debugger.
func (s *sitting) debugger() engine.Debugger { return (*sat)(s) }

// sat is a sitting where it serves its guest's requests: its Slice is another one than a
// Host's.
type sat sitting

// holder is a host whose clocks can stand, as actor.Instance is.
type holder interface{ Hold() (release func()) }

// Begin implements engine.Debugger.
func (s *sat) Begin() (attend bool, err error) { return true, nil }

// End implements engine.Debugger.
func (s *sat) End() {
	s.input = nil
	s.hold(false)
}

// hold has the clocks of the message stand from now on, or go on.
func (s *sat) hold(on bool) {
	if s.release != nil {
		s.release()
		s.release = nil
	}
	if h, ok := s.Host.(holder); on && ok {
		s.release = h.Hold()
	}
}

// Slice implements engine.Debugger.
func (s *sat) Slice() (attend, held bool, err error) {
	if s.input == nil {
		return false, false, nil
	}
	select {
	case <-s.console.left:
		return false, false, ErrLeft
	case <-s.input.told:
		s.slices = min(s.slices, mercyMax)
	default:
		if time.Now().After(s.until) {
			s.slices = min(s.slices, mercyMax)
		}
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
func (s *sat) Serve(b []byte) ([]byte, error) {
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
func (s *sat) turn(data []byte) ([]byte, error) {
	var r Carried
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("read a guest's answer: %w", err)
	}
	s.input = nil
	s.hold(true)
	if s.open {
		select {
		case s.console.results <- r:
		case <-s.console.left:
			return nil, ErrLeft
		}
	}
	s.open = true
	select {
	case s.input = <-s.console.sources:
		s.slices, s.until = workMax+mercyMax, time.Now().Add(InputTime)
		return reply(input{s.input.source})
	case <-s.console.left:
		return nil, ErrLeft
	}
}
