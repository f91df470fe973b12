package http

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/capability"
	"golang.org/x/net/http/httpguts"
)

// Limits of requests.
const (
	dialTime    = 10 * time.Second
	headerBytes = 64 << 10         // of an answer's headers
	attrsMax    = abi.AttrsMax - 4 // handle, headers_left_out, type and end besides
	idleTime    = 90 * time.Second
	idleMax     = 64 // connections that are kept, to all hosts
)

// transport makes connections as a grant allows; resolver is nil for the system's.
func transport(g *grant, resolver *net.Resolver) *http.Transport {
	dialer := &net.Dialer{Timeout: dialTime, Resolver: resolver, Control: func(_, address string, _ syscall.RawConn) error { return g.reachable(address) }}
	return &http.Transport{
		DialContext: dialer.DialContext, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true,
		MaxConnsPerHost: g.Connections, MaxIdleConns: idleMax, MaxIdleConnsPerHost: g.Connections, IdleConnTimeout: idleTime, TLSHandshakeTimeout: dialTime,
		MaxResponseHeaderBytes: headerBytes, ExpectContinueTimeout: time.Second,
	}
}

// Do implements capability.Capability.
func (c *client) Do(ctx context.Context, r *capability.Request) capability.Answer {
	if c.api != nil {
		return c.call(ctx, r)
	}
	return c.fetch(ctx, r)
}

// fetch makes a request, and has the whole answer.
func (c *client) fetch(ctx context.Context, r *capability.Request) capability.Answer {
	return c.ask(ctx, r, nil, func(resp *http.Response) (*capability.Answer, error) { return c.read(ctx, r, resp) })
}

// ask makes a request, again if need be. body is what it carries, to be read once; nil: r.Data.
// take makes an answer of what the other side says.
func (c *client) ask(ctx context.Context, r *capability.Request, body io.Reader, take func(*http.Response) (*capability.Answer, error)) capability.Answer {
	q, refused := c.request(ctx, r)
	var malformed *malformedError
	if errors.As(refused, &malformed) {
		return capability.Fail(capability.Invalid, "%v", refused)
	}
	if failure := (*capability.Failure)(nil); errors.As(refused, &failure) {
		return failure.Answer
	}
	if refused != nil {
		return capability.Fail(capability.Denied, "%v", refused)
	}
	if body != nil {
		q.Body, q.GetBody, q.ContentLength = io.NopCloser(body), nil, -1
		if closer, ok := body.(io.ReadCloser); ok {
			q.Body = closer
		}
	}
	followed := false
	hc := &http.Client{Transport: c.transport, CheckRedirect: func(q *http.Request, via []*http.Request) error {
		followed = true // so the first host has seen what was sent
		return c.redirect(q, via)
	}}
	for attempt := 0; ; attempt++ {
		a, resp, err := once(hc, q, take)
		wait, again := c.again(q.Method, a, err, attempt, followed)
		if again && body == nil && pause(ctx, wait) {
			if resp != nil {
				_ = resp.Body.Close() // nobody wants it, and the next attempt may need its connection
			}
			if q.GetBody != nil {
				if q.Body, err = q.GetBody(); err != nil {
					return capability.Fail(capability.Invalid, "%v", err)
				}
			}
			continue
		}
		if err != nil {
			return c.failed(ctx, q, err)
		}
		return *a
	}
}

// request makes what is sent of what was asked for.
func (c *client) request(ctx context.Context, r *capability.Request) (*http.Request, error) {
	method := methodOf(r)
	u, err := c.where(r)
	if err != nil {
		return nil, err
	}
	if err := c.allow(method, u); err != nil {
		return nil, err
	}
	// A copy, since a request may still be on its way when its answer is there.
	q, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(bytes.Clone(r.Data)))
	if err != nil {
		return nil, err
	}
	q.Header.Set("User-Agent", "grow")
	if r.Each != nil {
		for name, value := range r.Each {
			header, ok := strings.CutPrefix(name, "header.")
			if !ok {
				continue
			}
			if !httpguts.ValidHeaderFieldName(header) || !httpguts.ValidHeaderFieldValue(value) {
				return nil, &malformedError{header}
			}
			if c.fixed[plain(header)] || forbidden(header) {
				return nil, fmt.Errorf("header %s is not the actor's to set", header)
			}
			q.Header.Set(header, value)
		}
	}
	for name, value := range c.headers {
		q.Header.Set(name, value)
	}
	if key, ok := r.Attr("blob"); ok {
		if err := c.carry(ctx, q, key, r); err != nil {
			return nil, err
		}
	}
	if !reads(method) {
		// In its own spelling Go would take it for leave to send the request again.
		q.Header["idempotency-key"] = []string{r.Stable}
	}
	return q, nil
}

// where is the URL of a request: a whole one, or a path at the grant's first host.
func (c *client) where(r *capability.Request) (*url.URL, error) {
	whole, hasURL := r.Attr("url")
	path, hasPath := r.Attr("path")
	switch {
	case hasURL == hasPath:
		return nil, errors.New("a request has a url or a path")
	case hasPath && !strings.HasPrefix(path, "/"):
		return nil, fmt.Errorf("path %q does not begin with /", path)
	case hasPath && c.hosts[0].all:
		return nil, fmt.Errorf("a path goes to the grant's first host, which is *.%s: give the whole url", c.hosts[0].name)
	case hasPath:
		name := c.hosts[0].name
		if strings.Contains(name, ":") {
			name = "[" + name + "]"
		}
		if c.hosts[0].port != "" {
			name += ":" + c.hosts[0].port
		}
		whole = c.Schemes[0] + "://" + name + path
	}
	u, err := url.Parse(whole)
	if err != nil {
		return nil, fmt.Errorf("url: %w", errors.Unwrap(err))
	}
	if u.Host == "" || u.Opaque != "" {
		return nil, fmt.Errorf("url %q names no host", whole)
	}
	u.Fragment = ""
	return u, nil
}

// malformedError is a header that cannot be sent.
type malformedError struct{ name string }

// Error implements error.
func (e *malformedError) Error() string {
	return fmt.Sprintf("header %.100q cannot be sent: its name or value has characters that headers have not", e.name)
}

// plain is the spelling of a header's name that servers take for the same one: behind
// some of them a dash and an underscore are one.
func plain(name string) string { return strings.ReplaceAll(strings.ToLower(name), "_", "-") }

// forbidden reports whether a header is one of the connection, or the host's, or has
// some servers see another method or path than the grant was held against.
func forbidden(name string) bool {
	switch name = plain(name); name {
	case "host", "connection", "content-length", "transfer-encoding", "te", "trailer", "upgrade", "keep-alive", "expect", "accept-encoding",
		"idempotency-key", "x-idempotency-key", "x-http-method-override", "x-http-method", "x-method-override", "x-original-url", "x-rewrite-url":
		return true
	}
	return strings.HasPrefix(name, "proxy-")
}

// tooManyError ends a request that is redirected for ever.
type tooManyError struct{ n int }

// Error implements error.
func (e *tooManyError) Error() string { return fmt.Sprintf("it is redirected more than %d times", e.n) }

// deniedError is a redirect to where the grant does not lead.
type deniedError struct{ err error }

// Error implements error.
func (e *deniedError) Error() string { return "it is redirected: " + e.err.Error() }

// redirect holds where a request is redirected to against the grant. Headers of the
// grant, which hold secrets, go to no other host.
func (c *client) redirect(q *http.Request, via []*http.Request) error {
	if len(via) > c.Redirects {
		if c.Redirects == 0 {
			return http.ErrUseLastResponse
		}
		return &tooManyError{c.Redirects}
	}
	if err := c.allow(q.Method, q.URL); err != nil {
		return &deniedError{err}
	}
	if q.URL.Host != via[0].URL.Host || q.URL.Scheme != via[0].URL.Scheme {
		for name := range c.headers {
			q.Header.Del(name)
		}
	}
	return nil
}

// largeError is a body with more bytes than the grant allows.
type largeError struct {
	of  string // request or answer
	max int
}

// Error implements error.
func (e *largeError) Error() string {
	return fmt.Sprintf("the body of the %s has more than %d bytes", e.of, e.max)
}

// once makes a request. resp is nil if there is no answer.
func once(hc *http.Client, q *http.Request, take func(*http.Response) (*capability.Answer, error)) (a *capability.Answer, resp *http.Response, err error) {
	if resp, err = hc.Do(q); err != nil {
		return nil, nil, err
	}
	a, err = take(resp)
	return a, resp, err
}

// read reads an answer to its end. One with more bytes than an answer may have is kept as an
// object, where the grant has a bucket for that.
func (c *client) read(ctx context.Context, r *capability.Request, resp *http.Response) (a *capability.Answer, err error) {
	defer func() {
		if closeErr := resp.Body.Close(); err == nil && closeErr != nil {
			a, err = nil, closeErr
		}
	}()
	body, err := io.ReadAll(io.LimitReader(resp.Body, int64(c.Answer)+1))
	switch {
	case len(body) > c.Answer && c.bucket != nil && c.api == nil:
		return c.keep(ctx, r, resp, body)
	case len(body) > c.Answer:
		return nil, &largeError{"answer", c.Answer}
	case err != nil:
		return nil, err
	}
	a = c.head(resp, 0)
	a.Data = c.mask(body)
	return a, nil
}

// head is an answer without its body, and with room for so many further attributes.
func (c *client) head(resp *http.Response, more int) *capability.Answer {
	a := &capability.Answer{Attrs: []string{"status", strconv.Itoa(resp.StatusCode)}, Passing: passing(resp.StatusCode)}
	c.addHeaders(a, resp.Header, attrsMax-more)
	return a
}

// passing reports whether a status says that the server could not serve the request now
// (RFC 9110, sections 15.5.9 and 15.6; RFC 8470, section 5.2; RFC 6585, section 4).
func passing(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return status >= http.StatusInternalServerError
}

// first are the headers that are told even of an answer with too many of them.
var first = []string{"Content-Type", "Location", "Retry-After", "Etag", "Last-Modified", "Link", "Cache-Control", "Www-Authenticate", "Date"}

// addHeaders adds an answer's headers as attributes, up to so many attributes in all; the
// attribute headers_left_out counts the others.
func (c *client) addHeaders(a *capability.Answer, h http.Header, most int) {
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	slices.SortFunc(names, func(x, y string) int {
		i, j := slices.Index(first, x), slices.Index(first, y)
		if i != j && (i < 0 || j < 0) {
			return j - i // those that are among the first have an index
		}
		return strings.Compare(x, y)
	})
	left := 0
	for _, name := range names {
		value := string(c.mask([]byte(strings.Join(h[name], ", "))))
		attr := "header." + strings.ToLower(name)
		if len(a.Attrs)/2 >= most || len(value) > abi.AttrValueMax || len(attr) > abi.AttrNameMax || !utf8.ValidString(value) {
			left++
			continue
		}
		a.Attrs = append(a.Attrs, attr, value)
	}
	if left > 0 {
		a.Attrs = append(a.Attrs, "headers_left_out", strconv.Itoa(left))
	}
}

// maskMin is how long a secret must be for its text to be masked: a shorter one occurs
// by chance.
const maskMin = 6

// mask takes the grant's secrets out of what the other side says.
func (c *client) mask(b []byte) []byte {
	for _, secret := range c.masks {
		if len(secret) >= maskMin && bytes.Contains(b, []byte(secret)) {
			b = bytes.ReplaceAll(b, []byte(secret), []byte("[secret]"))
		}
	}
	return b
}

// Waits between attempts: the first, and the longest.
const (
	retryFirst = 100 * time.Millisecond
	retryMost  = 5 * time.Second
)

// again says whether a request is made once more, and after what time. One that changes
// something is only when the other side cannot have seen it.
func (c *client) again(method string, a *capability.Answer, err error, attempt int, followed bool) (time.Duration, bool) {
	if attempt >= c.Retries {
		return 0, false
	}
	wait := min(retryMost, retryFirst<<attempt)
	wait = wait/2 + rand.N(wait/2+1) //nolint:gosec // when others are asked again is no secret
	if err != nil {
		var dial *net.OpError
		unseen := errors.As(err, &dial) && dial.Op == "dial" && !isAddress(err) && !followed
		lost := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET)
		return wait, unseen || lost && reads(method)
	}
	switch a.Attrs[1] {
	case "429", "502", "503", "504":
		if !reads(method) {
			return 0, false
		}
	default:
		return 0, false
	}
	for i := 0; i+1 < len(a.Attrs); i += 2 {
		if a.Attrs[i] == "header.retry-after" {
			if n, err := strconv.Atoi(a.Attrs[i+1]); err == nil && n >= 0 {
				wait = max(wait, time.Duration(n)*time.Second)
			}
		}
	}
	return wait, true
}

// pause waits, and reports whether there is time for that.
func pause(ctx context.Context, d time.Duration) bool {
	if end, ok := ctx.Deadline(); ok && time.Until(end) <= d {
		return false
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func isAddress(err error) bool {
	var a *addressError
	return errors.As(err, &a)
}

// failed says what became of a request that has no answer.
func (c *client) failed(ctx context.Context, q *http.Request, err error) capability.Answer {
	a := c.fault(ctx, q, err)
	a.Text = string(c.mask([]byte(a.Text)))
	return a
}

func (c *client) fault(ctx context.Context, q *http.Request, err error) capability.Answer {
	var outer *url.Error
	if errors.As(err, &outer) {
		err = outer.Err
	}
	var denied *deniedError
	var address *addressError
	var many *tooManyError
	var large *largeError
	var certificate *tls.CertificateVerificationError
	var header tls.RecordHeaderError
	var failure *capability.Failure
	at := q.URL.Host
	switch {
	case errors.As(err, &failure):
		return failure.Answer
	case errors.As(err, &denied), errors.As(err, &address):
		return capability.Fail(capability.Denied, "%s: %v", at, cause(denied, address))
	case errors.As(err, &many), errors.As(err, &large), strings.Contains(err.Error(), "server response headers exceeded"):
		return capability.Fail(capability.Limit, "%s: %v", at, err)
	case errors.As(err, &certificate), errors.As(err, &header):
		a := capability.Fail(capability.Unavailable, "%s: %v", at, err)
		a.Retry = false
		return a
	case ctx.Err() != nil, isTimeout(err):
		return capability.Fail(capability.Timeout, "%s did not answer in time", at)
	}
	return capability.Fail(capability.Unavailable, "%s: %v", at, err)
}

func cause(d *deniedError, a *addressError) error {
	if d != nil {
		return d
	}
	return a
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}
