package meter

import (
	"bytes"
	"errors"
	"testing"

	"github.com/grow-platform/grow/runtime/wasm"
)

// FuzzRewrite: whatever is decoded is rewritten, always to the same, and what is
// written is valid, unless something that was near a limit is now beyond it.
func FuzzRewrite(f *testing.F) {
	for _, p := range endless {
		f.Add(p.binary(), byte(0))
	}
	for _, p := range deep {
		f.Add(p.binary(), byte(1))
	}
	f.Add(bulkOps().binary(), byte(3))
	f.Fuzz(func(t *testing.T, b []byte, flags byte) {
		m, err := wasm.Decode(b)
		if err != nil {
			return
		}
		o := Options{Globals: flags&1 != 0, Offsets: flags&2 != 0}
		out, err := Rewrite(m, o)
		if err != nil {
			var known *wasm.Error
			if !errors.As(err, &known) {
				t.Fatal(err)
			}
			return
		}
		again, err := Rewrite(m, o)
		if err != nil || !bytes.Equal(out.Binary, again.Binary) {
			t.Fatalf("rewritten again it is something else: %v", err)
		}
		var known *wasm.Error
		if _, err := wasm.Decode(out.Binary); err != nil && !(errors.As(err, &known) && known.Code == wasm.CodeLimit) {
			t.Fatalf("what was written is not valid: %v", err)
		}
	})
}
