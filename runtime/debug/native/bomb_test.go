package native

import (
	"context"
	"debug/dwarf"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/wasm"
)

// custom is a section as a module has it.
func custom(name string, content []byte) []byte {
	body := append(append([]byte{byte(len(name))}, name...), content...)
	return append(binary.AppendUvarint([]byte{wasm.SectionCustom}, uint64(len(body))), body...)
}

// leb is numbers in LEB128.
func leb(all ...uint64) []byte {
	var b []byte
	for _, v := range all {
		b = binary.AppendUvarint(b, v)
	}
	return b
}

// unit4 is a unit of DWARF 4.
func unit4(abbrev uint32, entries []byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(7+len(entries)))
	b = binary.LittleEndian.AppendUint16(b, 4)
	return append(append(binary.LittleEndian.AppendUint32(b, abbrev), 4), entries...)
}

// Attributes and forms of what follows.
const (
	atSibling, atName, atStmtList, atLowpc, atHighpc, atOrigin, atRanges = 0x01, 0x03, 0x10, 0x11, 0x12, 0x31, 0x55
	inAddr, inData4, inStrp, inOffset, inFlag, inRef                     = 0x01, 0x06, 0x0e, 0x17, 0x19, 0x13
	cuTag, functionTag, blockTag, spaceTag                               = 0x11, 0x2e, 0x0b, 0x39
)

// u32 is numbers of four bytes.
func u32(all ...uint32) []byte {
	var b []byte
	for _, v := range all {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return b
}

// bombs are sections that ask for much more time or memory than they have bytes.
func bombs() map[string]map[string][]byte {
	many := func(n int, b ...byte) []byte { return slices.Repeat(b, n) }
	join := func(all ...[]byte) []byte { return slices.Concat(all...) }
	whole := leb(1, cuTag, 1, atLowpc, inAddr, atHighpc, inData4, 0, 0) // a unit of the whole module
	unit := join(leb(1), u32(1, 1<<20))
	function := leb(2, functionTag, 1, atLowpc, inAddr, atHighpc, inData4, 0, 0)
	all := map[string]map[string][]byte{
		"nesting":    {"abbrev": join(whole, leb(2, spaceTag, 1, 0, 0, 0)), "info": unit4(0, join(unit, many(4<<20, 2)))},
		"skipped":    {"abbrev": join(whole, leb(2, blockTag, 1, 0, 0, 0)), "info": unit4(0, join(unit, many(16<<20, 2)))},
		"attributes": {"abbrev": join(whole, leb(2, spaceTag, 0), many(1<<20, atName, inFlag), leb(0, 0, 0)), "info": unit4(0, join(unit, many(1<<20, 2)))},
		"names": {
			"abbrev": join(whole, leb(2, spaceTag, 0, atName, inStrp, 0, 0, 0)), "str": many(8<<20, 'x'),
			"info": unit4(0, join(unit, slices.Repeat(join(leb(2), u32(0)), 1<<20))),
		},
		"ranges": {
			"abbrev": join(whole, leb(2, functionTag, 0, atRanges, inOffset, 0, 0, 0)), "ranges": many(2<<20, 0, 0, 0, 1),
			"info": unit4(0, join(unit, slices.Repeat(join(leb(2), u32(0)), 1<<20))),
		},
		"empty lists": {
			"abbrev": join(whole, function, leb(3, blockTag, 0, atRanges, inOffset, 0, 0, 0)), "ranges": many(8, 0),
			"info": unit4(0, join(unit, leb(2), u32(1, 1<<20), slices.Repeat(join(leb(3), u32(0)), 4<<20))),
		},
		"origins": {
			"abbrev": join(whole, leb(2, functionTag, 0, atLowpc, inAddr, atHighpc, inData4, atOrigin, inRef, 0, 0, 0)),
			"info":   unit4(0, join(unit, slices.Repeat(join(leb(2), u32(1, 1<<20, 20)), 1<<20))),
		},
		"siblings": {
			"abbrev": join(whole, leb(2, blockTag, 1, atSibling, inRef, 0, 0, 0)),
			"info":   unit4(0, join(unit, leb(2), u32(20))),
		},
	}
	abbrevs := leb(1, cuTag, 0)
	abbrevs = append(abbrevs, many(2<<20, 1, cuTag, 0, 0, 0)...) // a table for each that a unit begins to read at
	var units []byte
	for i := range unitsMax {
		units = append(units, unit4(uint32(3+5*i), leb(1))...)
	}
	all["tables"] = map[string][]byte{"abbrev": abbrevs, "info": units}
	all["units"] = map[string][]byte{"abbrev": join(whole, leb(0)), "info": slices.Repeat(unit4(0, unit), unitsMax+1)}

	lines := join(leb(1, cuTag, 0, atStmtList, inOffset, 0, 0, 0))
	table := func(program []byte) []byte {
		head := join(u32(0), []byte{5, 0, 4, 0}, u32(0), []byte{1, 1, 1, 0xfb, 14, 1}, program)
		binary.LittleEndian.PutUint32(head, uint32(len(head)-4))
		binary.LittleEndian.PutUint32(head[8:], uint32(len(head)-12))
		return head
	}
	all["files"] = map[string][]byte{"abbrev": lines, "info": unit4(0, join(leb(1), u32(0))), "line": table(leb(0, 0, 0, 1<<40))}
	all["folders"] = map[string][]byte{"abbrev": lines, "info": unit4(0, join(leb(1), u32(0))), "line": table(leb(1, 1, 8, 1<<40))}
	return all
}

// bomb is a module with such sections.
func bomb(t testing.TB, sections map[string][]byte) []byte {
	b := read(t, "testdata/c/order.O0.wasm")
	m, err := wasm.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	for i := range m.Sections {
		if x := &m.Sections[i]; strings.HasPrefix(x.Name, ".debug") || strings.HasPrefix(x.Name, "name") {
			b = b[:bytesBefore(b, x)]
			break
		}
	}
	for name, content := range sections {
		b = append(b, custom(".debug_"+name, content)...)
	}
	return b
}

// bytesBefore is where the header of a section begins.
func bytesBefore(b []byte, x *wasm.Section) int {
	for at := 8; at < len(b); {
		size, n := binary.Uvarint(b[at+1:])
		if at+1+n+int(size) == x.End {
			return at
		}
		at += 1 + n + int(size)
	}
	return len(b)
}

// TestBombs: debug information that asks for too much is given up, and that is said; the
// module is debugged without it. How much work that is does not depend on what it asks.
func TestBombs(t *testing.T) {
	for name, sections := range bombs() {
		t.Run(name, func(t *testing.T) {
			binary := bomb(t, sections)
			p := opened(t, binary, nil).(*program)
			if notes := p.Notes(); p.symbols != nil || len(p.probes) == 0 || len(notes) != 1 || !strings.Contains(notes[0], "by function and instruction") {
				t.Errorf("%d probes, notes %q", len(p.probes), notes)
			}
			s, err := readSymbols(t.Context(), p.m) // and all of it, wherever code is
			if err != nil {
				return
			}
			readLines(p.m, s, nil)
			for _, u := range s.units {
				_ = s.open(u)
			}
			if s.kept > keptMax+1 {
				t.Errorf("%d things are kept", s.kept)
			}
			t.Logf("%d units of work, %d things kept: %v", openMax-s.left, s.kept, s.err)
		})
	}
}

// TestOpenEnds: who does not wait any longer is not kept waiting.
func TestOpenEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if p, err := New().Open(ctx, bomb(t, bombs()["skipped"]), nil); p != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v", p, err)
	}
}

// TestTables: rows and files are those that debug/dwarf reads.
func TestTables(t *testing.T) {
	for _, name := range []string{"order.O0.wasm", "order.O2.wasm", "order.dwarf5.wasm"} {
		b := read(t, "testdata/c/"+name)
		m, err := wasm.Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		s, err := readSymbols(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		theirs := lineReader(t, m)
		at, _ := s.units[0].entry.Val(dwarf.AttrStmtList).(int64)
		ours := s.openTable(s.units[0], at)
		rows := 0
		var e dwarf.LineEntry
		for ; ; rows++ {
			r, ok := ours.next()
			if err := theirs.Next(&e); errors.Is(err, io.EOF) != !ok {
				t.Fatalf("%s: row %d: %v, %v", name, rows, ok, err)
			}
			if !ok {
				break
			}
			got := []any{r.address, int(r.line), int(r.column), r.isStmt, r.end, ours.files[r.file].path}
			if want := []any{e.Address, e.Line, e.Column, e.IsStmt, e.EndSequence, e.File.Name}; !reflect.DeepEqual(got, want) {
				t.Fatalf("%s: row %d is %v; want %v", name, rows, got, want)
			}
		}
		if rows < 20 {
			t.Errorf("%s: %d rows", name, rows)
		}
	}
}

// lineReader is debug/dwarf's reader of the first unit.
func lineReader(t *testing.T, m *wasm.Module) *dwarf.LineReader {
	parts := map[string][]byte{}
	for i := range m.Sections {
		if x := &m.Sections[i]; strings.HasPrefix(x.Name, ".debug") {
			parts[x.Name] = m.Binary[x.Start:x.End]
		}
	}
	d, err := dwarf.New(parts[".debug_abbrev"], nil, nil, parts[".debug_info"], parts[".debug_line"], nil, parts[".debug_ranges"], parts[".debug_str"])
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{".debug_addr", ".debug_line_str", ".debug_str_offsets", ".debug_rnglists"} {
		if err := d.AddSection(name, parts[name]); err != nil {
			t.Fatal(err)
		}
	}
	e, err := d.Reader().Next()
	if err != nil {
		t.Fatal(err)
	}
	r, err := d.LineReader(e)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestConcurrentStops: guests of one program stop at once, where functions are inlined,
// whose files have no row of their own.
func TestConcurrentStops(t *testing.T) {
	opened := opened(t, read(t, "testdata/c/order.O2.wasm"), os.DirFS("testdata/c"))
	p := opened.(*program)
	var inlined *scope
	var find func(*scope)
	find = func(f *scope) {
		if f.tag == dwarf.TagInlinedSubroutine {
			inlined = f
		}
		for _, in := range f.inner {
			find(in)
		}
	}
	for _, u := range p.symbols.units {
		for _, f := range u.funcs {
			find(f)
		}
	}
	if inlined == nil {
		t.Fatal("nothing is inlined")
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				h := &halt{program: p, guest: &guest{program: p, traced: stub(make([]byte, 1<<17))}}
				at := uint32(inlined.ranges[0][0] + p.symbols.code)
				body := slices.IndexFunc(p.m.Bodies, func(b wasm.Body) bool { return int(at) >= b.Start && int(at) < b.End })
				h.place = &place{body: body, at: at, row: p.lines.rowAt(body, at)}
				h.arrival = engine.NewArrival(0, nil, func() []engine.Call { return []engine.Call{{Body: body, At: at}} })
				if frames, err := h.Frames(0, 10); err != nil || len(frames) < 2 || frames[1].File != cSource {
					t.Errorf("%+v, %v", frames, err)
				}
				if _, err := p.Bind(cSource, 14); err != nil {
					t.Error(err)
				}
				p.Files()
			}
		})
	}
	all.Wait()
}
