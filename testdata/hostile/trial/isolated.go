package trial

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/testdata/hostile"
	"github.com/grow-platform/grow/testdata/wat"
)

// Processes is what an engine says of the processes of isolated modules.
type Processes interface{ Processes() []control.Process }

// endMax is how long a process that was killed may be said to run.
const endMax = 30 * time.Second

// kill has the process of a module killed while it has an instance, and the module
// handle the first message again: that has to come to the same end as it first did,
// in another process.
func (c *Court) kill(ctx context.Context, t *trial, data []byte, first outcome, v *Verdict) {
	running, ok := c.Engine.(Processes)
	if !ok {
		v.fault("the engine does not say what processes it has")
		return
	}
	var again Verdict
	t.message(ctx, 0, data, &again)
	before := pid(running)
	if before == 0 { // the module has ended it itself, which its code says
		return
	}
	p, err := os.FindProcess(before)
	if err == nil {
		err = p.Kill()
	}
	if err != nil {
		v.fault("kill process %d: %v", before, err)
		return
	}
	for begin := time.Now(); pid(running) == before; time.Sleep(time.Millisecond) {
		if time.Since(begin) > endMax {
			v.fault("process %d was killed and is said to run %v later", before, endMax)
			return
		}
	}
	again = Verdict{Code: hostile.Handled}
	o, _ := t.message(ctx, 0, data, &again)
	if o.code == engine.CodeDied { // it was handed to what was killed
		o, _ = t.message(ctx, 0, data, &again)
	}
	if late(o) {
		return
	}
	if after := pid(running); o != first || after == before {
		v.fault("after process %d was killed the first message ended as %v in process %d, not as %v", before, o, after, first)
	}
}

// pid is the process of the only isolated module; 0: none runs.
func pid(e Processes) int {
	for _, p := range e.Processes() {
		return p.PID
	}
	return 0
}

// Neighbour is an actor that keeps to every limit and has messages while others are
// tried. It is safe for concurrent use.
type Neighbour struct {
	trial *trial
	close func(context.Context) error

	mu     sync.Mutex
	took   []time.Duration
	failed []string
}

// neighbourEvery is how often the neighbour has a message.
const neighbourEvery = 2 * time.Millisecond

// tookMax bounds how many latencies are kept; others take the place of old ones.
const tookMax = 1 << 20

// NewNeighbour starts one in this process. Close it in the end.
func (c *Court) NewNeighbour(ctx context.Context) (*Neighbour, error) {
	m, err := c.Engine.Compile(ctx, wat.Module("echo"), engine.Config{MemoryMax: hostile.Defaults.Memory})
	if err != nil {
		return nil, err
	}
	t, err := c.open(ctx, m, hostile.Defaults)
	if err != nil {
		return nil, err
	}
	return &Neighbour{trial: t, close: m.Close}, nil
}

// Close ends the neighbour, when nothing is tried any more.
func (n *Neighbour) Close(ctx context.Context) error {
	<-n.trial.actor.Close()
	return n.close(ctx)
}

// call hands the neighbour messages until the function it returns is called.
func (n *Neighbour) call(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var wait sync.WaitGroup
	wait.Go(func() {
		tick := time.NewTicker(neighbourEvery)
		defer tick.Stop()
		for k := 0; ctx.Err() == nil; k++ {
			n.message(ctx, k)
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	})
	return func() { cancel(); wait.Wait() }
}

func (n *Neighbour) message(ctx context.Context, k int) {
	v := Verdict{Code: hostile.Handled}
	begin := time.Now()
	n.trial.message(context.WithoutCancel(ctx), k, []byte(`{"id":1}`), &v)
	took := time.Since(begin)
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.took) < tookMax {
		n.took = append(n.took, took)
	} else {
		n.took[k%tookMax] = took
	}
	if v.Code != hostile.Handled || len(v.Faults) > 0 {
		n.failed = append(n.failed, fmt.Sprint(v.Code, " ", v.Text, v.Faults))
	}
}

// Latency is how a neighbour fared.
type Latency struct {
	Messages int
	Half     time.Duration // of messages took no longer
	P99      time.Duration
	Failed   []string // those that were not handled
}

// Latency says how the neighbour fared.
func (n *Neighbour) Latency() Latency {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := Latency{Messages: len(n.took), Failed: n.failed[:min(len(n.failed), 10)]}
	if l.Messages > 0 {
		slices.Sort(n.took)
		l.Half, l.P99 = n.took[l.Messages/2], n.took[l.Messages*99/100]
	}
	return l
}
