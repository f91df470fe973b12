package hostile

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/grow-platform/grow/runtime/wasm"
	"github.com/grow-platform/grow/testdata/wat"
)

// TestCases: every case has a name of its own and bytes that are the same each time.
func TestCases(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Cases() {
		name := string(c.Class) + ": " + c.Name
		if seen[name] {
			t.Errorf("%s: twice", name)
		}
		seen[name] = true
		if c.Class != Compile && c.Class != Memory && !bytes.Equal(c.Binary(), c.Binary()) {
			t.Errorf("%s: differs from time to time", name)
		}
	}
}

// TestLight: all there is for grow_handle is there, and where a class has a case for
// each place, each place is come to.
func TestLight(t *testing.T) {
	type of struct {
		class Class
		place int
	}
	count := func(list []Case) map[of]int {
		n := map[of]int{}
		for _, c := range list {
			n[of{c.Class, c.place}]++
		}
		return n
	}
	light := count(Light())
	for k, n := range count(Cases()) {
		switch got := light[k]; {
		case k.place == 0 && got != n:
			t.Errorf("%s: %d of %d cases in grow_handle", k.class, got, n)
		case n >= len(places) && got == 0:
			t.Errorf("%s: none of %d cases in %s", k.class, n, places[k.place].name)
		}
	}
}

// TestBuilder: what is meant to be valid is.
func TestBuilder(t *testing.T) {
	for _, c := range Cases() {
		switch c.Class {
		case CPU, Trap, ABI, WASI:
			if _, err := wasm.Decode(c.Binary()); err != nil {
				t.Errorf("%s: %s: %v", c.Class, c.Name, err)
			}
		}
	}
	for _, b := range [][]byte{sample().bytes(), Exports(), Imports()} {
		if _, err := wasm.Decode(b); err != nil {
			t.Error(err)
		}
	}
}

// TestMutants: the same numbers give the same mutant, which is another module,
// and some mutants are valid still.
func TestMutants(t *testing.T) {
	parent, other := wat.Module("ledger"), sample().bytes()
	before := bytes.Clone(parent)
	valid, same := 0, 0
	const n = 2000
	for i := range uint64(n) {
		a := Mutate(rand.New(rand.NewPCG(1, i)), parent, other)
		if !bytes.Equal(a, Mutate(rand.New(rand.NewPCG(1, i)), parent, other)) {
			t.Fatalf("mutant %d differs", i)
		}
		if bytes.Equal(a, parent) {
			same++
		}
		if _, err := wasm.Decode(a); err == nil {
			valid++
		}
	}
	if !bytes.Equal(parent, before) {
		t.Error("the parent was changed")
	}
	if valid < n/20 || valid > n*19/20 || same > n/10 {
		t.Errorf("of %d mutants %d are valid and %d are their parent", n, valid, same)
	}
}

// TestLiars are valid.
func TestLiars(t *testing.T) {
	for i := range uint64(500) {
		if _, err := wasm.Decode(Liar(rand.New(rand.NewPCG(2, i)))); err != nil {
			t.Errorf("liar %d: %v", i, err)
		}
	}
}

// TestGraft: what is grafted is valid and exports what an actor must.
func TestGraft(t *testing.T) {
	plain := blank()
	plain.memories = [][]byte{{0, 1}}
	plain.fn("", "", "", nop)
	plain.fn("add", i32+i64, i32+f64, unreachable)
	plain.fn("vector", v128, "")
	bare := blank() // a type section has to be made
	bare.memories = [][]byte{{0, 1}}
	for name, m := range map[string]*module{"plain": plain, "bare": bare} {
		b, err := Graft(m.bytes())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		g, err := wasm.Decode(b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		has := map[string]bool{}
		for _, e := range g.Exports {
			has[e.Name] = true
		}
		if !has["memory"] || !has["grow_alloc"] || !has["grow_handle"] {
			t.Errorf("%s: exports %v", name, g.Exports)
		}
	}
	for _, b := range [][]byte{nil, sample().bytes(), blank().bytes()} {
		if _, err := Graft(b); err == nil {
			t.Errorf("%d bytes were grafted", len(b))
		}
	}
}
