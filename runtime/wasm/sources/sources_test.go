package sources

import (
	"bytes"
	"maps"
	"testing"

	"github.com/grow-platform/grow/runtime/wasm"
)

// TestAppend: what was appended is read, and a module stays a module.
func TestAppend(t *testing.T) {
	for _, want := range []map[string]Digest{{}, {"/src/a.rs": {1, 2}, "/src/b  c.rs": {3}}} {
		m, err := wasm.Decode(Append([]byte("\x00asm\x01\x00\x00\x00"), want))
		if err != nil {
			t.Fatal(err)
		}
		if got := Read(m); !maps.Equal(got, want) {
			t.Errorf("%v; want %v", got, want)
		}
	}
}

// FuzzRead: whatever a section says is read, and appended again says the same.
func FuzzRead(f *testing.F) {
	f.Add([]byte("0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20  /src/a.rs\nx  y\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		empty := []byte("\x00asm\x01\x00\x00\x00")
		m := &wasm.Module{Binary: content, Sections: []wasm.Section{{ID: wasm.SectionCustom, Name: Section, End: len(content)}}}
		got := Read(m)
		again, err := wasm.Decode(Append(bytes.Clone(empty), got))
		if err != nil {
			return // beyond a limit
		}
		if back := Read(again); !maps.Equal(got, back) {
			t.Errorf("%v; was %v", back, got)
		}
	})
}
