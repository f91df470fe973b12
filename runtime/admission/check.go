package admission

import (
	"errors"
	"fmt"

	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/wasm"
	"github.com/grow-platform/grow/runtime/wasm/meter"
	"github.com/grow-platform/grow/runtime/wasm/thin"
)

// Decode decodes and validates a module and holds it against the ABI. It fails with
// an *engine.Error.
func Decode(binary []byte) (*wasm.Module, error) {
	m, err := wasm.Decode(binary)
	if err != nil {
		return nil, Decoded(err)
	}
	if all := Check(m); len(all) > 0 {
		return nil, all[0]
	}
	return m, nil
}

// Meter makes a module that pays for what it runs out of one that [Decode] accepts.
// No custom section is left of it but names that are fit to be shown. It fails
// with an *engine.Error.
func Meter(m *wasm.Module) (*meter.Module, error) {
	metered, err := meter.Rewrite(m, meter.Options{})
	if err != nil {
		return nil, Decoded(err)
	}
	return metered, nil
}

// Admit is [Decode] and [Meter]: it returns what is compiled of a module, which is
// not a thin one.
func Admit(binary []byte) ([]byte, error) {
	m, err := Decode(binary)
	if err != nil {
		return nil, err
	}
	if thin.Is(m) {
		return nil, &engine.Error{Code: engine.CodeRuntime, Reason: "the module runs on a language runtime, and there is none here"}
	}
	metered, err := Meter(m)
	if err != nil {
		return nil, err
	}
	return metered.Binary, nil
}

// Decoded makes of an error of package wasm one of an engine: the codes are the
// same.
func Decoded(err error) *engine.Error {
	var e *wasm.Error
	if !errors.As(err, &e) {
		return &engine.Error{Code: engine.CodeInvalid, Reason: err.Error(), Cause: err}
	}
	where := fmt.Sprintf("at offset %d", e.At)
	if e.Where != "" {
		where += ", " + e.Where
	}
	return &engine.Error{Code: e.Code, Reason: where + ": " + e.Reason, Cause: e}
}

// Check says all that keeps a module from being an actor. What it imports comes
// first: that is the longer way to mend.
func Check(m *wasm.Module) []*engine.Error {
	if thin.Is(m) {
		if _, err := thin.Read(m); err != nil {
			return []*engine.Error{Decoded(err)}
		}
		return nil // it is what package thin has it
	}
	var all []*engine.Error
	for i := range m.Imports {
		if e := Import(m, &m.Imports[i]); e != nil {
			all = append(all, e)
		}
	}
	if find(m, ExportMemory, wasm.KindMemory) == nil {
		all = append(all, missing(`the module exports no memory named "memory"`))
	}
	for i := range Exports {
		if e := exported(m, &Exports[i]); e != nil {
			all = append(all, e)
		}
	}
	return all
}

// kinds are what there is to import and to export.
var kinds = map[wasm.Kind]string{wasm.KindFunc: "function", wasm.KindTable: "table", wasm.KindMemory: "memory", wasm.KindGlobal: "global"}

// Import says why an import is not served, and nil when it is.
func Import(m *wasm.Module, i *wasm.Import) *engine.Error {
	from, name := wasm.Safe(i.Module), wasm.Safe(i.Name)
	if thin.Is(m) && i.Module == Runtime {
		return nil
	}
	if i.Kind == wasm.KindMemory || i.Module == Runtime {
		return &engine.Error{Code: engine.CodeImport, Reason: fmt.Sprintf(
			"the module imports the %s %s.%s, which only a language runtime has, and does not say which one in a section %s: link it whole",
			kinds[i.Kind], from, name, thin.SectionRuntime)}
	}
	if i.Kind != wasm.KindFunc {
		return &engine.Error{Code: engine.CodeImport, Reason: fmt.Sprintf(
			"the module imports the %s %s.%s; an actor may import functions only", kinds[i.Kind], from, name)}
	}
	want, ok := Served(i.Module, i.Name)
	if !ok || i.Module == Language {
		return &engine.Error{Code: engine.CodeImport, Reason: fmt.Sprintf("the module imports %s.%s, which is not served: %s", from, name, served(i.Module))}
	}
	if got := m.TypeOf(i.Index); !got.Equal(want) {
		return &engine.Error{Code: engine.CodeImport, Reason: fmt.Sprintf("the module imports %s.%s%s; it is %s", from, name, got, want)}
	}
	return nil
}

// served says what may be imported of a module.
func served(module string) string {
	switch module {
	case Grow:
		return "grow serves grow.call and grow.answer"
	case WASI:
		return "WASI has no such function"
	}
	return "an actor may import grow.call, grow.answer and functions of " + WASI + "; everything else goes through grants"
}

// exported says why an export is not what the ABI wants, and nil when it is.
func exported(m *wasm.Module, want *Export) *engine.Error {
	e := find(m, want.Name, wasm.KindFunc)
	if e == nil {
		if want.Optional {
			return nil
		}
		return missing(fmt.Sprintf("the module does not export the function %s%s", want.Name, want.Type))
	}
	if got := m.TypeOf(e.Index); !got.Equal(want.Type) {
		return missing(fmt.Sprintf("the module exports %s%s; it must be %s%s", want.Name, got, want.Name, want.Type))
	}
	if e.Index >= m.ImportedFuncs {
		return nil
	}
	// An import called from outside would serve no instance.
	for _, i := range m.Imports {
		if i.Kind == wasm.KindFunc && i.Index == e.Index {
			return missing(fmt.Sprintf("the module exports %s, which is its import %s.%s; it must be a function of its own",
				want.Name, wasm.Safe(i.Module), wasm.Safe(i.Name)))
		}
	}
	return nil
}

func missing(reason string) *engine.Error {
	return &engine.Error{Code: engine.CodeExport, Reason: reason}
}

// find is the export of a name and a kind; nil: there is none.
func find(m *wasm.Module, name string, kind wasm.Kind) *wasm.Export {
	for i := range m.Exports {
		if e := &m.Exports[i]; e.Name == name && e.Kind == kind {
			return e
		}
	}
	return nil
}
