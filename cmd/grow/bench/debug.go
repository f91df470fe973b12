package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/compiler/project"
	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/debug"
	wasm "github.com/grow-platform/grow/runtime/debug/native"
	pythonic "github.com/grow-platform/grow/runtime/debug/python"
	"github.com/grow-platform/grow/runtime/engine"
)

const (
	debugTurns     = 400 // of the Rust actor's loops
	debugStretches = 21  // of a round, of each of the two by turns
	attaches       = 9   // of a round
)

// computing is a Rust actor that computes: loops over arrays, arithmetic, calls that call
// themselves. elsewhere is never called.
const computing = `use grow::{Context, Result};
use serde::{Deserialize, Serialize};

#[derive(Deserialize, Serialize)]
struct Order {
    total: u64,
}

fn fib(n: u64) -> u64 {
    if n < 2 { n } else { fib(n - 1) + fib(n - 2) }
}

fn sieve(n: usize) -> u64 {
    let mut composite = vec![false; n];
    let mut found = 0;
    for i in 2..n {
        if composite[i] {
            continue;
        }
        found += 1;
        let mut k = i * i;
        while k < n {
            composite[k] = true;
            k += i;
        }
    }
    found
}

fn multiply(n: usize) -> f64 {
    let a: Vec<f64> = (0..n * n).map(|i| i as f64 * 0.5).collect();
    let mut sum = 0.0;
    for i in 0..n {
        for j in 0..n {
            for k in 0..n {
                sum += a[i * n + k] * a[k * n + j];
            }
        }
    }
    sum
}

#[inline(never)]
fn elsewhere(total: u64) -> u64 {
    total + 1
}

fn order(ctx: &mut Context, order: Order) -> Result<()> {
    let mut total = 0;
    if order.total == 7 {
        total = elsewhere(total);
    }
    for _ in 0..order.total / 100 {
        total += fib(12) + sieve(2000) + multiply(12) as u64;
    }
    ctx.send("echo.done", &Order { total })
}

grow::actor! { "*" => order }
`

// bystander is a debug.Reporter that waits for what never comes.
type bystander struct{ watch *debug.Watch }

// Enter implements debug.Reporter.
func (b *bystander) Enter(g debug.Guest) error {
	g.Watch(b.watch)
	return nil
}

// Arrive implements debug.Reporter.
func (b *bystander) Arrive(debug.Guest, debug.Halt) error {
	return errors.New("what was not to be come to was come to")
}

// Leave implements debug.Reporter.
func (*bystander) Leave(debug.Guest) {}

// debugged is an actor that is measured beside itself: as it is, and with somebody
// attached whose breakpoint is elsewhere.
type debugged struct {
	language  debug.Language
	elsewhere string // the function that it is in
	binary    []byte
	data      []byte // of a message that computes
}

// rustDebugged is the computing actor as grow build --debug makes it.
func rustDebugged(ctx context.Context, w *workspace) (debugged, error) {
	binary, err := w.builtTo(ctx, "rust-debug", "rust", "lib.rs", computing, project.Options{Debug: true})
	return debugged{wasm.New(), "elsewhere", binary, fmt.Appendf(nil, `{"total":%d}`, debugTurns)}, err
}

func pythonDebugged(ctx context.Context, w *workspace) (debugged, error) {
	binary, err := w.python(ctx)
	return debugged{pythonic.Language{}, "answer", binary, fmt.Appendf(nil, `{"turns":%d}`, pythonTurns/10)}, err
}

// open is the program, and who looks at it.
func (d *debugged) open(ctx context.Context) (debug.Program, *bystander, error) {
	p, err := d.language.Open(ctx, d.binary, nil)
	if err != nil {
		return nil, nil, err
	}
	if p == nil {
		return nil, nil, errors.New("the module is of another language")
	}
	at, err := p.Function(d.elsewhere)
	return p, &bystander{&debug.Watch{Lines: at}}, err
}

// handler is a module that has started, and a call of it.
type handler struct {
	module   engine.Module
	actor    *actor.Actor
	instance *actor.Instance // nil: it could not be started
	call     func() error
}

func (d *debugged) start(ctx context.Context, m engine.Module, err error) (*handler, error) {
	if err != nil {
		return nil, err
	}
	h := &handler{module: m}
	if h.actor, err = newActor(ctx, m); err != nil {
		return nil, errors.Join(err, m.Close(ctx))
	}
	if err := h.begin(ctx); err != nil {
		return nil, errors.Join(err, h.close(ctx))
	}
	message := abi.NewMessage(d.data, abi.Type, "echo.done", abi.ID, "bench", abi.ContentType, abi.ContentJSON)
	h.call = func() error {
		if r := h.instance.Handle(&actor.Task{Message: message, ID: "bench", Now: time.Now().UnixNano()}); r.Outcome != actor.Handled || len(r.Outputs) != 1 {
			return fmt.Errorf("the actor did not answer: %s %s", r.Code, r.Text)
		}
		return nil
	}
	if err := h.call(); err != nil {
		return nil, errors.Join(err, h.close(ctx))
	}
	return h, nil
}

// begin starts an instance.
func (h *handler) begin(ctx context.Context) (err error) {
	if _, more, _ := h.actor.Take(); !more {
		return errors.New("an instance was free")
	}
	h.instance, err = h.actor.Start(ctx)
	return err
}

func (h *handler) close(ctx context.Context) error {
	if h.instance != nil {
		h.actor.Discard(h.instance)
	}
	<-h.actor.Close()
	return h.module.Close(ctx)
}

// debugging is the CPU of a message with somebody attached, and without.
func debugging(ctx context.Context, w *workspace, of func(context.Context, *workspace) (debugged, error)) (rounder, error) {
	d, err := of(ctx, w)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (value, reference float64, err error) {
		e, err := app.NewEngine(ctx, filepath.Join(w.dir, "cache"), nil)
		if err != nil {
			return 0, 0, err
		}
		defer func() { err = errors.Join(err, e.Close(ctx)) }()
		p, by, err := d.open(ctx)
		if err != nil {
			return 0, 0, err
		}
		c := engine.Config{MemoryMax: pythonMemory}
		m, err := e.Compile(ctx, d.binary, c)
		plain, err := d.start(ctx, m, err)
		if err != nil {
			return 0, 0, err
		}
		defer func() { err = errors.Join(err, plain.close(ctx)) }()
		m, err = p.Compile(ctx, e, c, by)
		attached, err := d.start(ctx, m, err)
		if err != nil {
			return 0, 0, err
		}
		defer func() { err = errors.Join(err, attached.close(ctx)) }()
		got, err := byTurns(debugStretches, 1, [2]func() error{plain.call, attached.call})
		return got[1] / 1e3, got[0] / 1e3, err
	}, nil
}

// undebugged is the CPU of a message in a host that has had somebody attached to the same
// module, and in one that has not.
func undebugged(ctx context.Context, w *workspace) (rounder, error) {
	d, err := rustDebugged(ctx, w)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (value, reference float64, err error) {
		var calls [2]func() error
		for k := range calls {
			e, err := app.NewEngine(ctx, filepath.Join(w.dir, "cache"), nil)
			if err != nil {
				return 0, 0, err
			}
			defer func() { err = errors.Join(err, e.Close(ctx)) }()
			c := engine.Config{MemoryMax: pythonMemory}
			if k == 1 {
				p, by, err := d.open(ctx)
				if err != nil {
					return 0, 0, err
				}
				m, err := p.Compile(ctx, e, c, by)
				if err != nil {
					return 0, 0, err
				}
				if err := m.Close(ctx); err != nil {
					return 0, 0, err
				}
			}
			m, err := e.Compile(ctx, d.binary, c)
			h, err := d.start(ctx, m, err)
			if err != nil {
				return 0, 0, err
			}
			defer func() { err = errors.Join(err, h.close(ctx)) }()
			calls[k] = h.call
		}
		got, err := byTurns(debugStretches, 1, calls)
		return got[1] / 1e3, got[0] / 1e3, err
	}, nil
}

// attaching is the time from the bytes of a module of 3 MB and more to one with probes of
// which instances can be made, in milliseconds, where its machine code is kept; the
// reference, where it is not.
func attaching(ctx context.Context, w *workspace) (rounder, error) {
	d, err := rustDebugged(ctx, w)
	if err != nil {
		return nil, err
	}
	if len(d.binary) < 3<<20 {
		return nil, fmt.Errorf("the module has %d bytes only", len(d.binary))
	}
	return func(ctx context.Context) (value, reference float64, err error) {
		cache, err := os.MkdirTemp(w.dir, "attach-")
		if err != nil {
			return 0, 0, err
		}
		var took []float64
		for range 1 + attaches {
			ms, err := d.attach(ctx, cache)
			if err != nil {
				return 0, 0, err
			}
			took = append(took, ms)
		}
		return median(took[1:]), took[0], nil
	}, nil
}

// attach is once, by an engine that has the cache only.
func (d *debugged) attach(ctx context.Context, cache string) (ms float64, err error) {
	e, err := app.NewEngine(ctx, cache, nil)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, e.Close(ctx)) }()
	begin := time.Now()
	p, by, err := d.open(ctx)
	if err != nil {
		return 0, err
	}
	m, err := p.Compile(ctx, e, engine.Config{MemoryMax: pythonMemory}, by)
	if err != nil {
		return 0, err
	}
	ms = micros(time.Since(begin)) / 1000
	return ms, m.Close(ctx)
}
