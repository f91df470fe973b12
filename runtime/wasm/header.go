package wasm

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// header reads what a module begins with, and says what else a file is.
func (d *decoder) header() {
	if d.err != nil {
		return
	}
	if what := foreign(d.b); what != "" {
		d.invalid(0, "%s", what)
		return
	}
	d.at = 8
}

// foreigners are other files by what they begin with.
var foreigners = []struct{ begin, what string }{
	{"\x1f\x8b", "it is compressed with gzip; unpack it first"},
	{"\x28\xb5\x2f\xfd", "it is compressed with zstd; unpack it first"},
	{"PK\x03\x04", "it is a zip archive; unpack it first"},
	{"\x7fELF", "it is a program or library for Linux (ELF); compile for wasm32 instead"},
	{"\xcf\xfa\xed\xfe", "it is a program or library for macOS (Mach-O); compile for wasm32 instead"},
	{"\xca\xfe\xba\xbe", "it is a program for macOS or a Java class; compile for wasm32 instead"},
	{"MZ", "it is a program for Windows; compile for wasm32 instead"},
	{"!<arch>\n", "it is an archive of object files; link it to a module first"},
	{"BC\xc0\xde", "it is bitcode of LLVM; link it to a module first"},
}

// foreign says in a sentence why a file is no core module at all, going by its
// first bytes, and "" when it may be one.
func foreign(b []byte) string {
	if bytes.HasPrefix(b, []byte("\x00asm")) && len(b) >= 8 {
		return version(binary.LittleEndian.Uint32(b[4:]))
	}
	return "the file is not a WebAssembly module: " + guess(b)
}

// guess says what a file is that does not begin as modules do.
func guess(b []byte) string {
	if len(b) == 0 {
		return "it is empty"
	}
	for _, f := range foreigners {
		if bytes.HasPrefix(b, []byte(f.begin)) {
			return f.what
		}
	}
	if len(b) < 8 && bytes.HasPrefix([]byte("\x00asm\x01\x00\x00\x00"), b) {
		return "it ends before its header does"
	}
	head := b[:min(len(b), 512)]
	begin := bytes.ToLower(bytes.TrimSpace(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf"))))
	for _, k := range texts {
		if bytes.HasPrefix(begin, []byte(k.begin)) {
			return k.what
		}
	}
	if plain(head) {
		return "it is text"
	}
	return `it does not begin with \0asm`
}

const textFormat = "it is in the text format; make a binary of it: wat2wasm FILE"

// texts are files of text by what they begin with.
var texts = []struct{ begin, what string }{
	{"(module", textFormat},
	{"(component", textFormat},
	{";;", textFormat},
	{"(;", textFormat},
	{"<!doctype html", "it is a page of HTML, perhaps the answer of a server that did not have the module"},
	{"<html", "it is a page of HTML, perhaps the answer of a server that did not have the module"},
	{"#!", "it is a script"},
}

// version looks at the second half of a header.
func version(v uint32) string {
	switch {
	case v == 1:
		return ""
	case v>>16 == 1:
		return "the file is a WebAssembly component; an actor is a core module"
	}
	return fmt.Sprintf("the file is of WebAssembly version %d; version 1 is wanted", v)
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
