package s3

import (
	"errors"
	"io"
	"sync"
)

// lent is what a request reads, until it is taken back: an HTTP client may read a body after
// the request has returned, when the answer came before all of it was sent (net/http,
// RoundTripper).
type lent struct {
	mu   sync.Mutex
	from io.ReadSeeker // nil: it was taken back
}

var errBack = errors.New("the body was taken back")

// back takes it back. What it reads from may be changed once that has returned.
func (l *lent) back() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.from = nil
}

// Read implements io.Reader.
func (l *lent) Read(into []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.from == nil {
		return 0, errBack
	}
	return l.from.Read(into)
}

// Seek implements io.Seeker: a request is sent again from the beginning.
func (l *lent) Seek(offset int64, whence int) (int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.from == nil {
		return 0, errBack
	}
	return l.from.Seek(offset, whence)
}
