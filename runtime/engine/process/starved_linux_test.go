package process

import (
	"errors"
	"os/exec"
	"sync/atomic"
	"testing"

	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/engine/enginetest"
)

// TestStarvedWorker: a worker that must end and gets no processor to do so is waited
// for, and its instance fails with what the host said.
func TestStarvedWorker(t *testing.T) {
	looks := new(atomic.Int32)
	enough := make(chan struct{})
	behave := func(l *line, o order) bool {
		switch o.kind {
		case orderHandle:
			says(l, reportSlice, 500, 0, nil, nil)
		case orderFail:
			<-enough
			says(l, reportFailed, 700, 1<<16, nil, appendFault(nil, errUnwind))
		}
		return true
	}
	m := load(t, New(Options{Start: inside(liar(asks(behave))), Log: alarm(t)}), []byte("module"), engine.Config{MemoryMax: 1 << 20, Instances: 2})
	h := &enginetest.Host{Fuel: 300}
	i := running(t, m, h)
	i.(*instance).worker.kept = func(*look) bool {
		if looks.Add(1) == int32(2*graceSteps) {
			close(enough)
		}
		return true
	}
	if _, err := i.Handle(h, order200); !errors.Is(err, enginetest.ErrFuel) {
		t.Errorf("%v, want %v", err, enginetest.ErrFuel)
	}
	if i.(engine.Mortal).Gone() {
		t.Error("the worker was killed")
	}
}

// TestStarvedForever: how long a worker is waited for that gets no processor has a bound.
func TestStarvedForever(t *testing.T) {
	i := &instance{worker: &worker{kept: func(*look) bool { return true }}}
	i.err = errors.New("it must end")
	steps := 0
	for i.quiet() == nil {
		steps++
	}
	if want := starvedSteps + graceSteps; steps != want {
		t.Errorf("it was waited for %d times, want %d", steps, want)
	}
}

// TestKept: what spins has something to run and uses a processor, what waits does not,
// and of what is no process nothing is known.
func TestKept(t *testing.T) {
	begin := func(name string, args ...string) int {
		c := exec.Command(name, args...)
		in, err := c.StdinPipe()
		if err == nil {
			err = c.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = in.Close()
			_ = c.Process.Kill()
			_ = c.Wait() // it was killed
		})
		return c.Process.Pid
	}
	spins, waits := begin("sh", "-c", "while :; do :; done"), begin("cat")
	for last := 0; last < 3; last++ {
		was, ok := processorTime(spins)
		for used := was; used == was && ok; used, ok = processorTime(spins) {
		}
		if !ok || !runnable(spins) {
			t.Fatalf("what spins: its time is known %t, it has something to run %t", ok, runnable(spins))
		}
	}
	for runnable(waits) { // until it has started
	}
	var l look
	for range 3 {
		if l.kept(waits) {
			t.Error("what waits is kept from running")
		}
	}
	if _, ok := processorTime(0); ok || l.kept(0) || runnable(1<<30) {
		t.Error("something is known of what is no process")
	}
}
