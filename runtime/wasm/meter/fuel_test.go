package meter

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/grow-platform/grow/runtime/wasm"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// start rewrites a plan and makes an instance of it.
func (w world) start(t testing.TB, p *plan, o Options) api.Module {
	t.Helper()
	m, err := w.Instantiate(t.Context(), rewrite(t, p.binary(), o).Binary)
	if err != nil {
		t.Fatal(err)
	}
	w.granted[m] += 0 // it may never ask
	return m
}

// engines are the two of wazero.
var engines = map[string]func() wazero.RuntimeConfig{
	"compiler":    wazero.NewRuntimeConfig,
	"interpreter": wazero.NewRuntimeConfigInterpreter,
}

// endless are modules whose function run never ends, or not in anybody's time.
var endless = map[string]*plan{
	"loop": {funcs: []fn{{export: "run", code: code(wasm.OpLoop, 0x40, wasm.OpBr, 0, wasm.OpEnd)}}},
	"loop with parameters": {funcs: []fn{
		{export: "run", code: code(number(1), wasm.OpLoop, 1, wasm.OpBr, 0, wasm.OpEnd, wasm.OpDrop)},
		{params: []wasm.ValType{wasm.I32}, results: []wasm.ValType{wasm.I32}, code: code(get(0))},
	}},
	"loop in a table":   {funcs: []fn{{export: "run", code: code(wasm.OpLoop, 0x40, number(7), wasm.OpBrTable, 1, 0, 0, wasm.OpEnd)}}},
	"loop by condition": {funcs: []fn{{export: "run", code: code(wasm.OpLoop, 0x40, number(1), wasm.OpBrIf, 0, wasm.OpEnd)}}},
	"three ways back": {funcs: []fn{{export: "run", code: code(
		wasm.OpLoop, 0x40, repeat(2, code(number(0), wasm.OpBrIf, 0)), wasm.OpBr, 0, wasm.OpEnd)}}},
	"back from an arm": {funcs: []fn{{export: "run", code: code(
		wasm.OpLoop, 0x40, number(1), wasm.OpIf, 0x40, wasm.OpBr, 1, wasm.OpElse, wasm.OpReturn, wasm.OpEnd, wasm.OpEnd)}}},
	"loops in the first turn of loops": {funcs: []fn{{export: "run", code: code(
		wasm.OpLoop, 0x40, wasm.OpLoop, 0x40, number(0), wasm.OpBrIf, 0, number(1), wasm.OpBrIf, 1, wasm.OpEnd, wasm.OpEnd)}}},
	"calls that double": {funcs: doubling(60)},
	"ping-pong": {table: []int{1, 2}, funcs: []fn{
		{export: "run", code: code(wasm.OpLoop, 0x40, number(0), wasm.OpCallIndirect, 0, 0, wasm.OpBr, 0, wasm.OpEnd)},
		{code: code(number(1), wasm.OpCallIndirect, 0, 0)},
		{code: code(wasm.OpNop)},
	}},
	"start": {start: 1, funcs: []fn{{code: code(wasm.OpLoop, 0x40, wasm.OpBr, 0, wasm.OpEnd)}}},
	"fill": {pages: 512, funcs: []fn{{export: "run", code: code(
		wasm.OpLoop, 0x40, number(0), number(1), number(512<<16), wasm.OpMemoryFill, 0, wasm.OpBr, 0, wasm.OpEnd)}}},
	"copy": {pages: 512, funcs: []fn{{export: "run", code: code(
		wasm.OpLoop, 0x40, number(1), number(0), number(512<<16-1), wasm.OpMemoryCopy, 0, 0, wasm.OpBr, 0, wasm.OpEnd)}}},
}

// doubling are functions each of which calls the next one twice: no loop, no
// recursion, and 2**n calls.
func doubling(n int) []fn {
	var all []fn
	for i := range n {
		all = append(all, fn{code: code(wasm.OpCall, i+1, wasm.OpCall, i+1)})
	}
	all[0].export = "run"
	return append(all, fn{code: code(wasm.OpNop)})
}

// TestEndless: whatever never ends stops when the fuel does, at once and at the
// same place however it is sliced.
func TestEndless(t *testing.T) {
	for name, p := range endless {
		for engine, config := range engines {
			t.Run(name+"/"+engine, func(t *testing.T) {
				used := map[int64]int64{}
				for _, limit := range []int64{50_000, 200_000} {
					for _, slice := range []int64{1, 1000, 1 << 40} {
						a := &account{slice: slice, limit: limit}
						if got := a.exhaust(t, config(), p); used[limit] != 0 && used[limit] != got {
							t.Errorf("stopped after %d in slices of %d, after %d otherwise", got, slice, used[limit])
						} else {
							used[limit] = got
						}
					}
					// What one piece of a bulk operation costs, or a small function, may come on top.
					if over := used[limit] - limit; over <= 0 || over > ChunkBytes/UnitBytes+1000 {
						t.Errorf("stopped after %d units, the limit is %d", used[limit], limit)
					}
				}
			})
		}
	}
}

// exhaust runs a plan until the fuel ends, and returns what was used then.
func (a *account) exhaust(t *testing.T, c wazero.RuntimeConfig, p *plan) int64 {
	t.Helper()
	w := newWorld(t, c, a)
	used := int64(0)
	a.stopped = func(u int64) { used = u }
	m, err := w.Instantiate(t.Context(), rewrite(t, p.binary(), Options{}).Binary)
	if err == nil {
		_, err = m.ExportedFunction("run").Call(t.Context())
	}
	if !errors.Is(err, errFuel) {
		t.Fatalf("ended with %v", err)
	}
	return used
}

// TestCount: what some instructions cost.
func TestCount(t *testing.T) {
	for name, c := range map[string]struct {
		code []byte
		want int64
	}{
		"nothing":    {nil, 0},
		"free":       {code(wasm.OpNop, wasm.OpBlock, 0x40, wasm.OpLoop, 0x40, wasm.OpEnd, wasm.OpEnd), 0},
		"three":      {code(number(1), number(2), wasm.OpI32Add, wasm.OpDrop), 4},
		"one arm":    {code(number(1), wasm.OpIf, 0x40, number(1), wasm.OpDrop, wasm.OpElse, repeat(50, code(number(1), wasm.OpDrop)), wasm.OpEnd), 4},
		"other arm":  {code(number(0), wasm.OpIf, 0x40, number(1), wasm.OpDrop, wasm.OpElse, repeat(50, code(number(1), wasm.OpDrop)), wasm.OpEnd), 102},
		"not run":    {code(wasm.OpBlock, 0x40, wasm.OpBr, 0, number(1), wasm.OpDrop, wasm.OpEnd), 1},
		"return":     {code(wasm.OpReturn, number(1), wasm.OpDrop), 1},
		"fill":       {code(number(0), number(0), number(800), wasm.OpMemoryFill, 0), 4 + 100},
		"large fill": {code(number(0), number(0), number(10<<16), wasm.OpMemoryFill, 0), 4 + 10<<16/8},
		"grow":       {code(number(2), wasm.OpMemoryGrow, 0, wasm.OpDrop), 3 + 2*PageFuel},
		"grow many":  {code(number(300), wasm.OpMemoryGrow, 0, wasm.OpDrop), 3 + PagesCharged*PageFuel},
		"grow a lot": {code(number(70000), wasm.OpMemoryGrow, 0, wasm.OpDrop), 3},
		"table":      {code(number(0), number(0), number(2), wasm.OpTableCopy, 0, 0), 4},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, wazero.NewRuntimeConfig(), &account{slice: 1})
			m := w.start(t, &plan{pages: 10, table: []int{0, 0, 0}, funcs: []fn{{export: "run", code: c.code}}}, Options{})
			if _, err := m.ExportedFunction("run").Call(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := w.used(); got != c.want {
				t.Errorf("%d units, want %d", got, c.want)
			}
		})
	}
}

// TestForged: an index that only what is added would make valid is refused, and
// so are the names of what is added.
func TestForged(t *testing.T) {
	for name, p := range map[string]*plan{
		"global":      {globals: 1, funcs: []fn{{code: code(number(1), wasm.OpGlobalSet, 1)}}},
		"fuel global": {funcs: []fn{{code: code(i64(nil, 1<<40), wasm.OpGlobalSet, 0)}}},
		"function":    {funcs: []fn{{code: code(wasm.OpCall, 1)}}},
		"local":       {funcs: []fn{{code: code(wasm.OpLocalGet, 0, wasm.OpDrop)}}},
		"type":        {funcs: []fn{{code: code(wasm.OpBlock, 1, wasm.OpEnd)}}},
		"label":       {funcs: []fn{{code: code(wasm.OpBr, 1)}}},
	} {
		if _, err := wasm.Decode(p.binary()); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for _, p := range []*plan{
		{funcs: []fn{{export: ExportFuel}}},
		{funcs: []fn{{export: "grow:anything"}}},
		{imports: []string{"grow:x"}, funcs: []fn{{}}},
	} {
		m, err := wasm.Decode(p.binary())
		if err != nil {
			t.Fatal(err)
		}
		if _, err = Rewrite(m, Options{}); err == nil || !strings.Contains(err.Error(), "grow:") {
			t.Errorf("%v", err)
		}
	}
}

// TestNames: stack traces show what they did before.
func TestNames(t *testing.T) {
	p := &plan{imports: []string{"f"}, names: true, pages: 1, funcs: []fn{
		{export: "outer", code: code(wasm.OpCall, 2)},
		{export: "inner", code: code(number(-1), number(0), number(9), wasm.OpMemoryFill, 0)},
	}}
	w := newWorld(t, wazero.NewRuntimeConfig(), &account{slice: 1000})
	_, err := w.NewHostModuleBuilder("host").NewFunctionBuilder().WithFunc(func() {}).Export("f").Instantiate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m := w.start(t, p, Options{})
	_, err = m.ExportedFunction("outer").Call(t.Context())
	if err == nil {
		t.Fatal("no trap")
	}
	if _, stack, _ := strings.Cut(err.Error(), "stack trace:\n"); strings.Join(strings.Fields(stack), " ") !=
		".grow:memory.fill(i32,i32,i32) .inner() .outer()" {
		t.Errorf("stack: %s", stack)
	}
}

// TestCustoms: of custom sections nothing is left but a name section, and what it
// says can be read whatever it was made of.
func TestCustoms(t *testing.T) {
	plain := (&plan{pages: 1, funcs: []fn{{export: "a"}, {export: "b"}}}).binary()
	custom := func(name, c string) string {
		return string(content([]byte{wasm.SectionCustom}, append(text(nil, name), c...)))
	}
	module := "\x00\x05\x04shop"
	for name, c := range map[string]struct{ section, module, fn string }{
		"good":            {module + "\x01\x0a\x01\x01\x07handle\n", "shop", "handle\ufffd"},
		"wrong count":     {module + "\x01\x0e\xff\xff\xff\xff\x0f\x01\x07handle\n", "shop", "handle\ufffd"},
		"twice":           {"\x01\x07\x02\x01\x01x\x01\x01y", "", "x"},
		"wrong index":     {"\x01\x06\x01\xff\xff\x03\x01x", "", ""},
		"past its end":    {module + "\x01\x7f", "shop", ""},
		"empty":           {"", "", ""},
		"names of locals": {"\x02\x06\x01\x01\x01\x00\x01p", "", ""},
	} {
		b := plain[:8:8]
		b = append(b, custom("first", "x")+custom("name", c.section)...)
		b = append(append(b, plain[8:]...), custom("empty", "")+custom(".debug_info", "y")...)
		m := rewrite(t, b, Options{})
		again, err := wasm.Decode(m.Binary)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		last := again.Sections[len(again.Sections)-1]
		for _, s := range again.Sections {
			if s.ID == wasm.SectionCustom && s != last {
				t.Errorf("%s: %s is left", name, s.Title())
			}
		}
		names := again.Names()
		if names.Module != c.module || names.Func(2) != c.fn || names.Func(3) != reserved+ImportName {
			t.Errorf("%s: %q, %q, %q", name, names.Module, names.Func(2), names.Func(3))
		}
		r := wazero.NewRuntime(t.Context())
		if _, err := r.CompileModule(t.Context(), m.Binary); err != nil {
			t.Errorf("%s: wazero: %v", name, err)
		}
		if err := r.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// TestGlobals: those that change can be read and set by their names.
func TestGlobals(t *testing.T) {
	w := newWorld(t, wazero.NewRuntimeConfig(), &account{slice: 100, limit: 1 << 40})
	p := &plan{globals: 2, funcs: []fn{{export: "run", code: code(number(5), wasm.OpGlobalSet, 1, wasm.OpGlobalGet, 1, wasm.OpDrop)}}}
	out := rewrite(t, p.binary(), Options{Globals: true})
	m, err := w.Instantiate(t.Context(), out.Binary)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.ExportedFunction("run").Call(t.Context()); err != nil {
		t.Fatal(err)
	}
	if g := out.Globals[1]; g.Index != 1 || g.Export != GlobalName(1) || m.ExportedGlobal(g.Export).Get() != 5 {
		t.Errorf("global %+v is %d", g, m.ExportedGlobal(g.Export).Get())
	}
}

// TestMaximum: tables and memory are held to what is allowed, at two values.
func TestMaximum(t *testing.T) {
	grow := &plan{pages: 1, table: []int{0}, funcs: []fn{
		{export: "table", params: []wasm.ValType{wasm.I32}, results: []wasm.ValType{wasm.I32},
			code: code(wasm.OpRefNull, int(wasm.FuncRef), get(0), wasm.OpTableGrow, 0)},
		{export: "memory_", params: []wasm.ValType{wasm.I32}, results: []wasm.ValType{wasm.I32},
			code: code(get(0), wasm.OpMemoryGrow, 0)},
	}}
	for _, most := range []int64{10, 20} {
		w := newWorld(t, wazero.NewRuntimeConfig(), &account{slice: 1000})
		m := w.start(t, grow, Options{TableMax: most, PagesMax: most})
		for _, f := range []string{"table", "memory_"} {
			for _, step := range []struct{ n, want int64 }{{most - 1, 1}, {1, -1}} {
				got, err := m.ExportedFunction(f).Call(context.Background(), uint64(step.n))
				if err != nil || int64(int32(got[0])) != step.want {
					t.Errorf("%s: growing by %d answers %v, %v; want %d", f, step.n, got, err, step.want)
				}
			}
		}
		m2, err := wasm.Decode((&plan{pages: int(most) + 1, funcs: []fn{{}}}).binary())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Rewrite(m2, Options{PagesMax: most}); err == nil || err.(*wasm.Error).Code != wasm.CodeLimit {
			t.Errorf("%d pages of %d: %v", most+1, most, err)
		}
	}
}

// TestOffsets: where code was moved to an instruction begins, and but for what was
// written anew, and the declarations of locals, the same one.
func TestOffsets(t *testing.T) {
	p := &plan{pages: 1, funcs: append(doubling(5), endless["copy"].funcs...)}
	p.funcs[0].export = "a"
	b := p.binary()
	out := rewrite(t, b, Options{Offsets: true})
	if len(out.Offsets) == 0 {
		t.Fatal("no offsets")
	}
	from, to := opcodes(t, b), opcodes(t, out.Binary)
	last := Offset{}
	for _, o := range out.Offsets {
		anew := slices.Contains([]wasm.Op{wasm.OpCall, wasm.OpCallIndirect, wasm.OpBr, wasm.OpBrIf, wasm.OpBrTable, wasm.OpEnd,
			wasm.OpMemoryCopy, wasm.OpMemoryFill, wasm.OpMemoryInit}, from[o.Old])
		if o.Old <= last.Old || o.New <= last.New || from[o.Old] != to[o.New] && !anew {
			t.Errorf("%d is at %d, after %+v: %s and %s", o.Old, o.New, last, from[o.Old], to[o.New])
		}
		last = o
	}
}

// opcodes are the instructions of a module by their offsets.
func opcodes(t *testing.T, b []byte) map[uint32]wasm.Op {
	t.Helper()
	m, err := wasm.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	all := map[uint32]wasm.Op{}
	var in wasm.Instr
	for i := range m.Bodies {
		for scan := m.Scan(i); scan.Next(&in); {
			all[uint32(in.At)] = in.Op
		}
	}
	return all
}
