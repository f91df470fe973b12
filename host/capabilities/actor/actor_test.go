package actor

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/capability/capabilitytest"
	"github.com/grow-platform/grow/specs"
)

// geo provides operations that it counts by request.
type geo struct {
	mu   sync.Mutex
	done map[string]bool
}

// Operations implements capability.Provider.
func (*geo) Operations() map[string]capability.Effect {
	return map[string]capability.Effect{"geo.lookup": capability.Reads, "geo.add": capability.Changes, "geo.wait": capability.Reads, "geo.drop": capability.Changes}
}

// Do implements capability.Provider.
func (g *geo) Do(ctx context.Context, r *capability.Request) capability.Answer {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case r.Operation == "geo.wait":
		<-ctx.Done()
		return capability.Fail(capability.Timeout, "it took too long")
	case len(r.Data) > 10_000:
		return capability.Fail(capability.Limit, "the request is too large")
	case r.Operation == "geo.add":
		g.done[r.Stable] = true
	}
	return capability.Answer{Data: []byte("1"), Fuel: 7}
}

// TestSuite: operations of an actor are a capability like others.
func TestSuite(t *testing.T) {
	capabilitytest.Run(t, func(t *testing.T) capabilitytest.Subject {
		g := &geo{done: map[string]bool{}}
		return capabilitytest.Subject{
			Kind: "actor", Params: map[string]any{"actor": "geo", "operations": []any{"geo.lookup", "geo.add", "geo.wait"}},
			Environment: capability.Environment{Actors: map[string]capability.Provider{"geo": g}},
			Read:        capabilitytest.Request{Operation: "geo.lookup"}, Change: capabilitytest.Request{Operation: "geo.add"},
			Count: func() int {
				g.mu.Lock()
				defer g.mu.Unlock()
				return len(g.done)
			},
			Denied: capabilitytest.Request{Operation: "geo.drop"}, Large: capabilitytest.Request{Operation: "geo.lookup", Data: make([]byte, 10_001)},
			Slow: capabilitytest.Request{Operation: "geo.wait"},
		}
	})
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		params map[string]any
		says   string // "": fine
	}{
		{map[string]any{"actor": "geo"}, ""},
		{map[string]any{"actor": "geo", "operations": []any{"geo.lookup"}}, ""},
		{map[string]any{}, "actor"},
		{map[string]any{"actor": "Geo"}, "actor"},
		{map[string]any{"actor": "geo", "operations": []any{}}, "operations"},
		{map[string]any{"actor": "geo", "operations": []any{"a b"}}, "operations"},
	} {
		err := capability.CheckGrant(specs.Grant{Kind: "actor", Params: c.params})
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v: %v, want %q", c.params, err, c.says)
		}
	}
}

// TestOpen: an actor that does not run is an error at the start.
func TestOpen(t *testing.T) {
	_, err := kind{}.Open(t.Context(), specs.Grant{Params: map[string]any{"actor": "geo"}}, capability.Environment{})
	if err == nil || !strings.Contains(err.Error(), "the actor geo does not run here") {
		t.Error(err)
	}
}
