package wazero

import (
	"context"
	"fmt"
	"math/bits"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/tetratelabs/wazero/api"
)

const (
	blockMin   = 1 << 10  // bytes asked of grow_alloc at first
	answerKeep = 64 << 10 // bytes of a waiting answer's memory that are kept for the next
)

// instance implements engine.Instance, and context.Context for wazero: host
// functions are given it as their context.
type instance struct {
	running api.Module
	memory  api.Memory
	handle  api.Function
	host    engine.Host // while the guest runs
	base    context.Context

	block, size uint32 // input block the guest gave, and its size
	stack       [4]uint64
	waiting     []byte // answer that waits for grow.answer
	waits       bool
}

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
func (i *instance) Init(h engine.Host, frame []byte) error {
	initialize := i.running.ExportedFunction(exportInit)
	if initialize == nil {
		return nil
	}
	i.host = h
	defer i.done()
	if err := i.input(frame); err != nil {
		return err
	}
	i.stack[0], i.stack[1] = uint64(i.block), uint64(len(frame))
	if err := initialize.CallWithStack(i, i.stack[:2]); err != nil {
		return i.fault(err)
	}
	if code := int32(i.stack[0]); code != 0 {
		return &engine.Error{Code: engine.CodeInit, Reason: fmt.Sprintf("grow_init returned %d", code)}
	}
	return nil
}

// Handle implements engine.Instance.
func (i *instance) Handle(h engine.Host, frame []byte) (engine.Answer, error) {
	i.host = h
	defer i.done()
	if uint32(len(frame)) > i.size || !i.memory.Write(i.block, frame) {
		if err := i.input(frame); err != nil {
			return engine.Answer{}, err
		}
	}
	i.stack[0], i.stack[1] = uint64(i.block), uint64(len(frame))
	if err := i.handle.CallWithStack(i, i.stack[:2]); err != nil {
		return engine.Answer{}, i.fault(err)
	}
	at, n := uint32(i.stack[0]>>32), uint32(i.stack[0])
	if n == 0 {
		return engine.Answer{}, nil
	}
	answer, ok := i.memory.Read(at, n)
	switch {
	case !ok:
		return engine.Answer{}, &engine.Error{Code: engine.CodeAnswer, Reason: fmt.Sprintf(
			"grow_handle returned %d bytes at %d, which is outside the memory of %d bytes", n, at, i.memory.Size())}
	case n > abi.FrameMax:
		return engine.Answer{}, &engine.Error{Code: engine.CodeAnswer, Reason: fmt.Sprintf(
			"grow_handle returned %d bytes; at most %d are allowed", n, abi.FrameMax)}
	}
	return engine.Answer{Frame: answer}, nil
}

// done ends the guest's turn.
func (i *instance) done() {
	i.host = nil
	if i.waits {
		i.waits = false
		i.keep(nil)
	}
}

// keep has an answer wait for grow.answer, in memory that may be reused.
func (i *instance) keep(answer []byte) {
	if cap(i.waiting) > answerKeep && len(answer) <= answerKeep {
		i.waiting = nil
	}
	i.waiting = append(i.waiting[:0], answer...)
}

// input writes a frame into the input block, asking for a larger one first
// when it does not fit.
func (i *instance) input(frame []byte) error {
	n := uint32(len(frame))
	if n > i.size {
		size := uint32(blockMin)
		if n > size {
			size = 1 << bits.Len32(n-1)
		}
		alloc := i.running.ExportedFunction(exportAlloc)
		i.stack[0] = uint64(size)
		if err := alloc.CallWithStack(i, i.stack[:1]); err != nil {
			return i.fault(err)
		}
		i.block = uint32(i.stack[0])
		if i.block == 0 {
			return &engine.Error{Code: engine.CodeAlloc, Reason: fmt.Sprintf("grow_alloc(%d) returned 0: the actor has no room for its input", size)}
		}
		if uint64(i.block)+uint64(size) > uint64(i.memory.Size()) {
			return &engine.Error{Code: engine.CodeAlloc, Reason: fmt.Sprintf(
				"grow_alloc(%d) returned %d, which is outside the memory of %d bytes", size, i.block, i.memory.Size())}
		}
		i.size = size
	}
	if !i.memory.Write(i.block, frame) {
		return &engine.Error{Code: engine.CodeAlloc, Reason: fmt.Sprintf("the input block at %d is outside the memory of %d bytes", i.block, i.memory.Size())}
	}
	return nil
}

// MemorySize implements engine.Instance.
func (i *instance) MemorySize() int64 { return int64(i.memory.Size()) }

// Close implements engine.Instance.
func (i *instance) Close() error {
	if err := i.running.Close(i); err != nil {
		return fmt.Errorf("close instance: %w", err)
	}
	return nil
}
