package wazero

import (
	"context"
	"fmt"

	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/wasm/meter"
	"github.com/tetratelabs/wazero/api"
)

const growName = "grow"

// function is a host function that the ABI knows.
type function struct {
	params, results []api.ValueType
	serve           api.GoModuleFunc
}

var growFunctions = map[string]function{
	"call":   {params: []api.ValueType{i32, i32, i32, i32}, results: []api.ValueType{i32}, serve: serveCall},
	"answer": {params: []api.ValueType{i32, i32}, results: []api.ValueType{i32}, serve: serveAnswer},
}

// of is the instance that a host function serves. A start section runs before
// the instance is handed its memory.
func of(ctx context.Context, caller api.Module) *instance {
	i := ctx.(*instance)
	if i.memory == nil {
		i.memory = caller.Memory()
	}
	return i
}

// serveCall is grow.call(req_ptr, req_len, buf_ptr, buf_cap) -> len. Addresses
// are checked before anything is asked for: what a request does may be beyond recall.
func serveCall(ctx context.Context, caller api.Module, stack []uint64) {
	defer guard()
	i := of(ctx, caller)
	at, n, buffer, room := uint32(stack[0]), uint32(stack[1]), uint32(stack[2]), uint32(stack[3])
	request, ok := i.memory.Read(at, n)
	if !ok {
		i.outside("grow.call: the request", at, n)
	}
	if room > 0 && uint64(buffer)+uint64(room) > uint64(i.memory.Size()) {
		i.outside("grow.call: the buffer", buffer, room)
	}
	i.waits = false
	answer, err := i.served().Call(request)
	if err != nil {
		throw(err)
	}
	i.payCall(len(request) + len(answer))
	stack[0] = uint64(len(answer))
	if uint64(len(answer)) > uint64(room) {
		i.waits = true
		i.keep(answer)
		return
	}
	if len(answer) > 0 {
		i.memory.Write(buffer, answer)
	}
}

// serveAnswer is grow.answer(ptr, cap) -> len.
func serveAnswer(ctx context.Context, caller api.Module, stack []uint64) {
	defer guard()
	i := of(ctx, caller)
	i.payCall(len(i.waiting))
	at, room := uint32(stack[0]), uint32(stack[1])
	if !i.waits || uint64(len(i.waiting)) > uint64(room) {
		stack[0] = 0
		return
	}
	if !i.memory.Write(at, i.waiting) {
		i.outside("grow.answer: the buffer", at, uint32(len(i.waiting)))
	}
	i.waits = false
	stack[0] = uint64(len(i.waiting))
}

// served is the host, which there always is while a guest runs.
func (i *instance) served() engine.Host {
	if i.host == nil {
		throw(&engine.Error{Code: engine.CodeRequest, Reason: "the host was called outside of a message"})
	}
	return i.host
}

// linkImports makes the modules that this one imports from.
func (l *linked) linkImports(ctx context.Context) error {
	b := l.runtime.NewHostModuleBuilder(growName)
	for name, f := range growFunctions {
		b = b.NewFunctionBuilder().WithGoModuleFunction(f.serve, f.params, f.results).Export(name)
	}
	if _, err := b.Instantiate(ctx); err != nil {
		return fmt.Errorf("link imports of grow: %w", err)
	}
	b = l.runtime.NewHostModuleBuilder(meter.ImportModule).NewFunctionBuilder().
		WithGoModuleFunction(api.GoModuleFunc(serveSlice), []api.ValueType{i64}, []api.ValueType{i64}).Export(meter.ImportName)
	if _, err := b.Instantiate(ctx); err != nil {
		return fmt.Errorf("link the meter: %w", err)
	}
	if !l.wasi {
		return nil
	}
	if _, err := wasi(l.runtime).Instantiate(ctx); err != nil {
		return fmt.Errorf("link imports of WASI: %w", err)
	}
	return nil
}
