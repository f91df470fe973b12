package meter

import "github.com/grow-platform/grow/runtime/wasm"

// tally is where a function counts: in the global, or in a local that is written
// there before others count or ask, and at each turn of a loop. A global is memory,
// and loaded again behind every place where two ways come together; a local is a
// register. But only the global is left of a function that traps, so it is written
// at places which do not depend on when the host was asked.
type tally struct {
	global int
	local  int // -1: there is none
	ask    int // the function that asks for fuel
}

// tally is that of functions which count in the global.
func (w *writer) tally() tally {
	return tally{global: w.counter(), local: -1, ask: w.sliceIndex()}
}

// choose decides where a body counts. A local is written and read around each
// call, so there must be more to count than calls, and loops to count in.
func (b *body) choose() {
	b.local = b.loops && !b.each && b.locals < wasm.LocalsMax && b.sites >= b.calls
}

func (t tally) get(b []byte) []byte {
	if t.local >= 0 {
		return op(b, wasm.OpLocalGet, t.local)
	}
	return op(b, wasm.OpGlobalGet, t.global)
}

// pay takes a cost.
func (t tally) pay(b []byte, cost int64) []byte {
	b = ops(i64(t.get(b), cost), wasm.OpI64Sub)
	if t.local >= 0 {
		return op(b, wasm.OpLocalSet, t.local)
	}
	return op(b, wasm.OpGlobalSet, t.global)
}

// write has the global say what the local does.
func (t tally) write(b []byte) []byte {
	if t.local < 0 {
		return b
	}
	return op(op(b, wasm.OpLocalGet, t.local), wasm.OpGlobalSet, t.global)
}

// read has the local say what the global does.
func (t tally) read(b []byte) []byte {
	if t.local < 0 {
		return b
	}
	return op(op(b, wasm.OpGlobalGet, t.global), wasm.OpLocalSet, t.local)
}

// low says whether the counter is below zero.
func (t tally) low(b []byte) []byte {
	return ops(i64(t.get(b), 0), wasm.OpI64LtS)
}

// refill asks for more fuel.
func (t tally) refill(b []byte) []byte {
	b = op(t.get(t.write(b)), wasm.OpCall, t.ask)
	return t.read(b)
}

// look asks for more fuel when there is none left. Only what is seldom met looks
// so: wazero loads much again behind a place where two ways come together, and has
// code that is seldom run in the way of the other. So a loop is written as
//
//	block $around
//	  loop $again
//	    block $within
//	      … pay for a turn, br_if $within (the counter is below zero), br $again
//	      … br $around
//	    end
//	    ask for fuel, br $again
//	  end
//	end
//
// and one that is branched back to at more places pays and looks where it begins.
func (t tally) look(b []byte) []byte {
	b = append(t.low(b), byte(wasm.OpIf), blockEmpty)
	return ops(t.refill(b), wasm.OpEnd)
}

// below ends the block that a loop is made of, and asks for fuel.
func (t tally) below(b []byte) []byte {
	b = ops(op(b, wasm.OpBr, 2), wasm.OpEnd)
	return op(t.refill(b), wasm.OpBr, 0)
}
