package wazero

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/wasm"
	"github.com/grow-platform/grow/runtime/wasm/snapshot"
)

// admitted is a module that has been admitted, and machine code of it.
type admitted struct {
	code    []byte
	key     Key    // of the machine code
	machine []byte // nil: there is none
	hull    bool   // code is only a hull, and key that of the processor
}

// bare returns the module with a hull for its code (see package snapshot): what is
// large takes long to be decoded and validated, to no end where it has been compiled.
// The key of its machine code is that of the processor. Where there is no machine code
// the module needs the code that it has.
func (a *admitted) bare() (*admitted, error) {
	if len(a.machine) == 0 {
		return a, nil
	}
	m, err := wasm.Decode(a.code)
	if err != nil {
		return nil, fmt.Errorf("decode what was admitted: %w", err)
	}
	return &admitted{code: snapshot.Hull(m), key: processor(), machine: a.machine, hull: true}, nil
}

// encode makes an entry of a [Cache]: the key, the length of the code as 4 bytes,
// the code and the machine code.
func (a *admitted) encode() []byte {
	b := make([]byte, 0, entryHead+len(a.code)+len(a.machine))
	b = binary.LittleEndian.AppendUint32(append(b, a.key[:]...), uint32(len(a.code)))
	return append(append(b, a.code...), a.machine...)
}

const entryHead = len(Key{}) + 4

// decode reads what encode has made. The code is a copy, which does not keep the
// machine code in memory.
func decode(b []byte) (*admitted, error) {
	if len(b) >= entryHead {
		n := binary.LittleEndian.Uint32(b[len(Key{}):])
		if rest := b[entryHead:]; uint64(n) <= uint64(len(rest)) {
			return &admitted{key: Key(b), code: bytes.Clone(rest[:n]), machine: rest[n:]}, nil
		}
	}
	return nil, &engine.Error{Code: engine.CodeInvalid, Reason: "what was handed over is not a module that has been admitted"}
}
