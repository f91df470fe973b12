package meter

import "github.com/grow-platform/grow/runtime/wasm"

// writer writes a module anew. Its own function is imported last, so functions of
// the module move up by one; counters that are imported move globals up by two;
// everything else that is added stands at the end.
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
}

// function is where a function is now.
func (w *writer) function(i int) int {
	if i < w.m.ImportedFuncs {
		return i
	}
	return i + 1
}

// global is where a global is now.
func (w *writer) global(i int) int {
	if i < w.m.ImportedGlobals || w.o.Shared == "" {
		return i
	}
	return i + 2
}

// counter is the global that counts fuel; the next one counts the stack.
func (w *writer) counter() int {
	if w.o.Shared == "" {
		return len(w.m.Globals)
	}
	return w.m.ImportedGlobals
}

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

// find scans a body. Edits are valid until the next is scanned: keeping all of
// them would take many times the memory of the module.
func (w *writer) find(s *scanner, i int) *body {
	b := &w.bodies[i]
	b.edits, b.callees, b.types, b.cost, b.each = w.edits[:0], b.callees[:0], b.types[:0], 0, w.o.each
	s.scan(i, b)
	w.edits = b.edits
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

func (e *emitter) body(i int) {
	m := e.w.m
	code := &m.Bodies[i]
	e.copy(code.Code)
	if e.b.takes > 0 {
		e.w.out.Counted++
		e.out = e.w.takeStack(e.out, e.b.takes)
	}
	if e.b.check {
		e.checks++
		e.out = e.w.lookBack(e.out, true)
	}
	if e.b.takes > 0 {
		e.out = e.w.blockOf(append(e.out, byte(wasm.OpBlock)), m.TypeOf(m.ImportedFuncs+i).Results)
	}
	for j := range e.b.edits {
		e.edit(&e.b.edits[j])
	}
	e.copy(code.End)
	if e.b.takes > 0 {
		e.out = append(e.w.giveStack(e.out, e.b.takes), byte(wasm.OpEnd))
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
	case head:
		e.checks++
		if t := wasm.BlockType(d.number); t >= 0 && len(w.m.Types[t].Params) > 0 {
			e.out = w.look(e.out)
		} else {
			e.out = w.lookBack(e.out, false)
		}
		e.charge(d.cost)
	case index:
		e.out = op(e.out, d.op, int(d.number))
	case bulk:
		e.out = op(e.out, wasm.OpCall, w.helperIndex(int(d.number)))
	case leave:
		if e.b.takes > 0 {
			e.out = w.giveStack(e.out, e.b.takes)
		}
	}
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

// look asks for more fuel when there is none left.
func (w *writer) look(b []byte) []byte {
	b = append(w.low(b), byte(wasm.OpIf), blockEmpty)
	return ops(w.refill(b), wasm.OpEnd)
}

// lookBack does so where a loop begins: the call is followed by a jump back to the
// head of the loop. So the code that is run next has one way in, the usual one, and
// wazero need not load again what it has in registers. Where there is no loop yet,
// one is put there.
func (w *writer) lookBack(b []byte, loop bool) []byte {
	if loop {
		b = append(b, byte(wasm.OpLoop), blockEmpty)
	}
	b = append(w.low(b), byte(wasm.OpIf), blockEmpty)
	b = op(w.refill(b), wasm.OpBr, 1)
	b = ops(b, wasm.OpEnd)
	if loop {
		b = ops(b, wasm.OpEnd)
	}
	return b
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
