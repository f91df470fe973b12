package gateway

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/labstack/echo/v4"
	"golang.org/x/net/http/httpguts"
)

// headerID names the message in every response that has one.
const headerID = "Grow-Message-Id"

// own are the headers of a response that an actor cannot set: they belong to
// the connection, or to the gateway.
var own = map[string]bool{
	"connection": true, "content-length": true, "content-type": true, "date": true, "grow-message-id": true, "keep-alive": true,
	"proxy-authenticate": true, "te": true, "trailer": true, "transfer-encoding": true, "upgrade": true, "idempotency-replayed": true,
}

// contentJSON is the value of Content-Type in most responses, which share it.
var contentJSON = []string{abi.ContentJSON}

// reply answers with what came of a flow.
func (p *endpoint) reply(c echo.Context, f *shard.Flow) error {
	a := f.Answer()
	if f.Repeat() {
		c.Response().Header().Set("Idempotency-Replayed", "true")
	}
	var fault *problem
	switch a.Outcome {
	case shard.Replied:
		return p.write(c, f.ID(), a.Reply)
	case shard.Ended:
		if len(p.replies) == 0 {
			c.Response().Header().Set(headerID, f.ID())
			c.Response().WriteHeader(http.StatusNoContent)
			return nil
		}
		fault = newProblem(http.StatusBadGateway, codeMissing, "the service was done without a reply; expected was "+strings.Join(p.replies, " or "))
	case shard.Refused:
		fault = newProblem(http.StatusUnprocessableEntity, codeRefused, p.gateway.hide(a.Text))
		fault.Reason = p.gateway.hide(a.Code)
	default:
		fault = newProblem(http.StatusInternalServerError, codeFailed, "the service could not handle the message; its operator finds why under the message's id")
		fault.Reason = p.gateway.hide(a.Code)
		if a.Code == codeJournal {
			fault = newProblem(http.StatusServiceUnavailable, codeJournal, "the service could not keep the message").header("Retry-After", retryAfter)
		}
	}
	fault.ID = f.ID()
	p.gateway.opts.Shard.Keep(f) // whoever asks what became of it is told
	return fault.write(c)
}

// write answers with a reply message.
func (p *endpoint) write(c echo.Context, id string, m *abi.Message) error {
	status := p.Reply[m.Type()]
	h := c.Response().Header()
	content := contentJSON
	var left []string
	for name, value := range m.All() {
		field, header := strings.CutPrefix(name, abi.HTTPHeaderPrefix)
		switch {
		case name == abi.ContentType:
			if value != abi.ContentJSON {
				content = []string{strings.Clone(value)}
			}
		case name == abi.HTTPStatus:
			if n, err := strconv.Atoi(value); err == nil && n >= 200 && n <= 599 {
				status = n
			} else {
				left = append(left, name)
			}
		case !header:
		case own[strings.ToLower(field)] || !httpguts.ValidHeaderFieldName(field) || !httpguts.ValidHeaderFieldValue(value):
			left = append(left, name)
		default:
			h.Set(field, strings.Clone(value))
		}
	}
	if left != nil {
		p.gateway.opts.Log.Warn("an answer went out without what no actor can say in one", "message", id, "endpoint", p.name, "left_out", strings.Join(left, " "))
	}
	h[headerID] = []string{id}
	data := m.Data()
	if status == http.StatusNoContent || status == http.StatusNotModified {
		c.Response().WriteHeader(status)
		return nil
	}
	h["Content-Type"] = content
	return send(c, status, data)
}

// send writes a response; a large one must be taken within a time.
func send(c echo.Context, status int, data []byte) error {
	w := c.Response()
	if len(data) > repliesKeep {
		// Without support for deadlines there is only the test recorder, which takes all at once.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTime))
	}
	if len(data) > lengthKnown {
		w.Header()["Content-Length"] = []string{strconv.Itoa(len(data))}
	}
	w.WriteHeader(status)
	_, err := w.Write(data)
	return err // the connection's; Echo closes it
}

// accepted answers with the id of a message that is kept.
func accepted(c echo.Context, f *shard.Flow) error {
	h := c.Response().Header()
	if f.Repeat() {
		h.Set("Idempotency-Replayed", "true")
	}
	h.Set(headerID, f.ID())
	h.Set("Location", messagePath(f.ID()))
	h.Set("Content-Type", abi.ContentJSON)
	return send(c, http.StatusAccepted, []byte(`{"id":"`+f.ID()+`"}`+"\n"))
}

// fate is what GET /.grow/messages/{id} tells of a message.
type fate struct {
	ID     string          `json:"id"`
	Status string          `json:"status"`           // pending, replied, ended, refused, failed
	Type   string          `json:"type,omitempty"`   // of the reply
	Data   json.RawMessage `json:"data,omitempty"`   // of the reply, when it is JSON
	Code   string          `json:"code,omitempty"`   // of a refusal or failure
	Detail string          `json:"detail,omitempty"` // of a refusal
}

// message serves GET /.grow/messages/{id}.
func (g *Gateway) message(c echo.Context) error {
	id := c.Param("id")
	a, ok := g.opts.Shard.Lookup(id)
	if !ok {
		return newProblem(http.StatusNotFound, codeUnknown, "no message of that id is remembered: there was none, its answer was given, or it ended too long ago").write(c)
	}
	told := fate{ID: id, Status: a.Outcome.String(), Code: g.hide(a.Code)}
	switch {
	case a.Outcome == shard.Refused:
		told.Detail = g.hide(a.Text)
	case a.Reply != nil:
		told.Type = a.Reply.Type()
		if json.Valid(a.Reply.Data()) {
			told.Data = a.Reply.Data()
		}
	}
	return c.JSON(http.StatusOK, told)
}

// health serves GET /.grow/health.
func (g *Gateway) health(c echo.Context) error {
	if g.stopping.Load() {
		return newProblem(http.StatusServiceUnavailable, codeStopping, "the service is about to stop").write(c)
	}
	if g.opts.Health != nil && g.opts.Health() != nil { // why is for who runs the service: see grow status
		return refusal(shard.ErrJournal).write(c)
	}
	return c.JSON(http.StatusOK, map[string]string{"status": "ok", "service": g.opts.Service.Name})
}

// hide is what a client is told of what an actor says.
func (g *Gateway) hide(text string) string {
	if g.opts.Hide == nil {
		return text
	}
	return g.opts.Hide(text)
}
