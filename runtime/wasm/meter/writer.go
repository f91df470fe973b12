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
	b.labels, b.longest = b.labels[:0], 0
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
		e := emitter{w: w, b: found, t: w.tally(), out: room[:0], from: m.Bodies[i].Start}
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
	t             tally
	out           []byte
	from          int // what of the original comes next
	moves         []Offset
	sites, checks int
}

func (e *emitter) copy(to int) {
	if to > e.from {
		e.moved()
	}
	e.out = append(e.out, e.w.m.Binary[e.from:to]...)
	e.from = to
}

// moved notes where what comes next of the original is now.
func (e *emitter) moved() {
	if e.w.o.Offsets {
		e.moves = append(e.moves, Offset{Old: uint32(e.from), New: uint32(len(e.out))})
	}
}

// body writes the body. One that looks at the counter is in two blocks, as loops
// are: see look. One that has something to do when it returns is in another.
func (e *emitter) body(i int) {
	m, w := e.w.m, e.w
	code, results := &m.Bodies[i], m.TypeOf(m.ImportedFuncs+i).Results
	e.locals(code)
	if e.b.takes > 0 {
		w.out.Counted++
		e.out = w.takeStack(e.out, e.b.takes)
	}
	if e.leaves() {
		e.out = w.blockOf(append(e.out, byte(wasm.OpBlock)), results)
	}
	if e.b.check {
		e.out = w.blockOf(append(e.out, byte(wasm.OpLoop)), results)
		e.within()
		e.look(0)
	}
	for j := range e.b.edits {
		e.edit(&e.b.edits[j])
	}
	e.copy(code.End - 1)
	e.moved()
	if e.b.check {
		e.out = ops(e.t.below(e.out), wasm.OpEnd)
	}
	if e.leaves() {
		e.out = ops(e.out, wasm.OpEnd)
		e.leave()
	}
	e.from = code.End
	e.out = ops(e.out, wasm.OpEnd)
}

// locals writes the locals, and one more when the function counts in it.
func (e *emitter) locals(code *wasm.Body) {
	if !e.b.local || e.b.dense {
		e.copy(code.Code)
		return
	}
	r := reader{b: e.w.m.Binary, at: code.Start}
	e.out = unsigned(e.out, uint64(r.u32())+1)
	e.from = r.at
	e.copy(code.Code)
	e.out = append(e.out, 1, byte(wasm.I64))
	e.t.local = e.b.locals
	e.out = e.t.read(e.out)
}

// leaves says whether something is to be done when the function returns.
func (e *emitter) leaves() bool { return e.b.takes > 0 || e.t.local >= 0 }

func (e *emitter) leave() {
	e.out = e.t.write(e.out)
	if e.b.takes > 0 {
		e.out = e.w.giveStack(e.out, e.b.takes)
	}
}

// within begins the block that a loop is made of.
func (e *emitter) within() { e.out = append(e.out, byte(wasm.OpBlock), blockEmpty) }

// look leaves the block that a loop is made of when there is no fuel.
func (e *emitter) look(label int) {
	e.checks++
	e.out = op(e.t.low(e.out), wasm.OpBrIf, label)
}

func (e *emitter) edit(d *edit) {
	if d.do == charge && d.cost == 0 {
		return
	}
	w := e.w
	e.copy(int(d.at))
	if d.end > d.at {
		e.moved()
	}
	e.from = int(d.end)
	switch d.do {
	case charge:
		if e.b.dense {
			e.checks++
			e.out = e.t.look(e.out)
		}
		e.charge(d.cost)
	case around:
		e.out = w.blockType(append(e.out, byte(wasm.OpBlock)), wasm.BlockType(d.number))
	case head:
		e.head(wasm.BlockType(d.number))
		e.charge(d.cost)
		e.out = e.t.write(e.out)
	case within:
		e.within()
		e.charge(d.cost)
	case turn:
		e.turn(d)
	case below:
		e.out = e.t.below(e.out)
	case behind:
		e.out = ops(e.out, wasm.OpEnd)
	case index:
		e.out = op(e.out, d.op, e.label(d.number))
	case labels:
		e.out = op(e.out, wasm.OpBrTable, int(d.cost)-1)
		for _, l := range e.b.labels[d.number : d.number+d.cost] {
			e.out = unsigned(e.out, uint64(e.label(l)))
		}
	case call, beside, bulk:
		e.call(d)
	case leave:
		e.leave()
	}
}

// head looks where a loop begins.
func (e *emitter) head(t wasm.BlockType) {
	if t >= 0 && len(e.w.m.Types[t].Params) > 0 {
		e.checks++
		e.out = e.t.look(e.out)
		return
	}
	e.within()
	e.look(0)
}

// turn writes a branch back to a loop, which is around the block it is made of.
func (e *emitter) turn(d *edit) {
	label := e.label(d.number)
	if d.op == wasm.OpBrIf {
		e.out = append(e.out, byte(wasm.OpIf), blockEmpty)
		label++
	}
	e.charge(d.cost)
	e.out = e.t.write(e.out)
	e.look(label - 1)
	e.out = op(e.out, wasm.OpBr, label)
	if d.op == wasm.OpBrIf {
		e.out = ops(e.out, wasm.OpEnd)
	}
}

// call writes a call, with what a local needs around it.
func (e *emitter) call(d *edit) {
	if d.cost&written == 0 {
		e.out = e.t.write(e.out)
	}
	switch d.do {
	case call:
		e.out = op(e.out, wasm.OpCall, int(d.number))
	case bulk:
		e.out = op(e.out, wasm.OpCall, e.w.helperIndex(int(d.number)))
	case beside:
		e.out = append(e.out, e.w.m.Binary[d.at:d.end]...)
	}
	if d.cost&unread == 0 {
		e.out = e.t.read(e.out)
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
	e.out = e.t.pay(e.out, int64(cost))
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
