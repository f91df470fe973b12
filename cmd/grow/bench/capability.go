package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/shape"
	"github.com/grow-platform/grow/testdata/wat"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

const (
	callsPerMessage = 900 // that the module calls makes
	callStretches   = 20  // of each side in a round, by turns
	callMessages    = 20  // in a stretch
)

// nothing is a capability without I/O: it answers as soon as it is asked.
type nothing struct{}

// Operations implements capability.Capability.
func (nothing) Operations() map[string]capability.Effect {
	return map[string]capability.Effect{"none.do": capability.Reads}
}

// Do implements capability.Capability.
func (nothing) Do(context.Context, *capability.Request) capability.Answer { return capability.Answer{} }

// Close implements capability.Capability.
func (nothing) Close() error { return nil }

// granted measures what a granted request costs that is answered at once, in nanoseconds,
// beside a call of the same guest that a function of wazero answers with the same bytes.
func granted(ctx context.Context, w *workspace) (rounder, error) {
	e, err := app.NewEngine(ctx, filepath.Join(w.dir, "cache"), nil)
	if err != nil {
		return nil, err
	}
	m, err := e.Compile(ctx, wat.Module("calls"), engine.Config{MemoryMax: memoryMax})
	if err != nil {
		return nil, errors.Join(err, e.Close(ctx))
	}
	w.atEnd(func() error {
		ending := context.WithoutCancel(ctx)
		return errors.Join(m.Close(ending), e.Close(ending))
	})
	return func(ctx context.Context) (value, reference float64, err error) {
		a := callingActor(ctx, m)
		defer func() { <-a.Close() }()
		if _, more, _ := a.Take(); !more {
			return 0, 0, errors.New("an instance was free")
		}
		i, err := a.Start(ctx)
		if err != nil {
			return 0, 0, err
		}
		defer a.Discard(i)
		bare, err := newBareCalls(ctx)
		if err != nil {
			return 0, 0, err
		}
		defer func() { err = errors.Join(err, bare.runtime.Close(ctx)) }()
		message := abi.NewMessage(order, abi.Type, "echo.done", abi.ID, "bench", abi.ContentType, abi.ContentJSON)
		took, err := byTurns(callStretches, callMessages, [2]func() error{
			func() error { return bare.call(ctx, message.Frame(), nil) },
			func() error {
				if r := i.Handle(&actor.Task{Message: message, ID: "bench", Now: time.Now().UnixNano()}); r.Outcome != actor.Handled {
					return fmt.Errorf("the actor did not handle: %s %s", r.Code, r.Text)
				}
				return nil
			},
		})
		return took[1] / callsPerMessage, took[0] / callsPerMessage, err
	}, nil
}

// callingActor is an actor of the module calls, as a supervisor makes it.
func callingActor(ctx context.Context, m engine.Module) *actor.Actor {
	def := &specs.Actor{Name: "calls", Limits: specs.Limits{Memory: memoryMax, Output: abi.OutputBytesMax, Calls: abi.RequestsMax}}
	return actor.New(actor.Options{
		Node: "calls", Revision: "bench", Def: def, Types: make([]*shape.Type, 1), Module: m, Broker: capability.Of(map[string]capability.Capability{"g": nothing{}}, abi.RequestsMax),
		Pacer: app.Pacer(), Scale: specs.Scale{Max: 1}, Context: ctx,
		Log: func(actor.Line) {}, Seed: func(string) (seed [32]byte) { return seed }, RealTime: func() int64 { return time.Now().UnixNano() },
	})
}

// newBareCalls is the module calls in wazero, whose requests a function answers that copies
// the same bytes for each.
func newBareCalls(ctx context.Context) (*raw, error) {
	answer := abi.NewMessage(nil, abi.Type, abi.TypeOK).Frame()
	r := wazero.NewRuntime(ctx)
	_, err := r.NewHostModuleBuilder("grow").NewFunctionBuilder().
		WithGoModuleFunction(api.GoModuleFunc(func(_ context.Context, m api.Module, stack []uint64) {
			if _, ok := m.Memory().Read(uint32(stack[0]), uint32(stack[1])); !ok || !m.Memory().Write(uint32(stack[2]), answer) {
				stack[0] = 0 // of which the guest traps
				return
			}
			stack[0] = uint64(len(answer))
		}), []api.ValueType{api.ValueTypeI32, api.ValueTypeI32, api.ValueTypeI32, api.ValueTypeI32}, []api.ValueType{api.ValueTypeI32}).
		Export("call").Instantiate(ctx)
	if err != nil {
		return nil, errors.Join(err, r.Close(ctx))
	}
	return rawIn(ctx, r, wat.Module("calls"))
}
