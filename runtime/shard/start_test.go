package shard

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
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

// closesLate is a module whose instances wait when they are closed.
type closesLate struct {
	goModule
	closing chan<- struct{}
	close   <-chan struct{}
}

type closesLateInstance struct {
	engine.Instance
	module closesLate
}

func (m closesLate) Instantiate(ctx context.Context, h engine.Host) (engine.Instance, error) {
	i, err := m.goModule.Instantiate(ctx, h)
	return closesLateInstance{i, m}, err
}

func (i closesLateInstance) Close() error {
	i.module.closing <- struct{}{}
	<-i.module.close
	return i.Instance.Close()
}

// TestSweptMeanwhile: a message that comes while the only instance that may be is closed for
// having been idle waits for its place, and gets it.
func TestSweptMeanwhile(t *testing.T) {
	service := project(def("a", func(a *specs.Actor) { a.Scale.Max = 1 }))
	b := open(t, service, map[string]guest{"a": nil}, nil)
	closing, closed := make(chan struct{}, 8), make(chan struct{})
	actors := actorsOf(t, b.Shard, service, map[string]guest{"a": nil})
	actors["a"].Module = closesLate{
		goModule{guest: func(engine.Host, *abi.Message) ([]sent, error) { return []sent{{typ: "out", data: "done"}}, nil }}, closing, closed,
	}
	if err := b.Apply(mustCompile(t, service), actors); err != nil {
		t.Fatal(err)
	}
	ask := func() *Flow { return b.accept(t, &Request{To: "a", Type: "in", AnyReply: true}) }
	answered1(t, ask())
	b.settled(t) // its lane has given the instance back
	b.clock.ring(t, idleInstances)
	var swept sync.WaitGroup
	swept.Go(func() { b.clock.ring(t, idleInstances) })
	<-closing
	second := ask()
	await(t, "a lane waits for an instance", func() bool { return b.nodes["a"].hungry.Load() != 0 })
	close(closed)
	if got := answered1(t, second); got != "replied out done" {
		t.Errorf("what waited: %s", got)
	}
	swept.Wait()
}

// TestBrokenMeanwhile: two lanes share the only instance that may be, and each message breaks
// it. What waits in one lane when the other has closed it is handled.
func TestBrokenMeanwhile(t *testing.T) {
	service := keyedService(func(a *specs.Actor) { a.Scale.Max, a.Retry.Max = 1, 0 })
	b := open(t, service, map[string]guest{"who": func(engine.Host, *abi.Message) ([]sent, error) { return nil, trap("broken") }}, nil)
	var keys [2]string
	for lane := range keys {
		for i := 0; keys[lane] == "" || spread(keys[lane], 2) != lane; i++ {
			keys[lane] = fmt.Sprint("k", i)
		}
	}
	for range 500 {
		var flows [2]*Flow
		for lane, key := range keys {
			flows[lane] = b.accept(t, &Request{To: "who", AnyReply: true, Data: fmt.Appendf(nil, `{"k":%q}`, key)})
		}
		for _, f := range flows {
			if got := answered1(t, f); !strings.HasPrefix(got, "failed") {
				t.Fatal(got)
			}
		}
	}
}
