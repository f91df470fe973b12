package wasm

import (
	"encoding/binary"
	"strings"
)

// Modules of tests are put together from strings of bytes.

func leb(n int) string { return string(binary.AppendUvarint(nil, uint64(n))) }

func sized(s string) string { return leb(len(s)) + s }

func section(id byte, content ...string) string {
	return string(id) + sized(strings.Join(content, ""))
}

// vec is a vector of entries.
func vec(entries ...string) string { return leb(len(entries)) + strings.Join(entries, "") }

func custom(name, content string) string { return section(0, sized(name), content) }

func module(sections ...string) []byte {
	return []byte("\x00asm\x01\x00\x00\x00" + strings.Join(sections, ""))
}

// Types that tests use, by index in testTypes.
const testTypes = "\x04" +
	"\x60\x00\x00" + // 0: ()
	"\x60\x01\x7f\x01\x7f" + // 1: (i32) -> i32
	"\x60\x00\x02\x7f\x7e" + // 2: () -> i32, i64
	"\x60\x02\x7f\x7e\x02\x7f\x7e" // 3: (i32, i64) -> i32, i64

// around puts code, without its final end, into a module with one of everything: an
// imported function of type 1, tables of funcref and externref, a memory, a constant and a
// mutable global of i32, passive segments. The code is function 1, of type 1.
func around(code string) []byte {
	return module(
		section(1, testTypes),
		section(2, vec(sized("env")+sized("f")+"\x00\x01")),
		section(3, vec("\x01")),
		section(4, vec("\x70\x00\x01", "\x6f\x00\x01")),
		section(5, vec("\x00\x01")),
		section(6, vec("\x7f\x00\x41\x00\x0b", "\x7f\x01\x41\x00\x0b")),
		section(7, vec(sized("main")+"\x00\x01")),
		section(9, vec("\x01\x00\x01\x00", "\x05\x6f\x01\xd0\x6f\x0b")),
		section(12, "\x01"),
		section(10, vec(sized("\x01\x01\x7e"+code+"\x0b"))), // a local 1 of i64
		section(11, vec("\x01\x02hi")),
	)
}
