// Package connector is the capability of kind connector: services in processes of their own,
// in any language, that take requests from a subject of a NATS server.
//
//	uses:
//	  geo: {kind: connector, subject: tools.geo, operations: {geo.lookup: reads}}
//
// What goes over the wire is in docs/connectors.md. A service is asked what it serves
// before it is asked for anything else, so that a request of a wrong type does not leave the
// host, and an operation that changes something is not taken for one that only reads.
package connector

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/grow-platform/grow/host/capabilities/grants"
	"github.com/grow-platform/grow/host/outside/nats"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/specs"
	client "github.com/nats-io/nats.go"
)

// Effects of operations, as grants and descriptions name them.
const (
	reads   = "reads"
	changes = "changes"
)

// own begins the names of operations of the protocol itself.
const own = "grow."

func init() { capability.Register(kind{form}) }

type kind struct{ *grants.Form[grant] }

// grant is what grant.cue describes.
type grant struct {
	Server     string            `json:"server"`
	Subject    string            `json:"subject"`
	Operations map[string]string `json:"operations"`
	Request    int               `json:"request"`
	Answer     int               `json:"answer"`
}

//go:embed grant.cue
var definition string

var form = grants.New[grant]("connector", definition, (*grant).whole)

// whole checks what CUE cannot, and completes a grant.
func (g *grant) whole() error {
	if fault := nats.WrongSubject(g.Subject); fault != "" {
		return fmt.Errorf("connector grant: subject: %q %s", g.Subject, fault)
	}
	for name := range g.Operations {
		if strings.HasPrefix(name, own) {
			return fmt.Errorf("connector grant: operations: %s is the protocol's own: names of operations do not begin with %s", name, own)
		}
	}
	return nil
}

// Open implements capability.Kind. Neither server nor service need be there yet.
func (kind) Open(_ context.Context, g specs.Grant, env capability.Environment) (capability.Capability, error) {
	read, err := form.Read(g.Params)
	if err != nil {
		return nil, err
	}
	if env.Apart {
		return &opened{grant: read}, nil
	}
	conn, err := nats.Connect(read.Server, env.Secret)
	if err != nil {
		return nil, err
	}
	return &opened{grant: read, conn: conn, scope: env.Namespace + "/" + env.Service}, nil
}

// opened serves one grant.
type opened struct {
	*grant
	conn  *client.Conn // nil: of a copy that stands apart, which asks nobody
	scope string       // what ids of messages are unique in

	mu        sync.Mutex // guards what follows
	described *description
	until     time.Time // for how long described is taken for true
}

// Operations implements capability.Capability: Do says which there are.
func (*opened) Operations() map[string]capability.Effect { return nil }

// Effect implements capability.Judge, by the grant.
func (o *opened) Effect(r *capability.Request) capability.Effect {
	if o.grant.Operations[r.Operation] == changes {
		return capability.Changes
	}
	return capability.Reads
}

// Close implements capability.Capability.
func (o *opened) Close() error {
	if o.conn != nil {
		o.conn.Close()
	}
	return nil
}

// Do implements capability.Capability.
func (o *opened) Do(ctx context.Context, r *capability.Request) capability.Answer {
	if o.conn == nil {
		return capability.Fail(capability.Unavailable, "a copy that stands apart asks nobody")
	}
	granted, ok := o.grant.Operations[r.Operation]
	if len(r.Data) > o.Request {
		return capability.Fail(capability.Limit, "the data of the request has %d bytes, %d are allowed", len(r.Data), o.Request)
	}
	d, err := o.describe(ctx)
	if err != nil && ok {
		return o.failed(ctx, err)
	}
	if err != nil {
		return capability.Fail(capability.Denied, "the grant does not allow %s", r.Operation)
	}
	served, known := d.Operations[r.Operation]
	switch {
	case !known:
		return capability.Fail(capability.Invalid, "the service at %s does not serve %s", o.Subject, r.Operation)
	case !ok:
		return capability.Fail(capability.Denied, "the grant does not allow %s", r.Operation)
	case granted == reads && served.Effect == changes:
		return capability.Fail(capability.Denied, "%s changes something, as the service says, and the grant is to read", r.Operation)
	}
	if err := served.request.Check(r.Data); err != nil {
		return capability.Fail(capability.Invalid, "the request is not what %s takes: %v", r.Operation, err)
	}
	m, err := request(ctx, o.Subject, o.scope, r)
	if err != nil {
		return capability.Fail(capability.Limit, "%v", err)
	}
	reply, err := o.conn.RequestMsgWithContext(ctx, m)
	if err != nil {
		return o.failed(ctx, err)
	}
	a, err := answer(reply, o.Answer)
	if err == nil && a.Code == "" {
		err = served.typed(a.Data)
	}
	if err != nil {
		return o.failed(ctx, err)
	}
	return *a
}

// failed is what an error means to an actor. What the server says of itself is left out.
func (o *opened) failed(ctx context.Context, err error) capability.Answer {
	var fault *fault
	switch {
	case errors.As(err, &fault):
		return capability.Fail(fault.code, "the service at %s %s", o.Subject, fault.text)
	case errors.Is(err, client.ErrNoResponders):
		return capability.Fail(capability.Unavailable, "no service takes requests at %s of server %s", o.Subject, o.Server)
	case errors.Is(err, client.ErrMaxPayload):
		return capability.Fail(capability.Limit, "the request is larger than server %s takes", o.Server)
	case ctx.Err() != nil && o.conn.IsConnected():
		return capability.Fail(capability.Timeout, "the service at %s did not answer in time", o.Subject)
	}
	return capability.Fail(capability.Unavailable, "server %s does not answer", o.Server)
}
