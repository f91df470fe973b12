package actortest

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/specs"
)

// desk makes the requests of a test of endpoints. request and end run on the
// test's goroutine; each request is served on one of its own.
type desk struct {
	stage   *stage
	handler http.Handler
	calls   []*call
}

// call is one request under way. accepted gets the flow of its message.
type call struct {
	accepted chan *shard.Flow
	done     chan struct{}
	cancel   context.CancelFunc
	flow     *shard.Flow // that it has become
	open     bool        // it was given up: there is no answer
	reply    recorder
}

// callKey finds the call that a context belongs to.
type callKey struct{}

func newDesk(s *stage) (*desk, error) {
	d := &desk{stage: s}
	if s.opts.Gateway == nil {
		return d, nil
	}
	var err error
	if d.handler, err = s.opts.Gateway.Handler(s.service, counter{s.shard}, s.clock.Now); err != nil {
		return d, fmt.Errorf("serve endpoints: %w", err)
	}
	return d, nil
}

// counter is a shard that tells each call which flow it has become.
type counter struct{ *shard.Shard }

// Accept implements Shard.
func (c counter) Accept(ctx context.Context, r *shard.Request) (*shard.Flow, error) {
	f, err := c.Shard.Accept(ctx, r)
	if call, ok := ctx.Value(callKey{}).(*call); ok && err == nil {
		call.accepted <- f // which has room for one, and is asked for one
	}
	return f, err
}

// request makes a request, and returns when it is answered, or waits for time to pass.
func (d *desk) request(ctx context.Context, q *specs.Request) error {
	if d.handler == nil {
		d.stage.fault = "tests of endpoints cannot be run here"
		return nil
	}
	target, err := url.ParseRequestURI(q.Target)
	if err != nil {
		d.stage.fault = fmt.Sprintf("%q is no target of a request: %v", q.Target, err)
		return nil
	}
	c := &call{accepted: make(chan *shard.Flow, 1), done: make(chan struct{}), reply: recorder{header: http.Header{}}}
	ctx, c.cancel = context.WithCancel(context.WithValue(ctx, callKey{}, c))
	r, err := http.NewRequestWithContext(ctx, q.Method, target.String(), bytes.NewReader(q.Body))
	if err != nil {
		c.cancel()
		return fmt.Errorf("make request: %w", err)
	}
	r.RequestURI, r.Host, r.RemoteAddr = q.Target, "test", "127.0.0.1:1"
	for name, value := range q.Headers {
		r.Header.Set(name, value)
	}
	endpoint := d.endpoint(q)
	if endpoint != nil && endpoint.Webhook != nil && !q.Unsigned {
		d.stage.opts.Gateway.Sign(endpoint, r, q.Body, d.stage.clock.Now())
	}
	d.calls = append(d.calls, c)
	go func() { // ends with the request, which close cancels
		defer close(c.done)
		d.handler.ServeHTTP(&c.reply, r)
	}()
	select {
	case <-c.done:
		return nil
	case c.flow = <-c.accepted:
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := d.stage.settle(ctx); err != nil {
		return err
	}
	return c.answered(ctx, endpoint != nil && endpoint.Accepted)
}

// answered waits for the answer of a call whose message has been handled as far
// as it can be while time stands.
func (c *call) answered(ctx context.Context, at202 bool) error {
	if !at202 {
		select {
		case <-c.flow.Done():
		default:
			return nil // it is answered later, when time has moved
		}
	}
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *desk) endpoint(q *specs.Request) *specs.Endpoint {
	return d.stage.service.EndpointOf(q.Method, q.Target)
}

// end waits for the answers that are due, and gives the others up.
func (d *desk) end(ctx context.Context) error {
	for _, c := range d.calls {
		if c.flow == nil {
			continue // it has been answered
		}
		select {
		case <-c.flow.Done():
			if err := c.answered(ctx, true); err != nil {
				return err
			}
		case <-c.done:
		default:
			c.open = true
			c.cancel()
			<-c.done
		}
	}
	return nil
}

func (d *desk) close() {
	for _, c := range d.calls {
		c.cancel()
		<-c.done
	}
}

func (d *desk) replies() []Reply {
	var list []Reply
	for _, c := range d.calls {
		if c.open {
			list = append(list, Reply{})
			continue
		}
		c.reply.Lock()
		list = append(list, Reply{Status: max(c.reply.status, http.StatusOK), Body: c.reply.body.Bytes(), Headers: c.reply.header})
		c.reply.Unlock()
	}
	return list
}

// ReplyMax is how much of an answer's body is kept, in bytes.
const ReplyMax = 4 << 20

// recorder is the http.ResponseWriter of a test.
type recorder struct {
	sync.Mutex
	status int
	header http.Header
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (r *recorder) Header() http.Header { return r.header }

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) {
	r.Lock()
	defer r.Unlock()
	if r.status == 0 {
		r.status = status
	}
}

// Write implements http.ResponseWriter.
func (r *recorder) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	r.Lock()
	defer r.Unlock()
	if room := ReplyMax - r.body.Len(); room < len(p) {
		r.body.Write(p[:max(room, 0)])
	} else {
		r.body.Write(p)
	}
	return len(p), nil
}

// text is a body for people.
func text(body []byte) string { return strings.ToValidUTF8(string(body), "\uFFFD") }
