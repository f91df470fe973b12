package gateway

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/shape"
	"github.com/labstack/echo/v4"
)

// endpoint is one endpoint, prepared. It is immutable.
type endpoint struct {
	*specs.Endpoint
	gateway *Gateway
	name    string
	kind    *shape.Type // of the message it makes
	replies []string
	headers []header
	verify  func(secret string, h http.Header, body []byte, now time.Time) error // nil: no signature
}

// header is one that becomes an attribute.
type header struct{ canonical, attribute string }

// never are headers that become attributes under no circumstances.
var never = map[string]bool{"authorization": true, "cookie": true, "proxy-authorization": true}

func (g *Gateway) endpoint(s *specs.Service, def *specs.Endpoint) *endpoint {
	p := &endpoint{Endpoint: def, gateway: g, name: def.Name(), kind: s.Types[def.Send]}
	for t := range def.Reply {
		p.replies = append(p.replies, t)
	}
	for _, h := range def.Headers {
		if !never[h] {
			p.headers = append(p.headers, header{http.CanonicalHeaderKey(h), abi.HTTPHeaderPrefix + h})
		}
	}
	if def.Webhook != nil {
		p.verify = schemes[def.Webhook.Scheme]
	}
	return p
}

// bodies are buffers that requests are read into; the shard copies what it keeps.
var bodies = sync.Pool{New: func() any { return new([]byte) }}

// serve answers one request.
func (p *endpoint) serve(c echo.Context) error {
	for _, name := range p.Params {
		if strings.Contains(c.Param(name), "/") { // Echo gives the last parameter all that is left of a path
			return echo.ErrNotFound
		}
	}
	buffer := bodies.Get().(*[]byte)
	f, fault := p.accept(c, buffer)
	if fault != nil && fault.astray {
		if next := p.gateway.successor(c); next != nil {
			return p.pass(c, *buffer, next)
		}
	}
	if cap(*buffer) <= bodyKeep {
		bodies.Put(buffer)
	}
	if fault != nil {
		return fault.write(c)
	}
	if p.Accepted {
		return accepted(c, f)
	}
	return p.await(c, f)
}

// pass has a request, whose body was read, served by other endpoints.
func (p *endpoint) pass(c echo.Context, body []byte, to *table) error {
	r := c.Request()
	if p.reads() {
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	to.ServeHTTP(c.Response().Writer, r)
	return nil
}

// accept makes a message of a request and hands it over.
func (p *endpoint) accept(c echo.Context, buffer *[]byte) (*shard.Flow, *problem) {
	r := c.Request()
	body, fault := p.body(c, buffer)
	if fault != nil {
		return nil, fault
	}
	if p.verify != nil {
		if fault := p.signed(r.Header, body); fault != nil {
			return nil, fault
		}
	}
	request := &shard.Request{To: p.To, Source: p.name, Type: p.Send, Replies: p.replies, Direct: p.Direct, Kept: p.Accepted}
	if fault := p.message(c, body, request); fault != nil {
		return nil, fault
	}
	if request.Idempotency, fault = p.once(r, body); fault != nil {
		return nil, fault
	}
	f, err := p.gateway.opts.Shard.Accept(r.Context(), request)
	if err != nil {
		return nil, refusal(err)
	}
	return f, nil
}

// signed checks the signature of a request. Without its secret, which may go while the
// service runs, none is taken: what is signed with no key anybody can sign.
func (p *endpoint) signed(h http.Header, body []byte) *problem {
	secret, ok := p.gateway.opts.Secret(p.Webhook.Secret)
	if !ok || secret == "" {
		return newProblem(http.StatusServiceUnavailable, codeSecret, "the secret that signatures are checked with is not set on the host at the moment; its operator sets it: grow secret set").header("Retry-After", retryAfter)
	}
	if err := p.verify(secret, h, body, p.gateway.opts.Now()); err != nil {
		return newProblem(http.StatusUnauthorized, codeSignature, err.Error())
	}
	return nil
}

// once is what makes a repeated request one with the first; nil when the
// endpoint does not ask for it.
func (p *endpoint) once(r *http.Request, body []byte) (*journal.Idempotency, *problem) {
	if p.Idempotency == "" {
		return nil, nil
	}
	key := r.Header.Get(p.Idempotency)
	if key == "" || len(key) > keyMax {
		return nil, newProblem(http.StatusBadRequest, codeIdempotency, "the header "+p.Idempotency+" must name this request, in 1 to 256 bytes, so that a repeat is known")
	}
	h := sha256.New()
	for _, part := range []string{r.Method, r.URL.EscapedPath(), r.URL.RawQuery, r.Header.Get("Content-Type")} {
		h.Write([]byte(part + "\x00"))
	}
	h.Write(body)
	return &journal.Idempotency{Scope: p.name, Key: key, Digest: h.Sum(nil)}, nil
}

// refusal is the response to a request that the shard does not take.
func refusal(err error) *problem {
	switch {
	case errors.Is(err, shard.ErrShut): // who, is for those who run it
		return newProblem(http.StatusServiceUnavailable, codeIdle, "the service takes no requests at the moment: it is drained or stopped").header("Retry-After", retryAfter)
	case errors.Is(err, shard.ErrFull), errors.Is(err, shard.ErrTooManyKeys):
		return newProblem(http.StatusServiceUnavailable, codeFull, "the service has more to do than it can hold; try again").header("Retry-After", retryAfter)
	case errors.Is(err, shard.ErrStopping):
		return newProblem(http.StatusServiceUnavailable, codeStopping, "the service is about to stop").header("Retry-After", retryAfter)
	case errors.Is(err, shard.ErrTooLarge): // made of its query: a body and attributes have been looked at
		return newProblem(http.StatusRequestEntityTooLarge, codeTooLarge, err.Error())
	case errors.Is(err, shard.ErrReused):
		return newProblem(http.StatusUnprocessableEntity, codeReused, "this idempotency key was used for another request before")
	case errors.Is(err, shard.ErrJournal):
		return newProblem(http.StatusServiceUnavailable, codeJournal, "the service cannot keep messages at the moment").header("Retry-After", retryAfter)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return newProblem(http.StatusServiceUnavailable, codeJournal, "the request ended before its message was kept")
	}
	fault := newProblem(http.StatusInternalServerError, codeFailed, "the endpoint leads nowhere: "+err.Error())
	fault.astray = errors.Is(err, shard.ErrUnknownTarget) || errors.Is(err, shard.ErrNotTaken)
	return fault
}

// timers are reused: each request needs one, and hardly any ever rings.
var timers = sync.Pool{New: func() any {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}}

// await waits for the flow's answer, the endpoint's time-out, or the client's leaving.
func (p *endpoint) await(c echo.Context, f *shard.Flow) error {
	t := timers.Get().(*time.Timer)
	defer timers.Put(t)
	switch wait(c.Request().Context(), t, f, p.Timeout) {
	case answered:
		return p.reply(c, f)
	case late:
		p.gateway.opts.Shard.Keep(f)
		fault := newProblem(http.StatusGatewayTimeout, codeTimeout,
			"no answer within "+p.Timeout.String()+"; the work goes on, and GET "+messagePath(f.ID())+" tells what becomes of it")
		fault.ID = f.ID()
		return fault.header("Location", messagePath(f.ID())).write(c)
	default:
		// The client has left and the work goes on, or the host stops at once. An
		// answer may still get through, to a client that closed its sending side
		// too (net/http takes that for leaving), and must not be the 200 that none
		// would be.
		p.gateway.opts.Shard.Keep(f)
		fault := newProblem(http.StatusServiceUnavailable, codeStopping, "the service stopped, or the client closed its side of the connection, before there was an answer; GET "+messagePath(f.ID())+" tells what becomes of it")
		fault.ID = f.ID()
		return fault.write(c)
	}
}

func messagePath(id string) string { return "/.grow/messages/" + id }

// jsonType reports whether a media type is one of JSON (RFC 6839); "" stands
// for none, which is taken for JSON.
func jsonType(content string) bool {
	media, _, _ := strings.Cut(content, ";")
	media = strings.ToLower(strings.TrimSpace(media))
	return media == "" || media == "application/json" || strings.HasSuffix(media, "+json")
}
