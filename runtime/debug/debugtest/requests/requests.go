// Package requests has a program for tests of what debugs: any module, each line of
// whose one source is a request to the host. Line 1 begins a message, line 2 comes after
// the first request of it, and so on.
package requests

import (
	"context"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/grow-platform/grow/runtime/debug"
	"github.com/grow-platform/grow/runtime/engine"
)

// File is the name of a program's source.
const File = "main.fake"

// linesMax is how many lines it has.
const linesMax = 1000

// Language takes all modules for its own.
type Language struct{}

// Open implements debug.Language.
func (Language) Open(_ context.Context, binary []byte, _ fs.FS) (debug.Program, error) {
	return &Program{binary}, nil
}

// Program is a module whose lines are its requests.
type Program struct{ binary []byte }

// Language implements debug.Program.
func (*Program) Language() string { return "fake" }

// Notes implements debug.Program.
func (*Program) Notes() []string { return nil }

// Files implements debug.Program.
func (*Program) Files() []string { return []string{File} }

// Source implements debug.Program.
func (*Program) Source(file string) ([]byte, error) {
	if file != File {
		return nil, fmt.Errorf("source %s: %w", file, debug.ErrUnknown)
	}
	var b strings.Builder
	b.WriteString("begin\n")
	for n := 1; n < linesMax; n++ {
		fmt.Fprintf(&b, "request %d\n", n)
	}
	return []byte(b.String()), nil
}

// Bind implements debug.Program.
func (*Program) Bind(file string, line int) (debug.Position, error) {
	switch {
	case file != File:
		return debug.Position{}, fmt.Errorf("bind %s: %w", file, debug.ErrUnknown)
	case line < 1 || line > linesMax:
		return debug.Position{}, debug.ErrNoCode
	}
	return debug.Position{File: File, Line: line}, nil
}

// Function implements debug.Program.
func (p *Program) Function(name string) ([]debug.Position, error) {
	if name != "handle" {
		return nil, fmt.Errorf("function %s: %w", name, debug.ErrUnknown)
	}
	return []debug.Position{{File: File, Line: 1}}, nil
}

// Compile implements debug.Program.
func (p *Program) Compile(ctx context.Context, e engine.Engine, c engine.Config, r debug.Reporter) (engine.Module, error) {
	m, err := e.Compile(ctx, p.binary, c)
	if err != nil {
		return nil, err
	}
	return module{m, r}, nil
}

type module struct {
	engine.Module
	reporter debug.Reporter
}

// Instantiate implements engine.Module.
func (m module) Instantiate(ctx context.Context, h engine.Host) (engine.Instance, error) {
	i, err := m.Module.Instantiate(ctx, h)
	if err != nil {
		return nil, err
	}
	return &instance{Instance: i, reporter: m.reporter}, nil
}

// instance is a guest.
type instance struct {
	engine.Instance
	reporter debug.Reporter
	watch    atomic.Pointer[debug.Watch]
	line     int
	message  []byte
}

// Watch implements debug.Guest.
func (i *instance) Watch(w *debug.Watch) { i.watch.Store(w) }

// Handle implements engine.Instance.
func (i *instance) Handle(h engine.Host, in engine.Input) (engine.Answer, error) {
	i.line, i.message = 0, make([]byte, in.Size())
	in.CopyTo(i.message)
	if err := i.reporter.Enter(i); err != nil {
		return engine.Answer{}, err
	}
	defer i.reporter.Leave(i)
	if err := i.next(); err != nil {
		return engine.Answer{}, err
	}
	a, err := i.Instance.Handle(host{h, i}, in)
	if w := i.watch.Load(); err != nil && w != nil && w.Uncaught {
		_ = i.reporter.Arrive(i, halt{i, debug.CauseUncaught, err.Error()}) // it has failed anyway
	}
	return a, err
}

// next comes to the next line.
func (i *instance) next() error {
	i.line++
	w := i.watch.Load()
	stop := w != nil && w.Every
	if w != nil {
		for _, p := range w.Lines {
			stop = stop || p.Line == i.line
		}
	}
	if !stop {
		return nil
	}
	return i.reporter.Arrive(i, halt{i, debug.CauseLine, ""})
}

// host makes a line of each request.
type host struct {
	engine.Host
	guest *instance
}

// Call implements engine.Host.
func (h host) Call(request []byte) ([]byte, error) {
	answer, err := h.Host.Call(request)
	if err != nil {
		return nil, err
	}
	return answer, h.guest.next()
}

// halt is a guest that stands still. It has two variables: the number of its line, and
// the message.
type halt struct {
	guest *instance
	cause debug.Cause
	text  string
}

func (h halt) Cause() debug.Cause       { return h.cause }
func (h halt) Text() string             { return h.text }
func (h halt) Position() debug.Position { return debug.Position{File: File, Line: h.guest.line} }
func (h halt) Depth() int               { return 1 }

func (h halt) Frames(start, n int) ([]debug.Frame, error) {
	if start > 0 || n < 1 {
		return nil, nil
	}
	return []debug.Frame{{Function: "handle", Position: h.Position(), Own: true}}, nil
}

func (h halt) Scopes(int) ([]debug.Variable, error) {
	return []debug.Variable{{Name: "Locals", Children: 1, Named: 2}}, nil
}

func (h halt) Children(r debug.Reference, _, _ int) ([]debug.Variable, error) {
	if r != 1 {
		return nil, debug.ErrUnknown
	}
	return []debug.Variable{{Name: "line", Type: "int", Value: strconv.Itoa(h.guest.line)}, {Name: "message", Type: "str", Value: strconv.Quote(string(h.guest.message))}}, nil
}

func (h halt) Set(int, debug.Reference, string, string) (debug.Variable, error) {
	return debug.Variable{}, debug.ErrReadOnly
}

func (h halt) Evaluate(_ int, expression string) (debug.Variable, error) {
	list, err := h.Children(1, 0, 0)
	for _, v := range list {
		if v.Name == expression {
			return v, nil
		}
	}
	if err == nil {
		err = fmt.Errorf("%s: %w", expression, debug.ErrUnknown)
	}
	return debug.Variable{}, err
}

func (h halt) Truth(_ int, expression string) (bool, error) {
	line, err := strconv.Atoi(expression)
	return line == h.guest.line, err
}

func (h halt) Memory(uint64, int) ([]byte, error) { return nil, debug.ErrUnsupported }
func (h halt) WriteMemory(uint64, []byte) error   { return debug.ErrReadOnly }
func (h halt) Instructions(int, int, int) ([]debug.Instruction, error) {
	return nil, debug.ErrUnsupported
}
