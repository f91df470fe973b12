package wazero

import (
	"context"
	"fmt"

	"github.com/grow-platform/grow/runtime/engine"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tetratelabs/wazero/sys"
)

const (
	growName = "grow"
	wasiName = wasi_snapshot_preview1.ModuleName
)

// of is the instance that a host function serves.
func of(ctx context.Context) *instance { return ctx.(*instance) }

// function is a host function that the ABI knows.
type function struct {
	params  []api.ValueType
	results []api.ValueType
	serve   api.GoModuleFunc
}

var growFunctions = map[string]function{
	"call":   {params: []api.ValueType{i32, i32, i32, i32}, results: []api.ValueType{i32}, serve: serveCall},
	"answer": {params: []api.ValueType{i32, i32}, results: []api.ValueType{i32}, serve: serveAnswer},
}

// serveCall is grow.call(req_ptr, req_len, buf_ptr, buf_cap) -> len.
func serveCall(ctx context.Context, _ api.Module, stack []uint64) {
	defer guard()
	i := of(ctx)
	if i.host == nil {
		throw(&engine.Error{Code: engine.CodeRequest, Reason: "grow.call outside of a message"})
	}
	at, n, buffer, room := uint32(stack[0]), uint32(stack[1]), uint32(stack[2]), uint32(stack[3])
	request, ok := i.memory.Read(at, n)
	if !ok {
		throw(&engine.Error{Code: engine.CodeRequest, Reason: fmt.Sprintf("grow.call: the request of %d bytes at %d is outside the memory of %d bytes", n, at, i.memory.Size())})
	}
	i.waits = false
	answer, err := i.host.Call(request)
	if err != nil {
		throw(err)
	}
	stack[0] = uint64(len(answer))
	if uint64(len(answer)) > uint64(room) {
		i.waits = true
		i.keep(answer)
		return
	}
	if !i.memory.Write(buffer, answer) {
		throw(&engine.Error{Code: engine.CodeRequest, Reason: fmt.Sprintf("grow.call: the buffer of %d bytes at %d is outside the memory of %d bytes", room, buffer, i.memory.Size())})
	}
}

// serveAnswer is grow.answer(ptr, cap) -> len.
func serveAnswer(ctx context.Context, _ api.Module, stack []uint64) {
	i := of(ctx)
	at, room := uint32(stack[0]), uint32(stack[1])
	if !i.waits || uint64(len(i.waiting)) > uint64(room) {
		stack[0] = 0
		return
	}
	if !i.memory.Write(at, i.waiting) {
		throw(&engine.Error{Code: engine.CodeRequest, Reason: fmt.Sprintf("grow.answer: the buffer of %d bytes at %d is outside the memory of %d bytes", room, at, i.memory.Size())})
	}
	i.waits = false
	stack[0] = uint64(len(i.waiting))
}

// errnoNosys is WASI's ENOSYS.
const errnoNosys = 52

// refused are the functions of WASI that touch what actors do not have: they
// answer ENOSYS. The numbers are their parameters, all i32 but those of wide.
var refused = map[string]int{
	"path_create_directory": 3, "path_filestat_get": 5, "path_filestat_set_times": 7, "path_link": 7, "path_readlink": 6,
	"path_remove_directory": 3, "path_rename": 6, "path_symlink": 5, "path_unlink_file": 3, "proc_raise": 1,
	"sock_accept": 3, "sock_recv": 6, "sock_send": 5, "sock_shutdown": 2,
}

// wide are the parameters of a refused function that are i64.
var wide = map[string][]int{"path_filestat_set_times": {4, 5}}

// linkImports makes the modules that this one imports from.
func (m *module) linkImports(ctx context.Context) error {
	b := m.runtime.NewHostModuleBuilder(growName)
	for name, f := range growFunctions {
		b = b.NewFunctionBuilder().WithGoModuleFunction(f.serve, f.params, f.results).Export(name)
	}
	if _, err := b.Instantiate(ctx); err != nil {
		return fmt.Errorf("link imports of grow: %w", err)
	}
	if !m.wasi {
		return nil
	}
	if _, err := wasi(m.runtime).Instantiate(ctx); err != nil {
		return fmt.Errorf("link imports of WASI: %w", err)
	}
	return nil
}

// wasi is wazero's WASI without what actors may not have.
func wasi(r wazero.Runtime) wazero.HostModuleBuilder {
	b := r.NewHostModuleBuilder(wasiName)
	wasi_snapshot_preview1.NewFunctionExporter().ExportFunctions(b)
	for name, n := range refused {
		params := make([]api.ValueType, n)
		for k := range params {
			params[k] = i32
		}
		for _, k := range wide[name] {
			params[k] = i64
		}
		nosys := api.GoModuleFunc(func(_ context.Context, _ api.Module, stack []uint64) { stack[0] = errnoNosys })
		b = b.NewFunctionBuilder().WithGoModuleFunction(nosys, params, []api.ValueType{i32}).Export(name)
	}
	return b
}

// world is what an instance that speaks WASI sees: the clock, the random
// stream and the log of the message it is handling, and nothing else.
func (i *instance) world() wazero.ModuleConfig {
	return anonymous.
		WithWalltime(func() (int64, int32) { n := i.served().Now(); return n / 1e9, int32(n % 1e9) }, sys.ClockResolution(1)).
		WithNanotime(func() int64 { return i.served().Monotonic() }, sys.ClockResolution(1)).
		WithNanosleep(func(ns int64) {
			if err := i.served().Sleep(ns); err != nil {
				throw(err)
			}
		}).
		WithRandSource(random{i}).
		WithStdout(output{i, 1}).
		WithStderr(output{i, 2})
}

// served is the host, which there always is while a guest runs.
func (i *instance) served() engine.Host {
	if i.host == nil {
		throw(&engine.Error{Code: engine.CodeRequest, Reason: "WASI was called outside of a message"})
	}
	return i.host
}

type random struct{ *instance }

// Read implements io.Reader.
func (r random) Read(p []byte) (int, error) {
	r.served().Random(p)
	return len(p), nil
}

type output struct {
	*instance
	descriptor int
}

// Write implements io.Writer.
func (o output) Write(p []byte) (int, error) {
	o.served().Output(o.descriptor, p)
	return len(p), nil
}

// checkImports refuses what nobody serves, by name, and what is served with
// another type.
func (m *module) checkImports() error {
	var known map[string]api.FunctionDefinition
	for _, f := range m.compiled.ImportedFunctions() {
		from, name, _ := f.Import()
		params, results := []api.ValueType(nil), []api.ValueType(nil)
		switch from {
		case growName:
			own, ok := growFunctions[name]
			if !ok {
				return unknownImport(from, name, "grow serves grow.call and grow.answer")
			}
			params, results = own.params, own.results
		case wasiName:
			if known == nil {
				var err error
				if known, err = wasiFunctions(m.runtime); err != nil {
					return err
				}
			}
			def, ok := known[name]
			if !ok {
				return unknownImport(from, name, "WASI has no such function")
			}
			params, results = def.ParamTypes(), def.ResultTypes()
		default:
			return unknownImport(from, name, "an actor may import grow.call, grow.answer and functions of "+wasiName+"; everything else goes through grants")
		}
		if !same(f.ParamTypes(), params) || !same(f.ResultTypes(), results) {
			return &engine.Error{Code: engine.CodeImport, Reason: fmt.Sprintf("the module imports %s.%s%s; it is %s",
				from, name, signature(f.ParamTypes(), f.ResultTypes()), signature(params, results))}
		}
	}
	return nil
}

func unknownImport(from, name, why string) error {
	return &engine.Error{Code: engine.CodeImport, Reason: fmt.Sprintf("the module imports %s.%s, which is not served: %s", from, name, why)}
}

// wasiFunctions are the types of all that WASI has.
func wasiFunctions(r wazero.Runtime) (map[string]api.FunctionDefinition, error) {
	compiled, err := wasi(r).Compile(context.Background())
	if err != nil {
		return nil, fmt.Errorf("describe WASI: %w", err)
	}
	return compiled.ExportedFunctions(), nil
}
