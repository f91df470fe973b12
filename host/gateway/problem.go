package gateway

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"
)

// Codes of problems. They are part of what clients rely on.
const (
	codeType        = "request.type"        // 400: the message does not fit its type
	codeBody        = "request.body"        // 400: the body is empty, cut short or cannot be read
	codeQuery       = "request.query"       // 400: path or query cannot be read
	codeIdempotency = "request.idempotency" // 400: the header that names the request is missing
	codeSignature   = "request.signature"   // 401
	codeNotFound    = "request.not_found"   // 404: no endpoint has that path
	codeMethod      = "request.method"      // 405
	codeTooLarge    = "request.too_large"   // 413
	codeMediaType   = "request.media_type"  // 415
	codeHeaders     = "request.headers"     // 431: too many or too long
	codeUnknown     = "message.unknown"     // 404: no message has that id
	codeRefused     = "message.refused"     // 422
	codeFailed      = "message.failed"      // 500
	codeMissing     = "reply.missing"       // 502
	codeTimeout     = "reply.timeout"       // 504
	codeReused      = "idempotency.reused"  // 422
	codeFull        = "mailbox.full"        // 503
	codeStopping    = "host.stopping"       // 503
	codeIdle        = "service.stopped"     // 503: it does not run, or takes nothing
	codeJournal     = "journal.unavailable" // 503
	codeSecret      = "secret.missing"      // 503: that of a webhook
)

// problem is a response that says what went wrong (RFC 9457).
type problem struct {
	Type     string       `json:"type"`
	Title    string       `json:"title"`
	Status   int          `json:"status"`
	Detail   string       `json:"detail"`
	Code     string       `json:"code"`
	Reason   string       `json:"reason,omitempty"` // the actor's own code
	ID       string       `json:"id,omitempty"`     // of the message
	Errors   []fieldError `json:"errors,omitempty"`
	Instance string       `json:"instance"`

	headers [][2]string
	astray  bool // the endpoint led nowhere
}

const contentProblem = "application/problem+json"

// fieldError is one field that is wrong.
type fieldError struct {
	Path    string `json:"path"` // JSON pointer, or name of a parameter
	Message string `json:"message"`
}

func newProblem(status int, code, detail string) *problem {
	return &problem{Type: "urn:grow:" + code, Title: http.StatusText(status), Status: status, Detail: detail, Code: code}
}

func (p *problem) header(name, value string) *problem {
	p.headers = append(p.headers, [2]string{name, value})
	return p
}

// write answers with the problem.
func (p *problem) write(c echo.Context) error {
	p.Instance = c.Request().URL.EscapedPath()
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	h := c.Response().Header()
	for _, pair := range p.headers {
		h.Set(pair[0], pair[1])
	}
	if p.ID != "" {
		h.Set(headerID, p.ID)
	}
	h.Set("Content-Type", contentProblem)
	return send(c, p.Status, append(b, '\n'))
}

// Idle answers a request for a service that is on the host and does not run.
func Idle(w http.ResponseWriter, r *http.Request) {
	p := newProblem(http.StatusServiceUnavailable, codeIdle, "the service does not run at the moment: it was stopped, or cannot be started")
	p.Instance = r.URL.EscapedPath()
	b, err := json.Marshal(p)
	if err != nil {
		panic("gateway: a problem without JSON: " + err.Error())
	}
	w.Header().Set("Content-Type", contentProblem)
	w.Header().Set("Retry-After", retryAfter)
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(b, '\n'))
}

// routeError answers what no endpoint serves, and what a handler could not.
func (g *Gateway) routeError(err error, c echo.Context) {
	if c.Response().Committed {
		return // the connection broke while the response was written
	}
	fault := newProblem(http.StatusInternalServerError, codeFailed, "the gateway could not answer")
	var route *echo.HTTPError
	switch {
	case errors.As(err, &route) && route.Code == http.StatusNotFound:
		fault = newProblem(http.StatusNotFound, codeNotFound, "the service has no endpoint of that path")
	case errors.As(err, &route) && route.Code == http.StatusMethodNotAllowed:
		fault = newProblem(http.StatusMethodNotAllowed, codeMethod, "the endpoint does not take "+c.Request().Method+"; see the header Allow")
	default:
		g.opts.Log.Error("answer request", "path", c.Request().URL.Path, "error", err)
	}
	if err := fault.write(c); err != nil {
		g.opts.Log.Debug("write response", "error", err)
	}
}
