package snapshot

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/grow-platform/grow/runtime/wasm"
	"github.com/grow-platform/grow/testdata/wat"
)

// TestHull: a hull is valid, and says what the module says but for what functions do.
func TestHull(t *testing.T) {
	smaller := 0
	for _, name := range wat.Names() {
		m, err := wasm.Decode(wat.Module(name))
		if err != nil {
			t.Fatal(err)
		}
		hull := Hull(m)
		h, err := wasm.Decode(hull)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !reflect.DeepEqual(h.Types, m.Types) || !reflect.DeepEqual(h.Imports, m.Imports) || !reflect.DeepEqual(h.Exports, m.Exports) ||
			!reflect.DeepEqual(h.Funcs, m.Funcs) || !reflect.DeepEqual(h.Memories, m.Memories) || len(h.Bodies) != len(m.Bodies) || len(h.Data) != len(m.Data) {
			t.Errorf("%s: the hull says something else", name)
		}
		if !bytes.Equal(Hull(h), hull) {
			t.Errorf("%s: the hull of the hull is another", name)
		}
		if len(hull) < len(m.Binary) {
			smaller++
		}
	}
	if smaller < 5 {
		t.Errorf("%d hulls are smaller than their modules", smaller)
	}
}
