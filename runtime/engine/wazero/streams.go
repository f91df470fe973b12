package wazero

import (
	"context"
	"encoding/binary"

	"github.com/tetratelabs/wazero/api"
)

// iovecsMax is the number of pieces of memory that one call reads into or writes.
// wazero's own functions take as many as memory holds, and stay in the host
// meanwhile.
const iovecsMax = 1024

const iovecSize = 8 // bytes: address and length

// write is fd_write(descriptor, iovecs, n, written).
var write api.GoModuleFunc = func(ctx context.Context, caller api.Module, stack []uint64) {
	defer guard()
	i := of(ctx, caller)
	descriptor, iovecs, n, written := uint32(stack[0]), uint32(stack[1]), uint32(stack[2]), uint32(stack[3])
	stack[0] = uint64(i.write(descriptor, iovecs, n, written))
}

func (i *instance) write(descriptor, iovecs, n, written uint32) uint32 {
	if descriptor != 1 && descriptor != 2 {
		return errnoBadf
	}
	if n > iovecsMax {
		return errnoInval
	}
	i.payCall(int(n) * iovecSize)
	list, ok := i.memory.Read(iovecs, n*iovecSize)
	if !ok {
		return errnoFault
	}
	total := uint32(0)
	for ; len(list) > 0; list = list[iovecSize:] {
		p, ok := i.memory.Read(binary.LittleEndian.Uint32(list), binary.LittleEndian.Uint32(list[4:]))
		if !ok {
			return errnoFault
		}
		if len(p) > 0 {
			i.payCall(len(p))
			i.served().Output(int(descriptor), p)
			total += uint32(len(p))
		}
	}
	return i.put(written, total)
}

// read is fd_read(descriptor, iovecs, n, read): the input of an actor is empty.
var read api.GoModuleFunc = func(ctx context.Context, caller api.Module, stack []uint64) {
	i := of(ctx, caller)
	descriptor, n, got := uint32(stack[0]), uint32(stack[2]), uint32(stack[3])
	switch {
	case descriptor != 0:
		stack[0] = errnoBadf
	case n > iovecsMax:
		stack[0] = errnoInval
	default:
		stack[0] = uint64(i.put(got, 0))
	}
}

// put writes a number of bytes to memory.
func (i *instance) put(at, n uint32) (errno uint32) {
	if !i.memory.WriteUint32Le(at, n) {
		return errnoFault
	}
	return 0
}

// positioned are fd_pread and fd_pwrite: streams have no positions.
var positioned api.GoModuleFunc = func(_ context.Context, _ api.Module, stack []uint64) { stack[0] = errnoBadf }
