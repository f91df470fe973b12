// Package actortest runs the tests that the definitions of a service declare:
// of actors, of workflows, and of endpoints.
//
// Each test has a stage of its own: a shard with a clock that stands, a journal
// in memory, fresh instances, and doubles for every capability. What runs is
// what runs in a host; only what is around it is the test's. What happened is
// then held against what the test expects, and is part of the [Result], so that
// it can be shown and written back into the test.
package actortest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/expect"
)

// TestTime bounds the time of the computer, not of the test, that one test may
// take once its modules are compiled.
const TestTime = 60 * time.Second

var errLong = fmt.Errorf("the test took longer than %v", TestTime)

// Options is what tests are run with. All of it is the caller's.
type Options struct {
	Service *specs.Service
	Engine  engine.Engine
	// Store makes the journals of one test.
	Store func() journal.Store
	// Module gives the binary of an actor's module, or says why there is none.
	// It may be called concurrently, once for each actor.
	Module func(actor string) ([]byte, error)
	// Gateway serves endpoints; nil: tests of endpoints cannot be run.
	Gateway  Gateway
	Parallel int // tests that run at a time; 0: as many as there are processors
}

// Gateway makes HTTP requests of tests into messages, as a host does.
type Gateway interface {
	// Handler serves the endpoints of a service.
	Handler(s *specs.Service, to Shard, now func() time.Time) (http.Handler, error)
	// Sign adds the signature that an endpoint asks for.
	Sign(e *specs.Endpoint, r *http.Request, body []byte, now time.Time)
}

// Shard is what a gateway needs of a shard.
type Shard interface {
	Accept(ctx context.Context, r *shard.Request) (*shard.Flow, error)
	Keep(f *shard.Flow)
	Lookup(id string) (shard.Answer, bool)
}

// Result is what came of one test.
type Result struct {
	Test     *specs.Test
	Failures []Failure // none: it has passed
	Seen     Seen
	Logs     []actor.Line
	Took     time.Duration
	Busy     time.Duration // from each message's acceptance until all that it caused was done, together
	Attempts uint64        // at messages
}

// Passed reports whether the test has passed.
func (r *Result) Passed() bool { return len(r.Failures) == 0 }

// Failure is one thing that was not as expected.
type Failure struct {
	Where       string         // in the test: then[0], state_after; "" for the whole test
	At          specs.Position // of what was expected
	Text        string         // what is wrong, unless it is told by Differences alone
	Differences []expect.Difference
}

// Line is one line that says what was not as a test expects.
type Line struct {
	At   specs.Position // of the expectation, or of the test
	Text string
}

// Lines are what there is to say of a failure of t.
func (f *Failure) Lines(t *specs.Test) []Line {
	at, head := f.At, ""
	if at.File == "" {
		at = t.At
	}
	if f.Where != "" {
		head = f.Where + ": "
	}
	var lines []Line
	if f.Text != "" {
		lines = append(lines, Line{at, head + strings.ReplaceAll(f.Text, "\n", " ")})
	}
	for _, d := range f.Differences {
		lines = append(lines, Line{at, head + d.String()})
	}
	return lines
}

// Seen is what happened.
type Seen struct {
	Messages []Message // that were sent, by an actor, or came out of a workflow
	Faults   []Fault   // messages that were not handled
	Path     []string  // nodes passed
	Handled  []Handled // what the nodes of Path did, in the same order
	State    []Value   // values of the state that were read or written, afterwards
	Replies  []Reply   // to the requests, in order
	Waiting  []Waiting // messages that still wait for their time
	Fuel     uint64    // units that all attempts used: the same each time
}

// Message is one that was sent.
type Message struct {
	Type  string
	Data  []byte
	Attrs []string // those that its actor set: name, value, name, value
}

// Handled is what a node did with a message, at the last attempt.
type Handled struct {
	Node string
	Type string    // of the message
	Sent []Message // none when it was not handled
}

// Fault is a message that was not handled.
type Fault struct {
	Outcome actor.Outcome // Refused, Later or Failed
	Node    string
	Type    string // of the message
	Code    string
	Text    string
	After   time.Duration // when Later: what the actor asked for
}

// Value is one value of the state of a node.
type Value struct {
	Node, Key, Name string
	Data            []byte // nil: there is none
}

// Reply is an HTTP answer.
type Reply struct {
	Status  int // 0: there was none while time stood
	Body    []byte
	Headers http.Header
}

// Waiting is a message that waits for its time.
type Waiting struct {
	Node string
	Type string
	In   time.Duration // from the end of the test
}

// Runner runs tests. It is safe for concurrent use.
type Runner struct {
	opts     Options
	mu       sync.Mutex
	compiled map[string]*compiled
}

// compiled is a module, compiled once for all tests.
type compiled struct {
	once   sync.Once
	module engine.Module
	err    error
}

// New makes a runner; nothing is compiled yet.
func New(o Options) *Runner {
	if o.Parallel <= 0 {
		o.Parallel = runtime.GOMAXPROCS(0)
	}
	return &Runner{opts: o, compiled: map[string]*compiled{}}
}

// Close releases the modules.
func (r *Runner) Close(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	for _, c := range r.compiled {
		if c.module != nil {
			errs = append(errs, c.module.Close(ctx))
		}
	}
	r.compiled = nil
	return errors.Join(errs...)
}

// module compiles an actor's module, the first time.
func (r *Runner) module(ctx context.Context, def *specs.Actor) (engine.Module, error) {
	r.mu.Lock()
	c := r.compiled[def.Name]
	if c == nil {
		c = &compiled{}
		r.compiled[def.Name] = c
	}
	r.mu.Unlock()
	c.once.Do(func() {
		var binary []byte
		if binary, c.err = r.opts.Module(def.Name); c.err == nil {
			c.module, c.err = r.opts.Engine.Compile(context.WithoutCancel(ctx), binary, engine.Config{
				MemoryMax: def.Limits.Memory, AnswerMax: abi.AnswerMax(def.Limits.Output), Name: def.Name, Isolated: def.Isolated,
			})
		}
		if c.err != nil {
			c.err = fmt.Errorf("actor %s: %w", def.Name, c.err)
		}
	})
	return c.module, c.err
}

// Run runs tests, several at a time. done is called with each result in the
// order of tests, from one goroutine. It returns ctx's error when that ends.
func (r *Runner) Run(ctx context.Context, tests []*specs.Test, done func(*Result)) error {
	results := make([]chan *Result, len(tests))
	for i := range results {
		results[i] = make(chan *Result, 1)
	}
	next := make(chan int)
	var workers sync.WaitGroup
	defer workers.Wait()
	for range min(r.opts.Parallel, len(tests)) {
		workers.Go(func() { // ends with next
			for i := range next {
				results[i] <- r.one(ctx, tests[i])
			}
		})
	}
	workers.Go(func() {
		defer close(next)
		for i := range tests {
			select {
			case next <- i:
			case <-ctx.Done():
				return
			}
		}
	})
	for _, c := range results {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		select {
		case result := <-c:
			done(result)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// one runs one test.
func (r *Runner) one(ctx context.Context, t *specs.Test) *Result {
	begin := time.Now()
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	result := &Result{Test: t}
	s, err := r.stage(ctx, t, end)
	if err == nil {
		// What the first test of an actor waits for, its compilation, is not the test's.
		timer := time.AfterFunc(TestTime, func() { end(errLong) })
		err = s.play(ctx)
		timer.Stop()
		result.Seen, result.Logs = s.seen(), s.logs()
		result.Busy, result.Attempts = s.busy, s.attempts()
		err = errors.Join(err, s.close())
	}
	switch {
	case errors.Is(context.Cause(ctx), errCircle), errors.Is(context.Cause(ctx), errLong):
		result.Failures = []Failure{{At: t.At, Text: context.Cause(ctx).Error()}}
	case err != nil:
		result.Failures = []Failure{{At: t.At, Text: err.Error()}}
	default:
		result.Failures = s.judge(&result.Seen)
	}
	result.Took = time.Since(begin)
	return result
}
