package process

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/engine/enginetest"
	"github.com/grow-platform/grow/runtime/engine/wazero"
	"github.com/grow-platform/grow/runtime/wasm"
	"github.com/grow-platform/grow/runtime/wasm/probe"
	"github.com/grow-platform/grow/testdata/wat"
)

// everywhere wants a probe before each instruction of a module, with two locals.
func everywhere(t testing.TB, binary []byte, attach func(engine.Traced, engine.Host) engine.Tracer) *engine.Debug {
	t.Helper()
	m, err := wasm.Decode(binary)
	if err != nil {
		t.Fatal(err)
	}
	d := &engine.Debug{Attach: attach}
	for i := range m.Bodies {
		d.Probed = append(d.Probed, engine.Probed(probe.Find(m, i, nil, []uint32{0, 1}, func(*wasm.Instr) bool { return true })))
	}
	return d
}

// onlooker is an engine.Tracer that does what its fields say.
type onlooker struct {
	on     engine.Traced
	arrive func(*engine.Arrival) error
	begun  int
	ended  error
	trap   error
}

func (o *onlooker) Begin() error                      { o.begun++; return nil }
func (o *onlooker) Arrive(a *engine.Arrival) error    { return o.arrive(a) }
func (o *onlooker) Trap(_ *engine.Arrival, err error) { o.trap = err }
func (o *onlooker) End(err error)                     { o.ended = err }

// attach is for engine.Debug.
func (o *onlooker) attach(t engine.Traced, _ engine.Host) engine.Tracer {
	o.on = t
	return o
}

// prepared has modules be admitted here, and run by workers that are handed what came of it.
func prepared(t *testing.T) *Engine {
	t.Setenv(workerEnv, workerAdmitted)
	return New(Options{Start: child, Prepare: func(ctx context.Context, binary []byte, c engine.Config) ([]byte, error) {
		return wazero.Prepare(ctx, wazero.Options{}, binary, c)
	}})
}

// TestProbedPause: a loop that never ends, in a worker, is stopped at by who arms its probes
// meanwhile; memory is written to and read, and an error unwinds the guest.
func TestProbedPause(t *testing.T) {
	errEnough := errors.New("enough")
	o := &onlooker{}
	o.arrive = func(a *engine.Arrival) error {
		calls := a.Calls()
		if len(calls) == 0 || calls[len(calls)-1].Body < 0 {
			t.Errorf("calls %+v", calls)
		}
		m, at := o.on.Memory(), uint64(pageSize-4)
		long := []byte(strings.Repeat("0123456789abcdef", 8<<10)[:lookMax+100])
		if err := m.Write(at, long[:min(len(long), int(m.Size()-at))]); err != nil {
			t.Error(err)
		}
		got, err := m.Read(at+10, 3*pageSize)
		if err != nil || string(got) != string(long[10:][:3*pageSize]) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		if _, err := m.Read(m.Size()-1, 2); !errors.Is(err, engine.ErrOutside) {
			t.Error(err)
		}
		if err := m.Write(m.Size(), []byte{1}); !errors.Is(err, engine.ErrOutside) {
			t.Error(err)
		}
		return errEnough
	}
	binary := wat.Module("spin")
	m := load(t, prepared(t), binary, engine.Config{MemoryMax: 1 << 20, Instances: 1, Debug: everywhere(t, binary, o.attach)})
	i := running(t, m, &enginetest.Host{})
	runs, armed := make(chan struct{}), make(chan struct{})
	go func() { // ends once the guest has asked for fuel
		defer close(armed)
		<-runs
		o.on.ArmAll()
	}()
	_, err := i.Handle(&spinning{runs: sync.OnceFunc(func() { close(runs) })}, engine.Frame("x"))
	<-armed
	if !errors.Is(err, errEnough) || !errors.Is(o.ended, errEnough) || o.begun != 1 {
		t.Errorf("%v; begun %d times, ended with %v", err, o.begun, o.ended)
	}
	if size := o.on.Memory().Size(); size != 0 {
		t.Errorf("%d bytes of memory of a guest that does not stand still", size)
	}
	if err := i.Close(); err != nil {
		t.Error(err)
	}
	o.on.ArmAll() // of nobody any more
}

// spinning is a host that tells when a guest runs.
type spinning struct {
	enginetest.Host
	runs func()
}

func (s *spinning) Slice(used uint64) (uint64, error) {
	if used > 0 {
		s.runs()
	}
	return s.Host.Slice(used)
}

// stands is where a liar says that a guest is.
func stands(locals, globals, calls int, rest ...byte) []byte {
	b := binary.LittleEndian.AppendUint16(nil, uint16(locals))
	b = binary.LittleEndian.AppendUint16(b, uint16(globals))
	b = binary.LittleEndian.AppendUint32(b, uint32(calls))
	return append(append(b, make([]byte, 8*(locals+globals))...), rest...)
}

// TestProbedLies: what a worker says of a guest that is debugged is not believed: it is
// ended, and with it the message.
func TestProbedLies(t *testing.T) {
	module := wat.Module("spin")
	arrives := func(probe uint64, memory uint64, body []byte) func(l *line, o order) bool {
		return func(l *line, _ order) bool { says(l, reportArrive, probe, memory, nil, body); return true }
	}
	// A guest at the first probe, which is shown then.
	shows := func(kind byte, outputs, body []byte) func(l *line, o order) bool {
		return func(l *line, o order) bool {
			if o.kind == orderHandle {
				says(l, reportArrive, 0, 1<<16, nil, stands(1, 0, 0))
			} else {
				says(l, kind, 0, 0, outputs, body)
			}
			return true
		}
	}
	for _, x := range []struct {
		name   string
		behave func(l *line, o order) bool
		says   string
	}{
		{"nothing of where", arrives(0, 1<<16, nil), "in 0 bytes"},
		{"more locals than there can be", arrives(0, 1<<16, stands(probe.LocalsMax+1, 0, 0)), "33 locals"},
		{"more globals than are told", arrives(0, 1<<16, stands(0, engine.GlobalsMax+1, 0)), "65 globals"},
		{"calls that are not there", arrives(0, 1<<16, stands(1, 0, 1<<31)), "2147483648 calls"},
		{"something behind", arrives(0, 1<<16, stands(1, 0, 0, 1)), "at probe 0 of"},
		{"a probe that there is not", arrives(9999, 1<<16, stands(1, 0, 0)), "at probe 9999 of"},
		{"other locals than the probe hands over", arrives(0, 1<<16, stands(2, 0, 0)), "with 2 locals"},
		{"another function than the probe's", arrives(0, 1<<16, stands(1, 0, 1, 0xff, 0xff, 0xff, 0x7f)), "in another function"},
		{"more memory than it may have", arrives(0, 1<<30, stands(1, 0, 0)), "of memory"},
		{"a trap without a fault", func(l *line, _ order) bool { says(l, reportTrap, 0, 1<<16, nil, stands(0, 0, 0)); return true }, "a trap"},
		{"memory that nobody asked for", func(l *line, _ order) bool { says(l, reportLooked, 0, 0, nil, nil); return true }, "nobody asked for"},
		{"less memory than was asked for", shows(reportLooked, nil, make([]byte, 3)), "a report of kind 13 with 3 bytes"},
		{"another report than memory", shows(reportSlice, nil, nil), "a report of kind 4"},
		{"output of a guest that stands still", shows(reportLooked, appendOutput(nil, 1, []byte("x")), make([]byte, pageSize)), "a report of kind 13"},
	} {
		t.Run(x.name, func(t *testing.T) {
			o := &onlooker{}
			o.arrive = func(*engine.Arrival) error {
				_, err := o.on.Memory().Read(1, 1)
				if err == nil {
					t.Error("it was believed")
				}
				if _, again := o.on.Memory().Read(2, 1); again == nil {
					t.Error("it was asked again, and believed")
				}
				return nil
			}
			e := New(Options{Start: inside(liar(asks(x.behave))), Prepare: func(_ context.Context, b []byte, _ engine.Config) ([]byte, error) { return b, nil }})
			d := everywhere(t, module, o.attach)
			d.Probed[0].Locals = []uint32{0}
			m := load(t, e, module, engine.Config{MemoryMax: 1 << 20, Instances: 1, Debug: d})
			_, err := running(t, m, &enginetest.Host{}).Handle(&enginetest.Host{}, engine.Frame("x"))
			var died *engine.Error
			if !errors.As(err, &died) || died.Code != engine.CodeDied || !strings.Contains(died.Reason, x.says) {
				t.Errorf("%v; want %q", err, x.says)
			}
		})
	}
	if err := (&prompt{until: time.Now().Add(-time.Second)}).quiet(); err == nil {
		t.Error("who shows nothing is waited for")
	}
	if err := (&prompt{until: time.Now().Add(time.Hour)}).quiet(); err != nil {
		t.Error(err)
	}
}

// TestArms: what a host arms is what the worker's guest has armed.
func TestArms(t *testing.T) {
	r, file, err := newRegion(2, true)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	defer file.Close()
	var told arming
	host := r.arms(1, 300)
	f := &followed{arms: r.arms(1, 300)}
	f.follow(&told)
	for _, x := range []struct{ loud, quiet []int }{
		{nil, nil}, {[]int{0, 3, 4, 299}, []int{1, 100}}, {[]int{7}, nil}, {nil, []int{298, 299}}, {[]int{5}, []int{5}}, {[]int{300, 1 << 20, -1}, nil},
	} {
		host.arm(false, x.loud, x.quiet)
		f.heed()
		for id := range 300 {
			want := 0
			if slices.Contains(x.quiet, id) {
				want = modeQuiet
			}
			if slices.Contains(x.loud, id) {
				want = modeLoud
			}
			if got := told.mode(id); got != want {
				t.Errorf("%v: probe %d is armed as %d, want %d", x, id, got, want)
			}
		}
	}
	host.arm(true, nil, nil)
	f.heed()
	if !told.all {
		t.Error("not all are armed")
	}
	times := told.times
	f.heed()
	if f.follow(nil); told.times != times {
		t.Error("it was armed again for nothing")
	}
}

// arming is an engine.Traced that notes what is armed.
type arming struct {
	engine.Traced
	loud, quiet []int
	all         bool
	times       int
}

func (a *arming) Arm(loud, quiet []int) { a.loud, a.quiet, a.all = loud, quiet, false; a.times++ }
func (a *arming) ArmAll()               { a.all = true; a.times++ }

func (a *arming) mode(id int) int {
	switch {
	case slices.Contains(a.loud, id):
		return modeLoud
	case slices.Contains(a.quiet, id):
		return modeQuiet
	}
	return 0
}
