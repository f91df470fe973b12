package wasm

// effort is what of a body makes compiling it take longer than in proportion to
// its bytes.
type effort struct {
	blocks  int // blocks, loops and ifs
	weight  int // of them: see weights
	loops   int // loops around the current instruction
	nested  int // over all loops: how many loops each is in, itself counted
	calls   int
	values  int // that calls, blocks and branches pass on
	targets int // of br_table
}

// weights are what a block of each kind costs, which grows with its square.
var weights = [...]int{OpBlock: 5, OpLoop: 10, OpIf: 8}

// work estimates, in microseconds, the time that the compiler of wazero v1.12.0
// needs for a body beyond what any code takes. It was fitted to hostile shapes: deep
// and many blocks, wide calls, tables, all locals alive through all blocks. The
// passes that cost it are quadratic in the blocks of a function, and follow each
// local through each block and, for loops within loops, each level.
func (e *effort) work(locals, mutable int) int {
	return e.weight*e.weight/2000 +
		e.blocks*locals +
		e.nested*(locals+1)/2 +
		e.calls*mutable/2 +
		e.values +
		e.targets*e.targets/4000 +
		locals/25
}

// mutable is how many globals change.
func (m *Module) mutable() int {
	n := 0
	for _, g := range m.Globals {
		if g.Mutable {
			n++
		}
	}
	return n
}

// workMax is how much of it a module may demand.
func (m *Module) workMax() int {
	code := 0
	for _, s := range m.Sections {
		if s.ID == SectionCode {
			code = s.End - s.Start
		}
	}
	return WorkMax + WorkPerByte*code
}
