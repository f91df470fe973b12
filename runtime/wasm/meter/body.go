package meter

import "github.com/grow-platform/grow/runtime/wasm"

// action is what is done at a place of a body.
type action byte

const (
	charge action = iota // insert: take the cost from the counter
	around               // insert: the beginning of the block around a loop
	head                 // insert: the beginning of the block that a loop is made of, look, and charge
	within               // insert: the same without a look
	turn                 // write a branch back to a loop: charge, and look
	below                // insert: what stands at the end of a loop, and is seldom run
	behind               // insert: the end of the block around a loop
	index                // write an instruction whose index, or label, is number
	labels               // write a br_table, whose labels begin with number of those of the body
	call                 // write a call of function number
	beside               // leave a call as it is
	bulk                 // insert or write a call of helper number
	leave                // insert: what is done before a return
)

// edit is one place. What is inserted stands before the byte at; what is written
// stands for the bytes from at to end.
type edit struct {
	at, end uint32
	do      action
	op      wasm.Op
	number  int32 // a label of the function itself: its complement
	cost    int32 // of a call: written, unread
}

// What is left out around a call in a function that counts in a local.
const (
	written = 1 << iota // the global holds already what the local does
	unread              // the local is not needed before the next call
)

// body is what is found in one body.
type body struct {
	edits       []edit
	labels      []int32 // of br_tables, likewise
	callees     []int32 // functions called, as often as they are
	types       []int32 // of functions called through tables, likewise
	cost        int     // of all instructions, each once
	longest     int     // of the longest way through it that does not go back to a loop, see walk
	early       bool    // it begins with a few instructions and a loop that looks at the counter
	needs       int     // upper estimate of the stack a call takes, in bytes
	locals      int     // parameters too
	sites       int     // places that charge
	calls       int     // and that call, or do bulk operations
	loops       bool    // it has some
	local       bool    // it counts in a local, unless it is dense
	dense, each bool    // charge and look often; before every instruction
	kept        bool    // edits are its own

	// What the graph says.
	check bool // look at the counter where it begins
	takes int  // bytes of stack to count; 0: none
}

// scope is a block that is open.
type scope struct {
	op       wasm.Op
	dead     bool  // never reached
	targeted bool  // branched to
	out      int32 // the outermost block that is branched to from within, by its place among those open
	site     int32 // what is charged where it stands; none: -1
	first    int32 // the first charge of an arm, and of the arm before it
	then     int32
	head     int32           // of a loop
	turns    [turnsMax]int32 // the branches back to it
	back     int             // how many those are, or more than turnsMax
	height   int             // of the operand stack without parameters
	sets     int             // assignments to locals before it
	begin    int             // the longest way to it
	reach    int             // and to its end by a branch, or by the first arm
	place    int             // of its label, as depth
	wrapped  bool            // a loop that is written as three blocks
	params   int
	results  int
}

// scanner finds the edits of bodies.
type scanner struct {
	w      *writer
	b      *body
	scopes []scope
	cur    int32 // the charge that what comes next belongs to; -1: a new one
	depth  int   // of blocks, as they are written
	dead   bool  // what comes next is never reached
	plain  bool  // neither branched nor called so far
	lead   int32 // the head of a loop that is reached so
	way    int   // units of the longest way to here, see walk
	dirty  bool  // a local that counts may hold something else than the global
	call   int32 // the last call, as long as the local has not been needed since; none: -1
	frame  frame
}

// regionMax is how many units a dense body charges at once.
const regionMax = 1000

// turnsMax is how many branches back to a loop each pay for a turn and look.
const turnsMax = 2

// leadMax is how many units a body may begin with before a loop.
const leadMax = 100

// scan finds the edits of a body.
func (s *scanner) scan(i int, b *body) {
	m := s.w.m
	*s = scanner{w: s.w, b: b, scopes: s.scopes[:0], cur: -1, plain: true, lead: -1, call: -1}
	b.sites, b.calls = 0, 0
	s.push(wasm.OpBlock)
	s.frame.begin(m, i)
	in, again := wasm.Instr{}, b.needs > 0
	for scan := m.Scan(i); scan.Next(&in); {
		if !s.dead && !again {
			s.frame.step(&in)
		}
		s.pay(&in)
		s.flow(&in)
		s.replace(&in)
	}
	if !again {
		b.locals = s.frame.locals
		if b.choose(); b.local {
			s.frame.values += b.sites
		}
		b.needs = s.frame.size()
	}
}

// free says whether an instruction costs nothing.
func free(o wasm.Op) bool {
	switch o {
	case wasm.OpNop, wasm.OpBlock, wasm.OpLoop, wasm.OpElse, wasm.OpEnd:
		return true
	}
	return false
}

// pay adds an instruction to what is charged.
func (s *scanner) pay(in *wasm.Instr) {
	if s.dead || free(in.Op) {
		return
	}
	s.b.cost++
	s.walk(in.Op)
	if s.cur < 0 || s.b.each || s.b.dense && s.b.edits[s.cur].cost >= regionMax {
		s.open(in.At, charge)
	}
	s.b.edits[s.cur].cost++
}

// walk goes on with the longest way by an instruction. A call counts with the most
// that is run before a function looks. Ways back to loops do not count, as each turn
// looks.
func (s *scanner) walk(o wasm.Op) {
	s.way++
	if o == wasm.OpCall || o == wasm.OpCallIndirect {
		s.way += uncheckedMax
	}
	s.b.longest = max(s.b.longest, s.way)
}

// meet goes on where the ways to the end of a block come together.
func (s *scanner) meet(f *scope) {
	if f.op == wasm.OpIf {
		f.reach = max(f.reach, f.begin)
	}
	if s.dead {
		s.way = 0
	}
	s.way = max(s.way, f.reach)
}

// open begins a new charge.
func (s *scanner) open(at int, do action) {
	s.b.sites++
	s.dirty, s.call = true, -1
	s.cur = s.add(edit{at: uint32(at), end: uint32(at), do: do})
	if top := &s.scopes[len(s.scopes)-1]; top.first < 0 {
		top.first = s.cur
	}
}

func (s *scanner) add(e edit) int32 {
	s.b.edits = append(s.b.edits, e)
	return int32(len(s.b.edits) - 1)
}

// flow follows control.
func (s *scanner) flow(in *wasm.Instr) {
	switch in.Op {
	case wasm.OpBlock, wasm.OpLoop, wasm.OpIf:
		s.enter(in)
	case wasm.OpElse:
		top := &s.scopes[len(s.scopes)-1]
		top.op, top.then, top.first = wasm.OpElse, top.first, -1
		if !s.dead {
			top.reach = max(top.reach, s.way)
		}
		s.cur, s.dead, s.way = -1, top.dead, top.begin
		s.frame.at(top.height + top.params)
	case wasm.OpEnd:
		s.unwrap(in)
		s.exit()
	case wasm.OpBr, wasm.OpBrIf:
		s.frame.height -= int(in.Op - wasm.OpBr)
		label := s.branch(in.Index)
		s.turn(in.Index)
		s.add(edit{at: uint32(in.At), end: uint32(in.End), do: index, op: in.Op, number: label})
		s.stop(in.Op == wasm.OpBr)
	case wasm.OpBrTable:
		s.add(edit{at: uint32(in.At), end: uint32(in.End), do: labels, number: int32(len(s.b.labels)), cost: int32(in.Index) + 1})
		for l := range s.w.m.Labels(in) {
			s.b.labels = append(s.b.labels, s.branch(l))
			s.scopes[len(s.scopes)-1-int(l)].back = turnsMax + 1
		}
		s.stop(true)
	case wasm.OpReturn:
		s.branch(uint32(len(s.scopes) - 1))
		s.stop(true)
	case wasm.OpUnreachable:
		s.stop(true)
	case wasm.OpCall, wasm.OpCallIndirect:
		s.plain = false
		if s.b.dense {
			s.cur = -1
		}
	}
}

// enter opens a block.
func (s *scanner) enter(in *wasm.Instr) {
	if s.cur < 0 && !s.dead {
		s.open(in.At, charge)
	}
	if in.Op == wasm.OpIf && !s.dead {
		s.frame.height--
	}
	t := s.w.m.Block(in.Block)
	wrap := in.Op == wasm.OpLoop && !s.dead && len(t.Params) == 0
	if wrap {
		s.add(edit{at: uint32(in.At), end: uint32(in.At), do: around, number: int32(in.Block)})
		s.depth++
	}
	s.depth++
	s.push(in.Op)
	top := &s.scopes[len(s.scopes)-1]
	top.height, top.params, top.results = s.frame.height-len(t.Params), len(t.Params), len(t.Results)
	if top.wrapped = wrap; wrap {
		s.depth++
	}
	switch {
	case in.Op == wasm.OpIf:
		s.cur, s.plain = -1, false
	case in.Op == wasm.OpLoop && !s.dead:
		s.open(in.End, head)
		top.head, s.b.loops = s.cur, true
		s.b.edits[s.cur].number = int32(in.Block)
		if s.plain && s.b.cost <= leadMax {
			s.lead = s.cur
		}
		s.plain = false
	}
}

func (s *scanner) push(o wasm.Op) {
	s.scopes = append(s.scopes, scope{op: o, dead: s.dead, out: int32(len(s.scopes)), site: s.cur, first: -1, then: -1, head: -1, sets: s.frame.sets, begin: s.way, place: s.depth})
}

// unwrap ends a block, and with a loop the blocks it is written as.
func (s *scanner) unwrap(in *wasm.Instr) {
	if s.scopes[len(s.scopes)-1].wrapped {
		s.add(edit{at: uint32(in.At), end: uint32(in.At), do: below})
		s.add(edit{at: uint32(in.End), end: uint32(in.End), do: behind})
		s.depth -= 2
	}
	s.depth--
}

// stop ends what runs together; after it may come what is never reached.
func (s *scanner) stop(dead bool) {
	s.cur, s.call, s.plain = -1, -1, false
	s.dead = s.dead || dead
}

// branch notes that a label is branched to, and says which one it is now: the
// complement of it if it is that of the function, see emitter.label.
func (s *scanner) branch(label uint32) int32 {
	top := len(s.scopes) - 1
	t := top - int(label)
	now := int32(s.depth - s.scopes[t].place)
	if t == 0 {
		now = ^now
	}
	if s.dead {
		return now
	}
	s.scopes[t].targeted = true
	if s.scopes[t].op != wasm.OpLoop {
		s.scopes[t].reach = max(s.scopes[t].reach, s.way)
	}
	s.scopes[top].out = min(s.scopes[top].out, int32(t))
	return now
}

// exit closes a block. What follows is charged with what stands before the
// block if it is reached whenever the block is.
func (s *scanner) exit() {
	depth := len(s.scopes) - 1
	f := s.scopes[depth]
	s.scopes = s.scopes[:depth]
	s.plain, s.dirty, s.call = false, true, -1
	escapes := f.out < int32(depth)
	if depth > 0 {
		s.scopes[depth-1].out = min(s.scopes[depth-1].out, f.out)
	}
	s.meet(&f)
	if f.op == wasm.OpLoop && f.head >= 0 {
		s.closeLoop(&f)
	}
	s.frame.at(f.height + f.results)
	if f.targeted || f.op != wasm.OpBlock {
		s.frame.meet(f.sets)
	}
	arms := f.op == wasm.OpIf || f.op == wasm.OpElse
	switch {
	case f.dead:
		s.cur, s.dead = -1, true
	case s.b.dense || s.b.each:
		s.cur, s.dead = -1, s.dead && !f.targeted && !arms
	case !escapes && s.dead && !f.targeted && !arms:
		s.cur = -1
	case !escapes:
		s.cur, s.dead = f.site, false
	case f.op == wasm.OpLoop, f.op == wasm.OpBlock && !f.targeted:
		// It goes straight on.
	default:
		s.cur, s.dead = -1, false
	}
	if f.op == wasm.OpElse {
		s.balance(&f)
	}
}

// turn notes a branch, which is the next edit, if it goes back to a loop.
func (s *scanner) turn(label uint32) {
	t := &s.scopes[len(s.scopes)-1-int(label)]
	switch {
	case s.dead:
	case t.back < turnsMax:
		t.turns[t.back] = int32(len(s.b.edits))
		fallthrough
	default:
		t.back = min(t.back+1, turnsMax+1)
	}
}

// closeLoop: one that nothing branches to is none. Where few branches go back, each
// pays for the turn that it begins and looks, and the first turn is paid with what
// stands before the loop: many a loop ends in its first.
func (s *scanner) closeLoop(f *scope) {
	switch {
	case !f.targeted && f.wrapped:
		s.b.edits[f.head].do = within
	case !f.targeted:
		s.b.edits[f.head].do = charge
	case f.wrapped && f.back <= turnsMax && !s.b.dense && !s.b.each:
		head := &s.b.edits[f.head]
		for _, i := range f.turns[:f.back] {
			s.b.edits[i].do, s.b.edits[i].cost = turn, head.cost
		}
		s.b.edits[f.site].cost += head.cost
		head.do, head.cost = within, 0
	case f.head == s.lead:
		s.b.early = true
	}
}

// balance charges one arm of an if before it, and the other arm for the
// difference.
func (s *scanner) balance(f *scope) {
	if s.b.dense || s.b.each || f.dead || f.site < 0 || f.then < 0 || f.first < 0 {
		return
	}
	then, other := &s.b.edits[f.then], &s.b.edits[f.first]
	if other.do != charge || then.do != charge {
		return
	}
	s.b.edits[f.site].cost += other.cost
	then.cost -= other.cost
	other.cost = 0
}

// replace notes what is written anew of an instruction.
func (s *scanner) replace(in *wasm.Instr) {
	w := s.w
	e := edit{at: uint32(in.At), end: uint32(in.End), op: in.Op}
	switch in.Op {
	case wasm.OpCall:
		s.b.callees = append(s.b.callees, int32(in.Index))
		e.do, e.number = call, int32(w.function(int(in.Index)))
	case wasm.OpCallIndirect:
		s.b.types = append(s.b.types, int32(in.Index))
		e.do = beside
	case wasm.OpRefFunc:
		w.refer(int(in.Index))
		e.do, e.number = index, int32(w.function(int(in.Index)))
	case wasm.OpReturn:
		e.do, e.end = leave, e.at
	default:
		if !s.bulk(in, &e) {
			return
		}
	}
	switch e.do {
	case call, beside, bulk:
		s.others(&e)
	}
	s.add(e)
}

// others notes a call, which is the next edit: others count, so they need the
// global, and then the local needs it.
func (s *scanner) others(e *edit) {
	s.b.calls++
	if !s.dirty {
		e.cost |= written
	}
	if s.call >= 0 {
		s.b.edits[s.call].cost |= unread
	}
	s.dirty, s.call = false, int32(len(s.b.edits))
}

// bulk: filling and copying memory, and the initialisation of much of it, are
// done by a function that goes piece by piece; the others are preceded by a
// function that charges and leaves the length where it is.
func (s *scanner) bulk(in *wasm.Instr, e *edit) bool {
	h := helper{op: in.Op}
	switch in.Op {
	case wasm.OpMemoryFill, wasm.OpMemoryCopy:
	case wasm.OpMemoryInit:
		if s.w.m.Data[in.Index].Size > ChunkBytes {
			h.segment = in.Index
			break
		}
		h, e.end = helper{}, e.at
	case wasm.OpMemoryGrow:
		e.end = e.at
	case wasm.OpTableInit, wasm.OpTableCopy, wasm.OpTableFill, wasm.OpTableGrow:
		h, e.end = helper{}, e.at
	default:
		return false
	}
	e.do, e.number = bulk, int32(s.w.help(h))
	return true
}
