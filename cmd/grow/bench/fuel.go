package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/admission"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/wasm/meter"
	"github.com/grow-platform/grow/testdata/wat"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

const (
	fuelStretches = 60                    // of a round, of each of the two by turns
	fuelStretch   = 10 * time.Millisecond // about that long
	loopTurns     = 2_000_000
	loopStretches = 15
	admissions    = 9 // of a round
)

// goActor is the Rust actor in Go.
const goActor = `package main

import grow "github.com/grow-platform/grow/sdk/go"

type order struct {
	ID       string  ` + "`json:\"id\"`" + `
	Customer string  ` + "`json:\"customer\"`" + `
	Total    float64 ` + "`json:\"total\"`" + `
}

func init() { grow.On("echo.done", done) }

func done(ctx *grow.Context, o order) error { return ctx.Send("echo.done", o) }

func main() {}
`

// golang builds the Go actor once and returns its module.
func (w *workspace) golang(ctx context.Context) ([]byte, error) {
	return w.built(ctx, "go", "main.go", goActor)
}

// both are a module as it was compiled and as it is rewritten, each in a wazero of
// its own with nothing of grow around it.
type both [2]*raw

func openBoth(ctx context.Context, binary []byte) (b both, err error) {
	metered, err := admission.Admit(binary)
	if err != nil {
		return b, err
	}
	for k, code := range [][]byte{binary, metered} {
		b[k] = &raw{runtime: wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithMemoryLimitPages(memoryMax>>16))}
		if err := b[k].open(ctx, code); err != nil {
			return b, errors.Join(err, b.close(ctx))
		}
	}
	var ok bool
	if b[1].fuel, ok = b[1].module.ExportedGlobal(meter.ExportFuel).(api.MutableGlobal); !ok {
		return b, errors.Join(errors.New("the rewritten module counts no fuel"), b.close(ctx))
	}
	return b, nil
}

// open makes the instance of a module, with all that it may import.
func (r *raw) open(ctx context.Context, code []byte) error {
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, r.runtime); err != nil {
		return err
	}
	_, err := r.runtime.NewHostModuleBuilder(meter.ImportModule).NewFunctionBuilder().
		WithGoFunction(api.GoFunc(slice), []api.ValueType{api.ValueTypeI64}, []api.ValueType{api.ValueTypeI64}).
		Export(meter.ImportName).Instantiate(ctx)
	if err != nil {
		return err
	}
	compiled, err := prepare(ctx, r.runtime, code)
	if err != nil {
		return err
	}
	r.module, err = r.runtime.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithStartFunctions("_initialize"))
	if err != nil {
		return err
	}
	r.handle = r.module.ExportedFunction("grow_handle")
	at, err := r.module.ExportedFunction("grow_alloc").Call(ctx, 4096)
	if err != nil {
		return err
	}
	r.at = uint32(at[0])
	return nil
}

func (b *both) close(ctx context.Context) error {
	var errs []error
	for _, r := range b {
		if r != nil {
			errs = append(errs, r.runtime.Close(ctx))
		}
	}
	return errors.Join(errs...)
}

// fill has a message begin with half a slice at least, as an engine does.
func (r *raw) fill() {
	if r.fuel != nil && r.fuel.Get() < engine.SliceFuel/2 {
		r.fuel.Set(engine.SliceFuel)
	}
}

// slice grants fuel without an end, as much at a time as a host does.
func slice(_ context.Context, stack []uint64) {
	left, grant := int64(stack[0]), int64(0)
	if left == meter.StackEmpty {
		panic("calls too deep")
	}
	for left+grant < 0 {
		grant += engine.SliceFuel
	}
	stack[0] = uint64(grant)
}

// perCall is the CPU of one of n calls, in nanoseconds.
func perCall(n int, call func() error) (float64, error) {
	begin := cpu()
	for range n {
		if err := call(); err != nil {
			return 0, err
		}
	}
	return float64(cpu()-begin) / float64(n), nil
}

// byTurns measures two calls, n of each at a time, and returns the medians.
func byTurns(stretches, n int, calls [2]func() error) (got [2]float64, err error) {
	var took [2][]float64
	for range stretches {
		for k, call := range calls {
			t, err := perCall(n, call)
			if err != nil {
				return got, err
			}
			took[k] = append(took[k], t)
		}
	}
	return [2]float64{median(took[0]), median(took[1])}, nil
}

// fuel measures the CPU of a message in a module that is rewritten, beside that in
// the module as it was compiled.
func fuel(binary []byte, err error) (rounder, error) {
	if err != nil {
		return nil, err
	}
	frame := abi.NewMessage(order, abi.Type, "echo.done", abi.ID, "bench", abi.ContentType, abi.ContentJSON).Frame()
	return func(ctx context.Context) (value, reference float64, err error) {
		b, err := openBoth(ctx, binary)
		if err != nil {
			return 0, 0, err
		}
		defer func() { err = errors.Join(err, b.close(ctx)) }()
		var calls [2]func() error
		var answers [2][]byte
		for k, r := range b {
			answers[k] = make([]byte, 4096)
			calls[k] = func() error {
				r.fill()
				return r.call(ctx, frame, answers[k])
			}
			if _, err := perCall(2000, calls[k]); err != nil { // warms up
				return 0, 0, err
			}
		}
		if !bytes.Equal(answers[0], answers[1]) || !bytes.Contains(answers[0], []byte("o-1000042")) {
			return 0, 0, fmt.Errorf("answers differ, or are none: %q and %q", answers[0], answers[1])
		}
		once, err := perCall(2000, calls[0])
		if err != nil {
			return 0, 0, err
		}
		got, err := byTurns(fuelStretches, max(1, int(float64(fuelStretch)/once)), calls)
		return got[1], got[0], err
	}, nil
}

// fuelLoops measures five tight loops likewise and returns the median of their
// ratios.
func fuelLoops(context.Context, *workspace) (rounder, error) {
	return func(ctx context.Context) (value, reference float64, err error) {
		b, err := openBoth(ctx, wat.Module("loops"))
		if err != nil {
			return 0, 0, err
		}
		defer func() { err = errors.Join(err, b.close(ctx)) }()
		var ratios []float64
		for _, name := range []string{"add", "sum", "call", "float", "call_indirect"} {
			var calls [2]func() error
			var results [2]uint64
			for k, r := range b {
				f := r.module.ExportedFunction(name)
				calls[k] = func() error {
					r.stack[0] = loopTurns
					err := f.CallWithStack(ctx, r.stack[:])
					results[k] = r.stack[0]
					return err
				}
			}
			got, err := byTurns(loopStretches, 1, calls)
			if err != nil {
				return 0, 0, err
			}
			if results[0] != results[1] {
				return 0, 0, fmt.Errorf("the loop %s has two results: %x and %x", name, results[0], results[1])
			}
			ratios = append(ratios, got[1]/got[0])
		}
		return median(ratios), 1, nil
	}, nil
}

// admit measures the time from a module's bytes to those that are compiled, in
// milliseconds, beside what wazero takes for a form that it interprets: that is
// the least it does with any module.
func admit(ctx context.Context, w *workspace) (rounder, error) {
	binary, err := w.golang(ctx)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (value, reference float64, err error) {
		var took [2][]float64
		for range admissions {
			begin := time.Now()
			if _, err := admission.Admit(binary); err != nil {
				return 0, 0, err
			}
			took[0] = append(took[0], time.Since(begin).Seconds()*1000)
			begin = time.Now()
			r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
			_, err := r.CompileModule(ctx, binary)
			took[1] = append(took[1], time.Since(begin).Seconds()*1000)
			if err := errors.Join(err, r.Close(ctx)); err != nil {
				return 0, 0, err
			}
		}
		return median(took[0]), median(took[1]), nil
	}, nil
}
