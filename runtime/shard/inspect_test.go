package shard

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/specs"
)

// TestInspect: the message that is handled for long is told of, and what waits behind it,
// by key; once it has ended, neither is.
func TestInspect(t *testing.T) {
	var release atomic.Bool
	long := func(h engine.Host, m *abi.Message) ([]sent, error) {
		var used uint64
		for bytes.Contains(m.Data(), []byte("long")) && !release.Load() {
			grant, err := h.Slice(used)
			if err != nil {
				return nil, err
			}
			used += grant
		}
		return []sent{{typ: "out"}}, nil
	}
	a := def("a", func(a *specs.Actor) {
		a.Limits.Fuel, a.Limits.Time = 1<<62, time.Hour
		a.Key = map[string]string{"": "data.k"}
	})
	b := open(t, project(a), map[string]guest{"a": long}, nil)
	send := func(key, data string) *Flow {
		return b.accept(t, &Request{To: "a", Data: fmt.Appendf(nil, `{"k":%q,"is":%q}`, key, data), AnyReply: true})
	}
	inspect := func(f InspectFilter) *Inspection {
		t.Helper()
		f.Node = "a"
		in, err := b.Inspect(t.Context(), &f)
		if err != nil {
			t.Fatal(err)
		}
		return in
	}
	answered1(t, send("first", "short"))
	began := b.clock.Now()
	held := send("slow", "long")
	await(t, "the long message", func() bool { return len(inspect(InspectFilter{Keys: 10}).Flight) == 1 })
	var behind []*Flow
	for range 3 {
		behind = append(behind, send("slow", "behind"))
	}
	answered1(t, send("other", "short"))
	in := inspect(InspectFilter{Keys: 10})
	f := in.Flight[0]
	if f.ID != held.ID() || f.Key != "slow" || f.Type != "in" || f.Attempt != 1 || f.Since.Before(began) || f.Revision == "" {
		t.Errorf("in flight: %+v", f)
	}
	if len(in.Keys) != 1 || in.Keys[0].Key != "slow" || in.Keys[0].Waiting != 3 || in.Keys[0].Busy != 1 || in.Oldest.IsZero() || in.Status.Mailbox != 3 || in.Bytes == 0 {
		t.Errorf("mailbox: %+v", in)
	}
	if !slices.ContainsFunc(in.Instances, func(i actor.InstanceStatus) bool { return i.Busy }) {
		t.Errorf("no instance is busy: %+v", in.Instances)
	}
	if other := inspect(InspectFilter{Key: new("other"), Keys: 10}); len(other.Keys) != 0 || len(other.Flight) != 0 {
		t.Errorf("of another key: %+v", other)
	}
	release.Store(true)
	answered1(t, held)
	for _, f := range behind {
		answered1(t, f)
	}
	b.settled(t)
	in = inspect(InspectFilter{Keys: 10})
	handled := uint64(0)
	for _, i := range in.Instances {
		handled += i.Handled
	}
	if len(in.Keys) != 0 || len(in.Flight) != 0 || !in.Oldest.IsZero() || handled != 6 {
		t.Errorf("afterwards: %+v", in)
	}
}

// TestInspectMany: of many mailboxes the fullest are listed, and the others counted.
func TestInspectMany(t *testing.T) {
	a := def("a", func(a *specs.Actor) { a.Key = map[string]string{"": "data.k"} })
	b := open(t, project(a), map[string]guest{"a": echo}, nil)
	b.Govern(Modes{Actors: map[string]Mode{"a": Paused}})
	for key := range 20 {
		for range key + 1 {
			b.accept(t, &Request{To: "a", Data: fmt.Appendf(nil, `{"k":"%d"}`, key)})
		}
	}
	b.settled(t)
	in, err := b.Inspect(t.Context(), &InspectFilter{Node: "a", Keys: 3})
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, k := range in.Keys {
		keys = append(keys, fmt.Sprint(k.Key, ":", k.Waiting))
	}
	if !slices.Equal(keys, []string{"19:20", "18:19", "17:18"}) || in.More != 17 || in.Status.Mode != Paused {
		t.Errorf("%v and %d more, %v", keys, in.More, in.Status.Mode)
	}
	if _, err := b.Inspect(t.Context(), &InspectFilter{Node: "none"}); !errors.Is(err, ErrUnknownTarget) {
		t.Errorf("a node that there is not: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Inspect(ended, &InspectFilter{Node: "a"}); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("asked in vain: %v", err)
	}
	b.Govern(Modes{})
}
