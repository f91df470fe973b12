package wasm

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"
)

// header reads what a module begins with, and says what else a file is.
func (d *decoder) header() {
	if d.err != nil {
		return
	}
	if what := Foreign(d.b); what != "" {
		d.invalid(0, "%s", what)
		return
	}
	d.at = 8
}

// foreigners are other files by what they begin with.
var foreigners = []struct{ begin, what string }{
	{"\x1f\x8b", "the file is compressed with gzip; unpack it first"},
	{"\x28\xb5\x2f\xfd", "the file is compressed with zstd; unpack it first"},
	{"PK\x03\x04", "the file is a zip archive; unpack it first"},
	{"\x7fELF", "the file is a program or library for Linux (ELF); compile for wasm32 instead"},
	{"\xcf\xfa\xed\xfe", "the file is a program or library for macOS (Mach-O); compile for wasm32 instead"},
	{"\xca\xfe\xba\xbe", "the file is a program for macOS or a Java class; compile for wasm32 instead"},
	{"MZ", "the file is a program for Windows; compile for wasm32 instead"},
	{"!<arch>\n", "the file is an archive of object files; link it to a module first"},
	{"BC\xc0\xde", "the file is bitcode of LLVM; link it to a module first"},
}

// Foreign says in a sentence why a file is no core module at all, going by its
// first bytes, and "" when it may be one.
func Foreign(b []byte) string {
	if len(b) == 0 {
		return "the file is empty"
	}
	if bytes.HasPrefix(b, []byte("\x00asm")) {
		return version(b)
	}
	for _, f := range foreigners {
		if bytes.HasPrefix(b, []byte(f.begin)) {
			return f.what
		}
	}
	if len(b) < 8 && bytes.HasPrefix([]byte("\x00asm"), b) {
		return "the file ends before its header does"
	}
	begin := bytes.ToLower(bytes.TrimSpace(bytes.TrimPrefix(b[:min(len(b), 512)], []byte("\xef\xbb\xbf"))))
	switch {
	case bytes.HasPrefix(begin, []byte("(module")), bytes.HasPrefix(begin, []byte("(component")), bytes.HasPrefix(begin, []byte(";;")), bytes.HasPrefix(begin, []byte("(;")):
		return "the file is WebAssembly in its text format; make a binary of it: wat2wasm FILE"
	case bytes.HasPrefix(begin, []byte("<!doctype html")), bytes.HasPrefix(begin, []byte("<html")):
		return "the file is a page of HTML, perhaps the answer of a server that did not have the module"
	case bytes.HasPrefix(begin, []byte("#!")):
		return "the file is a script, not a WebAssembly module"
	case plain(b[:min(len(b), 512)]):
		return "the file is text, not a WebAssembly module"
	}
	return `the file is not a WebAssembly module: it does not begin with \0asm`
}

// version looks at the second half of a header.
func version(b []byte) string {
	if len(b) < 8 {
		return "the file ends before its header does"
	}
	switch v := binary.LittleEndian.Uint32(b[4:]); {
	case v == 1:
		return ""
	case v>>16 == 1:
		return "the file is a WebAssembly component; an actor is a core module"
	default:
		return "the file is of a version of WebAssembly that is not 1"
	}
}

// plain says whether bytes are text.
func plain(b []byte) bool {
	for i := range min(len(b), utf8.UTFMax) { // the last character may be cut
		if utf8.Valid(b[:len(b)-i]) {
			b = b[:len(b)-i]
			break
		}
	}
	return utf8.Valid(b) && bytes.IndexFunc(b, func(r rune) bool { return r < ' ' && r != '\n' && r != '\r' && r != '\t' }) < 0
}
