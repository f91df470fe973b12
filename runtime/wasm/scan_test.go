package wasm

import (
	"slices"
	"testing"
)

func TestScan(t *testing.T) {
	m, err := Decode(around("\x20\x00\x1a" + // local.get 0, drop
		"\x02\x40\x41\x7f\x0e\x02\x00\x00\x00\x0b" + // block, i32.const -1, br_table 0 0, 0, end
		"\x41\x00\x41\x01\x41\x00\xfc\x0c\x00\x00" + // three constants, table.init 0 0
		"\x41\x05\xfd\x0f\xfd\x15\x07" + // i32.const 5, i8x16.splat, i8x16.extract_lane_s 7
		"\x2d\x00\x90\x01")) // i32.load8_u offset=144
	if err != nil {
		t.Fatal(err)
	}
	want := []Instr{
		{Op: OpLocalGet}, {Op: OpDrop}, {Op: OpBlock, Block: BlockEmpty}, {Op: OpI32Const, Value: 1<<64 - 1}, {Op: OpBrTable, Index: 2}, {Op: OpEnd},
		{Op: OpI32Const}, {Op: OpI32Const, Value: 1}, {Op: OpI32Const}, {Op: OpTableInit}, {Op: OpI32Const, Value: 5}, {Op: OpI8x16Splat},
		{Op: OpI8x16ExtractLaneS, Lane: 7}, {Op: OpI32Load8U, Offset: 144}, {Op: OpEnd},
	}
	s, at := m.Scan(0), m.Bodies[0].Code
	var in Instr
	for _, w := range want {
		if !s.Next(&in) || in.At != at || in.Imm <= in.At || in.End < in.Imm {
			t.Fatalf("%v at %d, wanted %v at %d", in.Op, in.At, w.Op, at)
		}
		at = in.End
		if in.Op == OpBrTable {
			if got := slices.Collect(m.Labels(&in)); !slices.Equal(got, []uint32{0, 0, 0}) {
				t.Errorf("labels %v", got)
			}
		}
		if in.At, in.Imm, in.End = 0, 0, 0; in != w {
			t.Errorf("got %+v, want %+v", in, w)
		}
	}
	if s.Next(&in) || at != m.Bodies[0].End {
		t.Errorf("the scan ends at %d, the body at %d", at, m.Bodies[0].End)
	}
}

// TestScanAllocates holds that stepping through code costs no memory.
func TestScanAllocates(t *testing.T) {
	m, err := Decode(around("\x02\x40\x41\x7f\x0e\x02\x00\x00\x00\x0b\x20\x00"))
	if err != nil {
		t.Fatal(err)
	}
	sum := uint32(0)
	allocs := testing.AllocsPerRun(100, func() {
		s := m.Scan(0)
		var in Instr
		for s.Next(&in) {
			if in.Op == OpBrTable {
				for l := range m.Labels(&in) {
					sum += l
				}
			}
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

// TestOperations holds the table against itself: names are there once, and text
// has the form of the specification.
func TestOperations(t *testing.T) {
	seen := map[string]Op{}
	n := 0
	for _, table := range []map[Op]operation{operations, vectorOperations} {
		for o := range table {
			n++
			if twice, ok := seen[o.String()]; ok && o.String() != "select" {
				t.Errorf("%v is both %#x and %#x", o, uint32(o), uint32(twice))
			}
			seen[o.String()] = o
		}
	}
	if n != 183+18+236 { // of one byte, with 0xfc, with 0xfd
		t.Errorf("%d instructions", n)
	}
	for o, want := range map[Op]string{OpI32Add: "i32.add", OpSelectT: "select", OpMemoryCopy: "memory.copy", OpI8x16Shuffle: "i8x16.shuffle", 0xff: "instruction 0xff", 0xfe00: "instruction 0xfe00"} {
		if o.String() != want {
			t.Errorf("%q, want %q", o, want)
		}
	}
}
