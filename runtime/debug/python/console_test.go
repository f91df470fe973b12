package python_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/debug/python"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/engine/enginetest"
)

// sit has an instance of the module carry out what is typed at a console. The function
// that is returned gives what the handling ended with.
func sit(t *testing.T, h engine.Host) (c *python.Console, ended func() error) {
	t.Helper()
	c = python.NewConsole()
	m, err := c.Compile(t.Context(), running(t), pack(t, "main.py"), engine.Config{MemoryMax: 64 << 20, Name: "test", Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close(t.Context()) })
	i := fresh(t, m)
	over := make(chan error, 1)
	go func() {
		_, err := i.Handle(h, abi.NewMessage(nil, abi.Type, "grow.repl"))
		c.Ended()
		over <- err
	}()
	return c, func() error { c.Close(); return <-over }
}

// TestConsole: inputs are carried out one after the other, in one world; the message's own
// fuel is not used for them.
func TestConsole(t *testing.T) {
	c, ended := sit(t, &enginetest.Host{Fuel: 20_000_000})
	for _, k := range []struct{ source, output, fault string }{
		{"1 + 1", "2\n", ""},
		{"_ + 1", "3\n", ""},
		{"None", "", ""},
		{"x = [1]; x.append(2); x", "[1, 2]\n", ""},
		{"def f(n):\n    return n + x[0]\n", "", ""},
		{"f(41)", "42\n", ""},
		{"print('a', end=''); print('b')", "ab\n", ""},
		{"import sys; sys.stderr.write('e')", "e1\n", ""},
		{"1 / 0", "", "ZeroDivisionError: division by zero"},
		{"f('a')", "", "    return n + x[0]"},
		{"1 +* 2", "", "SyntaxError"},
		{"raise SystemExit(3)", "", "SystemExit: 3"},
		{"sum(range(3_000_000))", "4499998500000\n", ""},
		{"while True: pass\n", "", "it takes too long, and was ended"},
		{"message.type", "'grow.repl'\n", ""},
		{"import grow._debug; grow._debug.tool is None or x", "[1, 2]\n", ""},
	} {
		r, err := c.Evaluate(t.Context(), k.source)
		if err != nil {
			t.Fatal(k.source, err)
		}
		if r.More || r.Output != k.output || k.fault == "" != (r.Fault == "") || !strings.Contains(r.Fault, k.fault) {
			t.Errorf("%s: %+v, want %q and %q", k.source, r, k.output, k.fault)
		}
	}
	for _, source := range []string{"def f():", "for i in x:\n    i", "(1,", "'''a"} {
		if r, err := c.Evaluate(t.Context(), source); err != nil || !r.More {
			t.Errorf("%s: %+v, %v, want more", source, r, err)
		}
	}
	if _, err := c.Evaluate(t.Context(), strings.Repeat(" ", python.SourceMax+1)); err == nil || errors.Is(err, python.ErrLeft) {
		t.Errorf("an input that is too long: %v", err)
	}
	if err := ended(); !errors.Is(err, python.ErrLeft) {
		t.Errorf("left: %v", err)
	}
	if _, err := c.Evaluate(t.Context(), "1"); !errors.Is(err, python.ErrLeft) {
		t.Errorf("after it was left: %v", err)
	}
}

// TestConsoleEnds: what does not heed that it takes too long ends the instance, and so does
// what leaves Python.
func TestConsoleEnds(t *testing.T) {
	for source, want := range map[string]string{
		"while True:\n    try:\n        while True: pass\n    except BaseException: pass\n": python.ErrEndless.Error(),
		"import os; os._exit(3)": "proc_exit(3)",
	} {
		c, ended := sit(t, &enginetest.Host{})
		if _, err := c.Evaluate(t.Context(), source); !errors.Is(err, python.ErrLeft) {
			t.Errorf("%s: %v", source, err)
		}
		if err := ended(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: ended with %v, want %s", source, err, want)
		}
	}
}

// paced is a host whose guests take turns. It counts them, and calls turned at each, and
// where the guest has something else in its place.
type paced struct {
	enginetest.Host
	turns, rests int
	turned       func() error
}

func (p *paced) Pace() error {
	p.turns++
	return p.turned()
}

func (p *paced) Rest() {
	p.rests++
	_ = p.turned()
}

// TestConsolePaced: what is typed takes turns with others, which may end it.
func TestConsolePaced(t *testing.T) {
	h := &paced{turned: func() error { return nil }}
	c, ended := sit(t, h)
	if r, err := c.Evaluate(t.Context(), "sum(range(3_000_000))"); err != nil || r.Fault != "" {
		t.Fatal(r, err)
	}
	stops := errors.New("the host stops")
	h.turned = func() error { return stops }
	if _, err := c.Evaluate(t.Context(), "while True: pass"); !errors.Is(err, python.ErrLeft) {
		t.Error(err)
	}
	if err := ended(); !errors.Is(err, stops) || h.turns < 10 || h.rests < 2 {
		t.Errorf("%d turns, %d rests, %v", h.turns, h.rests, err)
	}
}

// TestConsoleInterrupted: an input ends once nobody waits for it, also where it sleeps; what
// was there stays.
func TestConsoleInterrupted(t *testing.T) {
	for _, source := range []string{"while True: pass", "import time; time.sleep(3600)", "import time\nfor i in range(10**9): time.sleep(3600)\n"} {
		var waits atomic.Pointer[context.CancelFunc]
		h := &paced{turned: func() error {
			if leave := waits.Load(); leave != nil {
				(*leave)()
			}
			return nil
		}}
		c, ended := sit(t, h)
		if r, err := c.Evaluate(t.Context(), "x = 41; sum(range(1_000_000))"); err != nil || r.Fault != "" {
			t.Fatal(r, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		waits.Store(&cancel) // it is called in the midst of the input
		if _, err := c.Evaluate(ctx, source); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", source, err)
		}
		waits.Store(nil)
		if r, err := c.Evaluate(t.Context(), "x + 1"); err != nil || r.Output != "42\n" {
			t.Errorf("after %s: %+v, %v", source, r, err)
		}
		if err := ended(); !errors.Is(err, python.ErrLeft) {
			t.Error(err)
		}
	}
}

// TestConsoleCut: where the guest cuts what it shows, a mark says so, by which its host
// knows where a secret may have been cut in two.
func TestConsoleCut(t *testing.T) {
	c, ended := sit(t, &enginetest.Host{})
	for source, want := range map[string]string{"'x' * 9000": "x… (9002 characters)\n", "print('y' * 70_000)": "y\n… and 4465 characters more\n"} {
		if r, err := c.Evaluate(t.Context(), source); err != nil || !strings.HasSuffix(r.Output, want) {
			t.Errorf("%s: %.40q…, %v", source, r.Output[max(0, len(r.Output)-40):], err)
		}
	}
	if err := ended(); !errors.Is(err, python.ErrLeft) {
		t.Error(err)
	}
}
