package wazero

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/grow-platform/grow/runtime/engine"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// module implements engine.Module.
type module struct {
	runtime  wazero.Runtime
	cache    wazero.CompilationCache // nil: none
	compiled wazero.CompiledModule
	info     engine.Info
	wasi     bool // imports something of WASI

	link    sync.Once
	linkErr error

	mu      sync.Mutex
	checked bool // the version was asked for
}

// abiVersion is the version of the ABI that this engine speaks.
const abiVersion = 1

// The exports of the ABI.
const (
	exportMemory  = "memory"
	exportAlloc   = "grow_alloc"
	exportHandle  = "grow_handle"
	exportInit    = "grow_init"
	exportVersion = "grow_abi"
	exportStart   = "_initialize"
)

// export is a function that the ABI knows.
type export struct {
	name            string
	params, results []api.ValueType
	optional        bool
}

var (
	i32 = api.ValueTypeI32
	i64 = api.ValueTypeI64

	exports = []export{
		{name: exportAlloc, params: []api.ValueType{i32}, results: []api.ValueType{i32}},
		{name: exportHandle, params: []api.ValueType{i32, i32}, results: []api.ValueType{i64}},
		{name: exportInit, params: []api.ValueType{i32, i32}, results: []api.ValueType{i32}, optional: true},
		{name: exportVersion, results: []api.ValueType{i32}, optional: true},
		{name: exportStart, optional: true},
	}
)

// check holds a compiled module against the ABI.
func (m *module) check() error {
	if _, ok := m.compiled.ExportedMemories()[exportMemory]; !ok {
		return &engine.Error{Code: engine.CodeExport, Reason: `the module exports no memory named "memory"`}
	}
	has := m.compiled.ExportedFunctions()
	for _, want := range exports {
		f, ok := has[want.name]
		switch {
		case !ok && want.optional:
		case !ok:
			return &engine.Error{Code: engine.CodeExport, Reason: fmt.Sprintf("the module does not export %s%s", want.name, signature(want.params, want.results))}
		case !same(f.ParamTypes(), want.params) || !same(f.ResultTypes(), want.results):
			return &engine.Error{Code: engine.CodeExport, Reason: fmt.Sprintf("the module exports %s%s; it must be %s%s",
				want.name, signature(f.ParamTypes(), f.ResultTypes()), want.name, signature(want.params, want.results))}
		}
	}
	return m.checkImports()
}

// signature writes a type as (i32, i32) -> i64.
func signature(params, results []api.ValueType) string {
	text := "("
	for i, p := range params {
		if i > 0 {
			text += ", "
		}
		text += api.ValueTypeName(p)
	}
	text += ")"
	for i, r := range results {
		if i == 0 {
			text += " -> "
		} else {
			text += ", "
		}
		text += api.ValueTypeName(r)
	}
	return text
}

func same(a, b []api.ValueType) bool { return string(a) == string(b) }

// Info implements engine.Module.
func (m *module) Info() engine.Info { return m.info }

// Instantiate implements engine.Module.
func (m *module) Instantiate(ctx context.Context, h engine.Host) (engine.Instance, error) {
	m.link.Do(func() { m.linkErr = m.linkImports(ctx) })
	if m.linkErr != nil {
		return nil, m.linkErr
	}
	i := &instance{host: h}
	config := anonymous
	if m.wasi {
		config = i.world()
	}
	i.base = experimental.WithMemoryAllocator(context.WithoutCancel(ctx), allocator)
	running, err := m.runtime.InstantiateModule(i, m.compiled, config)
	if err != nil {
		return nil, i.fault(err) // data outside memory, for one
	}
	i.base, i.running, i.memory, i.handle = nil, running, running.Memory(), running.ExportedFunction(exportHandle)
	if err := m.begin(i); err != nil {
		return nil, errors.Join(err, i.Close())
	}
	i.host = nil
	return i, nil
}

// begin runs what comes before the first message.
func (m *module) begin(i *instance) error {
	if start := i.running.ExportedFunction(exportStart); start != nil {
		if err := start.CallWithStack(i, nil); err != nil {
			return i.fault(err)
		}
	}
	m.mu.Lock()
	checked := m.checked
	m.mu.Unlock()
	version := i.running.ExportedFunction(exportVersion)
	if checked || version == nil {
		return nil
	}
	if err := version.CallWithStack(i, i.stack[:1]); err != nil {
		return i.fault(err)
	}
	if got := uint32(i.stack[0]); got != abiVersion {
		return &engine.Error{Code: engine.CodeVersion, Reason: fmt.Sprintf("the module speaks version %d of the actor ABI; this host speaks version %d", got, abiVersion)}
	}
	m.mu.Lock()
	m.checked = true
	m.mu.Unlock()
	return nil
}

// anonymous is the configuration of instances that see nothing of the world.
// They have no name, so that there can be many, and wazero starts nothing.
var anonymous = wazero.NewModuleConfig().WithName("").WithStartFunctions()

// Close implements engine.Module.
func (m *module) Close(ctx context.Context) error {
	err := m.runtime.Close(ctx)
	if m.cache != nil {
		err = errors.Join(err, m.cache.Close(ctx))
	}
	if err != nil {
		return fmt.Errorf("close module: %w", err)
	}
	return nil
}
