package s3

import (
	"context"
	"errors"
	"io"
	"net/http"
)

// errEndless is an answer that does not end.
var errEndless = errors.New("the server says more than it may")

// bounded limits what answers have, reads nothing of a request whose answer has been closed, and
// makes requests conditional that the client's library has no condition for. It is safe for
// concurrent use.
type bounded struct{ next http.RoundTripper }

// condition is the key of the ETag that an object must have, in a request's context.
type condition struct{}

// ifMatch asks for a request to be done only when the object has that ETag.
func ifMatch(ctx context.Context, etag string) context.Context {
	return context.WithValue(ctx, condition{}, etag)
}

// RoundTrip implements http.RoundTripper.
func (b *bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	if etag, ok := r.Context().Value(condition{}).(string); ok {
		r = r.Clone(r.Context())
		r.Header.Set("If-Match", `"`+etag+`"`) // it need not be signed
	}
	back := func() {}
	if r.Body != nil && r.Body != http.NoBody {
		body := &lent{ReadCloser: r.Body}
		r = r.WithContext(r.Context()) // a copy
		r.Body, r.GetBody, back = body, nil, body.back
	}
	answer, err := b.next.RoundTrip(r)
	if err != nil {
		back()
		return nil, err
	}
	answer.Body = &limited{ReadCloser: answer.Body, left: bodyMax, closed: back}
	return answer, nil
}

// limited is a body that ends with errEndless when it is too long. It belongs to who reads it.
type limited struct {
	io.ReadCloser
	left   int
	closed func() // called when it is
}

// Close implements io.Closer.
func (l *limited) Close() error {
	defer l.closed()
	return l.ReadCloser.Close()
}

// Read implements io.Reader.
func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errEndless
	}
	n, err := l.ReadCloser.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}
