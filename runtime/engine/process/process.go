package process

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
)

// Worker is a process that was started to [Serve].
type Worker struct {
	// Conn leads to it. It is a *net.UnixConn on Linux.
	Conn Conn
	// PID is its process id, for logs.
	PID int
	// Kill ends it at once. Wait is still to be called.
	Kill func()
	// Wait waits for its end, closes Conn and says what it ended of.
	Wait func() error
}

// Conn is a connection to a worker, or to the host.
type Conn interface {
	io.ReadWriteCloser
	SetDeadline(t time.Time) error
}

// Options of an engine.
type Options struct {
	// Start starts a worker that may have so many bytes of memory.
	Start func(ctx context.Context, memory int64) (Worker, error)
	// Prepare makes of a module what the engine that the workers' [Serve] opens
	// compiles in its place; nil: it is handed the module. It checks the module as
	// Compile does, and fails as that does.
	Prepare func(ctx context.Context, binary []byte, c engine.Config) ([]byte, error)
	// Log gets a line for each worker that ends of itself; nil: discarded.
	Log *slog.Logger
	// Pause waits before a worker is started that must not be started yet; nil:
	// by the clock. Now is the clock; nil: time.Now.
	Pause func(ctx context.Context, d time.Duration) error
	Now   func() time.Time
}

// New starts an engine whose modules run in worker processes.
func New(o Options) *Engine {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Pause == nil {
		o.Pause = pause
	}
	return &Engine{Options: o, modules: map[*module]bool{}}
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Engine implements engine.Engine.
type Engine struct {
	Options

	mu      sync.Mutex
	modules map[*module]bool // that are not closed
}

// Close implements engine.Engine: what there is belongs to the modules.
func (*Engine) Close(context.Context) error { return nil }

// Process is what there is to know of a module's worker process.
type Process struct {
	Actor   string    `json:"actor"`
	PID     int       `json:"pid,omitempty"` // 0: none runs; one is started when it is needed
	Started time.Time `json:"started,omitzero"`
	Deaths  int       `json:"deaths"`              // of workers in a row, none of which lived long
	Ended   string    `json:"ended,omitempty"`     // what the last one ended of
	Next    time.Time `json:"next_start,omitzero"` // not before
}

// Processes tells of the workers of all modules, in order of the actors' names.
func (e *Engine) Processes() []Process {
	return e.processes(func(engine.Config) bool { return true })
}

// ProcessesOf tells of the workers of an owner's modules (engine.Config), in the same order.
func (e *Engine) ProcessesOf(owner string) []Process {
	return e.processes(func(c engine.Config) bool { return c.Owner == owner })
}

func (e *Engine) processes(wanted func(engine.Config) bool) []Process {
	e.mu.Lock()
	list := []Process{}
	for m := range e.modules {
		if wanted(m.config) {
			list = append(list, m.process())
		}
	}
	e.mu.Unlock()
	slices.SortFunc(list, func(a, b Process) int { return cmp.Or(strings.Compare(a.Actor, b.Actor), cmp.Compare(a.PID, b.PID)) })
	return list
}

// Compile implements engine.Engine: the module's first worker compiles it.
func (e *Engine) Compile(ctx context.Context, binary []byte, c engine.Config) (engine.Module, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("compile module: %w", err)
	}
	if !supported {
		return nil, &engine.Error{Code: engine.CodeUnsupported, Reason: "isolation: process needs Linux; leave it out of the definition where the actor is trusted, or run the service on Linux"}
	}
	if c.Debug != nil && e.Prepare == nil {
		return nil, &engine.Error{Code: engine.CodeDebug, Reason: "workers that are handed modules as they are put no probes in them"}
	}
	if c.Instances > InstancesMax {
		return nil, &engine.Error{Code: engine.CodeLimit, Reason: fmt.Sprintf(
			"%d instances are wanted (scale.instances.max); an actor in a process of its own has at most %d", c.Instances, InstancesMax)}
	}
	if c.Instances <= 0 {
		c.Instances = InstancesMax
	}
	c.AnswerMax = cmp.Or(max(0, c.AnswerMax), abi.FrameMax)
	m := &module{engine: e, binary: binary, config: c, turn: make(chan struct{}, 1)}
	if e.Prepare != nil {
		var err error
		if m.binary, err = e.Prepare(ctx, binary, c); err != nil {
			return nil, err
		}
	}
	if c.Debug != nil {
		var err error
		if m.probed, err = probedOf(binary, c.Debug); err != nil {
			return nil, err
		}
	}
	if n := len(m.binary); n > ModuleMax {
		return nil, &engine.Error{Code: engine.CodeLimit, Reason: fmt.Sprintf("the module has %d bytes with its machine code; at most %d are handed to a worker process", n, ModuleMax)}
	}
	w, about, err := m.launch(ctx)
	if err != nil {
		return nil, refused(ctx, err)
	}
	sum := sha256.Sum256(binary)
	about.Digest, about.Size = "sha256:"+hex.EncodeToString(sum[:]), len(binary)
	m.about, m.now = about, w
	e.mu.Lock()
	e.modules[m] = true
	e.mu.Unlock()
	return m, nil
}

// refused says why a module was not compiled.
func refused(ctx context.Context, err error) error {
	var fault *engine.Error
	switch {
	case errors.As(err, &fault) && fault.Code != engine.CodeDied:
		return err
	case ctx.Err() != nil:
		return fmt.Errorf("compile module: %w", context.Cause(ctx))
	case fault != nil:
		return &engine.Error{Code: engine.CodeCompile, Reason: "compiling the module ended its worker process: " + fault.Reason, Cause: err}
	}
	return fmt.Errorf("compile module: %w", err)
}
