package wazero

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"time"

	"github.com/grow-platform/grow/runtime/admission"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/wasm/meter"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

const (
	blockMin   = 1 << 10  // bytes asked of grow_alloc at first
	blockMax   = 1 << 31  // bytes of the largest input block
	answerKeep = 64 << 10 // bytes of a waiting answer's memory that are kept for the next
)

// errBroken is what a closed instance, or one that failed before, answers.
var errBroken = errors.New("call instance: it is closed or has failed before")

// instance implements engine.Instance, and context.Context for wazero: host
// functions are given it as their context.
type instance struct {
	_ apart
	// What every message touches lies together.
	running   api.Module
	memory    api.Memory
	handle    api.Function
	host      engine.Host // while the guest runs
	speech    *speech     // nil: it does not run on a language runtime
	tank      tank
	stack     [4]uint64
	block     uint32 // input block the guest gave
	broken    bool   // nothing may run: the guest failed, or its memory is gone
	waits     bool   // an answer waits for grow.answer
	answerMax uint32 // bytes of the frame that a message is answered with
	size      int    // bytes of block; -1: there is none, or it may not be used any more
	wanted    uint64 // bytes of memory it last asked for and did not get

	base      context.Context
	linear    experimental.LinearMemory // what memory lies in; nil: it has none, or has given it back
	own       int                       // index of the module's first function that is not imported, as its author counts
	added     int                       // imports that were added before it
	traced    *traced                   // nil: nobody follows it
	budget    *budget
	memoryMax uint64 // bytes the memory may have
	has       uint64 // bytes of memory that the budget knows of
	owes      int64  // bytes of the budget it has for them
	waiting   []byte // the answer that waits
	_         apart
}

// apart keeps what is written at every call out of the cache lines of the
// neighbour in memory, which may be called on another processor.
type apart [128]byte

// Deadline implements context.Context: there is none.
func (*instance) Deadline() (deadline time.Time, ok bool) { return time.Time{}, false }

// Done implements context.Context: it never ends.
func (*instance) Done() <-chan struct{} { return nil }

// Err implements context.Context.
func (*instance) Err() error { return nil }

// Value implements context.Context. wazero asks for its own settings at every
// call; only while the instance is made are there some.
func (i *instance) Value(key any) any {
	if i.base != nil {
		return i.base.Value(key)
	}
	return nil
}

// Init implements engine.Instance.
func (i *instance) Init(h engine.Host, frame []byte) (err error) {
	if i.broken {
		return errBroken
	}
	if i.traced != nil {
		if err := i.traced.begin(); err != nil {
			return err
		}
		defer func() { i.traced.tracer.End(err) }()
	}
	return i.init(h, frame)
}

func (i *instance) init(h engine.Host, frame []byte) error {
	initialize := i.running.ExportedFunction(admission.ExportInit)
	if initialize == nil {
		return nil
	}
	if err := i.fill(h); err != nil {
		return err
	}
	defer i.tank.used()
	if err := i.room(h, len(frame)); err != nil {
		return err
	}
	i.memory.Write(i.block, frame)
	if err := i.meet(); err != nil {
		return err
	}
	err := i.call(h, initialize, uint64(i.block), uint64(len(frame)))
	i.part()
	if err != nil {
		return err
	}
	if code := int32(i.stack[0]); code != 0 {
		return &engine.Error{Code: engine.CodeInit, Reason: fmt.Sprintf("grow_init returned %d", code)}
	}
	return nil
}

// Handle implements engine.Instance.
func (i *instance) Handle(h engine.Host, in engine.Input) (engine.Answer, error) {
	if i.broken {
		return engine.Answer{}, errBroken
	}
	if i.traced != nil {
		return i.traced.handle(h, in)
	}
	return i.hand(h, in)
}

// hand hands a message to the guest.
func (i *instance) hand(h engine.Host, in engine.Input) (engine.Answer, error) {
	if err := i.fill(h); err != nil {
		return engine.Answer{}, err
	}
	size := in.Size()
	if size > i.size {
		if err := i.room(h, size); err != nil {
			return engine.Answer{Fuel: i.tank.used()}, err
		}
	}
	block, _ := i.memory.Read(i.block, uint32(size)) // memory never shrinks, so it fits as it did
	in.CopyTo(block)
	if err := i.meet(); err != nil {
		return engine.Answer{Fuel: i.tank.used()}, err
	}
	err := i.call(h, i.handle, uint64(i.block), uint64(size))
	i.part()
	fuel := i.tank.used()
	if err == nil && i.speech != nil {
		err = i.account(fuel)
	}
	if err != nil {
		return engine.Answer{Fuel: fuel}, err
	}
	at, n := uint32(i.stack[0]>>32), uint32(i.stack[0])
	if n == 0 {
		return engine.Answer{Fuel: fuel}, nil
	}
	answer, ok := i.memory.Read(at, n)
	if !ok || n > i.answerMax {
		return engine.Answer{Fuel: fuel}, i.badAnswer(at, n, ok)
	}
	return engine.Answer{Frame: answer, Fuel: fuel}, nil
}

// take has the instance know what of the running module it needs.
func (i *instance) take(m api.Module, p *place) {
	i.memory = m.Memory()
	if fuel, ok := m.ExportedGlobal(meter.ExportFuel).(api.MutableGlobal); ok {
		i.tank.left = p.find(m, fuel)
	}
}

// fill begins a message, or what comes before the first.
func (i *instance) fill(h engine.Host) error {
	err := i.tank.fill(h)
	if err != nil {
		i.breaks()
	}
	return err
}

func (i *instance) badAnswer(at, n uint32, inside bool) error {
	i.breaks()
	if inside {
		return &engine.Error{Code: engine.CodeOutput, Reason: fmt.Sprintf("grow_handle returned %d bytes; at most %d are allowed", n, i.answerMax)}
	}
	return &engine.Error{Code: engine.CodeAnswer, Reason: fmt.Sprintf(
		"grow_handle returned %d bytes at %d, which is outside the memory of %d bytes", n, at, i.memory.Size())}
}

// call runs a function of the guest with two parameters at most, on the fuel of
// the message; the result is in stack[0].
func (i *instance) call(h engine.Host, f api.Function, a, b uint64) error {
	i.stack[0], i.stack[1] = a, b
	i.host, i.wanted = h, 0
	if i.speech != nil {
		i.speech.on, _ = f.(*lent)
	}
	err := f.CallWithStack(i, i.stack[:2])
	i.host = nil
	if i.waits {
		i.waits = false
		i.keep(nil)
	}
	if err != nil {
		i.breaks()
		fault := i.blame(fault(err, i.own, i.added))
		if f, ok := fault.(*engine.Error); ok && i.traced != nil {
			i.traced.trapped(err, f)
		}
		return fault
	}
	if i.speech != nil {
		return i.verdict()
	}
	return nil
}

// blame names the limit behind a trap: a guest that is refused memory gives up.
func (i *instance) blame(err error) error {
	trap, ok := err.(*engine.Error)
	if !ok || trap.Code != engine.CodeTrap || i.wanted == 0 {
		return err
	}
	own := uint64(i.shared())
	why := fmt.Sprintf("limits.memory allows %d", i.memoryMax-own)
	if i.wanted <= i.memoryMax {
		why = "the host has no more for it"
	}
	return &engine.Error{Code: engine.CodeMemory, Stack: trap.Stack, Cause: trap, Reason: fmt.Sprintf(
		"the actor asked for %d bytes of memory and %s; then it gave up: %s", i.wanted-own, why, trap.Reason)}
}

// breaks has the instance refuse whatever is asked of it from now on.
func (i *instance) breaks() { i.broken, i.size = true, -1 }

// keep has an answer wait for grow.answer, in memory that may be reused.
func (i *instance) keep(answer []byte) {
	if cap(i.waiting) > answerKeep && len(answer) <= answerKeep {
		i.waiting = nil
	}
	i.waiting = append(i.waiting[:0], answer...)
}

// room makes the input block hold n bytes, asking the guest for a larger one
// when it does not.
func (i *instance) room(h engine.Host, n int) error {
	if n <= i.size {
		return nil
	}
	if n > blockMax {
		i.breaks()
		return &engine.Error{Code: engine.CodeAlloc, Reason: fmt.Sprintf("an input of %d bytes is more than any actor's memory holds", n)}
	}
	size := uint32(blockMin)
	if n > blockMin {
		size = 1 << bits.Len32(uint32(n-1))
	}
	if err := i.call(h, i.running.ExportedFunction(admission.ExportAlloc), uint64(size), 0); err != nil {
		return err
	}
	block := uint32(i.stack[0])
	if block == 0 {
		i.breaks()
		return &engine.Error{Code: engine.CodeAlloc, Reason: fmt.Sprintf("grow_alloc(%d) returned 0: the actor has no room for its input", size)}
	}
	if uint64(block)+uint64(size) > uint64(i.memory.Size()) {
		i.breaks()
		return &engine.Error{Code: engine.CodeAlloc, Reason: fmt.Sprintf(
			"grow_alloc(%d) returned %d, which is outside the memory of %d bytes", size, block, i.memory.Size())}
	}
	i.block, i.size = block, int(size)
	return nil
}

// allocate implements experimental.MemoryAllocatorFunc.
func (i *instance) allocate(_, maximum uint64) experimental.LinearMemory {
	maximum = min(maximum, i.memoryMax)
	if i.speech != nil {
		i.linear = i.speech.from.reserve(maximum)
	} else {
		i.linear = reserve(maximum)
	}
	return (*growing)(i)
}

// growing is the linear memory of an instance, within its limit and the
// budget of all.
type growing instance

// Reallocate implements experimental.LinearMemory. What memory begins with was
// taken from the budget before.
func (g *growing) Reallocate(size uint64) []byte {
	if size <= g.has {
		return g.linear.Reallocate(size)
	}
	more := int64(size - g.has)
	if size > g.memoryMax || !g.budget.take(more, g.owes+more) {
		g.wanted = size
		return nil
	}
	b := g.linear.Reallocate(size)
	if b == nil {
		g.wanted = size
		g.budget.used.Add(-more)
		return nil
	}
	g.has, g.owes = size, g.owes+more
	return b
}

// Free implements experimental.LinearMemory.
func (g *growing) Free() { (*instance)(g).free() }

// free gives back linear memory. wazero does so too when it closes what runs.
func (i *instance) free() {
	i.breaks()
	if i.budget != nil {
		i.budget.leave(i.owes)
		i.budget = nil
	}
	if i.linear != nil {
		i.linear.Free()
		i.linear = nil
	}
}

// MemorySize implements engine.Instance.
func (i *instance) MemorySize() int64 { return int64(i.memory.Size()) - i.shared() }

// shared is what an instance has of memory that is its language runtime's.
func (i *instance) shared() int64 {
	if i.speech == nil {
		return 0
	}
	return i.speech.from.runtime
}

// Close implements engine.Instance. Closing again does nothing.
func (i *instance) Close() error {
	err := i.running.Close(i)
	i.free()
	if err != nil {
		return fmt.Errorf("close instance: %w", err)
	}
	return nil
}
