package meter

import (
	"bytes"
	"testing"

	"github.com/grow-platform/grow/runtime/wasm"
	"github.com/tetratelabs/wazero"
	"pgregory.net/rapid"
)

// program makes up functions with every kind of control there is. Which way is
// gone is drawn from random numbers that the guest makes and writes to memory; a
// count of steps has it end.
type program struct {
	*rapid.T
	labels []int // how many values each takes, the innermost last
	result int   // values of the function
	left   int   // statements that may still be made
}

const (
	random = iota // globals of the guest
	steps
)

// module draws a module. Its types are () -> (), (i32) -> (i32) and (i32) -> ().
func (p *program) module() *plan {
	one := []wasm.ValType{wasm.I32}
	return &plan{globals: 2, pages: 1, table: []int{0, 1, 2}, funcs: []fn{
		{export: "run", code: p.body(0)},
		{params: one, results: one, locals: one, code: p.body(1)},
		{code: code(number(1), wasm.OpDrop)},
		{export: "seed", params: one, code: code(get(0), wasm.OpGlobalSet, random, number(60), wasm.OpGlobalSet, steps)},
	}}
}

func (p *program) body(result int) []byte {
	p.result, p.left, p.labels = result, 30, []int{result}
	return code(p.ends(), p.statements(), p.values(result))
}

func (p *program) pick(n int) int { return rapid.IntRange(0, n-1).Draw(p.T, "pick") }

func (p *program) values(n int) []byte { return repeat(n, number(p.pick(9))) }

func drops(n int) []byte { return repeat(n, code(wasm.OpDrop)) }

// drawn is a random number below n.
func drawn(n int) []byte {
	return code(wasm.OpGlobalGet, random, number(1103515245), wasm.OpI32Mul, number(12345), wasm.OpI32Add, wasm.OpGlobalSet, random,
		number(0), wasm.OpGlobalGet, random, wasm.OpI32Store, 2, 0,
		wasm.OpGlobalGet, random, number(16), wasm.OpI32ShrU, number(n), wasm.OpI32RemU)
}

// ends returns from the function when there are no steps left.
func (p *program) ends() []byte {
	return code(wasm.OpGlobalGet, steps, wasm.OpI32Eqz, wasm.OpIf, 0x40, p.values(p.result), wasm.OpReturn, wasm.OpEnd,
		wasm.OpGlobalGet, steps, number(1), wasm.OpI32Sub, wasm.OpGlobalSet, steps)
}

func (p *program) statements() (c []byte) {
	for range p.pick(5) {
		if p.left--; p.left >= 0 {
			c = code(c, p.statement())
		}
	}
	return c
}

// inside are statements in a block whose label takes so many values.
func (p *program) inside(label int) []byte {
	p.labels = append(p.labels, label)
	defer func() { p.labels = p.labels[:len(p.labels)-1] }()
	return p.statements()
}

func (p *program) statement() []byte {
	switch p.pick(16) {
	case 0:
		return code(wasm.OpBlock, 0x40, p.inside(0), wasm.OpEnd)
	case 1:
		return code(wasm.OpBlock, int(wasm.I32), p.inside(1), number(1), wasm.OpEnd, wasm.OpDrop)
	case 2, 3, 4:
		return code(wasm.OpLoop, 0x40, p.ends(), p.inside(0), wasm.OpEnd)
	case 5:
		return code(number(1), wasm.OpLoop, 1, p.ends(), p.inside(1), wasm.OpEnd, wasm.OpDrop)
	case 6:
		return code(drawn(2), wasm.OpIf, 0x40, p.inside(0), wasm.OpEnd)
	case 7:
		return code(drawn(2), wasm.OpIf, 0x40, p.inside(0), wasm.OpElse, p.inside(0), wasm.OpEnd)
	case 8:
		return code(number(2), wasm.OpCall, 1, wasm.OpDrop)
	case 9:
		return code(number(2*p.pick(2)), wasm.OpCallIndirect, 0, 0)
	case 10:
		return code(number(64), number(0), number(p.pick(99)), wasm.OpMemoryFill, 0)
	case 11, 12, 13, 14:
		return p.branch()
	}
	return repeat(p.pick(9), code(number(1), wasm.OpDrop))
}

// branch goes to a label, or traps, and seldom always.
func (p *program) branch() []byte {
	to := p.pick(len(p.labels))
	n := p.labels[len(p.labels)-1-to]
	switch p.pick(12) {
	case 0:
		return code(p.values(n), wasm.OpBr, to)
	case 1:
		return code(drawn(60), wasm.OpI32Eqz, wasm.OpIf, 0x40, wasm.OpUnreachable, wasm.OpEnd)
	case 2:
		return code(drawn(2), wasm.OpIf, 0x40, p.values(p.result), wasm.OpReturn, wasm.OpEnd)
	case 3, 4:
		return code(drawn(2), wasm.OpIf, 0x40, p.values(n), wasm.OpBr, to+1, wasm.OpEnd)
	case 5:
		var all []byte
		same := 0
		for label := range p.labels {
			if p.labels[len(p.labels)-1-label] == n {
				all, same = unsigned(all, uint64(label)), same+1
			}
		}
		return code(p.values(n), drawn(same+1), wasm.OpBrTable, same, all, to)
	}
	return code(p.values(n), drawn(2), wasm.OpBrIf, to, drops(n))
}

// outcome is what came of a program.
type outcome struct {
	trap   string
	memory []byte
	fuel   int64
}

// run runs a program from a seed.
func (w world) run(t *rapid.T, binary []byte, seed uint64) (o outcome) {
	m, err := w.Instantiate(t.Context(), binary)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.Close(t.Context()) }()
	metered := m.ExportedGlobal(ExportFuel) != nil
	if metered {
		w.granted[m] += 0 // it may never ask
		defer delete(w.granted, m)
	}
	if _, err := m.ExportedFunction("seed").Call(t.Context(), seed); err != nil {
		t.Fatal(err)
	}
	_, err = m.ExportedFunction("run").Call(t.Context())
	o.trap, o.memory = trap(err), bytes.Clone(all(m)[:200])
	if metered {
		o.fuel = w.used()
	}
	return o
}

// TestPrograms: a program does what it did before it was rewritten, and uses as
// much as when each instruction is charged by itself, unless it traps: then what
// the last function ran since it was called, called or began a turn may be left
// out. In both engines and in all slices it is the same even then.
func TestPrograms(t *testing.T) {
	plain := newWorld(t, wazero.NewRuntimeConfigInterpreter(), &account{})
	each := newWorld(t, wazero.NewRuntimeConfigInterpreter(), &account{slice: 1 << 40})
	var worlds []world
	for _, config := range engines {
		for _, slice := range []int64{1, 100, 1 << 40} {
			worlds = append(worlds, newWorld(t, config(), &account{slice: slice}))
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		p := (&program{T: r}).module()
		b, longest := p.binary(), 0
		for _, f := range p.funcs {
			longest = max(longest, len(f.code))
		}
		single, whole := rewrite(t, b, Options{each: true}).Binary, rewrite(t, b, Options{}).Binary
		for seed := range uint64(3) {
			want, yard := plain.run(r, b, seed), each.run(r, single, seed)
			got := worlds[0].run(r, whole, seed)
			if got.trap != want.trap || !bytes.Equal(got.memory, want.memory) {
				r.Fatalf("it ends with %q, and with %q when it is rewritten", want.trap, got.trap)
			}
			if got.fuel != yard.fuel && want.trap == "" || got.fuel < yard.fuel-int64(longest) {
				r.Fatalf("%d units, want %d (%q)", got.fuel, yard.fuel, want.trap)
			}
			for _, w := range worlds[1:] {
				if o := w.run(r, whole, seed); o.fuel != got.fuel || o.trap != got.trap {
					r.Fatalf("%d units and %q, want %d and %q", o.fuel, o.trap, got.fuel, got.trap)
				}
			}
		}
	})
}
