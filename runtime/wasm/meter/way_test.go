package meter

import (
	"testing"

	"github.com/grow-platform/grow/runtime/wasm"
)

// survey looks at a plan, and returns what is found in its first function.
func survey(t *testing.T, p *plan) *body {
	t.Helper()
	m, err := wasm.Decode(p.binary())
	if err != nil {
		t.Fatal(err)
	}
	w := &writer{m: m}
	w.survey()
	return &w.bodies[0]
}

// TestWay: of ways that exclude each other the longest counts, and not all of them.
func TestWay(t *testing.T) {
	two := code(number(1), wasm.OpDrop) // units
	for name, test := range map[string]struct {
		code []byte
		want int
	}{
		"straight on":      {code(two, wasm.OpNop, two), 4},
		"the second arm":   {code(number(1), wasm.OpIf, 0x40, two, wasm.OpElse, two, two, wasm.OpEnd, two), 2 + 4 + 2},
		"the first arm":    {code(number(1), wasm.OpIf, 0x40, two, two, wasm.OpElse, two, wasm.OpEnd, two), 2 + 4 + 2},
		"one arm":          {code(number(1), wasm.OpIf, 0x40, two, wasm.OpEnd, two), 2 + 2 + 2},
		"beside an arm":    {code(number(1), wasm.OpIf, 0x40, wasm.OpReturn, wasm.OpEnd, two, two), 2 + 4},
		"an arm that ends": {code(number(1), wasm.OpIf, 0x40, two, two, wasm.OpReturn, wasm.OpEnd, two), 2 + 5},
		"out of a block":   {code(wasm.OpBlock, 0x40, number(1), wasm.OpBrIf, 0, two, wasm.OpReturn, wasm.OpEnd, two, two), 2 + 4},
		"a table": {code(wasm.OpBlock, 0x40, wasm.OpBlock, 0x40, wasm.OpBlock, 0x40, number(0), wasm.OpBrTable, 2, 0, 1, 2, wasm.OpEnd,
			two, wasm.OpBr, 1, wasm.OpEnd, two, two, wasm.OpEnd, two), 2 + 4 + 2},
		"not back to a loop":  {code(wasm.OpLoop, 0x40, number(1), wasm.OpBrIf, 0, wasm.OpEnd, two), 2 + 2},
		"through calls":       {code(wasm.OpCall, 0, wasm.OpCall, 0), 2 * (1 + uncheckedMax)},
		"what is not reached": {code(wasm.OpReturn, two, two), 1},
	} {
		if got := survey(t, &plan{funcs: []fn{{code: test.code}}}).longest; got != test.want {
			t.Errorf("%s: %d units, want %d", name, got, test.want)
		}
	}
}

// TestDispatch: an interpreter, which is a loop around many ways, counts as functions
// do that are not long, and the same ways one after the other do not.
func TestDispatch(t *testing.T) {
	const n = 2 * denseMax / uncheckedMax
	way := code(number(0), wasm.OpCallIndirect, 0, 0)
	labels := code(wasm.OpBrTable, n-1)
	for i := range n {
		labels = code(labels, i)
	}
	loop := code(wasm.OpLoop, 0x40, repeat(n, code(wasm.OpBlock, 0x40)), number(0), labels)
	for i := range n {
		loop = code(loop, wasm.OpEnd, way, wasm.OpBr, n-1-i)
	}
	for name, test := range map[string]struct {
		code  []byte
		dense bool
	}{
		"interpreter": {code(loop, wasm.OpEnd), false},
		"straight on": {repeat(n, way), true},
	} {
		if b := survey(t, &plan{table: []int{0}, funcs: []fn{{code: test.code}}}); b.dense != test.dense || !test.dense && !b.local {
			t.Errorf("%s: dense %v, counts in a local %v", name, b.dense, b.local)
		}
	}
}
