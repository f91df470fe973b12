package supervisor

import (
	"context"
	"testing"

	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/testdata/wat"
)

// opening is a kind that tells what it is opened with.
type opening struct {
	capability.Kind
	seen []capability.Environment
}

// opened is the one of the test that runs.
var opened = &opening{}

func init() {
	capability.Register(opened)
	capability.Register(asking{})
}

func (*opening) Name() string { return "opening" }

func (o *opening) Open(_ context.Context, _ specs.Grant, env capability.Environment) (capability.Capability, error) {
	o.seen = append(o.seen, env)
	return silentCapability{}, nil
}

type silentCapability struct{ capability.Capability }

func (silentCapability) Operations() map[string]capability.Effect { return nil }
func (silentCapability) Close() error                             { return nil }

// TestForkApart: the grants of a fork, and of the actors that it asks, are opened apart from
// what the host shares with what runs.
func TestForkApart(t *testing.T) {
	kind := opened
	kind.seen = nil
	w := ledgers(t, "")
	grant := []specs.Grant{{Name: "o", Kind: kind.Name()}}
	w.Service.Actors["geo"] = &specs.Actor{Name: "geo", In: []string{"find"}, Uses: grant, Scale: specs.Scale{Max: 2}, Limits: w.Service.Actors["a"].Limits}
	w.Modules["geo"] = BinaryOf(wat.Module("echo"))
	w.Service.Actors["a"].Uses = append(grant, specs.Grant{Name: "geo", Kind: specs.KindActor, Params: map[string]any{"actor": "geo"}})
	v, _, _, end := migrating(t)
	defer end()
	shared := &bucket.Memory{}
	v.opts.Environment.Buckets = shared
	f, err := v.Fork(t.Context(), w, "a", 1, &still{})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if len(kind.seen) != 2 {
		t.Fatalf("%d grants were opened", len(kind.seen))
	}
	for i, env := range kind.seen {
		if !env.Apart || env.Buckets == bucket.Store(shared) || env.Objects == nil {
			t.Errorf("grant %d is opened with %+v", i, env)
		}
	}
}

// asking is the kind of grants that name an actor.
type asking struct{ capability.Kind }

func (asking) Name() string { return specs.KindActor }

func (asking) Open(context.Context, specs.Grant, capability.Environment) (capability.Capability, error) {
	return silentCapability{}, nil
}
