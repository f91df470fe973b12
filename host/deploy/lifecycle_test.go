package deploy

import (
	"errors"
	"testing"

	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/host/store"
	"github.com/grow-platform/grow/runtime/shard"
)

func TestModes(t *testing.T) {
	h := newHost(t)
	var in shard.Modes
	govern := func(m shard.Modes) error { in = m; return nil }
	pause := func(m *shard.Modes) { m.Actors["price"] = shard.Paused }
	if err := h.SetModes(t.Context(), shop, pause, govern); err != nil || in.Actors["price"] != shard.Paused {
		t.Fatalf("%v, %+v", err, in)
	}
	h.start()
	if m, err := h.Modes(t.Context(), shop); err != nil || m.Actors["price"] != shard.Paused {
		t.Errorf("after another start: %+v, %v", m, err)
	}
	broken := errors.New("broken")
	err := h.SetModes(t.Context(), shop, func(m *shard.Modes) { m.Service = shard.Stopped }, func(shard.Modes) error { return broken })
	if !errors.Is(err, broken) {
		t.Error(err)
	}
	if m, err := h.Modes(t.Context(), shop); err != nil || m.Service != shard.Running || m.Actors["price"] != shard.Paused {
		t.Errorf("after what could not be put in force: %+v, %v", m, err)
	}
	if err := h.SetModes(t.Context(), shop, func(m *shard.Modes) { m.Actors["price"] = shard.Running }, govern); err != nil || len(in.Actors) != 0 {
		t.Errorf("running again: %v, %+v", err, in)
	}
}

// TestRemove: what is removed is gone, after a crash at any step too, and its neighbour
// and a service of the same name that is made later know nothing of it.
func TestRemove(t *testing.T) {
	steps := 0
	for at := 0; at <= steps; at++ {
		h := newHost(t)
		h.deploy("one", "a")
		other := documents.Service{Namespace: "main", Name: "shop-2"}
		f, err := h.documents.Put(t.Context(), "grow.yaml", []byte("x"), false)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.documents.Revise(t.Context(), other, documents.Tree{f}, documents.Change{By: "ann"}); err != nil {
			t.Fatal(err)
		}
		if n, err := h.Remove(t.Context(), shop, true, nil, nil); err != nil || n != (Removed{Changes: 1, Deployments: 1, Revisions: 1}) {
			t.Fatalf("planned: %+v, %v", n, err)
		}
		n, stopped, forgot := 0, 0, 0
		h.step = func(string) {
			if n++; n == at {
				panic("crash")
			}
		}
		remove := func() error {
			defer func() { _ = recover() }() // the host has crashed
			_, err := h.Remove(t.Context(), shop, false, func() error { stopped++; return nil }, func() error { forgot++; return nil })
			return err
		}
		if err := remove(); err != nil {
			t.Fatal(err)
		}
		steps = max(steps, n)
		h.step = func(string) {}
		h.start()
		if _, err := h.Live(t.Context(), shop); at != 1 && !errors.Is(err, store.ErrNotFound) {
			t.Errorf("crash at step %d: it is live: %v", at, err)
		}
		if _, err := h.documents.Last(t.Context(), shop); err == nil { // it can be removed again
			if _, err := h.Remove(t.Context(), shop, false, func() error { return nil }, func() error { forgot++; return nil }); err != nil {
				t.Errorf("crash at step %d: %v", at, err)
			}
		}
		if stopped == 0 || forgot == 0 {
			t.Errorf("crash at step %d: stopped %d times, forgot %d times", at, stopped, forgot)
		}
		if list, err := h.Deployments(t.Context(), shop, 0, 10); err != nil || len(list) != 0 {
			t.Errorf("crash at step %d: %+v, %v", at, list, err)
		}
		if list, err := h.documents.Services(t.Context()); err != nil || len(list) != 1 || list[0] != other {
			t.Errorf("crash at step %d: services %v, %v", at, list, err)
		}
	}
	if steps < 4 {
		t.Errorf("%d steps", steps)
	}
}
