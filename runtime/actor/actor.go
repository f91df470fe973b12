// Package actor runs one actor at one node: it keeps the instances of its
// module and has one of them handle a message. It knows definitions, engines
// and capabilities, and nothing of mailboxes or journals.
package actor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/pace"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/shape"
)

// Options is what makes an actor. All of it is fixed for the actor's life.
type Options struct {
	Node     string
	Revision string // of definition and code; goes into every entry of the journal
	Def      *specs.Actor
	Config   []byte        // nil when the actor takes none
	Types    []*shape.Type // of the messages in Def.Out, in that order; nil: not checked
	Module   engine.Module // closed by the caller, after Close
	Broker   *capability.Broker
	Scale    specs.Scale
	// Context ends when handlings that wait for the outside must give up.
	Context context.Context
	// Log takes the actor's log lines. It must not block.
	Log func(Line)
	// Secrets are hidden later in what the actor says: no text is cut within one. nil: there
	// are none.
	Secrets Secrets
	// Seed returns the seed of a message's random stream: the same for every
	// attempt, and not to be guessed from outside.
	Seed func(messageID string) [32]byte
	// RealTime is the wall clock in nanoseconds since 1970.
	RealTime func() int64
	// Pacer is what handlings that run for long take turns at; nil: one of the
	// actor's own.
	Pacer *pace.Pacer
	// StartFuel and StartTime are what starting an instance may take at most; 0:
	// abi.StartFuelMax and abi.StartTimeMax. A message's limits hold where they are
	// higher.
	StartFuel uint64
	StartTime time.Duration
	// Migrations are the actors that values of older types are migrated by, by the name
	// of their definition: those of Def.State. Each may have as many instances as this
	// one. They live as long as whoever made them says, after Close.
	Migrations map[string]*Actor
	// Providers are the actors that this one asks for operations, and those that they ask:
	// they run for it alone, and live likewise.
	Providers []*Actor
	// Observe, if not nil, sees every handling when it has ended, on the
	// goroutine that handled. What it is given is valid until it returns.
	Observe func(*Task, *Result)
	// Unstarted, if not nil, is told why an instance did not start, by whoever started it.
	Unstarted func(error)
}

// Secrets are what texts are not to be cut within. It is safe for concurrent use.
type Secrets interface {
	// Longest is the length of the longest one in bytes, in the longest form of it.
	Longest() int
	// Whole is where to cut a text that is to be cut at a place: there, or before the secrets
	// that stand across it. The text reaches Longest beyond the place, or ends before.
	Whole(text []byte, at int) int
}

// Line is one log line of an actor.
type Line struct {
	Time    time.Time
	Level   string // debug, info, warn or error
	Node    string
	Message string // id of the message being handled; "" while an instance starts
	Text    string
	Fields  map[string]string
}

// Actor is one revision of behaviour at one node. It is safe for concurrent
// use; each of its instances belongs to whoever took it from the pool.
type Actor struct {
	Options
	pool   pool
	outs   map[string]int // index in Def.Out, when there are too many to compare one by one
	fuel   uint64         // of a message
	share  pace.Share
	memory atomic.Int64 // bytes of all instances
	most   bounds
}

// outsCompared is the number of types up to which comparing beats hashing.
const outsCompared = 6

// New makes an actor; no instance runs yet.
func New(o Options) *Actor {
	a := &Actor{Options: o, fuel: cmp.Or(o.Def.Limits.Fuel, abi.FuelDefault), most: standard}
	a.StartFuel = max(a.fuel, cmp.Or(a.StartFuel, abi.StartFuelMax))
	a.StartTime = max(o.Def.Limits.Time, cmp.Or(a.StartTime, abi.StartTimeMax))
	if a.Pacer == nil {
		a.Pacer = &pace.Pacer{}
	}
	a.pool.actor, a.pool.gone = a, make(chan struct{})
	if len(o.Def.Out) > outsCompared {
		a.outs = make(map[string]int, len(o.Def.Out))
		for i, t := range o.Def.Out {
			a.outs[t] = i
		}
	}
	return a
}

// Memory is the linear memory of all instances, in bytes.
func (a *Actor) Memory() int64 { return a.memory.Load() }

// Waits reports whether a handling may have to wait for something outside: the
// actor has grants, or its module can sleep.
func (a *Actor) Waits() bool {
	return len(a.Def.Uses) > 0 || slices.Contains(a.Module.Info().Imports, "wasi_snapshot_preview1.poll_oneoff")
}

// out returns the index of a type in Def.Out, or -1.
func (a *Actor) out(messageType []byte) int {
	if a.outs != nil {
		if i, ok := a.outs[string(messageType)]; ok {
			return i
		}
		return -1
	}
	for i, t := range a.Def.Out {
		if t == string(messageType) {
			return i
		}
	}
	return -1
}

// start makes an instance and runs its grow_init.
func (a *Actor) start(ctx context.Context) (_ *Instance, err error) {
	if a.Unstarted != nil {
		defer func() {
			if err != nil {
				a.Unstarted(err)
			}
		}()
	}
	i := &Instance{actor: a, plain: -1}
	i.views, i.outputs = i.view[:], i.out[:]
	config := a.Config
	if config == nil {
		config = []byte("{}")
	}
	i.ledger = capability.Ledger{Context: a.Context, Config: config, Log: i.log, RealTime: a.RealTime, Allow: i.allow, Rest: i.rest}
	i.begin("", a.RealTime())
	i.starts = true
	defer func() { i.starts = false }()
	defer i.rest()
	defer i.flush()
	running, err := a.Module.Instantiate(ctx, i)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", a.Node, a.traced(err))
	}
	i.running, i.memory = running, running.MemorySize()
	i.mortal, _ = running.(engine.Mortal)
	a.memory.Add(i.memory)
	i.looks.memory.Store(i.memory)
	i.looks.started = time.Unix(0, a.RealTime())
	m := abi.NewMessage(config, abi.Type, abi.TypeInit, abi.Source, a.Node, abi.ContentType, abi.ContentJSON,
		abi.Time, time.Unix(0, i.now).UTC().Format(time.RFC3339Nano))
	if err := running.Init(i, m.Frame()); err != nil {
		a.memory.Add(-i.memory)
		return nil, errors.Join(fmt.Errorf("start %s: %w", a.Node, a.traced(err)), running.Close())
	}
	return i, nil
}

// traced adds the traceback that a language runtime gave, if there is one.
func (a *Actor) traced(err error) error {
	if stack := a.traceback(err); stack != "" {
		return fmt.Errorf("%w\n%s", err, stack)
	}
	return err
}

// traceback is where in the actor's own code it was when it failed or was stopped, in
// its language's words; "" when no language runtime says that.
func (a *Actor) traceback(err error) string {
	var stopped *engine.Stopped
	var fault *engine.Error
	switch {
	case errors.As(err, &stopped):
		return a.shortened([]byte(stopped.Stack))
	case errors.As(err, &fault) && fault.Code == engine.CodeException:
		return a.shortened([]byte(fault.Stack))
	}
	return ""
}
