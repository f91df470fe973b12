package meter

import (
	"errors"
	"runtime"
	"testing"

	"github.com/grow-platform/grow/runtime/wasm"
	"github.com/tetratelabs/wazero"
)

// deep are modules whose function run(n) calls itself n times, with frames that
// take much of the stack.
var deep = map[string]*plan{
	"small":      {funcs: []fn{recursion(nil, nil, nil)}},
	"locals":     {globals: 1, funcs: []fn{recursion(held(wasm.I32, 300))}},
	"vectors":    {globals: 1, funcs: []fn{recursion(held(wasm.V128, 200))}},
	"operands":   {globals: 1, pages: 1, funcs: []fn{recursion(nil, loads(400), sum(400))}},
	"parameters": {globals: 1, funcs: []fn{recursion(nil, nil, code(repeat(12, get(0)), wasm.OpCall, 1)), wide(12, 0)}},
	"results":    {globals: 1, funcs: []fn{recursion(nil, nil, code(wasm.OpCall, 1, sum(60))), wide(0, 60)}},
	"pressure":   {globals: 1, pages: 1, funcs: []fn{recursion(nil, nil, code(loads(100), sum(100)))}},
	"arms":       {globals: 1, funcs: []fn{recursion(arms(100))}},
	"meetings":   {globals: 1, funcs: []fn{meetings(60, 20)}},
	"indirect": {table: []int{1}, funcs: []fn{
		{export: "run", params: []wasm.ValType{wasm.I32}, code: code(get(0), number(0), wasm.OpCallIndirect, 1, 0)},
		inner(recursion(nil, nil, nil)),
	}},
}

// loads are values that are on the stack together, and sum uses as many.
func loads(n int) (c []byte) {
	for i := range n {
		c = code(c, number(4*i), wasm.OpI32Load, 2, 0)
	}
	return c
}

func sum(n int) []byte {
	return code(wasm.OpGlobalGet, 0, repeat(n, code(wasm.OpI32Add)), wasm.OpGlobalSet, 0)
}

// arms is a local that has another value after each of many ifs.
func arms(n int) (locals []wasm.ValType, before, after []byte) {
	return []wasm.ValType{wasm.I32}, nil, repeat(n, code(
		get(1), wasm.OpIf, 0x40, wasm.OpGlobalGet, 0, wasm.OpLocalSet, 1, wasm.OpEnd,
		number(0), wasm.OpCall, 0, get(1), sum(1)))
}

// meetings are locals whose value before and after an assignment meet again and
// again, with a call each time.
func meetings(blocks, n int) fn {
	f := fn{export: "run", params: []wasm.ValType{wasm.I32}}
	var set, use []byte
	for i := 1; i <= n; i++ {
		f.locals = append(f.locals, wasm.I32)
		set = code(set, wasm.OpGlobalGet, 0, wasm.OpLocalSet, i)
		use = code(use, get(i), sum(1))
	}
	var labels []byte
	for i := range blocks {
		labels = unsigned(labels, uint64(i))
	}
	again := code(get(0), number(1), wasm.OpI32Sub, wasm.OpCall, 0)
	f.code = code(get(0), wasm.OpI32Eqz, wasm.OpIf, 0x40, wasm.OpReturn, wasm.OpEnd,
		repeat(blocks, code(wasm.OpBlock, 0x40)), number(0), wasm.OpBrTable, blocks-1, labels, wasm.OpEnd, set,
		again, repeat(blocks-1, code(wasm.OpEnd, wasm.OpGlobalGet, 0, wasm.OpIf, 0x40, again, wasm.OpEnd)), use)
	return f
}

func inner(f fn) fn {
	f.export = ""
	return f
}

// recursion is a function that calls the first one with its argument less one
// until that is 0, between what stands before and after.
func recursion(locals []wasm.ValType, before, after []byte) fn {
	return fn{export: "run", params: []wasm.ValType{wasm.I32}, locals: locals, code: code(
		get(0), wasm.OpI32Eqz, wasm.OpIf, 0x40, wasm.OpReturn, wasm.OpEnd,
		before, get(0), number(1), wasm.OpI32Sub, wasm.OpCall, 0, after)}
}

// held are locals that are set before a call and used after it.
func held(t wasm.ValType, n int) (locals []wasm.ValType, before, after []byte) {
	for i := 1; i <= n; i++ {
		locals = append(locals, t)
		value, use := code(get(0), number(i), wasm.OpI32Add), sum(1)
		if t == wasm.V128 {
			value = code(value, wasm.OpI32x4Splat)
			use = code(wasm.OpV128AnyTrue, sum(1))
		}
		before = code(before, value, wasm.OpLocalSet, i)
		after = code(after, get(i), use)
	}
	return locals, before, after
}

// wide is a function of many parameters and results that calls nothing.
func wide(params, results int) fn {
	f := fn{code: repeat(results, number(0))}
	for range params {
		f.params = append(f.params, wasm.I32)
	}
	for range results {
		f.results = append(f.results, wasm.I32)
	}
	return f
}

// TestStack: recursion ends where the stack does, at two values of it, in an
// error that is told from others; and what the engine really takes is bounded.
func TestStack(t *testing.T) {
	for name, p := range deep {
		t.Run(name, func(t *testing.T) {
			half, _ := deepest(t, p, StackMax/2)
			whole, memory := deepest(t, p, StackMax)
			if whole < 2*half-2 || whole > 2*half+2 {
				t.Errorf("%d calls with half the stack, %d with all of it", half, whole)
			}
			if memory > 16<<20 {
				t.Errorf("%d calls took %d MiB", whole, memory>>20)
			}
			t.Logf("%d calls of %d bytes took at most %d KiB", whole, StackMax/whole, memory>>10)
		})
	}
}

// deepest is how deep recursion can go, and an upper bound of the memory that the
// engine has at once for its stack. It doubles: all there ever was is twice the
// last, and the last but one is there while it is copied.
func deepest(t *testing.T, p *plan, stack int) (calls int, memory uint64) {
	t.Helper()
	w := newWorld(t, wazero.NewRuntimeConfig(), &account{slice: 1 << 40})
	b := rewrite(t, p.binary(), Options{StackMax: stack}).Binary
	compiled, err := w.CompileModule(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	low, high := 1, 1<<20
	for low < high {
		m, err := w.InstantiateModule(t.Context(), compiled, wazero.NewModuleConfig().WithName(""))
		if err != nil {
			t.Fatal(err)
		}
		n := (low + high + 1) / 2
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err = m.ExportedFunction("run").Call(t.Context(), uint64(n))
		runtime.ReadMemStats(&after)
		memory = max(memory, (after.TotalAlloc-before.TotalAlloc)*3/4)
		switch {
		case err == nil:
			low = n
		case errors.Is(err, errStack):
			high = n - 1
		default:
			t.Fatal(err)
		}
	}
	return low, memory
}

// TestShallow: what is not on a cycle of calls counts nothing.
func TestShallow(t *testing.T) {
	if out := rewrite(t, (&plan{funcs: doubling(60)}).binary(), Options{}); out.Counted != 0 {
		t.Errorf("%d functions count the stack", out.Counted)
	}
	out := rewrite(t, (&plan{funcs: []fn{recursion(nil, code(wasm.OpCall, 1), nil), {}}}).binary(), Options{})
	if out.Counted != 1 {
		t.Errorf("%d functions count the stack; one calls itself", out.Counted)
	}
}

// TestChain: a long chain of calls without a cycle is bounded too.
func TestChain(t *testing.T) {
	p := &plan{globals: 1, pages: 1}
	for i := range 500 {
		p.funcs = append(p.funcs, fn{code: code(loads(150), wasm.OpCall, i+1, sum(150))})
	}
	p.funcs[0].export = "run"
	p.funcs = append(p.funcs, fn{})
	for _, stack := range []int{400 << 10, 900 << 10} {
		w := newWorld(t, wazero.NewRuntimeConfig(), &account{slice: 1 << 40})
		m := w.start(t, p, Options{StackMax: stack})
		_, err := m.ExportedFunction("run").Call(t.Context())
		if fits := stack > 800<<10; errors.Is(err, errStack) == fits {
			t.Errorf("with %d bytes: %v", stack, err)
		}
	}
}
