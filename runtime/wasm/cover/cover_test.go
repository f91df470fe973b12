package cover

import (
	"errors"
	"testing"

	"github.com/grow-platform/grow/runtime/wasm"
	"github.com/grow-platform/grow/testdata/wat"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// branching is a module of one function (i32) -> i32: an if with two arms around a loop.
//
//	(func (export "f") (param i32) (result i32)
//	  local.get 0 if (result i32) i32.const 7 else
//	    loop br_if 0 … end i32.const 9 end)
var branching = []byte{
	0, 'a', 's', 'm', 1, 0, 0, 0,
	1, 6, 1, 0x60, 1, 0x7f, 1, 0x7f,
	3, 2, 1, 0,
	7, 5, 1, 1, 'f', 0, 0,
	10, 21, 1, 19, 0,
	0x20, 0, // local.get 0
	0x04, 0x7f, // if (result i32)
	0x41, 7,
	0x05,                               // else
	0x03, 0x40, 0x41, 0, 0x0d, 0, 0x0b, // loop i32.const 0 br_if 0 end
	0x41, 9,
	0x0b, 0x0b,
}

// ran calls f, and returns the bits of the blocks that it ran.
func ran(t *testing.T, binary []byte, arg uint64) (result uint64, words uint32) {
	t.Helper()
	ctx := t.Context()
	r := wazero.NewRuntime(ctx)
	t.Cleanup(func() { _ = r.Close(ctx) })
	m, err := r.Instantiate(ctx, binary)
	if err != nil {
		t.Fatal(err)
	}
	out, err := m.ExportedFunction("f").Call(ctx, arg)
	if err != nil {
		t.Fatal(err)
	}
	return out[0], uint32(m.ExportedGlobal(Name(0)).(api.MutableGlobal).Get())
}

// TestBlocks: a call sets the bits of the blocks that it runs, and of no others, and its
// result stays.
func TestBlocks(t *testing.T) {
	m, err := wasm.Decode(branching)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Rewrite(m)
	if err != nil || c.Blocks != 7 || c.Words != 1 {
		t.Fatalf("%+v, %v", c, err)
	}
	// 0 the function, 1 the if, 2 the else, 3 the loop, 4 behind br_if, 5 behind the loop, 6 behind the if
	for _, call := range []struct {
		arg, result uint64
		words       uint32
	}{{1, 7, 0b1000011}, {0, 9, 0b1111101}} {
		if result, words := ran(t, c.Binary, call.arg); result != call.result || words != call.words {
			t.Errorf("f(%d) = %d, blocks %b; want %d and %b", call.arg, result, words, call.result, call.words)
		}
	}
}

// TestValid: what is rewritten is a valid module, with the globals and exports that it had.
func TestValid(t *testing.T) {
	for _, name := range []string{"ledger", "echo", "fill", "loops", "recurse"} {
		m, err := wasm.Decode(wat.Module(name))
		if err != nil {
			t.Fatal(err)
		}
		c, err := Rewrite(m)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		again, err := wasm.Decode(c.Binary)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(again.Globals) != len(m.Globals)+c.Words || len(again.Exports) != len(m.Exports)+c.Words || len(again.Bodies) != len(m.Bodies) || c.Blocks < len(m.Bodies) {
			t.Errorf("%s: %d globals, %d exports, %d blocks", name, len(again.Globals), len(again.Exports), c.Blocks)
		}
		var fault *wasm.Error
		if _, err := Rewrite(again); !errors.As(err, &fault) || fault.Code != wasm.CodeInvalid {
			t.Errorf("%s: rewritten twice: %v", name, err)
		}
	}
}

// FuzzRewrite: whatever is a valid module is one afterwards, unless it is told that it has
// too much of something.
func FuzzRewrite(f *testing.F) {
	f.Add(branching)
	f.Add(wat.Module("ledger"))
	f.Fuzz(func(t *testing.T, binary []byte) {
		m, err := wasm.Decode(binary)
		if err != nil {
			return
		}
		c, err := Rewrite(m)
		if err != nil {
			return
		}
		var fault *wasm.Error
		if _, err := wasm.Decode(c.Binary); err != nil && (!errors.As(err, &fault) || fault.Code != wasm.CodeLimit) {
			t.Errorf("%v", err)
		}
	})
}
