package wazero

import (
	"context"
	"encoding/binary"

	"github.com/tetratelabs/wazero/api"
)

// Errors of WASI (snapshot preview 1, errno).
const (
	errnoBadf  = 8
	errnoFault = 21
	errnoIntr  = 27
	errnoInval = 28
	errnoNosys = 52
)

// subscriptionsMax is the number of subscriptions of one poll_oneoff.
const subscriptionsMax = 1024

// The records of poll_oneoff (WASI snapshot preview 1, subscription and event).
const (
	subscriptionSize = 48
	eventSize        = 32

	eventClock = 0
	eventRead  = 1
	eventWrite = 2

	clockRealtime  = 0
	clockMonotonic = 1
	clockAbsolute  = 1 // flag: the timeout is a moment, not a span
)

// poll is poll_oneoff(in, out, n, events): it sleeps until the first of the
// clocks, unless a descriptor is subscribed to: those of an actor are always
// ready. wazero's own reads as many subscriptions as there are, and stays in
// the host meanwhile.
var poll api.GoModuleFunc = func(ctx context.Context, caller api.Module, stack []uint64) {
	defer guard()
	i := of(ctx, caller)
	in, out, n, events := uint32(stack[0]), uint32(stack[1]), uint32(stack[2]), uint32(stack[3])
	stack[0] = uint64(i.poll(in, out, n, events))
}

func (i *instance) poll(in, out, n, events uint32) uint32 {
	if n == 0 || n > subscriptionsMax {
		return errnoInval
	}
	i.payCall(int(n) * subscriptionSize)
	list, ok := i.memory.Read(in, n*subscriptionSize)
	if !ok {
		return errnoFault
	}
	if _, ok := i.memory.Read(out, n*eventSize); !ok {
		return errnoFault
	}
	if _, ok := i.memory.Read(events, 4); !ok {
		return errnoFault
	}
	first, ready := i.first(list)
	var made []byte
	for ; len(list) > 0; list = list[subscriptionSize:] {
		errno, wait, clock := i.subscribed(list)
		if errno != 0 || !clock || !ready && wait <= first {
			made = appendEvent(made, list, errno)
		}
	}
	if !ready {
		if err := i.sleep(first); err != nil {
			if !i.stops(err) {
				throw(err)
			}
			return errnoIntr
		}
	}
	i.memory.Write(out, made)
	i.memory.WriteUint32Le(events, uint32(len(made)/eventSize))
	return 0
}

// sleep waits, but not while the guest comes to its end.
func (i *instance) sleep(d int64) error {
	if i.speech != nil && i.speech.stop != nil {
		return i.speech.stop
	}
	return i.served().Sleep(d)
}

// first is how long it takes until the first event, in nanoseconds; ready: there
// is one at once.
func (i *instance) first(list []byte) (first int64, ready bool) {
	first = -1
	for ; len(list) > 0; list = list[subscriptionSize:] {
		errno, wait, clock := i.subscribed(list)
		if errno != 0 || !clock {
			return 0, true
		}
		if first < 0 || wait < first {
			first = wait
		}
	}
	return first, false
}

// subscribed reads a subscription: what is wrong with it, and how long it
// waits when it is to a clock.
func (i *instance) subscribed(b []byte) (errno uint32, wait int64, clock bool) {
	switch b[8] {
	case eventRead:
		if binary.LittleEndian.Uint32(b[16:]) != 0 {
			return errnoBadf, 0, false
		}
		return 0, 0, false
	case eventWrite:
		if d := binary.LittleEndian.Uint32(b[16:]); d != 1 && d != 2 {
			return errnoBadf, 0, false
		}
		return 0, 0, false
	case eventClock:
	default:
		return errnoInval, 0, false
	}
	var now int64
	switch binary.LittleEndian.Uint32(b[16:]) {
	case clockRealtime:
		now = i.served().Now()
	case clockMonotonic:
		now = i.served().Monotonic()
	default:
		return errnoInval, 0, false
	}
	timeout := binary.LittleEndian.Uint64(b[24:])
	wait = int64(min(timeout, 1<<63-1))
	if binary.LittleEndian.Uint16(b[40:])&clockAbsolute != 0 {
		wait = max(0, wait-now)
	}
	return 0, wait, true
}

// appendEvent appends the event of a subscription.
func appendEvent(b, subscription []byte, errno uint32) []byte {
	b = append(b, subscription[:8]...) // what the guest knows it by
	b = binary.LittleEndian.AppendUint16(b, uint16(errno))
	b = append(b, subscription[8])
	return append(b, make([]byte, eventSize-11)...)
}
