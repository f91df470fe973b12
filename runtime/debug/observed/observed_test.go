package observed

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/debug"
	"github.com/grow-platform/grow/runtime/debug/debugtest/requests"
	"github.com/grow-platform/grow/runtime/engine"
)

// guest is a module written in Go, which is an engine that compiles nothing else.
type guest func(h engine.Host) (outputs []string, err error)

func (g guest) Compile(context.Context, []byte, engine.Config) (engine.Module, error) { return g, nil }
func (g guest) Info() engine.Info                                                     { return engine.Info{} }
func (g guest) Close(context.Context) error                                           { return nil }
func (g guest) Instantiate(context.Context, engine.Host) (engine.Instance, error) {
	return running{g}, nil
}

type running struct{ guest }

func (running) Init(engine.Host, []byte) error { return nil }
func (running) MemorySize() int64              { return 0 }
func (running) Close() error                   { return nil }
func (r running) Handle(h engine.Host, _ engine.Input) (engine.Answer, error) {
	types, err := r.guest(h)
	if err != nil || types == nil {
		return engine.Answer{}, err
	}
	frame := abi.AppendCount(nil, len(types))
	for _, typ := range types {
		frame = abi.AppendData(abi.AppendAttr(abi.AppendAttrCount(frame, 1), abi.Type, typ), []byte("1"))
	}
	return engine.Answer{Frame: frame}, nil
}

// world is a host that notes how often its clocks are stopped.
type world struct {
	engine.Host
	held, released int
}

func (w *world) Call([]byte) ([]byte, error) { return nil, nil }
func (w *world) Hold() func()                { w.held++; return func() { w.released++ } }

// diary is a session that notes what it is told.
type diary struct {
	guests *Guests
	mu     sync.Mutex
	lines  []string
	fail   string // the line that ends the handling
}

var errEnough = errors.New("enough")

func (d *diary) note(format string, args ...any) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	line := fmt.Sprintf(format, args...)
	d.lines = append(d.lines, line)
	if line == d.fail {
		return errEnough
	}
	return nil
}

func (d *diary) Enter(g debug.Guest) error {
	g.Watch(&debug.Watch{Lines: []debug.Position{{File: requests.File, Line: 2}}})
	return d.note("enter %s", d.guests.Title(g))
}

func (d *diary) Arrive(g debug.Guest, h debug.Halt) error {
	defer d.guests.Hold(g)()
	return d.note("line %d", h.Position().Line)
}
func (d *diary) Leave(debug.Guest) { _ = d.note("leave") }
func (d *diary) Request(_ debug.Guest, operation string, data []byte) error {
	return d.note("request %s %s", operation, data)
}
func (d *diary) Output(_ debug.Guest, typ string, data []byte) error {
	return d.note("output %s %s", typ, data)
}

func open(t *testing.T, g guest, d *diary) engine.Module {
	t.Helper()
	p, err := requests.Language{}.Open(t.Context(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	d.guests = New()
	m, err := d.guests.Compile(t.Context(), p, asEngine{g}, engine.Config{}, d)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// asEngine is a guest as an engine.
type asEngine struct{ guest }

func (asEngine) Close(context.Context) error { return nil }

// TestTold: a session is told of requests before they are served and of outputs before
// the guest leaves, in order, and may end the handling at each.
func TestTold(t *testing.T) {
	asks := func(h engine.Host) ([]string, error) {
		_, err := h.Call(abi.NewMessage([]byte("7"), abi.Type, "state.get").Frame())
		return []string{"a", "b"}, err
	}
	for _, c := range []struct {
		name, fail string
		want       []string
	}{
		{"all", "", []string{"enter in m1 of k", "request state.get 7", "line 2", "output a 1", "output b 1", "leave"}},
		{"ended at a request", "request state.get 7", []string{"enter in m1 of k", "request state.get 7", "leave"}},
		{"ended at a line", "line 2", []string{"enter in m1 of k", "request state.get 7", "line 2", "leave"}},
		{"ended at an output", "output a 1", []string{"enter in m1 of k", "request state.get 7", "line 2", "output a 1", "leave"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := &diary{fail: c.fail}
			m, w := open(t, asks, d), &world{}
			i, err := m.Instantiate(t.Context(), w)
			if err != nil {
				t.Fatal(err)
			}
			if err := i.Init(w, nil); err != nil {
				t.Fatal(err)
			}
			_, err = i.Handle(w, abi.NewMessage(nil, abi.Type, "in", abi.ID, "m1", abi.Subject, "k"))
			if !slices.Equal(d.lines, c.want) || errors.Is(err, errEnough) != (c.fail != "") {
				t.Errorf("%q, %v, want %q", d.lines, err, c.want)
			}
			if arrived := slices.Contains(c.want, "line 2"); w.held != w.released || (w.held == 1) != arrived {
				t.Errorf("clocks were stopped %d times, and went on %d times", w.held, w.released)
			}
			if err := i.Close(); err != nil || len(d.guests.all) > 0 {
				t.Errorf("%d guests are left, %v", len(d.guests.all), err)
			}
		})
	}
}

// TestApart: guests that handle at the same time are told apart.
func TestApart(t *testing.T) {
	const guests = 8
	d := &diary{}
	var inside sync.WaitGroup
	inside.Add(guests)
	m := open(t, func(h engine.Host) ([]string, error) {
		inside.Done()
		inside.Wait() // all are inside at once
		_, err := h.Call(abi.NewMessage(nil, abi.Type, "state.get").Frame())
		return nil, err
	}, d)
	var all sync.WaitGroup
	worlds := make([]world, guests)
	for n := range guests {
		all.Go(func() {
			i, err := m.Instantiate(t.Context(), &worlds[n])
			if err == nil {
				_, err = i.Handle(&worlds[n], abi.NewMessage(nil, abi.Type, "in", abi.ID, fmt.Sprint(n)))
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for n := range worlds {
		if worlds[n].held != 1 || worlds[n].released != 1 || !slices.Contains(d.lines, fmt.Sprintf("enter in %d", n)) {
			t.Errorf("guest %d: its clocks were stopped %d times; %q", n, worlds[n].held, d.lines)
		}
	}
}
