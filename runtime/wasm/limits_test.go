package wasm

import (
	"fmt"
	"strings"
	"testing"
)

func times(s string, n int) string { return strings.Repeat(s, n) }

// vecOf is a vector of n entries that are all the same.
func vecOf(n int, entry string) string { return leb(n) + times(entry, n) }

// one is a module of a single function, of type ().
func single(body string) string {
	return of(section(1, noTypes), section(3, vec("\x00")), section(10, vec(sized(body))))
}

// TestLimits: each limit is reached with what is allowed, and not passed.
func TestLimits(t *testing.T) {
	signature := func(params, results int) string {
		return of(section(1, "\x01\x60", vecOf(params, "\x7f"), vecOf(results, "\x7f")))
	}
	exports := func(n int) string {
		all := make([]string, n)
		for i := range all {
			all[i] = sized(fmt.Sprint(i)) + "\x02\x00"
		}
		return of(section(5, "\x01\x00\x00"), section(7, vec(all...)))
	}
	functions := func(n int) string {
		return of(section(1, noTypes), section(3, vecOf(n, "\x00")), section(10, vecOf(n, sized("\x00\x0b"))))
	}
	locals := func(n int) string { return single("\x01" + leb(n) + "\x7f\x0b") }
	for _, c := range []struct {
		name string
		most int
		make func(int) string
		what string
	}{
		{"bytes", BinaryMax, func(n int) string { return of(custom("y", times("\x00", n-8-7))) }, "bytes of the module"},
		{"sections", SectionsMax, func(n int) string { return of(times(custom("x", ""), n)) }, "sections"},
		{"types", TypesMax, func(n int) string { return of(section(1, vecOf(n, "\x60\x00\x00"))) }, "function types"},
		{"params", ParamsMax, func(n int) string { return signature(n, 0) }, "parameters of a function type"},
		{"results", ResultsMax, func(n int) string { return signature(0, n) }, "results of a function type"},
		{"imports", ImportsMax, func(n int) string { return of(section(1, noTypes), section(2, vecOf(n, "\x01a\x01b\x00\x00"))) }, "imports"},
		{"functions", FuncsMax, functions, "functions"},
		{"functions with imported ones", FuncsMax, func(n int) string {
			return of(section(1, noTypes), section(2, vec("\x01a\x01b\x00\x00")), section(3, vecOf(n-1, "\x00")), section(10, vecOf(n-1, sized("\x00\x0b"))))
		}, "functions"},
		{"tables", TablesMax, func(n int) string { return of(section(4, vecOf(n, "\x70\x00\x01"))) }, "tables"},
		{"elements of tables", TableMax, func(n int) string { return of(section(4, vec("\x70\x00"+leb(n-5), "\x70\x00\x05"))) }, "elements of all tables at the start"},
		{"globals", GlobalsMax, func(n int) string { return of(section(6, vecOf(n, "\x7f\x00\x41\x00\x0b"))) }, "globals"},
		{"exports", ExportsMax, exports, "exports"},
		{"name", NameMax, func(n int) string {
			return of(section(5, "\x01\x00\x00"), section(7, vec(sized(times("n", n))+"\x02\x00")))
		}, "bytes of a name"},
		{"segments of elements", ElementsMax, func(n int) string { return of(section(9, vecOf(n, "\x01\x00\x00"))) }, "segments of elements"},
		{"elements", ElementMax, func(n int) string {
			return of(section(9, vec("\x05\x70"+vecOf(n-10, "\xd0\x70\x0b"), "\x05\x70"+vecOf(10, "\xd0\x70\x0b"))))
		}, "elements of all segments"},
		{"segments of data", DataMax, func(n int) string { return of(section(11, vecOf(n, "\x01\x00"))) }, "segments of data"},
		{"body", BodyMax, func(n int) string { return single("\x00" + times("\x01", n-2) + "\x0b") }, "bytes of the body of a function"},
		{"locals", LocalsMax, locals, "locals of a function"},
		{"locals of all", LocalsTotalMax, func(n int) string {
			each := n / 1024
			return of(section(1, noTypes), section(3, vecOf(1024, "\x00")), section(10, leb(1024)+times(sized("\x01"+leb(each)+"\x7f\x0b"), 1023)+sized("\x01"+leb(n-1023*each)+"\x7f\x0b")))
		}, "locals of all functions"},
		{"targets", LabelsMax, func(n int) string { return single("\x00\x41\x00\x0e" + vecOf(n, "\x00") + "\x00\x0b") }, "targets of a br_table"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := Decode([]byte(c.make(c.most))); err != nil {
				t.Errorf("%d are refused: %v", c.most, err)
			}
			refusal{"more", c.make(c.most + 1), CodeLimit, fmt.Sprintf("%s: %d; at most %d are allowed", c.what, c.most+1, c.most)}.run(t)
		})
	}
}

// TestCompileBombs: what wazero would compile for minutes is refused at once.
func TestCompileBombs(t *testing.T) {
	nop := times("\x01", 40_000)
	for _, r := range []refusal{
		{"100,000 nested blocks", single("\x00" + times("\x02\x40", 100_000) + times("\x0b", 100_001)), CodeLimit, "blocks within blocks"},
		{"100,000 blocks", single("\x00" + times("\x02\x40\x0b", 100_000) + "\x0b"), CodeLimit, "blocks of a function"},
		{"20,000 diamonds", single("\x00" + times("\x41\x00\x04\x40\x05\x0b", 20_000) + "\x0b"), CodeLimit, "estimated microseconds"},
		{"10,000 nested loops", single("\x00" + times("\x03\x40", 10_000) + times("\x41\x00\x0d\x00\x0b", 10_000) + "\x0b"), CodeLimit, "estimated microseconds"},
		{"a br_table of a million", single("\x00\x41\x00\x0e" + vecOf(1_000_000, "\x00") + "\x00\x0b"), CodeLimit, "targets of a br_table"},
		{"many br_table", single("\x00" + times("\x02\x40\x41\x00\x0e"+vecOf(1000, "\x00")+"\x00\x0b", 200) + "\x0b"), CodeLimit, "targets of all br_table"},
		{"locals through loops", single("\x01" + leb(3000) + "\x7f" + times("\x03\x40", 300) + times("\x0b", 301)), CodeLimit, "estimated microseconds"},
		{"300,000 functions", of(section(1, noTypes), section(3, vecOf(300_000, "\x00"))), CodeLimit, "functions"},
		{"20,000 types of 1,000", of(section(1, vecOf(20_000, "\x60"+vecOf(1000, "\x7f")+"\x00"))), CodeLimit, "function types"},
		{"4G locals", single("\x01\xff\xff\xff\xff\x0f\x7f\x0b"), CodeLimit, "locals of a function"},
		{"4G locals, and more", single("\x02\xff\xff\xff\xff\x0f\x7f\x02\x7e\x0b"), CodeInvalid, "a number of 32 bits must count them"},
		{"wide calls", of(section(1, "\x02\x60\x00\x00\x60", vecOf(200, "\x7f"), vecOf(200, "\x7f")), section(2, vec("\x01a\x01b\x00\x01")), section(3, vec("\x00")),
			section(10, vec(sized("\x00"+times("\x41\x00", 200)+times("\x10\x00", 50_000)+times("\x1a", 200)+"\x0b")))), CodeLimit, "estimated microseconds"},
	} {
		r.run(t)
	}
	// The same work spread over much code is as usual.
	if _, err := Decode([]byte(single("\x00" + times("\x41\x00\x04\x40\x05\x0b", 3_000) + nop + "\x0b"))); err != nil {
		t.Error(err)
	}
}

func TestUsage(t *testing.T) {
	m, err := Decode([]byte(single("\x00" + times("\x02\x40", 20_000) + times("\x0b", 20_000) + times("\x01", 1_900_000) + "\x0b")))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]Usage{}
	for _, u := range m.Usage() {
		if u.Found > u.Max {
			t.Errorf("%+v", u)
		}
		found[u.What] = u
	}
	if u := found["blocks within blocks"]; u.Found != 20_000 || u.Max != NestingMax {
		t.Errorf("%+v", u)
	}
	if u := found["bytes of the module"]; u.Found != len(m.Binary) || u.Max != BinaryMax {
		t.Errorf("%+v", u)
	}
}
