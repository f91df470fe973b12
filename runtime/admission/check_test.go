package admission_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/grow-platform/grow/runtime/admission"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/wasm"
	"github.com/grow-platform/grow/runtime/wasm/thin"
	"github.com/grow-platform/grow/testdata/wat"
)

// actor is a module that is an actor: its import and its exports are all of it.
func actor(imports, exports string) []byte {
	section := func(id byte, content string) string { return string(id) + string(rune(len(content))) + content }
	return []byte("\x00asm\x01\x00\x00\x00" +
		section(1, "\x04\x60\x01\x7f\x01\x7f\x60\x02\x7f\x7f\x01\x7e\x60\x02\x7f\x7f\x01\x7f\x60\x00\x00") +
		section(2, imports) + section(3, "\x02\x00\x01") + section(5, "\x01\x00\x01") + section(7, exports) +
		section(10, "\x02\x04\x00\x41\x08\x0b\x04\x00\x42\x00\x0b"))
}

const (
	answer  = "\x01\x04grow\x06answer\x00\x02"
	memory  = "\x06memory\x02\x00"
	alloc   = "\x0agrow_alloc\x00\x01"
	handle  = "\x0bgrow_handle\x00\x02"
	exports = "\x03" + memory + alloc + handle
)

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name             string
		imports, exports string
		code, want       string // of the first
		all              int
	}{
		{"an actor", answer, exports, "", "", 0},
		{"no memory", answer, "\x02" + alloc + handle, engine.CodeExport, `exports no memory named "memory"`, 1},
		{"nothing", answer, "\x00", engine.CodeExport, "memory", 3},
		{"memory is no memory", answer, "\x03\x06memory\x00\x01" + alloc + handle, engine.CodeExport, "no memory", 1},
		{"handle of another type", answer, "\x03" + memory + alloc + "\x0bgrow_handle\x00\x01", engine.CodeExport, "exports grow_handle(i32) -> i32; it must be grow_handle(i32, i32) -> i64", 1},
		{"optional one of another type", answer, "\x04" + memory + alloc + handle + "\x08grow_abi\x00\x01", engine.CodeExport, "grow_abi() -> i32", 1},
		{"an import as an export", "\x01\x04grow\x06answer\x00\x00", "\x03" + memory + "\x0agrow_alloc\x00\x00" + handle, engine.CodeImport, "grow.answer(i32) -> i32; it is (i32, i32) -> i32", 2},
		{"unknown function", "\x01\x04grow\x05reply\x00\x00", exports, engine.CodeImport, "grow.reply, which is not served: grow serves grow.call", 1},
		{"unknown module", "\x01\x03env\x01\x1b\x00\x00", exports, engine.CodeImport, "env.\ufffd, which is not served: an actor may import", 1},
		{"unknown function of WASI", "\x01\x16wasi_snapshot_preview1\x01x\x00\x00", exports, engine.CodeImport, "WASI has no such function", 1},
		{"imported global", "\x01\x03env\x01m\x03\x7f\x00", "\x03" + memory + "\x0agrow_alloc\x00\x00\x0bgrow_handle\x00\x01", engine.CodeImport, "the global env.m; an actor may import functions only", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := wasm.Decode(actor(c.imports, c.exports))
			if err != nil {
				t.Fatal(err)
			}
			all := admission.Check(m)
			if len(all) != c.all {
				t.Fatalf("%d faults: %v", len(all), all)
			}
			if len(all) > 0 && (all[0].Code != c.code || !strings.Contains(all[0].Reason, c.want)) {
				t.Errorf("%v", all[0])
			}
		})
	}
}

// TestNoRuntime: what needs a language runtime and does not say which is told so.
func TestNoRuntime(t *testing.T) {
	const functions, memories = "\x00", "\x02\x00\x01" // kinds, and limits
	for name, imported := range map[string]string{
		"memory env.memory":          "\x03env\x06memory" + memories,
		"memory grow_runtime.memory": "\x0cgrow_runtime\x06memory" + memories,
		"function grow_runtime.call": "\x0cgrow_runtime\x04call" + functions + "\x00",
	} {
		own := []byte("\x05\x03\x01\x00\x01") // memory, which it does without
		binary := bytes.Replace(actor("\x01"+imported, "\x00"), own, nil, 1)
		var e *engine.Error
		_, err := admission.Decode(binary)
		want := "the module imports the " + name + ", which only a language runtime has"
		if !errors.As(err, &e) || e.Code != engine.CodeImport || !strings.Contains(e.Reason, want) {
			t.Errorf("%s: %v, want %s: %s", name, err, engine.CodeImport, want)
		}
		if r := admission.Describe(binary); r.OK || len(r.Faults) == 0 || !strings.Contains(r.Faults[0].Message, want) {
			t.Errorf("%s: reported as %+v", name, r)
		}
	}
}

// TestThin: a thin module is an actor, whatever runtime it needs; it is not compiled.
func TestThin(t *testing.T) {
	said := &thin.Actor{Language: "python", Digest: strings.Repeat("0a", 32), Files: map[string][]byte{"app/main.py": []byte("x = 1\n")}}
	binary, err := thin.Pack(said)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := admission.Decode(binary); err != nil {
		t.Error(err)
	}
	if a, err := admission.Thin(binary); err != nil || a.Digest != said.Digest || string(a.Files["app/main.py"]) != "x = 1\n" {
		t.Errorf("%+v, %v", a, err)
	}
	r := admission.Describe(binary)
	if !r.OK || r.Runtime != "python/"+said.Digest || len(r.Imports) == 0 || !r.Imports[0].Granted {
		t.Errorf("reported as %+v", r)
	}
	var e *engine.Error
	if _, err := admission.Admit(binary); !errors.As(err, &e) || e.Code != engine.CodeRuntime {
		t.Errorf("compiled: %v", err)
	}
	for _, b := range [][]byte{nil, wat.Module("echo")} {
		if a, err := admission.Thin(b); a != nil || err != nil {
			t.Errorf("%d bytes are %+v, %v", len(b), a, err)
		}
	}
	for _, broken := range [][]byte{binary[:len(binary)-1], append(binary, "\x00\x14\x0cgrow.runtimepython/"...)} {
		if _, err := admission.Thin(broken); !errors.As(err, &e) || e.Code != engine.CodeInvalid {
			t.Errorf("broken: %v", err)
		}
		if r := admission.Describe(broken); r.OK {
			t.Error("a broken one is reported as well")
		}
	}
}

// TestReactor: a module is a reactor by its exports and its imports.
func TestReactor(t *testing.T) {
	for want, binary := range map[string][]byte{
		"offset 0":                               nil,
		"does not export the function grow_boot": wat.Module("echo"),
		"imports env.system":                     wat.Module("badimport"),
	} {
		var e *engine.Error
		if _, _, err := admission.Reactor(binary); !errors.As(err, &e) || !strings.Contains(e.Reason, want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// TestDecode: what the decoder says of a module is said with the engine's codes.
func TestDecode(t *testing.T) {
	if _, err := admission.Decode(wat.Module("echo")); err != nil {
		t.Error(err)
	}
	for binary, code := range map[string]string{
		"": engine.CodeInvalid,
		"\x00asm\x01\x00\x00\x00\x05\x05\x02\x00\x00\x00\x00":         engine.CodeFeature,
		"\x00asm\x01\x00\x00\x00\x04\x07\x01\x70\x00\xff\xff\xff\x7f": engine.CodeLimit,
		"\x00asm\x01\x00\x00\x00":                                     engine.CodeExport,
		string(wat.Module("badimport")):                               engine.CodeImport,
	} {
		var e *engine.Error
		if _, err := admission.Decode([]byte(binary)); !errors.As(err, &e) || e.Code != code {
			t.Errorf("%q: %v, want %s", binary, err, code)
		}
	}
}
