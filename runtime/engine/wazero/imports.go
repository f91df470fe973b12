package wazero

import (
	"context"
	"fmt"

	"github.com/grow-platform/grow/runtime/admission"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/wasm"
	"github.com/grow-platform/grow/runtime/wasm/meter"
	"github.com/tetratelabs/wazero/api"
)

// growFunctions serve the imports from grow.
var growFunctions = map[string]api.GoModuleFunc{"call": serveCall, "answer": serveAnswer}

// of is the instance that a host function serves. A start section runs before
// the instance is handed what it needs of it.
func of(ctx context.Context, caller api.Module) *instance {
	i := ctx.(*instance)
	if i.memory == nil {
		i.take(caller, new(place))
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
	answer, err := i.serve(request)
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

// linkImports makes the modules that this one imports from. reactor: it is that of a
// language runtime.
func (l *linked) linkImports(ctx context.Context, reactor bool) error {
	if err := l.linkOwn(ctx, admission.Grow, growFunctions); err != nil {
		return err
	}
	if reactor {
		if err := l.linkOwn(ctx, admission.Language, languageFunctions); err != nil {
			return err
		}
	}
	b := l.runtime.NewHostModuleBuilder(meter.ImportModule).NewFunctionBuilder().
		WithGoModuleFunction(api.GoModuleFunc(serveSlice), []api.ValueType{i64}, []api.ValueType{i64}).Export(meter.ImportName)
	if _, err := b.Instantiate(ctx); err != nil {
		return fmt.Errorf("link the meter: %w", err)
	}
	if l.probes != nil {
		if err := l.linkProbes(ctx); err != nil {
			return err
		}
	}
	if !l.wasi {
		return nil
	}
	w := wasi(l.runtime)
	if reactor {
		w = exportFiles(w, typed)
	}
	if _, err := w.Instantiate(ctx); err != nil {
		return fmt.Errorf("link imports of WASI: %w", err)
	}
	return nil
}

// linkOwn makes a module of functions that admission knows, which a test holds.
func (l *linked) linkOwn(ctx context.Context, module string, functions map[string]api.GoModuleFunc) error {
	b := l.runtime.NewHostModuleBuilder(module)
	for name, serve := range functions {
		f, _ := admission.Served(module, name)
		b = b.NewFunctionBuilder().WithGoModuleFunction(serve, valueTypes(f.Params), valueTypes(f.Results)).Export(name)
	}
	if _, err := b.Instantiate(ctx); err != nil {
		return fmt.Errorf("link imports of %s: %w", module, err)
	}
	return nil
}

// typed is the type of a function of WASI.
func typed(name string) (params, results []api.ValueType) {
	f, _ := admission.Served(admission.WASI, name)
	return valueTypes(f.Params), valueTypes(f.Results)
}

// valueTypes are types as wazero has them: by the same bytes.
func valueTypes(types []wasm.ValType) []api.ValueType {
	all := make([]api.ValueType, len(types))
	for i, t := range types {
		all[i] = api.ValueType(t)
	}
	return all
}
