package wazero

import (
	"bytes"
	"testing"

	"github.com/grow-platform/grow/runtime/engine/enginetest"
	"github.com/grow-platform/grow/testdata/wat"
)

// FuzzAdmit: no bytes make admission panic, and what it accepts it leaves as
// it is and begins as a core module does.
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
		code, err := admit(b)
		if !bytes.Equal(b, before) {
			t.Error("the binary was changed")
		}
		if err == nil && (!bytes.Equal(code, before) || len(code) < 8 || string(code[:8]) != "\x00asm\x01\x00\x00\x00") {
			t.Errorf("accepted %x", before)
		}
	})
}
