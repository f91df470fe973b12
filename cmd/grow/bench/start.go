package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/compiler"
	"github.com/grow-platform/grow/compiler/project"
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
	starts    = 200 // instances started in a round
	small     = 4000
	memoryMax = 32 << 20
)

// rustActor is a Rust actor that answers a message, for start-up times.
const rustActor = `use grow::{Context, Result};
use serde::{Deserialize, Serialize};

#[derive(Deserialize, Serialize)]
struct Order {
    id: String,
    customer: String,
    total: f64,
}

fn order(ctx: &mut Context, order: Order) -> Result<()> {
    ctx.send("echo.done", &order)
}

grow::actor! { "*" => order }
`

// rust builds the actor once and returns its module.
func (w *workspace) rust(ctx context.Context) ([]byte, error) {
	return w.built(ctx, "rust", "lib.rs", rustActor)
}

// built is the module of an actor of one file, which is built once.
func (w *workspace) built(ctx context.Context, language, file, text string) ([]byte, error) {
	return w.builtTo(ctx, language, language, file, text, project.Options{})
}

// builtTo is built in a folder of that name.
func (w *workspace) builtTo(ctx context.Context, name, language, file, text string, o project.Options) ([]byte, error) {
	dir := filepath.Join(w.dir, name)
	err := writeAll(dir, map[string]string{
		"grow.yaml":               "service: bench\nabout: Measures.\n",
		"types/bench.cue":         "\"echo.done\": _\n",
		"actors/order/actor.yaml": fmt.Sprintf("actor: order\nabout: Answers.\ncode: {language: %[1]s, source: src/%[1]s}\nin: [echo.done]\nout: [echo.done]\n", language),
		"actors/order/src/" + language + "/" + file: text,
	})
	if err != nil {
		return nil, err
	}
	service, err := app.Load(dir)
	if err != nil {
		return nil, err
	}
	built, err := project.Build(ctx, service, o)
	if err != nil {
		var failed *compiler.Error
		if errors.As(err, &failed) {
			return nil, fmt.Errorf("%w\n%s", err, failed.Log)
		}
		return nil, err
	}
	return os.ReadFile(built["order"].Module)
}

// newActor is an actor of a module as a supervisor makes it.
func newActor(ctx context.Context, m engine.Module) (*actor.Actor, error) {
	broker, err := capability.Open(ctx, nil, 1000, capability.Environment{})
	if err != nil {
		return nil, err
	}
	def := &specs.Actor{Name: "order", Out: []string{"echo.done"}, Limits: specs.Limits{Memory: memoryMax, Output: abi.OutputBytesMax, Calls: 1000}}
	return actor.New(actor.Options{
		Node: "order", Revision: "bench", Def: def, Types: make([]*shape.Type, 1), Module: m, Broker: broker, Pacer: app.Pacer(), Scale: specs.Scale{Max: small + starts}, Context: ctx,
		Log: func(actor.Line) {}, Seed: func(string) (seed [32]byte) { return seed }, RealTime: func() int64 { return time.Now().UnixNano() },
	}), nil
}

// first starts an instance and has it handle one message.
func first(ctx context.Context, a *actor.Actor) (*actor.Instance, error) {
	if _, more, _ := a.Take(); !more {
		return nil, errors.New("an instance was free")
	}
	i, err := a.Start(ctx)
	if err != nil {
		return nil, err
	}
	m := abi.NewMessage(order, abi.Type, "echo.done", abi.ID, "bench", abi.ContentType, abi.ContentJSON)
	r := i.Handle(&actor.Task{Message: m, ID: "bench", Now: time.Now().UnixNano()})
	if r.Outcome != actor.Handled || len(r.Outputs) != 1 {
		return nil, fmt.Errorf("the actor did not answer: %s %s", r.Code, r.Text)
	}
	return i, nil
}

func startRust(ctx context.Context, w *workspace) (rounder, error) {
	binary, err := w.rust(ctx)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (value, reference float64, err error) {
		e, err := app.NewEngine(ctx, filepath.Join(w.dir, "cache"), nil)
		if err != nil {
			return 0, 0, err
		}
		defer func() { err = errors.Join(err, e.Close(ctx)) }()
		m, err := e.Compile(ctx, binary, engine.Config{MemoryMax: memoryMax})
		if err != nil {
			return 0, 0, err
		}
		a, err := newActor(ctx, m)
		if err != nil {
			return 0, 0, err
		}
		var took []float64
		for range starts {
			begin := time.Now()
			i, err := first(ctx, a)
			if err != nil {
				return 0, 0, err
			}
			took = append(took, micros(time.Since(begin)))
			a.Discard(i)
		}
		<-a.Close()
		if err := m.Close(ctx); err != nil {
			return 0, 0, err
		}
		reference, err = bare(ctx, "", binary, starts)
		return median(took), reference, err
	}, nil
}

func startRustDisk(ctx context.Context, w *workspace) (rounder, error) {
	binary, err := w.rust(ctx)
	if err != nil {
		return nil, err
	}
	cache := filepath.Join(w.dir, "disk")
	once := func(ctx context.Context) (took float64, err error) {
		begin := time.Now()
		e, err := app.NewEngine(ctx, cache, nil)
		if err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, e.Close(ctx)) }()
		m, err := e.Compile(ctx, binary, engine.Config{MemoryMax: memoryMax})
		if err != nil {
			return 0, err
		}
		a, err := newActor(ctx, m)
		if err != nil {
			return 0, err
		}
		i, err := first(ctx, a)
		if err != nil {
			return 0, err
		}
		took = micros(time.Since(begin))
		a.Discard(i)
		<-a.Close()
		return took, m.Close(ctx)
	}
	if _, err := once(ctx); err != nil { // fills the cache
		return nil, err
	}
	return func(ctx context.Context) (value, reference float64, err error) {
		var took []float64
		for range 9 {
			t, err := once(ctx)
			if err != nil {
				return 0, 0, err
			}
			took = append(took, t)
		}
		reference, err = bare(ctx, filepath.Join(w.dir, "bare"), binary, 9)
		return median(took), reference, err
	}, nil
}

// bare is the time wazero alone takes from instantiation, or with a cache
// folder from the file there, to the first answer.
func bare(ctx context.Context, cache string, binary []byte, n int) (float64, error) {
	var took []float64
	if cache != "" {
		n++ // the first fills the cache
	}
	config := wazero.NewRuntimeConfig().WithMemoryLimitPages(memoryMax >> 16)
	r := wazero.NewRuntimeWithConfig(ctx, config)
	compiled, err := prepare(ctx, r, binary)
	if err != nil {
		return 0, err
	}
	for k := range n {
		begin := time.Now()
		if cache != "" {
			if err := r.Close(ctx); err != nil {
				return 0, err
			}
			kept, err := wazero.NewCompilationCacheWithDir(cache)
			if err != nil {
				return 0, err
			}
			r = wazero.NewRuntimeWithConfig(ctx, config.WithCompilationCache(kept))
			if compiled, err = prepare(ctx, r, binary); err != nil {
				return 0, err
			}
		}
		m, err := r.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithName(""))
		if err != nil {
			return 0, err
		}
		if err := ask(ctx, m); err != nil {
			return 0, err
		}
		if cache == "" || k > 0 {
			took = append(took, micros(time.Since(begin)))
		}
		if err := m.Close(ctx); err != nil {
			return 0, err
		}
	}
	return median(took), r.Close(ctx)
}

// prepare compiles a module and gives it imports that do nothing.
func prepare(ctx context.Context, r wazero.Runtime, binary []byte) (wazero.CompiledModule, error) {
	_, err := r.NewHostModuleBuilder("grow").
		NewFunctionBuilder().WithFunc(func(_, _, _, _ uint32) uint32 { return 0 }).Export("call").
		NewFunctionBuilder().WithFunc(func(_, _ uint32) uint32 { return 0 }).Export("answer").
		Instantiate(ctx)
	if err != nil {
		return nil, err
	}
	return r.CompileModule(ctx, binary)
}

// ask hands an instance one message.
func ask(ctx context.Context, m api.Module) error {
	frame := abi.NewMessage(order, abi.Type, "echo.done").Frame()
	at, err := m.ExportedFunction("grow_alloc").Call(ctx, uint64(len(frame)))
	if err != nil {
		return err
	}
	if !m.Memory().Write(uint32(at[0]), frame) {
		return errors.New("write outside memory")
	}
	_, err = m.ExportedFunction("grow_handle").Call(ctx, at[0], uint64(len(frame)))
	return err
}

// density is how many instances of the smallest actor, each of which has
// handled a message, fit a GiB of resident memory.
func density(_ context.Context, w *workspace) (rounder, error) {
	return func(ctx context.Context) (value, reference float64, err error) {
		if reference, err = bareDensity(ctx); err != nil {
			return 0, 0, err
		}
		e, err := app.NewEngine(ctx, filepath.Join(w.dir, "cache"), nil)
		if err != nil {
			return 0, 0, err
		}
		m, err := e.Compile(ctx, wat.Module("echo"), engine.Config{MemoryMax: memoryMax})
		if err != nil {
			return 0, 0, err
		}
		a, err := newActor(ctx, m)
		if err != nil {
			return 0, 0, err
		}
		before := resident()
		instances := make([]*actor.Instance, 0, small)
		for range small {
			i, err := first(ctx, a)
			if err != nil {
				return 0, 0, err
			}
			instances = append(instances, i)
		}
		value = perGiB(resident() - before)
		for _, i := range instances {
			a.Discard(i)
		}
		<-a.Close()
		return value, reference, errors.Join(m.Close(ctx), e.Close(ctx))
	}, nil
}

func bareDensity(ctx context.Context) (float64, error) {
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithMemoryLimitPages(memoryMax>>16))
	compiled, err := r.CompileModule(ctx, wat.Module("echo"))
	if err != nil {
		return 0, err
	}
	before := resident()
	for range small {
		m, err := r.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithName(""))
		if err != nil {
			return 0, err
		}
		if err := ask(ctx, m); err != nil {
			return 0, err
		}
	}
	return perGiB(resident() - before), r.Close(ctx)
}

func perGiB(bytes int64) float64 { return float64(small) * (1 << 30) / float64(max(1, bytes)) }

// resident is the resident memory of this process after a collection, in bytes.
func resident() int64 {
	runtime.GC()
	debug.FreeOSMemory()
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		panic("bench: resident memory is read from /proc: " + err.Error())
	}
	pages, err := strconv.ParseInt(strings.Fields(string(b))[1], 10, 64)
	if err != nil {
		panic("bench: " + err.Error())
	}
	return pages * int64(os.Getpagesize())
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
