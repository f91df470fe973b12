package supervisor

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
)

// Binary is a module as it was built. The zero value is none.
type Binary struct {
	// Digest is what a compiled module says that it was made of: "sha256:" and 64 hex digits.
	Digest string
	// Read gives the module's bytes, which nobody may change. The supervisor calls it only
	// when nothing that runs was compiled of the same, and fails with ErrChanged when they
	// are of another digest.
	Read func() ([]byte, error)
}

// BinaryOf is a module whose bytes are at hand.
func BinaryOf(wasm []byte) Binary {
	return Binary{digestOf(wasm), func() ([]byte, error) { return wasm, nil }}
}

// errNoModule is what is wanted without having been built.
var errNoModule = errors.New("it has no module: build it first")

// Bytes are the module's; for none it fails.
func (b Binary) Bytes() ([]byte, error) {
	if b.Read == nil {
		return nil, errNoModule
	}
	return b.Read()
}

// ErrChanged: a module's bytes are not those that its digest was taken of.
var ErrChanged = errors.New("the module was written to since it was looked at: deploy again")

func digestOf(wasm []byte) string {
	sum := sha256.Sum256(wasm)
	return "sha256:" + hex.EncodeToString(sum[:])
}
