package wazero

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/wasm"
	"github.com/grow-platform/grow/runtime/wasm/meter"
)

// admit is what a binary passes before wazero sees it, and returns what wazero
// is to compile. Here, and nowhere else, belongs every check and every
// rewriting of modules.
func admit(b []byte) ([]byte, error) {
	if len(b) > binaryMax {
		return nil, &engine.Error{Code: engine.CodeLimit, Reason: fmt.Sprintf("the module has %d bytes; at most %d are allowed", len(b), binaryMax)}
	}
	if len(b) < 8 || string(b[:4]) != "\x00asm" {
		return nil, &engine.Error{Code: engine.CodeInvalid, Reason: "the file is not a WebAssembly module: it does not begin with \\0asm"}
	}
	if v := binary.LittleEndian.Uint32(b[4:]); v != 1 {
		reason := fmt.Sprintf("the file is of WebAssembly version %d; version 1 is wanted", v)
		if v>>16 == 1 {
			reason = "the file is a WebAssembly component; an actor is a core module"
		}
		return nil, &engine.Error{Code: engine.CodeInvalid, Reason: reason}
	}
	if err := imports(b[8:]); err != nil {
		return nil, err
	}
	m, err := wasm.Decode(b)
	if err != nil {
		return nil, inadmissible(err)
	}
	if m, err = wasm.Decode(m.Stripped()); err != nil {
		return nil, inadmissible(err)
	}
	metered, err := meter.Rewrite(m, meter.Options{})
	if err != nil {
		return nil, inadmissible(err)
	}
	return metered.Binary, nil
}

func inadmissible(err error) error {
	var fault *wasm.Error
	if !errors.As(err, &fault) {
		return err
	}
	return &engine.Error{Code: fault.Code, Reason: fmt.Sprintf("at offset %d: %s", fault.At, fault.Reason), Cause: err}
}

// importSection is the section that says what a module imports
// (WebAssembly core specification 2.0, section 5.5.5).
const importSection = 2

// kinds of import, by number.
var importKinds = [...]string{"function", "table", "memory", "global", "tag"}

// imports refuses imports of anything but functions: whatever else there is
// would be shared with the host or with others. Bytes that do not make sense
// are left to the compiler to refuse.
func imports(b []byte) error {
	for len(b) > 0 {
		id := b[0]
		size, n := binary.Uvarint(b[1:])
		if n <= 0 || size > uint64(len(b)-1-n) {
			return nil
		}
		section := b[1+n : 1+n+int(size)]
		if id == importSection {
			return importsOf(section)
		}
		b = b[1+n+int(size):]
	}
	return nil
}

func importsOf(b []byte) error {
	count, n := binary.Uvarint(b)
	if n <= 0 {
		return nil
	}
	b = b[n:]
	for range min(count, uint64(len(b))) {
		from, rest, ok := name(b)
		if !ok {
			return nil
		}
		what, rest, ok := name(rest)
		if !ok || len(rest) < 2 {
			return nil
		}
		if kind := rest[0]; kind != 0 {
			word := "thing"
			if int(kind) < len(importKinds) {
				word = importKinds[kind]
			}
			return &engine.Error{Code: engine.CodeImport, Reason: fmt.Sprintf("the module imports the %s %s.%s; an actor may import functions only", word, from, what)}
		}
		_, n := binary.Uvarint(rest[1:]) // index of the type
		if n <= 0 {
			return nil
		}
		b = rest[1+n:]
	}
	return nil
}

func name(b []byte) (text string, rest []byte, ok bool) {
	n, k := binary.Uvarint(b)
	if k <= 0 || n > uint64(len(b)-k) {
		return "", nil, false
	}
	return string(b[k : k+int(n)]), b[k+int(n):], true
}
