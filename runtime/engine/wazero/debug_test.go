package wazero

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/engine/enginetest"
	"github.com/grow-platform/grow/runtime/wasm"
	"github.com/grow-platform/grow/runtime/wasm/probe"
	"github.com/grow-platform/grow/testdata/order"
	"github.com/grow-platform/grow/testdata/wat"
)

// probed wants a probe before each instruction of a module, with two locals.
func probed(t testing.TB, binary []byte) []engine.Probed {
	t.Helper()
	m, err := wasm.Decode(binary)
	if err != nil {
		t.Fatal(err)
	}
	var all []engine.Probed
	for i := range m.Bodies {
		all = append(all, engine.Probed(probe.Find(m, i, nil, []uint32{0, 1}, func(*wasm.Instr) bool { return true })))
	}
	return all
}

// tracer is an engine.Tracer that does what its fields say.
type tracer struct {
	on     engine.Traced
	begun  error
	arrive func(*engine.Arrival) error
	log    []string
	calls  []engine.Call // at the last trap
}

func (t *tracer) Begin() error {
	t.log = append(t.log, "begin")
	return t.begun
}

func (t *tracer) Arrive(a *engine.Arrival) error {
	t.log = append(t.log, fmt.Sprintf("probe %d, %d locals", a.Probe, len(a.Locals)))
	return t.arrive(a)
}

func (t *tracer) Trap(a *engine.Arrival, fault error) {
	t.log = append(t.log, fmt.Sprintf("trap %d, %d calls", a.Probe, len(a.Calls())))
	t.calls = a.Calls()
}

func (t *tracer) End(err error) { t.log = append(t.log, fmt.Sprintf("end %v", err)) }

// traceable compiles a module with probes everywhere, and returns an instance.
func traceable(t testing.TB, e engine.Engine, binary []byte) (engine.Instance, *tracer) {
	t.Helper()
	tr := &tracer{arrive: func(*engine.Arrival) error { return nil }}
	d := &engine.Debug{Probed: probed(t, binary), Attach: func(on engine.Traced, _ engine.Host) engine.Tracer {
		tr.on = on
		return tr
	}}
	m := load(t, e, binary, engine.Config{MemoryMax: 1 << 20, Debug: d})
	i, err := m.Instantiate(t.Context(), &enginetest.Host{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = i.Close() })
	return i, tr
}

// TestUntouched: a module that is compiled without a debugger is the same to the byte,
// whether another of it was compiled for one or not, and has no probe.
func TestUntouched(t *testing.T) {
	binary := order.Module()
	kept := [2]*tap{{entries: map[Key][]byte{}}, {entries: map[Key][]byte{}}}
	for n, cache := range kept {
		e := start(t, Options{Cache: cache})
		if n == 1 {
			traceable(t, e, binary)
		}
		load(t, e, binary, engine.Config{MemoryMax: 1 << 20})
	}
	if len(kept[0].entries) != 1 || len(kept[1].entries) != 2 {
		t.Fatalf("%d and %d modules are kept", len(kept[0].entries), len(kept[1].entries))
	}
	for k, plain := range kept[0].entries {
		if !bytes.Equal(plain, kept[1].entries[k]) {
			t.Error("it is another module")
		}
		a, err := decode(plain)
		if err != nil || bytes.Contains(a.code, []byte(probe.ImportModule)) {
			t.Errorf("it has probes: %v", err)
		}
	}
}

// TestSameFuel: what a message answers and uses of fuel is the same with probes, armed
// ones too, and from a cache.
func TestSameFuel(t *testing.T) {
	binary := order.Module()
	e := start(t, Options{Cache: &tap{entries: map[Key][]byte{}}})
	m := load(t, e, binary, engine.Config{MemoryMax: 1 << 20})
	plain, err := m.Instantiate(t.Context(), &enginetest.Host{})
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	first, err := plain.Handle(&enginetest.Host{}, engine.Frame(frame)) // asks for room, too
	if err != nil {
		t.Fatal(err)
	}
	want, err := plain.Handle(&enginetest.Host{}, engine.Frame(frame))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second is from the cache
		i, tr := traceable(t, e, binary)
		if got, err := i.Handle(&enginetest.Host{}, engine.Frame(frame)); err != nil || got.Fuel != first.Fuel {
			t.Errorf("%d units, %v; want %d", got.Fuel, err, first.Fuel)
		}
		for _, arm := range []func(){func() {}, tr.on.ArmAll, func() { tr.on.Arm([]int{0, 7}, []int{9}) }} {
			tr.log = nil
			arm()
			got, err := i.Handle(&enginetest.Host{}, engine.Frame(frame))
			if err != nil || got.Fuel != want.Fuel || !bytes.Equal(got.Frame, want.Frame) {
				t.Errorf("%d units and %q, %v; want %d and %q", got.Fuel, got.Frame, err, want.Fuel, want.Frame)
			}
			if len(tr.log) < 2 || tr.log[0] != "begin" || tr.log[len(tr.log)-1] != "end <nil>" {
				t.Errorf("log %q", tr.log)
			}
		}
	}
}

// TestArrive: a guest stands still at a probe, with its calls, which lead from an
// exported function to the one that the probe is in; memory and globals are there.
func TestArrive(t *testing.T) {
	binary := order.Module()
	m, err := wasm.Decode(binary)
	if err != nil {
		t.Fatal(err)
	}
	i, tr := traceable(t, start(t, Options{}), binary)
	at := map[int]engine.Call{}
	for k, n := 0, 0; k < len(m.Bodies); k++ {
		for in, scan := (wasm.Instr{}), m.Scan(k); scan.Next(&in); n++ {
			at[n] = engine.Call{Body: k, At: uint32(in.At)}
		}
	}
	deepest := 0
	tr.arrive = func(a *engine.Arrival) error {
		calls := a.Calls()
		deepest = max(deepest, len(calls))
		if len(calls) == 0 || calls[0].Body != at[a.Probe].Body {
			t.Fatalf("probe %d is at %+v, calls %+v", a.Probe, at[a.Probe], calls)
		}
		for _, c := range calls[1:] {
			in := wasm.Instr{}
			for scan := m.Scan(c.Body); scan.Next(&in) && uint32(in.End) <= c.At; {
			}
			if in.Op != wasm.OpCall {
				t.Fatalf("function %d is called by %s at %d", c.Body, in.Op, c.At)
			}
		}
		if tr.on.Memory().Size() < pageSize {
			t.Fatal("no memory")
		}
		if _, ok := tr.on.Global(0); !ok {
			t.Fatal("no global")
		}
		if _, ok := tr.on.Global(1 << 20); ok {
			t.Fatal("a global that there is not")
		}
		return nil
	}
	tr.on.ArmAll()
	if _, err := i.Handle(&enginetest.Host{}, engine.Frame(frame)); err != nil {
		t.Fatal(err)
	}
	if deepest < 2 {
		t.Errorf("%d calls at most", deepest)
	}
}

// TestPause: a loop that never ends is stopped at by who arms its probes from outside,
// and unwound by an error.
func TestPause(t *testing.T) {
	i, tr := traceable(t, start(t, Options{}), wat.Module("spin"))
	errEnough := errors.New("enough")
	running := make(chan struct{})
	h := &reached{runs: sync.OnceFunc(func() { close(running) })}
	tr.arrive = func(*engine.Arrival) error { return errEnough }
	armed := make(chan struct{})
	go func() {
		defer close(armed)
		<-running
		tr.on.ArmAll()
	}()
	_, err := i.Handle(h, engine.Frame(frame))
	<-armed
	if !errors.Is(err, errEnough) || !slices.Contains(tr.log, "end enough") {
		t.Errorf("%v, %q", err, tr.log)
	}
}

// reached is a host that tells when a guest runs.
type reached struct {
	enginetest.Host
	runs func() // told that a guest has used fuel
}

func (r *reached) Slice(used uint64) (uint64, error) {
	if used > 0 {
		r.runs()
	}
	return r.Host.Slice(used)
}

// TestBeginFails: what Begin returns is what comes of the message.
func TestBeginFails(t *testing.T) {
	i, tr := traceable(t, start(t, Options{}), order.Module())
	tr.begun = errors.New("not now")
	if _, err := i.Handle(&enginetest.Host{}, engine.Frame(frame)); !errors.Is(err, tr.begun) {
		t.Error(err)
	}
}

// TestNoProbes: no probes stand in the code of a language runtime.
func TestNoProbes(t *testing.T) {
	o := Options{Languages: []engine.Language{enginetest.Toy(nil)}}
	_, err := start(t, o).Compile(t.Context(), enginetest.Thin(t, "x"), engine.Config{MemoryMax: 1 << 20, Debug: &engine.Debug{}})
	var known *engine.Error
	if !errors.As(err, &known) || known.Code != engine.CodeDebug {
		t.Error(err)
	}
}
