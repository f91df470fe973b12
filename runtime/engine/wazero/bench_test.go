package wazero

import (
	"bytes"
	"context"
	"errors"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"testing"

	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/engine/enginetest"
	"github.com/grow-platform/grow/testdata/wat"
	"github.com/tetratelabs/wazero"
)

// densityInstances is how many instances the density is measured with.
const densityInstances = 4000

// rustEnv names the file of an actor built from Rust that takes echo.done with
// an order (see frame), for the benchmarks of starting one.
const rustEnv = "GROW_BENCH_ACTOR"

func BenchmarkHandle(b *testing.B) {
	h := &enginetest.Host{}
	i := answered(b, load(b, start(b, Options{}), wat.Module("echo"), engine.Config{MemoryMax: 1 << 20}), h, frame)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := i.Handle(h, engine.Frame(frame)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRaw is the same module called through bare wazero.
func BenchmarkRaw(b *testing.B) {
	ctx := context.Background() // that of the benchmark is slower to ask for values
	r := wazero.NewRuntime(ctx)
	defer r.Close(ctx)
	m, err := r.Instantiate(ctx, wat.Module("echo"))
	if err != nil {
		b.Fatal(err)
	}
	f, memory := m.ExportedFunction("grow_handle"), m.Memory()
	stack := make([]uint64, 2)
	b.ReportAllocs()
	for b.Loop() {
		memory.Write(64, frame)
		stack[0], stack[1] = 64, uint64(len(frame))
		if err := f.CallWithStack(ctx, stack); err != nil {
			b.Fatal(err)
		}
		memory.Read(uint32(stack[0]>>32), uint32(stack[0]))
	}
}

// BenchmarkInstantiate is from a loaded module to the first answer.
func BenchmarkInstantiate(b *testing.B) {
	for _, a := range actors(b) {
		b.Run(a.name, func(b *testing.B) {
			m := load(b, start(b, Options{}), a.binary, engine.Config{MemoryMax: 32 << 20})
			h := &enginetest.Host{}
			b.ReportAllocs()
			for b.Loop() {
				if err := first(b, m, h, a.input); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkFromCache is from a binary whose machine code is in the cache to the
// first answer.
func BenchmarkFromCache(b *testing.B) {
	for _, a := range actors(b) {
		b.Run(a.name, func(b *testing.B) {
			e := start(b, Options{Cache: &kept{}})
			h := &enginetest.Host{}
			for b.Loop() {
				m, err := e.Compile(b.Context(), a.binary, engine.Config{MemoryMax: 32 << 20})
				if err != nil {
					b.Fatal(err)
				}
				if err := errors.Join(first(b, m, h, a.input), m.Close(b.Context())); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// actor is what instances are started of.
type actor struct {
	name          string
	binary, input []byte
}

// actors are echo, the probe for its WASI, and what the environment names.
func actors(b *testing.B) []actor {
	list := []actor{{"echo", wat.Module("echo"), frame}, {"wasi", enginetest.Probe(), idle}}
	if path := os.Getenv(rustEnv); path != "" {
		binary, err := os.ReadFile(path)
		if err != nil {
			b.Fatal(err)
		}
		list = append(list, actor{"named", binary, frame})
	}
	return list
}

// first has a new instance handle a message. That the actor may refuse it is
// no matter.
func first(b *testing.B, m engine.Module, h engine.Host, input []byte) error {
	i, err := m.Instantiate(b.Context(), h)
	if err != nil {
		return err
	}
	_, err = i.Handle(h, engine.Frame(input))
	return errors.Join(err, i.Close())
}

// resident is the resident set of the process in bytes.
func resident(t testing.TB) int64 {
	t.Helper()
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skipf("measure memory: %v", err)
	}
	pages, err := strconv.ParseInt(string(bytes.Fields(b)[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// BenchmarkDensity is how many instances, each of which has handled a message,
// fit a GiB of resident memory: the heap of Go and linear memory.
func BenchmarkDensity(b *testing.B) {
	for _, a := range actors(b) {
		b.Run(a.name, func(b *testing.B) {
			m := load(b, start(b, Options{}), a.binary, engine.Config{MemoryMax: 32 << 20})
			h := &enginetest.Host{}
			instances := make([]engine.Instance, densityInstances)
			for range b.N {
				debug.FreeOSMemory()
				before := resident(b)
				for k := range instances {
					instances[k] = answered(b, m, h, a.input)
				}
				debug.FreeOSMemory()
				each := (resident(b) - before) / densityInstances
				runtime.KeepAlive(instances)
				for _, i := range instances {
					if err := i.Close(); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(each), "B/instance")
				b.ReportMetric(float64(1<<30/each), "instances/GiB")
			}
		})
	}
}
