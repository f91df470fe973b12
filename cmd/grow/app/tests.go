package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/grow-platform/grow/host/gateway"
	"github.com/grow-platform/grow/runtime/actortest"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/mem"
	"github.com/grow-platform/grow/specs"
)

// Tests runs the declared tests of a service.
type Tests struct {
	*actortest.Runner
	engine engine.Engine
}

// OpenTests makes ready to run the tests of a service. modules gives the path of
// each actor's module, cacheDir is that of compiled modules; "": the user's.
// parallel is how many tests run at a time; 0: as many as there are processors.
func OpenTests(ctx context.Context, s *specs.Service, modules map[string]string, cacheDir string, parallel int) (*Tests, error) {
	e, err := NewEngine(ctx, cacheDir, nil)
	if err != nil {
		return nil, err
	}
	return &Tests{newTests(e, s, modules, parallel), e}, nil
}

// newTests makes what runs the tests of a service on an engine.
func newTests(e engine.Engine, s *specs.Service, modules map[string]string, parallel int) *actortest.Runner {
	return actortest.New(actortest.Options{
		Service: s, Engine: e, Gateway: desk{}, Parallel: parallel,
		Store: func() journal.Store { return mem.New(mem.Options{}) },
		Module: func(actor string) ([]byte, error) {
			path, ok := modules[actor]
			if !ok {
				return nil, errors.New("it has not been built")
			}
			binary, err := os.ReadFile(path)
			if err != nil {
				return nil, fmt.Errorf("read module: %w", err)
			}
			return binary, nil
		},
	})
}

// Close releases everything.
func (t *Tests) Close(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	return errors.Join(t.Runner.Close(ctx), t.engine.Close(ctx))
}

// desk is the gateway of tests.
type desk struct{}

// testSecret is every secret of a test: a text, and base64 as Standard Webhooks
// want it.
const testSecret = "whsec_Z3JvdyB0ZXN0cyBzaWduIHdpdGggdGhpcw=="

// Handler implements actortest.Gateway.
func (desk) Handler(s *specs.Service, to actortest.Shard, now func() time.Time) (http.Handler, error) {
	g, err := gateway.New(gateway.Options{Service: s, Shard: to, Secret: func(string) (string, bool) { return testSecret, true }, Now: now})
	if err != nil {
		return nil, err
	}
	return g.Handler(), nil
}

// Sign implements actortest.Gateway.
func (desk) Sign(e *specs.Endpoint, r *http.Request, body []byte, now time.Time) {
	_ = gateway.Sign(e.Webhook, testSecret, r.Header, body, now) // the secret is one that can be used
}
