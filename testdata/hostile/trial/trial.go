// Package trial runs modules that mean harm on the shipped path, engine and
// actor as a host has them, and holds what comes of them against limits.
package trial

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/shape"
	"github.com/grow-platform/grow/testdata/hostile"
)

// Stages of a module's life.
const (
	Compile = "compile"
	Start   = "start"
	Handle  = "handle"
)

// Overrun is by how much a limit may be exceeded: a tenth.
const Overrun = 10

// Verdict is what came of a module.
type Verdict struct {
	Stage string        `json:"stage"` // where it ended
	Code  string        `json:"code"`  // handled, or why not
	Text  string        `json:"text,omitempty"`
	Fuel  uint64        `json:"fuel,omitempty"` // of the dearest message
	Past  float64       `json:"past,omitempty"` // by how much that passed its limit, of 1
	Took  time.Duration `json:"took"`           // altogether
	Slow  time.Duration `json:"slow"`           // compiling
	// Faults are what must not be: limits exceeded, faults of the host.
	Faults []string `json:"faults,omitempty"`
}

func (v *Verdict) fault(format string, args ...any) {
	v.Faults = append(v.Faults, fmt.Sprintf(format, args...))
}

// Court tries modules, one after the other. Close it.
type Court struct {
	Engine engine.Engine
	// Neighbour is an actor that has messages while isolated modules are tried;
	// nil: none has. It belongs to who made it.
	Neighbour *Neighbour
	broker    map[int]*capability.Broker // by the number of requests
}

// Close releases what the court has opened, and not the engine.
func (c *Court) Close() error {
	var errs []error
	for _, b := range c.broker {
		errs = append(errs, b.Close())
	}
	return errors.Join(errs...)
}

// Try compiles a module and hands it messages. It sets no time of its own for compiling,
// which the engine bounds by time of a processor: on a busy machine that takes any time.
func (c *Court) Try(ctx context.Context, m *Job) Verdict {
	var v Verdict
	begin := time.Now()
	defer func() { v.Took = time.Since(begin) }()
	c.try(ctx, m, &v)
	v.Took = time.Since(begin)
	switch v.Code {
	case engine.CodePanic, actor.CodeHost:
		v.fault("%s at %s: %s", v.Code, v.Stage, v.Text)
	}
	return v
}

func (c *Court) try(ctx context.Context, m *Job, v *Verdict) {
	limits := m.Limits.Or(hostile.Defaults)
	v.Stage = Compile
	begin := time.Now()
	module, err := c.Engine.Compile(ctx, m.Binary, m.config(limits))
	v.Slow = time.Since(begin)
	if err != nil {
		v.refuse(err)
		return
	}
	defer func() {
		if err := module.Close(ctx); err != nil {
			v.fault("close module: %v", err)
		}
	}()
	t, err := c.open(ctx, module, limits)
	if err != nil {
		v.fault("open broker: %v", err)
		return
	}
	defer func() { <-t.actor.Close() }()
	inputs := m.Inputs
	if len(inputs) == 0 {
		inputs = [][]byte{nil, []byte(`{"id":1,"text":"of no importance"}`)}
	}
	if m.Isolated && c.Neighbour != nil {
		defer c.Neighbour.call(ctx)()
	}
	first := t.pass(ctx, inputs, v)
	if slices.ContainsFunc(first, late) {
		return
	}
	var again Verdict
	if second := t.pass(ctx, inputs, &again); !slices.Equal(first, second) && !slices.ContainsFunc(second, late) {
		v.fault("the same messages had other outcomes: %v, then %v", first, second)
	}
	if m.Isolated && v.Stage == Handle {
		c.kill(ctx, t, inputs[0], first[0], v)
	}
}

// outcome is what came of a message; it is the same whenever that is handled.
type outcome struct {
	code string
	fuel uint64
}

// late reports whether a message took too long: how far it came by then differs.
func late(o outcome) bool { return o.code == actor.CodeTime }

// pass has the actor handle the messages, beginning with a new instance.
func (t *trial) pass(ctx context.Context, inputs [][]byte, v *Verdict) []outcome {
	var list []outcome
	v.Code = hostile.Handled
	for n, data := range inputs {
		o, started := t.message(ctx, n, data, v)
		list = append(list, o)
		if !started { // nor would it another time
			break
		}
	}
	for t.actor.Shrink(1) > 0 {
	}
	return list
}

// refuse notes why a module was not compiled.
func (v *Verdict) refuse(err error) {
	var coded *engine.Error
	if !errors.As(err, &coded) {
		v.Code, v.Text = actor.CodeHost, err.Error()
		return
	}
	v.Code, v.Text = coded.Code, coded.Reason
}

// startShare is how much more fuel and time starting an instance may take than a message.
// What a host allows takes seconds, in each of hundreds of modules, and half a minute of
// those that sleep.
const startShare = 20

// trial is one module being tried.
type trial struct {
	actor  *actor.Actor
	limits hostile.Limits
	lines  int // of log, in this message
}

// logLines is how many lines a message may log: those of the actor, and one
// that says there were more.
const logLines = actor.LogLinesMax + 1

func (c *Court) open(ctx context.Context, m engine.Module, limits hostile.Limits) (*trial, error) {
	b := c.broker[limits.Calls]
	if b == nil {
		var err error
		if b, err = capability.Open(ctx, nil, limits.Calls, capability.Environment{}); err != nil {
			return nil, err
		}
		if c.broker == nil {
			c.broker = map[int]*capability.Broker{}
		}
		c.broker[limits.Calls] = b
	}
	t := &trial{limits: limits}
	t.actor = actor.New(actor.Options{
		Node: "trial", Module: m, Broker: b, Scale: specs.Scale{Max: 1}, Context: ctx,
		Def: &specs.Actor{Name: "trial", Out: []string{"out", "echo.done"}, State: []specs.State{{}}, Limits: specs.Limits{
			Memory: limits.Memory, Fuel: limits.Fuel, Output: limits.Output, Calls: limits.Calls, Time: limits.Time,
		}},
		StartFuel: startShare * limits.Fuel, StartTime: startShare * limits.Time,
		Types: make([]*shape.Type, 2), Config: []byte(`{"of":"the trial"}`),
		Log:      func(actor.Line) { t.lines++ },
		Seed:     func(id string) (seed [32]byte) { copy(seed[:], id); return seed },
		RealTime: func() int64 { return time.Now().UnixNano() },
	})
	return t, nil
}

// message has the actor handle one message. It reports whether an instance
// could be started.
func (t *trial) message(ctx context.Context, n int, data []byte, v *Verdict) (o outcome, started bool) {
	t.lines = 0
	i, more, err := t.actor.Take()
	if errors.Is(err, actor.ErrBusy) && more {
		i, err = t.actor.Start(ctx)
	}
	if err != nil {
		v.Stage, v.Code, v.Text = Start, actor.StartCode(err), err.Error()
		return outcome{code: v.Code}, false
	}
	v.Stage = Handle
	var state capability.State
	state.Reset(t.actor.Def.State, nil, 0)
	id := fmt.Sprintf("m%d", n)
	r := i.Handle(&actor.Task{Message: abi.NewMessage(data, abi.Type, "in", abi.ID, id), ID: id, Now: 1_700_000_000_000_000_000, State: &state})
	if v.Code == hostile.Handled { // the first that goes wrong decides
		v.Code, v.Text = code(r), r.Text
	}
	t.check(r, v)
	o = outcome{code(r), r.Fuel}
	if r.Broken {
		t.actor.Discard(i)
	} else {
		t.actor.Put(i)
	}
	return o, true
}

// check holds a result against the limits.
func (t *trial) check(r *actor.Result, v *Verdict) {
	v.Fuel = max(v.Fuel, r.Fuel)
	v.Past = max(v.Past, float64(v.Fuel)/float64(t.limits.Fuel)-1)
	if most := t.limits.Fuel + t.limits.Fuel/Overrun; r.Fuel > most {
		v.fault("used %d units of fuel; the limit is %d", r.Fuel, t.limits.Fuel)
	}
	if size := t.actor.Memory(); size > t.limits.Memory {
		v.fault("has %d bytes of memory; the limit is %d", size, t.limits.Memory)
	}
	if t.lines > logLines {
		v.fault("logged %d lines; the limit is %d", t.lines, logLines)
	}
	if n := len(r.Recorded); n > t.limits.Calls {
		v.fault("made %d requests; the limit is %d", n, t.limits.Calls)
	}
	if len(r.Outputs) > abi.OutputsMax {
		v.fault("sent %d messages; the limit is %d", len(r.Outputs), abi.OutputsMax)
	}
	var bytes int64
	for _, o := range r.Outputs {
		bytes += int64(len(o.Data))
	}
	if bytes > t.limits.Output {
		v.fault("sent %d bytes; the limit is %d", bytes, t.limits.Output)
	}
	if r.Outcome == actor.Failed && r.Code == "" {
		v.fault("failed without a code: %s", r.Text)
	}
}

func code(r *actor.Result) string {
	switch r.Outcome {
	case actor.Refused:
		return hostile.Refused
	case actor.Later:
		return hostile.Later
	case actor.Failed:
		return r.Code
	}
	return hostile.Handled
}

// Job is a module to try.
type Job struct {
	Name   string
	Class  hostile.Class
	Binary []byte
	Inputs [][]byte
	Want   []string
	Limits hostile.Limits
	// Isolated runs it in a process of its own, which is killed in the end, and has
	// to be replaced.
	Isolated bool
}

func (j *Job) config(limits hostile.Limits) engine.Config {
	c := engine.Config{MemoryMax: limits.Memory}
	if j.Isolated {
		c.Isolated, c.Name, c.Instances = true, "trial", 1
	}
	return c
}

// Of makes a job of a case.
func Of(c *hostile.Case) *Job {
	return &Job{Name: c.Whole(), Class: c.Class, Binary: c.Binary(), Inputs: c.Inputs, Want: c.Want, Limits: c.Limits}
}

// Memory is what this process holds, after it was asked to give back what it can.
func Memory() (resident int64, goroutines int, err error) {
	runtime.GC()
	debug.FreeOSMemory()
	resident, err = rss()
	return resident, runtime.NumGoroutine(), err
}
