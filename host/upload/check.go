package upload

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"

	"github.com/grow-platform/grow/host/store"
)

// checked reads r, and fails with ErrAltered at its end when it was not the object.
type checked struct {
	r    io.Reader
	want store.Digest
	hash hash.Hash
}

// Read implements io.Reader.
func (c *checked) Read(b []byte) (int, error) {
	if c.hash == nil {
		c.hash = sha256.New()
	}
	n, err := c.r.Read(b)
	c.hash.Write(b[:n])
	if err != io.EOF {
		return n, err
	}
	if got := hex.EncodeToString(c.hash.Sum(nil)); got != string(c.want) {
		err = fmt.Errorf("%w: %.12s, not %.12s; it was thrown away", ErrAltered, got, c.want)
	}
	return n, err
}
