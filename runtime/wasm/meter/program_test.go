package meter

import (
	"bytes"
	"testing"

	"github.com/grow-platform/grow/runtime/wasm"
	"github.com/grow-platform/grow/testdata/property"
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

// branch goes to a label or ends the function, most often only sometimes.
func (p *program) branch() []byte {
	to := p.pick(len(p.labels))
	n := p.labels[len(p.labels)-1-to]
	switch p.pick(12) {
	case 0:
		return code(p.values(n), wasm.OpBr, to)
	case 1:
		return code(drawn(12), wasm.OpI32Eqz, wasm.OpIf, 0x40, wasm.OpUnreachable, wasm.OpEnd)
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
	property.Check(t, func(r *rapid.T) {
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

// TestTrap: what is said after a trap does not depend on how the fuel was sliced or
// on the engine, and leaves out nothing of the turns that are over.
func TestTrap(t *testing.T) {
	const n = 0 // the parameter, in whose turn the loop traps
	turn := code(get(n), number(1), wasm.OpI32Sub, wasm.OpLocalTee, n, wasm.OpI32Eqz,
		wasm.OpIf, 0x40, wasm.OpUnreachable, wasm.OpEnd)
	for name, c := range map[string]struct {
		code []byte
		cost int64 // of ten turns
	}{
		"br":          {code(wasm.OpLoop, 0x40, turn, wasm.OpBr, 0, wasm.OpEnd), 70},
		"br_if":       {code(wasm.OpLoop, 0x40, turn, number(1), wasm.OpBrIf, 0, wasm.OpEnd), 80},
		"br_table":    {code(wasm.OpBlock, 0x40, wasm.OpLoop, 0x40, turn, number(0), wasm.OpBrTable, 1, 0, 1, wasm.OpEnd, wasm.OpEnd), 80},
		"parameters":  {code(number(1), wasm.OpLoop, 1, turn, wasm.OpBr, 0, wasm.OpEnd, wasm.OpDrop), 70},
		"two ways":    {code(wasm.OpLoop, 0x40, turn, get(n), number(1), wasm.OpI32And, wasm.OpBrIf, 0, wasm.OpBr, 0, wasm.OpEnd), 105},
		"many ways":   {code(wasm.OpLoop, 0x40, turn, repeat(3, code(number(0), wasm.OpBrIf, 0)), wasm.OpBr, 0, wasm.OpEnd), 130},
		"in an arm":   {code(wasm.OpLoop, 0x40, turn, number(1), wasm.OpIf, 0x40, wasm.OpBr, 1, wasm.OpElse, wasm.OpEnd, wasm.OpEnd), 90},
		"inner loops": {code(wasm.OpLoop, 0x40, wasm.OpLoop, 0x40, turn, number(0), wasm.OpBrIf, 0, wasm.OpEnd, wasm.OpBr, 0, wasm.OpEnd), 90},
		"calls":       {code(wasm.OpLoop, 0x40, turn, wasm.OpCall, 1, wasm.OpBr, 0, wasm.OpEnd), 80},
	} {
		t.Run(name, func(t *testing.T) {
			p := &plan{funcs: []fn{
				{export: "run", params: []wasm.ValType{wasm.I32}, results: []wasm.ValType{wasm.I32}, code: code(c.code, number(0))}, {}}}
			used := map[uint64]int64{}
			for engine, config := range engines {
				for _, slice := range []int64{1, 10, 1 << 40} {
					for _, turns := range []uint64{10, 20} {
						w := newWorld(t, config(), &account{slice: slice})
						_, err := w.start(t, p, Options{}).ExportedFunction("run").Call(t.Context(), turns)
						if trap(err) != "wasm error: unreachable" {
							t.Fatal(err)
						}
						if used[turns] == 0 {
							used[turns] = w.used()
						}
						if w.used() != used[turns] {
							t.Errorf("%s: %d units after %d turns in slices of %d, %d elsewhere", engine, w.used(), turns, slice, used[turns])
						}
					}
				}
			}
			if more := used[20] - used[10]; more != c.cost || used[10] < c.cost*9/10 {
				t.Errorf("%d units after 10 turns and %d more after 20, want %d more", used[10], more, c.cost)
			}
		})
	}
}
