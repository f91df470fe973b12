package shard

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/specs"
)

// failsOnce is a module whose first instance fails to start, once it is told to.
type failsOnce struct {
	goModule
	starts *atomic.Int32
	fail   chan struct{}
}

func (m failsOnce) Instantiate(ctx context.Context, h engine.Host) (engine.Instance, error) {
	if m.starts.Add(1) == 1 {
		<-m.fail
		return nil, errors.New("it does not start")
	}
	return m.goModule.Instantiate(ctx, h)
}

// TestStartFails: while a lane starts the only instance that may be, another lane waits
// for it. When that fails, the place is the other lane's.
func TestStartFails(t *testing.T) {
	service := keyedService(func(a *specs.Actor) { a.Scale.Max, a.Retry.Max = 1, 0 })
	b := open(t, service, map[string]guest{"who": nil}, nil)
	m := failsOnce{starts: &atomic.Int32{}, fail: make(chan struct{})}
	m.guest = func(engine.Host, *abi.Message) ([]sent, error) { return []sent{{typ: "out", data: "done"}}, nil }
	actors := actorsOf(t, b.Shard, service, map[string]guest{"who": nil})
	actors["who"].Module = m
	if err := b.Apply(mustCompile(t, service), actors); err != nil {
		t.Fatal(err)
	}
	ask := func(lane int) *Flow {
		for i := 0; ; i++ {
			if key := fmt.Sprint("k", i); spread(key, 2) == lane {
				return b.accept(t, &Request{To: "who", AnyReply: true, Data: fmt.Appendf(nil, `{"k":%q}`, key)})
			}
		}
	}
	first := ask(0)
	await(t, "the instance is being started", func() bool { return m.starts.Load() == 1 })
	second := ask(1)
	await(t, "the second lane waits for it", func() bool { return b.nodes["who"].hungry.Load()&(1<<1) != 0 })
	close(m.fail)
	if got := answered1(t, first); !strings.HasPrefix(got, "failed") {
		t.Errorf("what could not be started for: %s", got)
	}
	if got := answered1(t, second); got != "replied out done" {
		t.Errorf("what waited: %s", got)
	}
}
