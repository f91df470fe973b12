package wazero

import (
	"context"
	"fmt"

	"github.com/grow-platform/grow/runtime/admission"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/wasm/meter"
	"github.com/tetratelabs/wazero/api"
)

// tank is the fuel of a message, whatever is called for it: what it has been
// granted, and what the guest's counter says is left, which only rewritten code
// and the host can reach.
type tank struct {
	granted uint64
	left    counter
	rest    uint64 // that the last message left over
	first   uint64 // what the last message that had to ask began with
	free    uint64 // of what it has been granted, what was for a debugger
}

// used ends a message and returns what it used.
func (t *tank) used() uint64 {
	left := t.left.get()
	used := t.granted - left - t.free
	if int64(left) < 0 { // it was stopped
		left = 0
	}
	t.granted, t.rest, t.free = left, left, 0
	return used
}

// fill gives a message that begins its first slice: what the last one left over, if
// that is enough of one.
func (t *tank) fill(h engine.Host) (err error) {
	if t.rest > t.first/2 {
		t.granted = t.rest
		return nil
	}
	defer caught(&err)
	grant, err := h.Slice(0)
	if err != nil {
		return err
	}
	t.granted, t.first = grant, grant
	t.left.set(grant)
	return nil
}

// serveSlice is what the guest calls when its fuel is used up, and when its
// calls have gone too deep.
func serveSlice(ctx context.Context, caller api.Module, stack []uint64) {
	defer guard()
	i := of(ctx, caller)
	left := int64(stack[0])
	if left == meter.StackEmpty || i.speech != nil && i.speech.on.deep() {
		throw(&engine.Error{Code: engine.CodeStack, Reason: fmt.Sprintf(
			"calls went deeper than the stack allows, which may take %d MiB of memory; does a recursion never end?", admission.StackMemory>>20)})
	}
	stack[0] = i.refill(left)
}

// refill asks for fuel until there is some, and returns how much it got. left,
// which is below zero, is what was used beyond the last grant.
func (i *instance) refill(left int64) uint64 {
	before := i.tank.granted
	for left < 0 {
		grant, err := i.slice(i.tank.granted - uint64(left))
		if err != nil {
			throw(err)
		}
		i.tank.granted += grant
		left += int64(min(grant, 1<<62))
	}
	return i.tank.granted - before
}

// slice asks the host for fuel, or takes it from what there is of grace.
func (i *instance) slice(used uint64) (uint64, error) {
	if i.speech != nil {
		held, err := i.look()
		if err != nil {
			return 0, err
		}
		if held {
			if p, ok := i.host.(engine.Paced); ok {
				if err := p.Pace(); err != nil {
					return 0, err
				}
			}
			i.tank.free += engine.SliceFuel
			return engine.SliceFuel, nil
		}
		if i.speech.stop != nil {
			return i.mercy()
		}
	}
	grant, err := i.served().Slice(used - i.tank.free)
	if err != nil && i.stops(err) {
		return i.mercy()
	}
	return grant, err
}

// pay charges the guest for what the host does on its behalf, and lets others
// have the processor when its fuel is used up.
//
// A start section runs before the counter is known, until it first asks for fuel:
// what it calls before that is free.
func (i *instance) pay(units int) {
	if i.memory == nil {
		return
	}
	left := int64(i.tank.left.get()) - int64(units)
	i.tank.left.set(uint64(left))
	if left < 0 {
		i.tank.left.set(uint64(left) + i.refill(left))
	}
}

// Prices of what the host does, in units of fuel.
const (
	callFuel  = 100 // a call
	unitBytes = 8   // bytes it reads or writes for a unit
)

// payCall charges for a call of the host that moves some bytes.
func (i *instance) payCall(bytes int) { i.pay(callFuel + bytes/unitBytes) }
