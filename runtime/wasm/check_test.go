package wasm

import "testing"

func TestRefusedCode(t *testing.T) {
	for _, r := range []struct{ name, code, want string }{
		{"no value", "", "end finds no value on the stack; it takes i32"},
		{"another type", "\x42\x00", "end finds i64 on the stack; it takes i32"},
		{"a value too many", "\x20\x00\x20\x00", "1 values too many"},
		{"operand", "\x20\x00\x42\x00\x6a", "i32.add finds i64 on the stack; it takes i32"},
		{"operand missing", "\x20\x00\x6a", "i32.add finds no value"},
		{"operand outside the block", "\x20\x00\x02\x40\x45\x1a\x0b", "i32.eqz finds no value"},
		{"local", "\x20\x02", "local 2 is named, and there are 2"},
		{"type of a local", "\x20\x00\x21\x01\x20\x00", "local.set finds i32 on the stack; it takes i64"},
		{"global", "\x23\x02", "global 2"},
		{"constant global", "\x41\x00\x24\x00\x20\x00", "changes the global 0, which is constant"},
		{"function", "\x10\x02", "function 2"},
		{"argument", "\x42\x00\x10\x00", "call finds i64 on the stack; it takes i32"},
		{"type of call_indirect", "\x20\x00\x20\x00\x11\x09\x00", "type 9"},
		{"table of call_indirect", "\x20\x00\x20\x00\x11\x01\x09", "table 9"},
		{"call through externref", "\x20\x00\x20\x00\x11\x01\x01", "which is of externref"},
		{"label", "\x20\x00\x0c\x02", "label 2 is named, and there are 1"},
		{"value of a branch", "\x0c\x00", "br finds no value"},
		{"label of br_table", "\x20\x00\x20\x00\x0e\x01\x00\x07", "label 7"},
		{"arity of br_table", "\x02\x40\x20\x00\x20\x00\x0e\x01\x00\x01\x0b\x20\x00", "the targets of a br_table take 0 values and 1"},
		{"type of a block", "\x02\x09\x0b", "type 9"},
		{"type of a block in no form", "\x02\x80\x7f\x0b", "neither empty, nor a value type, nor an index"},
		{"if without else", "\x20\x00\x04\x7f\x41\x00\x0b", "has no else"},
		{"else without if", "\x02\x40\x05\x0b", "else without if"},
		{"else twice", "\x20\x00\x04\x40\x05\x05\x0b", "else without if"},
		{"select of two types", "\x20\x00\x42\x00\x20\x00\x1b", "select chooses between i32 and i64"},
		{"select of references", "\xd0\x70\xd0\x70\x20\x00\x1b\xd1", "select without a type chooses between references"},
		{"select of two written types", "\x20\x00\x20\x00\x20\x00\x1c\x02\x7f\x7f", "it must have one"},
		{"alignment", "\x20\x00\x28\x03\x00", "i32.load has the alignment 2**3; at most 2**2"},
		{"lane", "\x20\x00\xfd\x0f\xfd\x15\x10", "has the lane 16; there are 16"},
		{"lane of a load", "\x20\x00\x20\x00\xfd\x0f\xfd\x54\x00\x00\x10\xfd\x15\x00", "has the lane 16; there are 16"},
		{"lane of a shuffle", "\x20\x00\xfd\x0f\x20\x00\xfd\x0f\xfd\x0d\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", "has the lane 32; there are 32"},
		{"segment of data", "\x41\x00\x41\x00\x41\x00\xfc\x08\x01\x00\x20\x00", "segment of data 1"},
		{"segment of elements", "\xfc\x0d\x02\x20\x00", "segment of elements 2"},
		{"elements of another type", "\x41\x00\x41\x00\x41\x00\xfc\x0c\x01\x00\x20\x00", "brings externref to a table of funcref"},
		{"tables of two types", "\x41\x00\x41\x00\x41\x00\xfc\x0e\x00\x01\x20\x00", "brings externref to a table of funcref"},
		{"table", "\x41\x00\x25\x05\x1a\x20\x00", "table 5"},
		{"type of a table", "\x41\x00\xd0\x70\x26\x01\x20\x00", "table.set finds funcref on the stack; it takes externref"},
		{"null of no reference", "\xd0\x7f", "0x7f is not a reference type"},
		{"is_null of a number", "\x20\x00\xd1", "ref.is_null finds i32"},
		{"undeclared function", "\xd2\x05\xd1", "function 5"},
		{"code behind the end", "\x20\x00\x0b\x01", "left behind the end"},
		{"no such instruction", "\xc5", "no instruction 0xc5"},
		{"no such instruction of two bytes", "\xfd\x9a\x01", "no instruction 0xfd 154"},
		{"number of 32 bits", "\x41\xff\xff\xff\xff\x17", "too large for 32 bits"},
		{"number that does not end", "\x42\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", "more bytes than it may"},
	} {
		refusal{r.name, string(around(r.code)), CodeInvalid, r.want}.run(t)
		refusal{r.name + ", where", string(around(r.code)), CodeInvalid, "function 1 (main)"}.run(t)
	}
}

func TestAcceptedCode(t *testing.T) {
	for _, a := range []struct{ name, code string }{
		{"nothing is reached", "\x00"},
		{"any operands", "\x00\x6a"},
		{"any operand of select", "\x00\x1b"},
		{"a branch", "\x20\x00\x0c\x00"},
		{"br_table where nothing is reached", "\x02\x7e\x02\x7f\x00\x41\x01\x0e\x01\x00\x01\x0b\x1a\x42\x00\x0b\x1a\x41\x00"},
		{"values into a block", "\x20\x00\x42\x00\x02\x03\x0b\x1a"},
		{"values of a loop's label", "\x20\x00\x42\x00\x03\x03\x20\x00\x0d\x00\x0b\x1a"},
		{"if of the same type", "\x20\x00\x42\x00\x20\x00\x04\x03\x0b\x1a"},
		{"select of references", "\xd0\x70\xd0\x70\x20\x00\x1c\x01\x70\xd1"},
		{"call_indirect", "\x20\x00\x20\x00\x11\x01\x00"},
		{"tables", "\x41\x00\xd0\x6f\x26\x01\xd0\x6f\x41\x01\xfc\x0f\x01\x1a\x41\x00\xd0\x6f\x41\x00\xfc\x11\x01\xfc\x10\x00"},
		{"exported function", "\xd2\x01\xd1"},
		{"vectors", "\x20\x00\xfd\x0f\x20\x00\xfd\x0f\xfd\x6e\xfd\x53"},
		{"memory", "\x41\x00\x41\x00\x41\x00\xfc\x0a\x00\x00\x41\x00\x41\x00\x41\x00\xfc\x0b\x00\x41\x00\x40\x00"},
		{"the longest numbers", "\x41\xff\xff\xff\xff\x78\x1a\x42\x80\x80\x80\x80\x80\x80\x80\x80\x80\x7f\x1a\x20\x80\x80\x80\x80\x00"},
	} {
		t.Run(a.name, func(t *testing.T) {
			if _, err := Decode(around(a.code)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestProposals(t *testing.T) {
	for _, r := range []struct{ name, code, want string }{
		{"return_call", "\x20\x00\x12\x00", "the instruction return_call belongs to the proposal tail-call, which grow does not accept"},
		{"return_call_indirect", "\x13\x00\x00", "return_call_indirect belongs to the proposal tail-call"},
		{"call_ref", "\x14\x00", "call_ref belongs to the proposal typed function references"},
		{"try_table", "\x1f\x40\x00\x0b", "try_table belongs to the proposal exception-handling,"},
		{"try", "\x06\x40\x0b", "try belongs to the proposal exception-handling in its legacy form"},
		{"ref.eq", "\xd3", "garbage collection"},
		{"struct.new", "\xfb\x00\x00", "garbage collection"},
		{"atomics", "\xfe\x03\x00", "threads"},
		{"relaxed vectors", "\xfd\x80\x02", "relaxed SIMD"},
		{"128-bit arithmetic", "\xfc\x13", "wide arithmetic"},
		{"continuations", "\xe0\x00", "stack switching"},
		{"another memory", "\x20\x00\x28\x42\x01\x00", "multi-memory"},
		{"size of another memory", "\x3f\x01", "multi-memory"},
	} {
		refusal{r.name, string(around(r.code)), CodeFeature, r.want}.run(t)
	}
}
