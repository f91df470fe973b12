package wazero

import (
	"fmt"
	"sort"

	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/wasm/meter"
	"github.com/tetratelabs/wazero/api"
)

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

const (
	i32 = api.ValueTypeI32
	i64 = api.ValueTypeI64
)

var exports = []export{
	{name: exportAlloc, params: []api.ValueType{i32}, results: []api.ValueType{i32}},
	{name: exportHandle, params: []api.ValueType{i32, i32}, results: []api.ValueType{i64}},
	{name: exportInit, params: []api.ValueType{i32, i32}, results: []api.ValueType{i32}, optional: true},
	{name: exportVersion, results: []api.ValueType{i32}, optional: true},
	{name: exportStart, optional: true},
}

// check holds a compiled module against the ABI. What it imports comes first:
// that is the longer way to mend.
func (l *linked) check() error {
	if err := l.checkImports(); err != nil {
		return err
	}
	if _, ok := l.compiled.ExportedMemories()[exportMemory]; !ok {
		return &engine.Error{Code: engine.CodeExport, Reason: `the module exports no memory named "memory"`}
	}
	has := l.compiled.ExportedFunctions()
	for _, want := range exports {
		f, ok := has[want.name]
		if !ok {
			if want.optional {
				continue
			}
			return &engine.Error{Code: engine.CodeExport, Reason: fmt.Sprintf(
				"the module does not export the function %s%s", want.name, signature(want.params, want.results))}
		}
		if !same(f.ParamTypes(), want.params) || !same(f.ResultTypes(), want.results) {
			return &engine.Error{Code: engine.CodeExport, Reason: fmt.Sprintf("the module exports %s%s; it must be %s%s",
				want.name, signature(f.ParamTypes(), f.ResultTypes()), want.name, signature(want.params, want.results))}
		}
		// An import called from outside would serve no instance.
		if from, name, imported := f.Import(); imported {
			return &engine.Error{Code: engine.CodeExport, Reason: fmt.Sprintf(
				"the module exports %s, which is its import %s.%s; it must be a function of its own", want.name, from, name)}
		}
	}
	return nil
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

// checkImports refuses what nobody serves, by name, and what is served with
// another type.
func (l *linked) checkImports() error {
	for _, f := range l.compiled.ImportedFunctions() {
		from, name, _ := f.Import()
		var want function
		switch from {
		case meter.ImportModule: // added by the rewriting, which refuses one of the module's own
			continue
		case growName:
			own, ok := growFunctions[name]
			if !ok {
				return unknownImport(from, name, "grow serves grow.call and grow.answer")
			}
			want = own
		case wasiName:
			all, err := wasiTypes()
			if err != nil {
				return err
			}
			known, ok := all[name]
			if !ok {
				return unknownImport(from, name, "WASI has no such function")
			}
			want = known
		default:
			return unknownImport(from, name, "an actor may import grow.call, grow.answer and functions of "+wasiName+"; everything else goes through grants")
		}
		if !same(f.ParamTypes(), want.params) || !same(f.ResultTypes(), want.results) {
			return &engine.Error{Code: engine.CodeImport, Reason: fmt.Sprintf("the module imports %s.%s%s; it is %s",
				from, name, signature(f.ParamTypes(), f.ResultTypes()), signature(want.params, want.results))}
		}
	}
	return nil
}

// fits refuses a module that begins with more memory than an instance may have.
func fits(size, limit int64) error {
	if limit < pageSize {
		return &engine.Error{Code: engine.CodeLimit, Reason: fmt.Sprintf("the memory limit is less than a page of %d bytes", pageSize)}
	}
	if size > limit {
		return &engine.Error{Code: engine.CodeLimit, Reason: fmt.Sprintf(
			"the module begins with %d bytes of memory; limits.memory allows %d", size, limit)}
	}
	return nil
}

func unknownImport(from, name, why string) error {
	return &engine.Error{Code: engine.CodeImport, Reason: fmt.Sprintf("the module imports %s.%s, which is not served: %s", from, name, why)}
}

// info is what the module says of itself.
func (l *linked) info() engine.Info {
	var i engine.Info
	for _, f := range l.compiled.ImportedFunctions() {
		from, name, _ := f.Import()
		if from == meter.ImportModule {
			continue
		}
		i.Imports = append(i.Imports, from+"."+name)
	}
	for name := range l.compiled.ExportedFunctions() {
		i.Exports = append(i.Exports, name)
		i.HasInit = i.HasInit || name == exportInit
	}
	for name, memory := range l.compiled.ExportedMemories() {
		i.Exports = append(i.Exports, name)
		if name == exportMemory {
			i.MemoryMin = int64(memory.Min()) * pageSize
		}
	}
	sort.Strings(i.Imports)
	sort.Strings(i.Exports)
	return i
}
