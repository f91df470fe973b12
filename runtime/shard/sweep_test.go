package shard

import (
	"context"
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/specs"
)

// TestSweep: instances that nobody used for a while are closed, those of a node and of the
// actors that it asks.
func TestSweep(t *testing.T) {
	answers := func(engine.Host, *abi.Message) ([]sent, error) { return nil, nil }
	b := bounded(t, func(*bounds) {}, answers)
	broker, err := capability.Open(t.Context(), nil, 1, capability.Environment{})
	if err != nil {
		t.Fatal(err)
	}
	provider := actor.New(actor.Options{
		Node: "a", Def: def("p", func(*specs.Actor) {}), Scale: specs.Scale{Max: 2}, Module: goModule{answers, false}, Broker: broker, Context: b.Context(),
		RealTime: func() int64 { return 0 }, Seed: func(string) [32]byte { return [32]byte{} },
	})
	defer provider.Close()
	own := b.nodes["a"].run.Load().actor
	own.Providers = []*actor.Actor{provider}
	handle := func() {
		f, err := b.Accept(t.Context(), &Request{To: "a", Type: "in", AnyReply: true})
		if err != nil {
			t.Fatal(err)
		}
		<-f.Done()
		task := &actor.Task{ID: "m", Context: context.Background(), Message: abi.NewMessage(nil, abi.ID, "m", abi.Type, "in")}
		if err := provider.Run(t.Context(), task, func(*actor.Result) {}); err != nil {
			t.Fatal(err)
		}
	}
	handle()
	b.settled(t) // its lane has given the instance back
	b.clock.ring(t, idleInstances)
	if own.Instances() != 1 || provider.Instances() != 1 {
		t.Errorf("%d and %d instances after the first look, which only notes that they are idle", own.Instances(), provider.Instances())
	}
	b.clock.ring(t, idleInstances)
	await(t, "the end of idle instances", func() bool { return own.Instances() == 0 && provider.Instances() == 0 })
	handle() // another one is started
}
