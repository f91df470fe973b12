package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
)

// Verify returns a reader of r whose last Read returns ErrDamaged instead of io.EOF
// when r does not give the object. Close closes r.
func Verify(r io.ReadCloser, o Object) io.ReadCloser {
	return &verifier{ReadCloser: r, object: o, hash: sha256.New()}
}

type verifier struct {
	io.ReadCloser
	object Object
	hash   hash.Hash
	read   int64
}

// Read implements io.Reader.
func (v *verifier) Read(b []byte) (int, error) {
	n, err := v.ReadCloser.Read(b)
	v.hash.Write(b[:n])
	v.read += int64(n)
	if err == io.EOF && (v.read != v.object.Size || hex.EncodeToString(v.hash.Sum(nil)) != string(v.object.Digest)) {
		err = fmt.Errorf("object %s: %w", v.object.Digest, ErrDamaged)
	}
	return n, err
}

// Bounded returns a reader of r that fails with ErrTooLarge after limit bytes.
func Bounded(r io.Reader, limit int64) io.Reader { return &bounded{r, limit, limit} }

type bounded struct {
	r           io.Reader
	left, limit int64
}

// Read implements io.Reader.
func (l *bounded) Read(b []byte) (int, error) {
	if l.left < 0 {
		return 0, fmt.Errorf("%w: over %d bytes", ErrTooLarge, l.limit)
	}
	if int64(len(b)) > l.left+1 {
		b = b[:l.left+1]
	}
	n, err := l.r.Read(b)
	if l.left -= int64(n); l.left < 0 {
		return 0, fmt.Errorf("%w: over %d bytes", ErrTooLarge, l.limit)
	}
	return n, err
}

// While returns a reader of r that fails when ctx has ended.
func While(ctx context.Context, r io.Reader) io.Reader { return &contextual{ctx, r} }

type contextual struct {
	ctx context.Context
	r   io.Reader
}

// Read implements io.Reader.
func (c *contextual) Read(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(b)
}
