package wasm

import (
	"errors"
	"strings"
	"testing"
)

// refusal is a binary and what is said of it.
type refusal struct {
	name, binary, code, want string
}

func (r refusal) run(t *testing.T) {
	t.Run(r.name, func(t *testing.T) {
		m, err := Decode([]byte(r.binary))
		var e *Error
		if !errors.As(err, &e) || m != nil {
			t.Fatalf("accepted: %v", err)
		}
		if e.Code != r.code || !strings.Contains(err.Error(), r.want) {
			t.Errorf("got  %v\nwant %s … %s", err, r.code, r.want)
		}
		if e.At < 0 || e.At > len(r.binary) {
			t.Errorf("offset %d of %d bytes", e.At, len(r.binary))
		}
	})
}

func of(sections ...string) string { return string(module(sections...)) }

const noTypes = "\x01\x60\x00\x00"

func TestRefusedFiles(t *testing.T) {
	for _, r := range []refusal{
		{"empty", "", CodeInvalid, "not a WebAssembly module: it is empty"},
		{"cut header", "\x00asm\x01", CodeInvalid, "ends before its header"},
		{"version", "\x00asm\x02\x00\x00\x00", CodeInvalid, "WebAssembly version 2; version 1 is wanted"},
		{"component", "\x00asm\x0d\x00\x01\x00", CodeInvalid, "component"},
		{"text format", " (module)", CodeInvalid, "text format"},
		{"commented text format", ";; hello\n(module)", CodeInvalid, "text format"},
		{"gzip", "\x1f\x8b\x08\x00", CodeInvalid, "gzip"},
		{"page", "<!DOCTYPE html><title>404</title>", CodeInvalid, "HTML"},
		{"elf", "\x7fELF\x02\x01\x01", CodeInvalid, "Linux"},
		{"mach-o", "\xcf\xfa\xed\xfe\x07", CodeInvalid, "macOS"},
		{"windows", "MZ\x90\x00", CodeInvalid, "Windows"},
		{"archive", "!<arch>\n", CodeInvalid, "link it"},
		{"script", "#!/bin/sh\n", CodeInvalid, "script"},
		{"text", "hello, wörld\n", CodeInvalid, "it is text"},
		{"other bytes", "\x01\x02\x03\x04\x05\x06\x07\x08", CodeInvalid, `\0asm`},
	} {
		r.run(t)
	}
}

func TestRefusedSections(t *testing.T) {
	for _, r := range []refusal{
		{"size past the end", of("\x01\x05\x00"), CodeInvalid, "at offset 9: a section of 5 bytes is announced, and 1 are left"},
		{"overlong size", of("\x01\x80\x80\x80\x80\x80\x00"), CodeInvalid, "takes more bytes than it may"},
		{"size of 33 bits", of("\x01\xff\xff\xff\xff\x1f"), CodeInvalid, "too large for 32 bits"},
		{"twice", of(section(1, noTypes), section(1, noTypes)), CodeInvalid, "two sections type"},
		{"disordered", of(section(3, "\x00"), section(1, noTypes)), CodeInvalid, "section type is out of order"},
		{"data count after code", of(section(10, "\x00"), section(12, "\x00")), CodeInvalid, "section data count is out of order"},
		{"unknown", of(section(15, "")), CodeInvalid, "no section 15"},
		{"tags", of(section(13, "\x00")), CodeFeature, "exception-handling"},
		{"bytes left", of(section(1, noTypes, "x")), CodeInvalid, "1 bytes are left at the end of the section"},
		{"name of custom past its end", of("\x00\x02\x05a"), CodeInvalid, "a name of 5 bytes"},
		{"custom without name", of("\x00\x00"), CodeInvalid, "the bytes end here"},
		{"name not UTF-8", of(custom("\xc0\x80", "")), CodeInvalid, "not UTF-8"},
		{"count without bytes", of(section(1, "\xff\xff\xff\xff\x0f")), CodeInvalid, "4294967295 are announced, and 0 bytes are left"},
		{"functions without code", of(section(1, noTypes), section(3, vec("\x00"))), CodeInvalid, "no code section"},
		{"code without functions", of(section(1, noTypes), section(10, vec(sized("\x00\x0b")))), CodeInvalid, "0 functions are declared, and there are 1 bodies"},
		{"data count alone", of(section(12, "\x01")), CodeInvalid, "the data count section says 1"},
		{"unknown type of a function", of(section(1, noTypes), section(3, vec("\x01"))), CodeInvalid, "type 1 is named, and there are 1"},
		{"form of a type", of(section(1, "\x01\x40")), CodeInvalid, "0x40 begins no type"},
		{"structure", of(section(1, "\x01\x5f\x00")), CodeFeature, "garbage collection"},
		{"unknown type of values", of(section(1, "\x01\x60\x01\x40\x00")), CodeInvalid, "0x40 is not a value type"},
		{"exception reference", of(section(1, "\x01\x60\x01\x69\x00")), CodeFeature, "exnref"},
		{"typed reference", of(section(1, "\x01\x60\x01\x63\x00")), CodeFeature, "typed function references"},
		{"kind of import", of(section(2, "\x01\x01a\x01b\x05\x00")), CodeInvalid, "no kind 5"},
		{"imported tag", of(section(2, "\x01\x01a\x01b\x04\x00")), CodeFeature, "exception-handling"},
		{"import cut", of(section(2, "\x01\x01a\x01b\x00")), CodeInvalid, "the bytes end here"},
		{"type of a table", of(section(4, "\x01\x7f\x00\x00")), CodeInvalid, "0x7f is not a reference type"},
		{"table with value", of(section(4, "\x01\x40\x00\x70\x00\x01\xd0\x70\x0b")), CodeFeature, "typed function references"},
		{"table smaller than it begins", of(section(4, "\x01\x70\x01\x02\x01")), CodeInvalid, "begins with 2, which is more than its maximum of 1"},
		{"memory smaller than it begins", of(section(5, "\x01\x01\x02\x01")), CodeInvalid, "begins with 2"},
		{"memory too large", of(section(5, "\x01\x00\x81\x80\x04")), CodeInvalid, "65537; at most 65536"},
		{"maximum too large", of(section(5, "\x01\x01\x00\x81\x80\x04")), CodeInvalid, "65537; at most 65536"},
		{"two memories", of(section(5, "\x02\x00\x00\x00\x00")), CodeFeature, "multi-memory"},
		{"shared memory", of(section(5, "\x01\x03\x00\x00")), CodeFeature, "threads"},
		{"64-bit memory", of(section(5, "\x01\x04\x00")), CodeFeature, "memory64"},
		{"page size", of(section(5, "\x01\x08\x00\x00")), CodeFeature, "custom page sizes"},
		{"limits", of(section(5, "\x01\x10\x00")), CodeInvalid, "begin with 0x10"},
		{"mutability", of(section(6, "\x01\x7f\x04\x41\x00\x0b")), CodeInvalid, "neither constant"},
		{"shared global", of(section(6, "\x01\x7f\x02\x41\x00\x0b")), CodeFeature, "shared"},
		{"export twice", of(section(5, "\x01\x00\x00"), section(7, vec("\x01a\x02\x00", "\x01a\x02\x00"))), CodeInvalid, `two exports have the name "a"`},
		{"export of nothing", of(section(7, vec("\x01a\x00\x00"))), CodeInvalid, "function 0 is named, and there are 0"},
		{"export of a table there is not", of(section(7, vec("\x01a\x01\x00"))), CodeInvalid, "table 0"},
		{"export of a memory there is not", of(section(7, vec("\x01a\x02\x00"))), CodeInvalid, "memory 0"},
		{"export of a global there is not", of(section(7, vec("\x01a\x03\x00"))), CodeInvalid, "global 0"},
		{"kind of export", of(section(7, vec("\x01a\x05\x00"))), CodeInvalid, "no kind 5"},
		{"start with parameters", of(section(1, "\x01\x60\x01\x7f\x00"), section(2, "\x01\x00\x00\x00\x00"), section(8, "\x00")), CodeInvalid, "start function 0 is of type (i32)"},
		{"start there is not", of(section(8, "\x00")), CodeInvalid, "function 0"},
		{"segment for no table", of(section(9, "\x01\x00\x41\x00\x0b\x00")), CodeInvalid, "table 0"},
		{"segment of another type", of(section(4, "\x01\x70\x00\x00"), section(9, "\x01\x06\x00\x41\x00\x0b\x6f\x00")), CodeInvalid, "externref is for table 0"},
		{"flags of elements", of(section(9, "\x01\x08\x00\x00")), CodeInvalid, "begins with 8"},
		{"kind of elements", of(section(9, "\x01\x01\x01\x00")), CodeInvalid, "0x1 is not the kind"},
		{"element there is not", of(section(9, "\x01\x01\x00\x01\x00")), CodeInvalid, "function 0"},
		{"data for no memory", of(section(11, "\x01\x00\x41\x00\x0b\x00")), CodeInvalid, "memory 0"},
		{"flags of data", of(section(11, "\x01\x03\x00")), CodeInvalid, "begins with 3"},
		{"data past the end", of(section(11, "\x01\x01\x05a")), CodeInvalid, "5 bytes of data are announced, and 1 are left"},
		{"body past the end", of(section(1, noTypes), section(3, "\x01\x00"), section(10, "\x01\x09\x00\x0b")), CodeInvalid, "a body of 9 bytes"},
	} {
		r.run(t)
	}
}

func TestRefusedConstants(t *testing.T) {
	global := func(expr string) string {
		return of(section(1, noTypes), section(2, vec("\x01a\x01c\x03\x7f\x00", "\x01a\x01m\x03\x7f\x01")), section(6, "\x01\x7f\x00"+expr))
	}
	for _, r := range []refusal{
		{"of another type", global("\x42\x00\x0b"), CodeInvalid, "makes i64; i32 is wanted"},
		{"none", global("\x0b\x00\x00"), CodeInvalid, "makes 0 values"},
		{"two", global("\x41\x00\x41\x00\x0b"), CodeInvalid, "makes 2 values"},
		{"not constant", global("\x41\x00\x45\x0b"), CodeInvalid, "i32.eqz is not constant"},
		{"extended", global("\x41\x00\x41\x01\x6a\x0b"), CodeFeature, "extended constant expressions"},
		{"of a mutable global", global("\x23\x01\x0b"), CodeInvalid, "mutable global 1"},
		{"of a global there is not", global("\x23\x02\x0b"), CodeInvalid, "global 2"},
		{"of a function there is not", of(section(6, "\x01\x70\x00\xd2\x00\x0b")), CodeInvalid, "function 0"},
		{"of an own global", of(section(6, "\x02\x7f\x00\x41\x00\x0b\x7f\x00\x23\x00\x0b")), CodeFeature, "garbage collection"},
		{"without end", global("\x41\x00"), CodeInvalid, "the bytes end here"},
		{"null of another type", of(section(6, "\x01\x70\x00\xd0\x6f\x0b")), CodeInvalid, "makes externref; funcref is wanted"},
	} {
		r.run(t)
	}
}

// TestDecode: what a module with one of everything says is found, at its place.
func TestDecode(t *testing.T) {
	m, err := Decode(around("\x20\x00"))
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Funcs) != 2 || m.ImportedFuncs != 1 || m.TypeOf(1).String() != "(i32) -> i32" || m.Start != -1 || m.DataCount != 1 {
		t.Errorf("%+v", m)
	}
	if i := m.Imports[0]; i != (Import{Module: "env", Name: "f", Kind: KindFunc}) {
		t.Errorf("import %+v", i)
	}
	if e := m.Exports[0]; e != (Export{Name: "main", Kind: KindFunc, Index: 1}) {
		t.Errorf("export %+v", e)
	}
	if m.Tables[1] != (Table{ExternRef, Limits{1, -1}}) || m.Memories[0].Min != 1 || !m.Globals[1].Mutable {
		t.Errorf("tables %v, memories %v, globals %v", m.Tables, m.Memories, m.Globals)
	}
	if b := m.Bodies[0]; string(m.Binary[b.Code:b.End]) != "\x20\x00\x0b" || len(b.Locals) != 1 || b.Locals[0] != (Locals{1, I64}) {
		t.Errorf("body %+v", b)
	}
	if e := m.Elements[1]; e.Mode != Passive || e.Elem != ExternRef || e.Funcs != 1 || string(m.Binary[e.Start:e.End]) != "\x05\x6f\x01\xd0\x6f\x0b" {
		t.Errorf("elements %+v", e)
	}
	if d := m.Data[0]; d.Mode != Passive || d.Size != 2 || string(m.Binary[d.End-d.Size:d.End]) != "hi" {
		t.Errorf("data %+v", d)
	}
	if g := m.Globals[0]; string(m.Binary[g.Start:g.End]) != "\x41\x00\x0b" {
		t.Errorf("global %+v", g)
	}
}

// TestCut: a module that is cut anywhere but between sections is refused, and
// where it is cut between them it must still agree with itself.
func TestCut(t *testing.T) {
	whole := around("\x20\x00")
	if _, err := Decode(whole); err != nil {
		t.Fatal(err)
	}
	starts := map[int]bool{}
	m, _ := Decode(whole)
	for _, s := range m.Sections {
		starts[s.At] = true
	}
	for n := range whole {
		if _, err := Decode(whole[:n]); err == nil && !starts[n] {
			t.Errorf("%d of %d bytes are accepted", n, len(whole))
		}
	}
}
