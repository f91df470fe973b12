package wazero

import (
	"fmt"
	"sort"

	"github.com/grow-platform/grow/runtime/admission"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/wasm/meter"
	"github.com/grow-platform/grow/runtime/wasm/probe"
	"github.com/tetratelabs/wazero/api"
)

const (
	i32 = api.ValueTypeI32
	i64 = api.ValueTypeI64
)

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

// info is what the module says of itself.
func (l *linked) info() engine.Info {
	var i engine.Info
	for _, f := range l.compiled.ImportedFunctions() {
		from, name, _ := f.Import()
		if from == meter.ImportModule || from == probe.ImportModule {
			continue
		}
		i.Imports = append(i.Imports, from+"."+name)
	}
	for name := range l.compiled.ExportedFunctions() {
		i.Exports = append(i.Exports, name)
		i.HasInit = i.HasInit || name == admission.ExportInit
	}
	for name, memory := range l.compiled.ExportedMemories() {
		i.Exports = append(i.Exports, name)
		if name == admission.ExportMemory {
			i.MemoryMin = int64(memory.Min()) * pageSize
		}
	}
	sort.Strings(i.Imports)
	sort.Strings(i.Exports)
	return i
}
