package shard

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
)

// attach has guests handle messages of the node who, for somebody who looks.
func (b *bench) attach(t *testing.T, guests map[string]guest, key *string) (func(), error) {
	t.Helper()
	return b.Attach("who", actorsOf(t, b.Shard, keyedService(nil), guests)["who"], key)
}

func (b *bench) ask(t *testing.T, key string) *Flow {
	t.Helper()
	return b.accept(t, &Request{To: "who", AnyReply: true, Data: fmt.Appendf(nil, `{"k":%q}`, key)})
}

// TestAttach: all keys or one are handled by what somebody looks at, until they leave.
func TestAttach(t *testing.T) {
	for _, c := range []struct {
		name string
		key  *string
		want int
	}{{"all keys", nil, 400}, {"one", new("customer-007"), 1}, {"one that is not there", new("none"), 0}} {
		t.Run(c.name, func(t *testing.T) {
			b := open(t, keyedService(nil), says("old"), nil)
			detach, err := b.attach(t, says("looked at"), c.key)
			if err != nil {
				t.Fatal(err)
			}
			if n := share(b.served(t), "looked at"); n != c.want {
				t.Errorf("%d keys are looked at, want %d", n, c.want)
			}
			detach()
			detach()
			if n := share(b.served(t), "old"); n != 400 {
				t.Errorf("%d keys came back", n)
			}
		})
	}
}

// TestAttachHeld: while a guest stands still, its key waits in order, and other keys and
// other nodes are served. What it was at ends where it began.
func TestAttachHeld(t *testing.T) {
	service := keyedService(nil)
	other := def("other", nil)
	service.Actors["other"] = other
	guests := says("old")
	guests["other"] = says("other")["who"]
	b := open(t, service, guests, nil)
	stopped, goOn := make(chan struct{}), make(chan struct{})
	held := map[string]guest{"who": func(h engine.Host, m *abi.Message) ([]sent, error) {
		if string(m.Data()) == `{"k":"a"}` {
			release := h.(interface{ Hold() func() }).Hold()
			stopped <- struct{}{}
			<-goOn
			release()
		}
		return []sent{{typ: "out", data: "looked at"}}, nil
	}}
	detach, err := b.attach(t, held, nil)
	if err != nil {
		t.Fatal(err)
	}
	first := b.ask(t, "a")
	<-stopped
	second := b.ask(t, "a")
	if got := answered1(t, b.ask(t, "b")); got != "replied out looked at" {
		t.Errorf("another key: %s", got)
	}
	if got := answered1(t, b.accept(t, &Request{To: "other", AnyReply: true})); got != "replied out other" {
		t.Errorf("another node: %s", got)
	}
	detach()
	if got := answered1(t, b.ask(t, "b")); got != "replied out old" {
		t.Errorf("another key afterwards: %s", got)
	}
	b.clock.pass(time.Minute)
	if a, other := first.Stood(), second.Stood(); a != time.Minute || other != 0 {
		t.Errorf("the first message has stood for %v, the second for %v", a, other)
	}
	if got := second.Answer().Outcome; got != Pending {
		t.Errorf("the second message of the key is %v while the first is handled", got)
	}
	close(goOn)
	if got := answered1(t, first) + ", " + answered1(t, second); got != "replied out looked at, replied out old" {
		t.Error(got)
	}
	b.clock.pass(time.Minute)
	if a := first.Stood(); a != time.Minute {
		t.Errorf("once it has gone on, it has stood for %v", a)
	}
}

// TestAttachStarts: while an instance of what somebody looks at is being started, which
// lasts as long as they look at that, other keys of the lane have theirs.
func TestAttachStarts(t *testing.T) {
	service := keyedService(nil)
	b := open(t, service, says("old"), nil)
	keys := []string{"a"}
	for i := 0; len(keys) < 2; i++ {
		if key := fmt.Sprint("k", i); spread(key, 2) == spread("a", 2) {
			keys = append(keys, key)
		}
	}
	looked := actorsOf(t, b.Shard, service, says("looked at"))
	m := failsOnce{starts: &atomic.Int32{}, fail: make(chan struct{})}
	looked["who"].Module = m
	detach, err := b.Attach("who", looked["who"], &keys[0])
	if err != nil {
		t.Fatal(err)
	}
	first := b.ask(t, keys[0])
	await(t, "the instance is being started", func() bool { return m.starts.Load() == 1 })
	if got := answered1(t, b.ask(t, keys[1])); got != "replied out old" {
		t.Errorf("another key of the lane: %s", got)
	}
	detach()
	close(m.fail)
	if got := answered1(t, first); got != "replied out old" {
		t.Errorf("the key afterwards: %s", got)
	}
}

// TestAttachRefused: who cannot be attached to, and what ends it.
func TestAttachRefused(t *testing.T) {
	service := keyedService(nil)
	b := open(t, service, says("old"), nil)
	refused := func(when string, key *string, path string) {
		t.Helper()
		if _, err := b.Attach(path, actorsOf(t, b.Shard, service, says("looked at"))["who"], key); !errors.Is(err, ErrAttached) {
			t.Errorf("%s: %v", when, err)
		}
	}
	refused("no such node", nil, "none")
	if err := b.try(t, service, says("new"), 0.5); err != nil {
		t.Fatal(err)
	}
	refused("in a trial", nil, "who")
	b.Untry()
	detach, err := b.attach(t, says("looked at"), nil)
	if err != nil {
		t.Fatal(err)
	}
	refused("twice", nil, "who")
	if err := b.try(t, service, says("new"), 0.5); !errors.Is(err, ErrTrial) {
		t.Errorf("a trial meanwhile: %v", err)
	}
	serve(t, b.Shard, service, says("next"))
	detach()
	if n := share(b.served(t), "next"); n != 400 {
		t.Errorf("%d of 400 keys after a table was applied", n)
	}
	other := actorsOf(t, b.Shard, service, says("looked at"))["who"]
	other.Revision = "another"
	if _, err := b.Attach("who", other, nil); !errors.Is(err, ErrAttached) {
		t.Errorf("another revision: %v", err)
	}
	plain := open(t, project(def("who", nil)), says("old"), nil)
	if _, err := plain.Attach("who", actorsOf(t, plain.Shard, service, says("looked at"))["who"], new("a")); !errors.Is(err, ErrAttached) {
		t.Errorf("a key where there are none: %v", err)
	}
}
