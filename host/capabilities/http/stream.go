package http

import (
	"bytes"
	"context"
	"io"
	"net/http"

	"github.com/grow-platform/grow/runtime/capability"
)

// Stream implements capability.Streamer. A request whose body comes in pieces is made once: it
// could not be sent again.
func (c *client) Stream(ctx context.Context, r *capability.Request, body io.Reader) (capability.Answer, io.ReadCloser) {
	of := Fetch
	if c.api != nil {
		of = Call
	}
	switch {
	case r.Operation != of:
		return capability.Fail(capability.Invalid, "a stream of this grant is of %s, not of %.40q", of, r.Operation), nil
	case c.api != nil && body != nil:
		return capability.Fail(capability.Invalid, "the body of an operation is held against the document as a whole, and cannot be written in pieces"), nil
	case c.api != nil:
		return c.streamCall(ctx, r)
	}
	return c.pieces(ctx, r, body)
}

// pieces makes a request whose answer is read in pieces.
func (c *client) pieces(ctx context.Context, r *capability.Request, body io.Reader) (capability.Answer, io.ReadCloser) {
	if _, ok := r.Attr("blob"); ok && body != nil {
		return capability.Fail(capability.Invalid, "blob and what is written are two bodies"), nil
	}
	if body != nil {
		body = &limited{Reader: body, left: c.grant.Stream, err: &largeError{"request", c.grant.Stream}}
	}
	var got *http.Response
	a := c.ask(ctx, r, body, func(resp *http.Response) (*capability.Answer, error) {
		got = resp
		return c.head(resp, 0), nil
	})
	if a.Code != "" {
		if got != nil {
			_ = got.Body.Close() // nobody wants it
		}
		return a, nil
	}
	return a, &streamed{ctx: ctx, client: c, resp: got, left: c.grant.Stream, most: c.grant.Stream}
}

// limited is a body to send that fails when it is larger than it may be.
type limited struct {
	io.Reader
	left int // bytes
	err  error
}

// Read implements io.Reader.
func (l *limited) Read(p []byte) (int, error) {
	n, err := l.Reader.Read(p)
	if l.left -= n; l.left < 0 {
		return 0, l.err
	}
	return n, err
}

// Close implements io.Closer.
func (l *limited) Close() error {
	if c, ok := l.Reader.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// streamed is the body of an answer, without secrets. It belongs to one goroutine.
type streamed struct {
	ctx    context.Context
	client *client
	resp   *http.Response
	left   int    // bytes that may come
	most   int    // bytes that may come, in all
	clean  []byte // to give out
	held   []byte // that may be the begin of a secret
	err    error  // that comes after clean
}

// Close implements io.Closer.
func (s *streamed) Close() error { return s.resp.Body.Close() }

// Read implements io.Reader.
func (s *streamed) Read(p []byte) (int, error) {
	for len(s.clean) == 0 {
		if s.err != nil {
			return 0, s.err
		}
		n, err := s.resp.Body.Read(p)
		if s.left -= n; s.left < 0 {
			n, err = n+s.left, &largeError{"answer", s.most}
			s.left = 0
		}
		if s.held = append(s.held, p[:n]...); err == nil {
			at := s.client.settled(s.held)
			s.clean, s.held = s.client.mask(s.held[:at:at]), append([]byte{}, s.held[at:]...)
			continue
		}
		s.clean, s.held = s.client.mask(s.held), nil
		if s.err = err; err != io.EOF {
			s.err = &capability.Failure{Answer: s.client.failed(s.ctx, s.resp.Request, err), Cause: err}
		}
	}
	n := copy(p, s.clean)
	s.clean = s.clean[n:]
	return n, nil
}

// settled is how many of the first bytes can be given out: what follows may be the begin of a
// secret, the rest of which has not come yet.
func (c *client) settled(b []byte) int {
	at := len(b)
	for _, secret := range c.masks {
		if len(secret) < maskMin {
			continue
		}
		for n := min(len(secret)-1, len(b)); n > 0; n-- {
			if bytes.HasSuffix(b, []byte(secret[:n])) {
				at = min(at, len(b)-n)
				break
			}
		}
	}
	for _, secret := range c.masks { // one that is there is not cut apart
		for i := max(0, at-len(secret)+1); len(secret) >= maskMin && i < at; i++ {
			if end := i + len(secret); end > at && bytes.HasPrefix(b[i:], []byte(secret)) {
				at = end
			}
		}
	}
	return at
}
