package grow

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/grow-platform/grow/sdk/go/internal/bridge"
	"github.com/grow-platform/grow/sdk/go/internal/frame"
)

// requestsMax is the number of requests in one call.
const requestsMax = 32

// Request asks a capability for something.
type Request struct {
	Op    string            // the operation: http.fetch
	Use   string            // the grant's name in the actor's uses; "" for operations that need none
	Attrs map[string]string // parameters
	Data  []byte            // body
}

// Answer is what a capability answered.
type Answer struct {
	Data []byte
	Err  error // nil, or a *CallError

	m frame.Message
}

// Attr returns the value of an attribute of the answer, "" when it has none of that name.
func (a Answer) Attr(name string) string {
	v, _ := a.m.Attr(name)
	return string(v)
}

// Decode decodes the data, which must be JSON, into the value into points to.
// It returns Err when that is not nil.
func (a Answer) Decode(into any) error {
	if a.Err != nil {
		return a.Err
	}
	if err := json.Unmarshal(a.Data, into); err != nil {
		return fmt.Errorf("decode answer: %w", err)
	}
	return nil
}

// Call makes up to 32 requests, which the host serves at the same time, and
// returns their answers in the order of the requests. The error is about the
// call as a whole, such as an attribute that is too long; what a capability
// refused is in Answer.Err.
func (c *Context) Call(reqs ...Request) ([]Answer, error) {
	if len(reqs) < 1 || len(reqs) > requestsMax {
		return nil, fmt.Errorf("call: %d requests, not 1 to %d", len(reqs), requestsMax)
	}
	b := frame.AppendCount(c.req[:0], len(reqs))
	for _, r := range reqs {
		var err error
		if b, err = r.append(b); err != nil {
			return nil, fmt.Errorf("call %s: %w", r.Op, err)
		}
	}
	c.req = b
	raw, err := c.exchange()
	if err != nil {
		return nil, err
	}
	r, err := frame.Trust(slices.Clone(raw))
	if err != nil || r.Left() != len(reqs) {
		return nil, fmt.Errorf("call: the host answered with a malformed frame: %w", cmpErr(err, frame.ErrCount))
	}
	answers := make([]Answer, len(reqs))
	for i := range answers {
		m, err := r.Next()
		if err != nil {
			return nil, fmt.Errorf("call: the host answered with a malformed frame: %w", err)
		}
		answers[i] = Answer{Data: m.Data, Err: callError(reqs[i].Op, m), m: m}
	}
	return answers, nil
}

// Do makes one request. The error answer of the capability, a *[CallError], is the error.
func (c *Context) Do(req Request) (Answer, error) {
	answers, err := c.Call(req)
	if err != nil {
		return Answer{}, err
	}
	return answers[0], answers[0].Err
}

// Secret returns a secret that the grant use covers.
func (c *Context) Secret(use, name string) (string, error) {
	a, err := c.one("secret.get", use, nil, "name", name)
	return string(a.Data), err
}

// RealTime is the time of day when it is called, in UTC. It is recorded, so
// that a replay sees the same.
func (c *Context) RealTime() (time.Time, error) {
	a, err := c.one("time.now", "", nil)
	if err != nil {
		return time.Time{}, err
	}
	text, _ := a.Attr("unix_ns")
	ns, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("time.now: %w", err)
	}
	return time.Unix(0, ns).UTC(), nil
}

// Rand draws from the message's random stream: the same numbers each time the
// message is handled, and different ones for every message.
func (c *Context) Rand() *mathrand.Rand {
	if c.random == nil {
		var seed [32]byte
		rand.Read(seed[:]) // never fails
		c.random = mathrand.New(mathrand.NewChaCha8(seed))
	}
	return c.random
}

func (r Request) append(b []byte) ([]byte, error) {
	if r.Op == "" {
		return nil, errors.New("the request has no operation")
	}
	n := 1 + len(r.Attrs)
	if r.Use != "" {
		n++
	}
	if n > frame.AttrsMax {
		return nil, fmt.Errorf("%d attributes: %w", n, frame.ErrLimit)
	}
	b = frame.AppendAttrs(b, n)
	b, err := appendAttr(b, "type", r.Op)
	if err == nil && r.Use != "" {
		b, err = appendAttr(b, "use", r.Use)
	}
	if err != nil {
		return nil, err
	}
	// Sorted, so that the same request is the same bytes in a record and its replay.
	for _, name := range slices.Sorted(maps.Keys(r.Attrs)) {
		if name == "type" || name == "use" {
			return nil, fmt.Errorf("attribute %q has a field of its own", name)
		}
		if b, err = appendAttr(b, name, r.Attrs[name]); err != nil {
			return nil, err
		}
	}
	return frame.AppendData(b, r.Data), nil
}

func appendAttr(b []byte, name, value string) ([]byte, error) {
	if err := frame.Check(name, value); err != nil {
		return nil, fmt.Errorf("attribute %.64q: %w", name, err)
	}
	return frame.AppendAttr(b, name, value), nil
}

// one makes one request whose answer lies in a buffer that the next request
// uses again. attrs are name, value, name, value.
func (c *Context) one(op, use string, data []byte, attrs ...string) (frame.Message, error) {
	n := 1 + len(attrs)/2
	if use != "" {
		n++
	}
	b := frame.AppendCount(c.req[:0], 1)
	b = frame.AppendAttrs(b, n)
	b = frame.AppendAttr(b, "type", op)
	var err error
	if use != "" {
		if b, err = appendAttr(b, "use", use); err != nil {
			return frame.Message{}, fmt.Errorf("%s: %w", op, err)
		}
	}
	for i := 0; i < len(attrs); i += 2 {
		if b, err = appendAttr(b, attrs[i], attrs[i+1]); err != nil {
			return frame.Message{}, fmt.Errorf("%s: %w", op, err)
		}
	}
	c.req = frame.AppendData(b, data)
	raw, err := c.exchange()
	if err != nil {
		return frame.Message{}, err
	}
	m, err := frame.One(raw)
	if err != nil {
		return frame.Message{}, fmt.Errorf("%s: the host answered with a malformed frame: %w", op, err)
	}
	return m, callError(op, m)
}

// exchange hands c.req to the host and returns the answer frame, which is
// valid until the next exchange.
func (c *Context) exchange() ([]byte, error) {
	n := bridge.Call(c.req, c.answer)
	if n > len(c.answer) {
		c.answer = make([]byte, n+n/4)
		if got := bridge.Answer(c.answer); got != n {
			return nil, fmt.Errorf("call: the host gave %d bytes of an answer of %d", got, n)
		}
	}
	return c.answer[:n], nil
}

// callError returns the error that an answer is, or nil.
func callError(op string, m frame.Message) error {
	typ, _ := m.Attr("type")
	if string(typ) != "grow.error" {
		return nil
	}
	code, _ := m.Attr("code")
	retry, _ := m.Attr("retry")
	return &CallError{Op: op, Code: string(code), Text: string(m.Data), Retry: string(retry) == "yes"}
}

func cmpErr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}
