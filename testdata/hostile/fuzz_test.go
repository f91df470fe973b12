package hostile

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/grow-platform/grow/runtime/wasm"
	"github.com/grow-platform/grow/testdata/wat"
)

// FuzzMutate: mutants and grafts can be made of anything, and a graft of a valid
// module is valid.
func FuzzMutate(f *testing.F) {
	f.Add(uint64(1), wat.Module("ledger"), wat.Module("echo"))
	f.Add(uint64(2), sample().bytes(), []byte(nil))
	f.Add(uint64(3), []byte(nil), []byte(header))
	f.Fuzz(func(t *testing.T, seed uint64, b, other []byte) {
		before := bytes.Clone(b)
		mutant := Mutate(rand.New(rand.NewPCG(seed, 0)), b, other)
		if !bytes.Equal(b, before) {
			t.Error("the parent was changed")
		}
		for _, m := range [][]byte{b, mutant} {
			if g, err := Graft(m); err == nil {
				if _, err := wasm.Decode(g); err != nil {
					t.Errorf("graft of %x: %v", m, err)
				}
			}
		}
	})
}
