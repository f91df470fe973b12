package wazero

import (
	"bytes"
	"testing"

	"github.com/grow-platform/grow/runtime/admission"
	"github.com/grow-platform/grow/runtime/engine/enginetest"
	"github.com/grow-platform/grow/runtime/wasm"
	"github.com/grow-platform/grow/testdata/wat"
)

// FuzzAdmit: no bytes make admission panic, none are changed in place, and what
// comes of those that are accepted is a module.
func FuzzAdmit(f *testing.F) {
	f.Add([]byte(nil))
	f.Add(enginetest.Probe())
	for _, name := range wat.Names() {
		f.Add(wat.Module(name))
	}
	f.Add([]byte("\x00asm\x01\x00\x00\x00\x02\x0b\x01\x03env\x03mem\x02\x00\x01"))
	f.Add([]byte("\x00asm\x01\x00\x00\x00\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		code, err := admission.Admit(b)
		if !bytes.Equal(b, before) {
			t.Error("the binary was changed")
		}
		if err != nil {
			return
		}
		if _, err := wasm.Decode(code); err != nil {
			t.Errorf("%x was made of %x: %v", code, before, err)
		}
	})
}
