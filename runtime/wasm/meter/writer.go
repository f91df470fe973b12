package meter

import (
	"slices"

	"github.com/grow-platform/grow/runtime/wasm"
)

// writer writes a module anew. Its own function is imported last, so functions of
// the module move up by one; everything else that is added stands at the end.
type writer struct {
	m        *wasm.Module
	o        Options
	bodies   []body
	referred []bool // functions that a table may hold, by index
	helpers  []helper
	byHelper map[helper]int
	types    []wasm.FuncType // added
	byType   map[string]int
	out      Module
	edits    []edit // room for those of a body
	kept     int    // edits of all bodies
}

// function is where a function is now.
func (w *writer) function(i int) int {
	if i < w.m.ImportedFuncs {
		return i
	}
	return i + 1
}

// counter is the global that counts fuel; the next one counts the stack.
func (w *writer) counter() int { return len(w.m.Globals) }

func (w *writer) refer(f int) { w.referred[f] = true }

// addType is the index of a type that is added if need be.
func (w *writer) addType(t wasm.FuncType) int {
	key := t.String()
	i, ok := w.byType[key]
	if !ok {
		i = len(w.m.Types) + len(w.types)
		w.types = append(w.types, t)
		w.byType[key] = i
	}
	return i
}

// survey looks at all bodies, and decides what each checks.
func (w *writer) survey() {
	m := w.m
	w.byHelper, w.byType = map[helper]int{}, map[string]int{}
	w.bodies = make([]body, len(m.Bodies))
	w.referred = make([]bool, len(m.Funcs))
	w.referElements()
	s := &scanner{w: w}
	w.addType(sliceType)
	for i := range m.Bodies {
		w.find(s, i)
	}
	w.graph().decide()
}

// keptMax bounds the edits that are kept from the survey to the writing. Those of
// further bodies are found again: of the largest module they would take a gigabyte.
const keptMax = 1 << 20

// find scans a body, unless its edits are kept. Others are valid until the next
// is scanned.
func (w *writer) find(s *scanner, i int) *body {
	b := &w.bodies[i]
	if b.kept && !b.dense {
		return b
	}
	b.edits, b.callees, b.types, b.cost, b.each = w.edits[:0], b.callees[:0], b.types[:0], 0, w.o.each
	b.labels = b.labels[:0]
	s.scan(i, b)
	w.edits = b.edits
	if w.kept += len(b.edits); !b.kept && w.kept <= keptMax {
		b.kept, b.edits = true, slices.Clone(b.edits)
	}
	return b
}

// code writes the code section.
func (w *writer) code(b []byte) []byte {
	m := w.m
	b = unsigned(b, uint64(len(m.Bodies)+len(w.helpers)+1))
	s := &scanner{w: w}
	var room []byte
	for i := range m.Bodies {
		found := w.find(s, i)
		e := emitter{w: w, b: found, out: room[:0], from: m.Bodies[i].Start}
		e.body(i)
		if b = unsigned(b, uint64(len(e.out))); w.o.Offsets {
			w.move(len(b), e.moves)
		}
		b = append(b, e.out...)
		room = e.out
		w.out.Sites += e.sites
		w.out.Checks += e.checks
	}
	b = w.appendBody(b, w.slice(nil))
	for _, h := range w.helpers {
		b = w.appendBody(b, w.helper(nil, h))
	}
	return b
}

func (w *writer) appendBody(b, body []byte) []byte {
	return append(unsigned(b, uint64(len(body))), body...)
}

// move notes where a body's code is, which begins at an offset into the section.
func (w *writer) move(begin int, moves []Offset) {
	for _, m := range moves {
		w.out.Offsets = append(w.out.Offsets, Offset{Old: m.Old, New: m.New + uint32(begin)})
	}
}

// emitter writes one body.
type emitter struct {
	w             *writer
	b             *body
	out           []byte
	from          int // what of the original comes next
	moves         []Offset
	sites, checks int
}

func (e *emitter) copy(to int) {
	if e.w.o.Offsets && to > e.from {
		e.moves = append(e.moves, Offset{Old: uint32(e.from), New: uint32(len(e.out))})
	}
	e.out = append(e.out, e.w.m.Binary[e.from:to]...)
	e.from = to
}

// body writes the body. One that looks at the counter is in two blocks, as loops
// are: see look.
func (e *emitter) body(i int) {
	m, w := e.w.m, e.w
	code, results := &m.Bodies[i], m.TypeOf(m.ImportedFuncs+i).Results
	e.copy(code.Code)
	if e.b.takes > 0 {
		w.out.Counted++
		e.out = w.takeStack(e.out, e.b.takes)
		e.out = w.blockOf(append(e.out, byte(wasm.OpBlock)), results)
	}
	if e.b.check {
		e.out = w.blockOf(append(e.out, byte(wasm.OpLoop)), results)
		e.within(true)
	}
	for j := range e.b.edits {
		e.edit(&e.b.edits[j])
	}
	e.copy(code.End - 1)
	if e.b.check {
		e.out = ops(w.below(e.out), wasm.OpEnd)
	}
	if e.b.takes > 0 {
		e.out = w.giveStack(ops(e.out, wasm.OpEnd), e.b.takes)
	}
	e.from = code.End
	e.out = ops(e.out, wasm.OpEnd)
}

// within begins the block that a loop is made of.
func (e *emitter) within(look bool) {
	e.out = append(e.out, byte(wasm.OpBlock), blockEmpty)
	if look {
		e.checks++
		e.out = op(e.w.low(e.out), wasm.OpBrIf, 0)
	}
}

func (e *emitter) edit(d *edit) {
	if d.do == charge && d.cost == 0 {
		return
	}
	w := e.w
	e.copy(int(d.at))
	e.from = int(d.end)
	switch d.do {
	case charge:
		if e.b.dense {
			e.checks++
			e.out = w.look(e.out)
		}
		e.charge(d.cost)
	case around:
		e.out = w.blockType(append(e.out, byte(wasm.OpBlock)), wasm.BlockType(d.number))
	case head:
		if t := wasm.BlockType(d.number); t >= 0 && len(w.m.Types[t].Params) > 0 {
			e.checks++
			e.out = w.look(e.out)
		} else {
			e.within(true)
		}
		e.charge(d.cost)
	case within:
		e.within(false)
		e.charge(d.cost)
	case below:
		e.out = w.below(e.out)
	case behind:
		e.out = ops(e.out, wasm.OpEnd)
	case index:
		e.out = op(e.out, d.op, e.label(d.number))
	case labels:
		e.out = op(e.out, wasm.OpBrTable, int(d.cost)-1)
		for _, l := range e.b.labels[d.number : d.number+d.cost] {
			e.out = unsigned(e.out, uint64(e.label(l)))
		}
	case bulk:
		e.out = op(e.out, wasm.OpCall, w.helperIndex(int(d.number)))
	case leave:
		if e.b.takes > 0 {
			e.out = w.giveStack(e.out, e.b.takes)
		}
	}
}

// label is a label, or another index, as it is written: two blocks are around the
// code of a function that looks at the counter.
func (e *emitter) label(n int32) int {
	switch {
	case n >= 0:
		return int(n)
	case e.b.check:
		return int(^n) + 2
	}
	return int(^n)
}

func (e *emitter) charge(cost int32) {
	if cost == 0 {
		return
	}
	e.sites++
	e.out = e.w.pay(e.out, int64(cost))
}

// pay takes a cost from the counter.
func (w *writer) pay(b []byte, cost int64) []byte {
	b = op(b, wasm.OpGlobalGet, w.counter())
	b = ops(i64(b, cost), wasm.OpI64Sub)
	return op(b, wasm.OpGlobalSet, w.counter())
}

// low says whether the counter is below zero.
func (w *writer) low(b []byte) []byte {
	return ops(i64(op(b, wasm.OpGlobalGet, w.counter()), 0), wasm.OpI64LtS)
}

// refill asks for more fuel.
func (w *writer) refill(b []byte) []byte {
	b = op(b, wasm.OpGlobalGet, w.counter())
	return op(b, wasm.OpCall, w.sliceIndex())
}

// look asks for more fuel when there is none left. Only what is seldom met looks
// so: wazero loads much again behind a place where two ways come together, and has
// code that is seldom run in the way of the other. So a loop is written as
//
//	block $around
//	  loop
//	    block $within
//	      br_if $within (the counter is below zero)
//	      … br $around
//	    end
//	    ask for fuel, br loop
//	  end
//	end
func (w *writer) look(b []byte) []byte {
	b = append(w.low(b), byte(wasm.OpIf), blockEmpty)
	return ops(w.refill(b), wasm.OpEnd)
}

// below ends the block that a loop is made of, and asks for fuel.
func (w *writer) below(b []byte) []byte {
	b = ops(op(b, wasm.OpBr, 2), wasm.OpEnd)
	return op(w.refill(b), wasm.OpBr, 0)
}

// takeStack counts what a call takes, and ends the guest when there is not so much.
func (w *writer) takeStack(b []byte, bytes int) []byte {
	g := w.counter() + 1
	b = ops(i32(op(b, wasm.OpGlobalGet, g), int32(bytes)), wasm.OpI32Sub)
	b = op(b, wasm.OpGlobalSet, g)
	b = ops(i32(op(b, wasm.OpGlobalGet, g), 0), wasm.OpI32LtS)
	b = i64(append(b, byte(wasm.OpIf), blockEmpty), StackEmpty)
	b = op(b, wasm.OpCall, w.sliceIndex())
	return ops(b, wasm.OpUnreachable, wasm.OpEnd)
}

func (w *writer) giveStack(b []byte, bytes int) []byte {
	g := w.counter() + 1
	b = ops(i32(op(b, wasm.OpGlobalGet, g), int32(bytes)), wasm.OpI32Add)
	return op(b, wasm.OpGlobalSet, g)
}

const blockEmpty = 0x40

// blockOf appends the type of a block without parameters.
func (w *writer) blockOf(b []byte, results []wasm.ValType) []byte {
	switch len(results) {
	case 0:
		return append(b, blockEmpty)
	case 1:
		return append(b, byte(results[0]))
	}
	return signed(b, int64(w.addType(wasm.FuncType{Results: results})))
}

// blockType appends the type of a block of the original.
func (w *writer) blockType(b []byte, t wasm.BlockType) []byte {
	if t < 0 {
		return append(b, byte(t+128))
	}
	return signed(b, int64(t))
}
