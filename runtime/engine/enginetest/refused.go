package enginetest

import (
	"testing"

	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/testdata/wat"
)

const wasiName = "wasi_snapshot_preview1"

// handled is a grow_handle that answers nothing.
var handled = Const64(0)

// with changes an actor that is well but for the change.
func with(change func(w *Wasm)) []byte {
	w := Actor(handled...)
	change(w)
	return w.Bytes()
}

// importing is an actor with an import.
func importing(from, name, params, results string) []byte {
	return with(func(w *Wasm) { w.Imports = []Import{{Module: from, Name: name, Params: params, Results: results}} })
}

// reexporting is an actor one of whose exports is its import.
func reexporting(from, name, params, results, as string) []byte {
	return with(func(w *Wasm) {
		w.Imports = []Import{{Module: from, Name: name, Params: params, Results: results, Export: as}}
		if as == "grow_alloc" {
			w.Funcs = w.Funcs[1:]
		}
	})
}

// importedThing is a module with one import that is no function.
func importedThing(kind string) []byte {
	s := "\x01\x03env\x05thing" + kind
	return append([]byte("\x00asm\x01\x00\x00\x00\x02"), append([]byte{byte(len(s))}, s...)...)
}

func refused(t *testing.T, e engine.Engine) {
	for _, c := range []struct {
		name   string
		binary []byte
		code   string
		says   []string
	}{
		{"no bytes", nil, engine.CodeInvalid, []string{"not a WebAssembly module"}},
		{"text", []byte("(module)"), engine.CodeInvalid, []string{"not a WebAssembly module"}},
		{"a component", []byte("\x00asm\x0d\x00\x01\x00"), engine.CodeInvalid, []string{"component"}},
		{"another version", []byte("\x00asm\x02\x00\x00\x00"), engine.CodeInvalid, []string{"version 2"}},
		{"cut short", Probe()[:400], engine.CodeInvalid, nil},
		{"ill-typed code", Actor(Const32(0)...).Bytes(), engine.CodeInvalid, nil},
		{"too large", make([]byte, 33<<20), engine.CodeLimit, []string{"33554432"}},
		{"empty module", new(Wasm).Bytes(), engine.CodeExport, []string{"memory"}},
		{"no grow_handle", wat.Module("noexport"), engine.CodeExport, []string{"grow_handle(i32, i32) -> i64"}},
		{"no grow_alloc", with(func(w *Wasm) { w.Funcs = w.Funcs[1:] }), engine.CodeExport, []string{"grow_alloc(i32) -> i32"}},
		{"memory of another name", with(func(w *Wasm) { w.Name = "mem" }), engine.CodeExport, []string{`"memory"`}},
		{"memory is a function", with(func(w *Wasm) { w.Name, w.Funcs[0].Export = "", "memory" }), engine.CodeExport, []string{`"memory"`}},
		{"grow_handle of another type", with(func(w *Wasm) { w.Funcs[1] = Func{Export: "grow_handle", Params: I32, Results: I32, Code: Const32(0)} }),
			engine.CodeExport, []string{"grow_handle(i32) -> i32", "grow_handle(i32, i32) -> i64"}},
		{"grow_init of another type", with(func(w *Wasm) { w.Funcs = append(w.Funcs, Func{Export: "grow_init"}) }),
			engine.CodeExport, []string{"grow_init()", "grow_init(i32, i32) -> i32"}},
		{"an import as grow_init", reexporting("grow", "answer", I32+I32, I32, "grow_init"), engine.CodeExport, []string{"grow_init", "grow.answer"}},
		{"an import as grow_alloc", reexporting(wasiName, "fd_close", I32, I32, "grow_alloc"), engine.CodeExport, []string{"grow_alloc", "fd_close"}},
		{"foreign import", wat.Module("badimport"), engine.CodeImport, []string{"env.system"}},
		{"imported memory", importedThing("\x02\x00\x01"), engine.CodeImport, []string{"memory env.thing"}},
		{"imported table", importedThing("\x01\x70\x00\x01"), engine.CodeImport, []string{"table env.thing"}},
		{"imported global", importedThing("\x03\x7f\x00"), engine.CodeImport, []string{"global env.thing"}},
		{"unknown function of grow", importing("grow", "fork", I32, ""), engine.CodeImport, []string{"grow.fork"}},
		{"grow.call of another type", importing("grow", "call", I32+I64, I32), engine.CodeImport,
			[]string{"grow.call(i32, i64) -> i32", "(i32, i32, i32, i32) -> i32"}},
		{"unknown function of WASI", importing(wasiName, "fd_teleport", I32, I32), engine.CodeImport, []string{wasiName + ".fd_teleport"}},
		{"fd_write of another type", importing(wasiName, "fd_write", I32, I32), engine.CodeImport, []string{wasiName + ".fd_write(i32) -> i32", "(i32, i32, i32, i32) -> i32"}},
		{"another ABI", wat.Module("version"), engine.CodeVersion, []string{"version 2", "version 1"}},
		{"much memory", with(func(w *Wasm) { w.Memory = []int{17} }), engine.CodeLimit, []string{"1114112", "1048576"}},
	} {
		m, err := e.Compile(t.Context(), c.binary, engine.Config{MemoryMax: 1 << 20})
		if err == nil { // the version may be asked for at the first instance
			_, err = m.Instantiate(t.Context(), &Host{})
			if closed := m.Close(t.Context()); closed != nil {
				t.Errorf("%s: %v", c.name, closed)
			}
		}
		coded(t, c.name, err, c.code, c.says...)
	}
	_, err := e.Compile(t.Context(), Probe(), engine.Config{MemoryMax: 64 << 10})
	coded(t, "two pages where one is allowed", err, engine.CodeLimit)
	_, err = e.Compile(t.Context(), Actor(handled...).Bytes(), engine.Config{MemoryMax: 64<<10 - 1})
	coded(t, "less than a page", err, engine.CodeLimit)
	// A maximum above the limit is no demand.
	instance(t, compile(t, e, with(func(w *Wasm) { w.Memory = []int{1, 65536} })), &Host{})
}
