package s3

import (
	"errors"
	"io"
	"sync"
)

// lent is the body of a request, until it is taken back: an HTTP client may read it after the
// request has returned, when the answer came before all of it was sent (net/http,
// RoundTripper), and whose bytes they are may change them then.
type lent struct {
	io.ReadCloser
	mu   sync.Mutex
	over bool
}

var errBack = errors.New("the body was taken back")

// back takes the body back: nothing of it is read once that has returned.
func (l *lent) back() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
}

// Read implements io.Reader.
func (l *lent) Read(into []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return 0, errBack
	}
	return l.ReadCloser.Read(into)
}
