package wazero

import (
	"bytes"
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"testing"

	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/engine/enginetest"
	"github.com/grow-platform/grow/testdata/wat"
)

// densityInstances is how many instances the density is measured with.
const densityInstances = 4000

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

// BenchmarkDensity is how many instances of echo, each of which has handled a
// message, fit a GiB of resident memory: the heap of Go and linear memory.
func BenchmarkDensity(b *testing.B) {
	m := load(b, start(b, ""), wat.Module("echo"), engine.Config{MemoryMax: 32 << 20})
	h := &enginetest.Host{}
	instances := make([]engine.Instance, densityInstances)
	for range b.N {
		debug.FreeOSMemory()
		before := resident(b)
		for k := range instances {
			instances[k] = answered(b, m, h)
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
}

// load compiles a module and closes it with the test.
func load(t testing.TB, e engine.Engine, binary []byte, c engine.Config) engine.Module {
	t.Helper()
	m, err := e.Compile(t.Context(), binary, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(context.Background()); err != nil {
			t.Errorf("close module: %v", err)
		}
	})
	return m
}

// answered is an instance that has handled a message.
func answered(t testing.TB, m engine.Module, h engine.Host) engine.Instance {
	t.Helper()
	i, err := m.Instantiate(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := i.Handle(h, frame); err != nil {
		t.Fatal(err)
	}
	return i
}
