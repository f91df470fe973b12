package admission

import (
	"fmt"
	"slices"

	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/wasm"
	"github.com/grow-platform/grow/runtime/wasm/meter"
	"github.com/grow-platform/grow/runtime/wasm/snapshot"
	"github.com/grow-platform/grow/runtime/wasm/thin"
)

// Thin returns what a module says that runs on a language runtime; nil: it is none,
// or no module at all. It fails with an *engine.Error.
func Thin(binary []byte) (*thin.Actor, error) {
	if !slices.ContainsFunc(wasm.Outline(binary), func(s wasm.Section) bool { return s.ID == wasm.SectionCustom && s.Name == thin.SectionRuntime }) {
		return nil, nil
	}
	m, err := wasm.Decode(binary)
	if err != nil {
		return nil, Decoded(err)
	}
	a, err := thin.Read(m)
	if err != nil {
		return nil, Decoded(err)
	}
	return a, nil
}

// The exports of a language runtime's reactor, besides those of the ABI; see
// [engine.Language].
const (
	ExportBoot      = "grow_boot"
	ExportLoad      = "grow_load"
	ExportInterrupt = "grow_interrupt"
)

// reactorExports are what a reactor exports. _initialize is optional.
var reactorExports = slices.Concat([]Export{
	{Name: ExportBoot, Type: signature("i:i")},
	{Name: ExportLoad, Type: signature(":i")},
	{Name: ExportInterrupt, Type: signature(":i")},
}, Exports)

// StackMemory is what recursion may cost an instance, in bytes of memory: the stack
// that a guest runs on, and the one that it outgrew, half as large, which is there
// while it is copied. For modules that people send, meter.StackMax sees to it.
const StackMemory = 16 << 20

// ReactorStack bounds the stack of a language runtime, in bytes of the estimate that
// meter.StackMax bounds for other modules. Of CPython the estimate is 7.6 to 77 times
// what its calls take (a test of the SDK has the figures): its main function has
// thousands of values, which the compiler keeps a tenth of. So this is room for as
// many levels as CPython allows itself, in less than StackMemory; the engine holds
// what is really taken against that too.
const ReactorStack = 64 << 20

// Reactor makes of the reactor of a language runtime what is compiled, and the
// memory that it begins with. It fails with an *engine.Error.
func Reactor(binary []byte) (code []byte, initial *snapshot.Image, err error) {
	m, err := wasm.Decode(binary)
	if err != nil {
		return nil, nil, Decoded(err)
	}
	for i := range m.Imports {
		from := &m.Imports[i]
		want, ok := Served(from.Module, from.Name)
		if !ok || from.Kind != wasm.KindFunc || !m.TypeOf(from.Index).Equal(want) {
			return nil, nil, &engine.Error{Code: engine.CodeImport, Reason: fmt.Sprintf(
				"the reactor imports %s.%s, which is not served, or not like this", wasm.Safe(from.Module), wasm.Safe(from.Name))}
		}
	}
	if find(m, ExportMemory, wasm.KindMemory) == nil {
		return nil, nil, missing(`the reactor exports no memory named "memory"`)
	}
	for i := range reactorExports {
		if e := exported(m, &reactorExports[i]); e != nil {
			return nil, nil, e
		}
	}
	bare, initial, err := snapshot.Strip(m)
	if err != nil {
		return nil, nil, Decoded(err)
	}
	metered, err := meter.Rewrite(bare, meter.Options{Globals: true, StackMax: ReactorStack})
	if err != nil {
		return nil, nil, Decoded(err)
	}
	return metered.Binary, initial, nil
}
