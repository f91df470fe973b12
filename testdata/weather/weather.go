// Package weather is a capability of kind weather: what a weather office knows of cities.
// It stands outside of grow's own module, as one that anybody writes does.
//
//	uses:
//	  sky: {kind: weather, cities: [Bonn]}
//
// The host knows where the office is by the secret GROW_WEATHER, a URL.
package weather

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/grow-platform/grow/host/capabilities/grants"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/specs"
)

// The operations, which weather.cue describes.
const (
	Now    = "weather.now"
	Report = "weather.report"
	Watch  = "weather.watch"
)

// requestMax is how many bytes of data a request has at most.
const requestMax = 1024

func init() { capability.Register(kind{form}) }

type kind struct{ *grants.Form[grant] }

// grant is #Grant of weather.cue.
type grant struct {
	Cities []string `json:"cities"`
	Answer int64    `json:"answer"`
}

//go:embed weather.cue
var definition string

var form = grants.New[grant]("weather", definition, nil)

// Open implements capability.Kind. The office need not be there yet.
func (kind) Open(_ context.Context, g specs.Grant, env capability.Environment) (capability.Capability, error) {
	read, err := form.Read(g.Params)
	if err != nil {
		return nil, err
	}
	office, ok := env.Secret("GROW_WEATHER")
	if !ok {
		return nil, errors.New("there is no secret GROW_WEATHER: it says where the weather office is")
	}
	return &opened{grant: read, office: office, client: &http.Client{Transport: &http.Transport{}}, scope: env.Namespace + "/" + env.Service}, nil
}

// opened serves one grant.
type opened struct {
	*grant
	office string
	client *http.Client
	scope  string // what ids of messages are unique in
}

// Operations implements capability.Capability.
func (*opened) Operations() map[string]capability.Effect { return form.Effects() }

// Close implements capability.Capability.
func (o *opened) Close() error {
	o.client.CloseIdleConnections()
	return nil
}

// Do implements capability.Capability. ctx ends when the actor has no more time.
func (o *opened) Do(ctx context.Context, r *capability.Request) capability.Answer {
	if r.Operation == Watch {
		return capability.Fail(capability.Invalid, "%s is asked for as a stream", Watch)
	}
	answer, err := o.open(ctx, r)
	var data []byte
	if err == nil {
		data, err = io.ReadAll(answer)
		err = errors.Join(err, answer.Close())
	}
	if err != nil {
		return o.failed(ctx, err).Answer
	}
	if err := form.CheckAnswer(r.Operation, data); err != nil {
		return capability.Fail(capability.Unavailable, "the weather office does not make sense: %v", err)
	}
	return capability.Answer{Data: data}
}

// Stream implements capability.Streamer: weather.watch, as the office answers it.
func (o *opened) Stream(ctx context.Context, r *capability.Request, body io.Reader) (capability.Answer, io.ReadCloser) {
	if r.Operation != Watch || body != nil {
		return capability.Fail(capability.Invalid, "a stream is of %s, whose request is not written in pieces", Watch), nil
	}
	answer, err := o.open(ctx, r)
	if err != nil {
		return o.failed(ctx, err).Answer, nil
	}
	return capability.Answer{}, answer
}

// open checks a request and begins it.
func (o *opened) open(ctx context.Context, r *capability.Request) (io.ReadCloser, error) {
	refuse := func(code, format string, args ...any) error {
		return &capability.Failure{Answer: capability.Fail(code, format, args...)}
	}
	if len(r.Data) > requestMax {
		return nil, refuse(capability.Limit, "the request has %d bytes, %d are allowed", len(r.Data), requestMax)
	}
	if err := form.CheckRequest(r.Operation, r.Data); err != nil {
		return nil, refuse(capability.Invalid, "%v", err)
	}
	var asked struct{ City string }
	if err := json.Unmarshal(r.Data, &asked); err != nil || !slices.Contains(o.Cities, asked.City) {
		return nil, refuse(capability.Denied, "the grant does not reach %.100q", asked.City)
	}
	answer, err := o.ask(ctx, r)
	if err != nil {
		return nil, err
	}
	return &limited{ReadCloser: answer, o: o, ctx: ctx, left: o.Answer}, nil
}

// failed is what an actor is told of an error, which is not said itself: an error of the
// client holds the URL.
func (o *opened) failed(ctx context.Context, err error) *capability.Failure {
	var f *capability.Failure
	switch {
	case errors.As(err, &f):
		return f
	case ctx.Err() != nil:
		return &capability.Failure{Answer: capability.Fail(capability.Timeout, "the weather office did not answer in time"), Cause: err}
	}
	return &capability.Failure{Answer: capability.Fail(capability.Unavailable, "the weather office does not answer"), Cause: err}
}

// limited is an answer that fails when it is larger than the grant allows. It belongs to one
// goroutine.
type limited struct {
	io.ReadCloser
	o    *opened
	ctx  context.Context
	left int64 // bytes
}

// Read implements io.Reader.
func (l *limited) Read(p []byte) (int, error) {
	n, err := l.ReadCloser.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, &capability.Failure{Answer: capability.Fail(capability.Limit, "the answer has more than %d bytes", l.o.Answer)}
	}
	if err != nil && err != io.EOF {
		err = l.o.failed(l.ctx, err)
	}
	return n, err
}

// ask posts a request to the office. The same request of a message has the same key, however often
// it is made, so that the office does it once.
func (o *opened) ask(ctx context.Context, r *capability.Request) (io.ReadCloser, error) {
	url := o.office + "/" + strings.TrimPrefix(r.Operation, "weather.")
	post, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(r.Data))
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	post.Header.Set("Idempotency-Key", o.scope+"/"+r.Stable)
	answer, err := o.client.Do(post)
	if err != nil {
		return nil, fmt.Errorf("ask office: %w", err)
	}
	if answer.StatusCode != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("ask office: %s", answer.Status), answer.Body.Close())
	}
	return answer.Body, nil
}
