package wazero

import (
	"context"

	"github.com/grow-platform/grow/runtime/admission"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tetratelabs/wazero/sys"
)

// refused are the functions of WASI that touch what actors do not have: they
// answer ENOSYS. So do two with which wazero's panics (fd_filestat_set_times, on
// standard output) or makes a table of any size (fd_renumber). The numbers are their parameters, all i32 but those of wide.
var refused = map[string]int{
	"fd_filestat_set_times": 4, "fd_renumber": 2, "path_create_directory": 3, "path_filestat_get": 5, "path_filestat_set_times": 7, "path_link": 7, "path_readlink": 6,
	"path_remove_directory": 3, "path_rename": 6, "path_symlink": 5, "path_unlink_file": 3, "proc_raise": 1,
	"sock_accept": 3, "sock_recv": 6, "sock_send": 5, "sock_shutdown": 2,
}

// wide are the parameters of a refused function that are i64.
var wide = map[string][]int{"fd_filestat_set_times": {1, 2}, "path_filestat_set_times": {4, 5}}

// wasi is wazero's WASI without what actors may not have.
func wasi(r wazero.Runtime) wazero.HostModuleBuilder {
	b := r.NewHostModuleBuilder(admission.WASI)
	wasi_snapshot_preview1.NewFunctionExporter().ExportFunctions(b)
	for name, n := range refused {
		params := make([]api.ValueType, n)
		for k := range params {
			params[k] = i32
		}
		for _, k := range wide[name] {
			params[k] = i64
		}
		b = b.NewFunctionBuilder().WithGoModuleFunction(nosys, params, []api.ValueType{i32}).Export(name)
	}
	four := []api.ValueType{i32, i32, i32, i32}
	for name, f := range map[string]api.GoModuleFunc{"poll_oneoff": poll, "fd_write": write, "fd_read": read} {
		b = b.NewFunctionBuilder().WithGoModuleFunction(f, four, []api.ValueType{i32}).Export(name)
	}
	for _, name := range []string{"fd_pread", "fd_pwrite"} {
		b = b.NewFunctionBuilder().WithGoModuleFunction(positioned, []api.ValueType{i32, i32, i32, i64, i32}, []api.ValueType{i32}).Export(name)
	}
	return b.NewFunctionBuilder().WithGoModuleFunction(exit, []api.ValueType{i32}, nil).Export("proc_exit")
}

var nosys api.GoModuleFunc = func(_ context.Context, _ api.Module, stack []uint64) { stack[0] = errnoNosys }

// exit is proc_exit. wazero's own closes the module from within, and its
// memory with it, while the caller still holds the instance.
var exit api.GoModuleFunc = func(_ context.Context, _ api.Module, stack []uint64) { throw(exited(uint32(stack[0]))) }

// world is what an instance that speaks WASI sees: the clock and the random
// stream of the message it is handling, besides its log (see write).
func (i *instance) world() wazero.ModuleConfig {
	return anonymous.
		WithWalltime(i.walltime, sys.ClockResolution(1)).
		WithNanotime(i.nanotime, sys.ClockResolution(1)).
		WithRandSource(random{i})
}

func (i *instance) walltime() (seconds int64, nanoseconds int32) {
	defer guard()
	i.payCall(0)
	n := i.served().Now()
	return n / 1e9, int32(n % 1e9)
}

func (i *instance) nanotime() int64 {
	defer guard()
	i.payCall(0)
	return i.served().Monotonic()
}

// random is the stream of the message being handled.
type random struct{ *instance }

// Read implements io.Reader.
func (r random) Read(p []byte) (int, error) {
	defer guard()
	r.payCall(len(p) * unitBytes) // a unit for each byte
	r.served().Random(p)
	return len(p), nil
}
