package actor

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/pace"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/shape"
)

// Codes of outcomes that the host, not the actor, decides. Codes of traps and
// ABI faults are those of package engine.
const (
	CodeFrame      = "abi.frame"         // the answer is no frame
	CodeUndeclared = "output.undeclared" // a message of a type that out does not name
	CodeType       = "output.type"       // a message that its type does not allow
	CodeOutputs    = engine.CodeOutput   // too many outputs, or too many bytes of them
	CodeCalls      = "limit.calls"       // too many capability requests
	CodeFuel       = "limit.fuel"        // more instructions than a message may take
	CodeTime       = "limit.time"        // longer than a message may take
	CodeHost       = "host.fault"        // a fault of grow
	CodeRefused    = "refused"           // a refusal that names no code
	CodeMigration  = "state.migration"   // a value of an older type did not become one of the declared type
)

// Outcome is how the handling of one message ended.
type Outcome uint8

// The outcomes of ABI.md.
const (
	Handled Outcome = iota
	Refused
	Later
	Failed
)

// Task is one message to handle. It is filled by the caller and may be reused.
type Task struct {
	Message *abi.Message
	ID      string
	Now     int64             // nanoseconds since 1970: the clock the guest sees
	State   *capability.State // nil when the actor declares none
	Long    bool              // it is expected to run for long: it takes turns from the start
	// Wait is called before the handling waits for something outside; from
	// then on the goroutine may block. nil does nothing.
	Wait func()
	// Stand is called when the handling is held for a person who looks at it, and what it
	// returns when that is over; nil does nothing.
	Stand func() (goOn func())
	// Sleep is called when the guest is about to sleep, and what it returns when it has
	// slept, which may wait: the message's time does not go on meanwhile. nil does nothing.
	Sleep func() (goOn func())
	// Effect is called before something outside is changed; nil does nothing.
	Effect func() error
	// First says that the message is handled for the first time; see [capability.Ledger].
	First bool
	// Again are answers that earlier attempts were given; see [capability.Ledger].
	Again []capability.Recorded
	// Context ends when nobody waits for the handling any more; nil: the actor's.
	Context context.Context
	// RealTime is the clock that time.now tells, as in [Options]; nil: the actor's.
	RealTime func() int64
}

// Output is one message that the actor sends. Its bytes lie in the instance's
// memory and are valid until the instance handles again.
type Output struct {
	Index       int // in Def.Out
	Data        []byte
	ContentType []byte // nil: application/json
	Delay       time.Duration
	View        *abi.View    // for the attributes x.<name>, http.status, http.header.<name>
	Extra       bool         // there are such attributes
	Places      shape.Places // of the fields of Data
}

// Result is what came of a message. It is valid until the instance handles again.
type Result struct {
	Outcome  Outcome
	Code     string // when not Handled
	Text     string
	After    time.Duration // when Later: the wait the actor asked for; 0 for the policy's
	Outputs  []Output      // when Handled
	Recorded []capability.Recorded
	Seed     []byte // nil when no random byte was drawn
	Fuel     uint64
	Ignored  int  // attributes of outputs that are the host's to set
	Long     bool // it ran for several slices of fuel
	Broken   bool // the instance must be discarded
}

// Instance is one running copy of an actor. It belongs to one goroutine at a time.
type Instance struct {
	_       apart
	actor   *Actor
	running engine.Instance
	mortal  engine.Mortal // running, if it is one
	ledger  capability.Ledger
	stand   func() (goOn func()) // the task's
	sleep   func() (goOn func()) // the task's

	id     string
	starts bool // it is being started
	now    int64
	slept  time.Duration
	spell  spell
	turn   pace.Turn
	random *rand.ChaCha8
	seed   [32]byte
	drawn  bool
	told   bool // the clock
	said   said
	// complaint is the last line at error that the guest has logged for the message.
	complaint string
	memory    int64     // bytes, as actor.memory has them
	looks     looks     // what others may see of it
	output    [2][]byte // room for unfinished lines of standard output and error

	memo    abi.Memo
	plain   int // index of the type memo knows, when it has no attributes to read; -1 otherwise
	views   []abi.View
	outputs []Output
	result  Result
	view    [1]abi.View // where views and outputs lie at first
	out     [1]Output
	_       apart
}

// apart keeps what one goroutine writes for every message out of the cache
// lines of its neighbour in memory.
type apart [128]byte

// Actor is what the instance is a copy of.
func (i *Instance) Actor() *Actor { return i.actor }

// Known is what the guest has been told of the world outside its message since Handle
// began: answers of capabilities, valid until it ends, and whether it has looked at the
// clock. It may be called by who handles, as in Task.Effect.
func (i *Instance) Known() (given []capability.Recorded, clock bool) {
	return i.ledger.Recorded(), i.told
}

// Handle has the instance handle a message, once values of older types in its state are
// migrated. The result is the instance's.
func (i *Instance) Handle(t *Task) *Result {
	r := &i.result
	*r = Result{}
	if len(i.actor.Migrations) > 0 && t.State != nil && !i.migrate(t, r) {
		return r
	}
	i.begin(t.ID, t.Now)
	l := &i.ledger
	l.Reset()
	l.ID, l.State, l.Wait, l.Effect, l.First = t.ID, t.State, t.Wait, t.Effect, t.First
	i.stand, i.sleep = t.Stand, t.Sleep
	if len(t.Again) > 0 {
		l.Again = t.Again
	}
	if t.RealTime != nil {
		l.RealTime = t.RealTime
		defer func() { l.RealTime = i.actor.RealTime }()
	}
	if t.Context != nil {
		l.Context = t.Context
		defer func() { l.Context = i.actor.Context }()
	}
	if t.Long {
		i.turn.Begin(i.actor.Pacer, &i.actor.share)
	}
	answer, err := i.running.Handle(i, t.Message)
	l.End()
	if len(t.Again) > 0 {
		l.Again = nil
	}
	i.rest()
	if size := i.running.MemorySize(); size != i.memory {
		i.actor.memory.Add(size - i.memory)
		i.memory = size
		i.looks.memory.Store(size)
	}
	i.looks.handled.Store(i.looks.handled.Load() + 1)
	if err != nil {
		var stopped *engine.Stopped
		r.Broken = !errors.As(err, &stopped)
		r.fail(faultCode(err), i.faultText(err))
	} else if len(answer.Frame) > 0 {
		i.decode(answer.Frame)
	}
	r.Fuel, r.Long = r.Fuel+answer.Fuel+l.Fuel(), i.spell.slices >= laneSlices
	r.Recorded = l.Recorded()
	if i.drawn {
		r.Seed = i.seed[:]
	}
	i.flush()
	if i.actor.Observe != nil {
		i.actor.Observe(t, r)
	}
	return r
}

func (r *Result) fail(code, text string) {
	r.Outcome, r.Code, r.Text, r.Outputs = Failed, code, text, nil
}

// StartCode is the code of an error of Start.
func StartCode(err error) string { return faultCode(err) }

// faultCode names what ended a message that the engine could not finish.
func faultCode(err error) string {
	var fault *engine.Error
	switch {
	case errors.Is(err, capability.ErrTooMany):
		return CodeCalls
	case errors.Is(err, errFuel), errors.Is(err, errStartFuel):
		return CodeFuel
	case errors.Is(err, errTime), errors.Is(err, errStartTime):
		return CodeTime
	case errors.Is(err, abi.ErrShort), errors.Is(err, abi.ErrTrailing), errors.Is(err, abi.ErrCount), errors.Is(err, abi.ErrDuplicate),
		errors.Is(err, abi.ErrUTF8), errors.Is(err, abi.ErrName), errors.Is(err, abi.ErrLimit):
		return engine.CodeRequest
	case errors.As(err, &fault):
		return fault.Code
	}
	return CodeHost
}

// faultText says why a message failed. A guest that gives up tells the log why, and then traps
// or exits, which says nothing: so the text has what it told.
func (i *Instance) faultText(err error) string {
	a := i.actor
	var fault *engine.Error
	if !errors.As(err, &fault) {
		return a.traced(err).Error()
	}
	text := fault.Reason
	if i.complaint != "" && (fault.Code == engine.CodeTrap || fault.Code == engine.CodeExit) {
		text += "; it has logged: " + i.complaint
	}
	if fault.Stack != "" {
		text += "\n" + fault.Stack // with names that the module gives, of any length
	}
	return a.shortened([]byte(text))
}

// decode reads the answer frame into the result.
func (i *Instance) decode(frame []byte) {
	r := &i.result
	reader, err := abi.NewReader(frame)
	if err == nil && reader.Left() > i.actor.most.outputs {
		r.broken(CodeOutputs, fmt.Sprintf("%d outputs; at most %d are allowed", reader.Left(), i.actor.most.outputs))
		return
	}
	n := reader.Left()
	if cap(i.views) < n {
		i.views, i.outputs = make([]abi.View, n), make([]Output, n)
	}
	i.views, i.outputs = i.views[:n], i.outputs[:n]
	size := int64(0)
	for k := 0; k < n; k++ {
		v := &i.views[k]
		var known bool
		if _, known, err = reader.NextMemo(v, &i.memo); err != nil {
			break
		}
		if known && i.plain >= 0 && r.Outcome == Handled {
			size += int64(len(v.Data))
			i.data(k, i.plain, v)
			continue
		}
		i.plain = -1
		if string(v.Type) == abi.TypeError {
			i.refusal(v)
			continue
		}
		size += int64(len(v.Data))
		if r.Outcome == Handled {
			i.take(k, v)
		}
	}
	switch {
	case err != nil:
		r.broken(CodeFrame, "answer is malformed: "+err.Error())
	case r.Outcome != Handled:
		r.Outputs = nil
	case size > i.actor.Def.Limits.Output:
		r.broken(CodeOutputs, fmt.Sprintf("outputs of %d bytes; at most %d are allowed", size, i.actor.Def.Limits.Output))
	default:
		r.Outputs = i.outputs
	}
}

// broken fails the message and the instance with it: its answer cannot be trusted.
func (r *Result) broken(code, text string) {
	r.fail(code, text)
	r.Broken = true
}

// take checks one output.
func (i *Instance) take(k int, v *abi.View) {
	r := &i.result
	index := i.actor.out(v.Type)
	if index < 0 {
		what := "an output has no type"
		if v.Type != nil {
			what = fmt.Sprintf("an output of type %q, which the definition's out does not name", v.Type)
		}
		r.broken(CodeUndeclared, what)
		return
	}
	i.data(k, index, v)
	if v.Others() {
		i.attributes(&i.outputs[k], v)
	} else {
		i.plain = index
	}
}

// data checks the data of an output whose type is known.
func (i *Instance) data(k, index int, v *abi.View) {
	o := &i.outputs[k]
	if most := i.actor.most.data; len(v.Data) > most {
		i.result.broken(CodeOutputs, fmt.Sprintf("output %s has %d bytes of data; at most %d are allowed", v.Type, len(v.Data), most))
		return
	}
	if t := i.actor.Types[index]; t != nil {
		if err := t.CheckPlaces(v.Data, &o.Places); err != nil {
			i.result.broken(CodeType, fmt.Sprintf("output %s: %v", v.Type, err))
			return
		}
	} else {
		o.Places.Forget()
	}
	o.Index, o.Data, o.ContentType, o.Delay, o.View, o.Extra = index, v.Data, v.ContentType, 0, v, false
}

// attributes reads what an output may say besides its type and content type.
func (i *Instance) attributes(o *Output, v *abi.View) {
	for name, value := range v.All() {
		switch {
		case string(name) == abi.Type || string(name) == abi.ContentType:
		case string(name) == abi.Delay:
			ms, err := strconv.ParseInt(string(value), 10, 64)
			if err != nil || ms < 0 || ms > int64(DelayMax/time.Millisecond) {
				i.result.broken(CodeType, fmt.Sprintf("output %s: delay %q is not a number of milliseconds up to %v", v.Type, value, DelayMax))
				return
			}
			o.Delay = time.Duration(ms) * time.Millisecond
		case travels(name):
			o.Extra = true
		default:
			i.result.Ignored++
		}
	}
}

// DelayMax bounds the delay of an output.
const DelayMax = 366 * 24 * time.Hour

// travels reports whether an attribute of an output goes along with it.
func travels(name []byte) bool {
	return has(name, abi.OwnPrefix) || string(name) == abi.HTTPStatus || has(name, abi.HTTPHeaderPrefix)
}

func has(name []byte, prefix string) bool {
	return len(name) > len(prefix) && string(name[:len(prefix)]) == prefix
}

// refusal reads a grow.error, the first of which decides.
func (i *Instance) refusal(v *abi.View) {
	r := &i.result
	if r.Outcome != Handled {
		return
	}
	r.Outcome, r.Code, r.Text = Refused, CodeRefused, i.actor.shortened(v.Data)
	if code, ok := v.Attr(abi.Code); ok && len(code) > 0 {
		r.Code = string(code)
	}
	if retry, _ := v.Attr(abi.RetryAttr); string(retry) != "yes" {
		return
	}
	r.Outcome = Later
	if after, ok := v.Attr(abi.After); ok {
		if ms, err := strconv.ParseInt(string(after), 10, 64); err == nil && ms > 0 {
			r.After = min(time.Duration(ms)*time.Millisecond, DelayMax)
		}
	}
}

// Def is the definition the instance runs.
func (i *Instance) Def() *specs.Actor { return i.actor.Def }
