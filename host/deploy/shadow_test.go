package deploy

import (
	"context"
	"errors"
	"testing"
	"time"
)

// TestShadow: a shadow makes nothing live, is kept with what it found, also when who asked
// for it has gone, and holds nobody up meanwhile.
func TestShadow(t *testing.T) {
	h := newHost(t)
	h.deploy("one", "a")
	r := h.request("two", "b")
	r.Shadow = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	r.Report = func(k Check) {
		if k.Name != "vet" {
			return
		}
		h.runner.prepared = "" // by whoever is next
		if n := h.deploy("three", "c"); n.State != Live || n.Number != 2 {
			t.Errorf("beside a shadow: %+v", n)
		}
		cancel()
	}
	n, err := h.Deploy(ctx, r)
	if err != nil || n.State != Ready || n.Number != 3 || len(n.Checks) != 2 || h.runner.running != "three" {
		t.Errorf("%+v, %v", n, err)
	}
	if kept, err := h.Deployment(t.Context(), shop, 3); err != nil || len(kept.Checks) != 2 {
		t.Errorf("%+v, %v", kept, err)
	}
	r = h.request("fails its tests", "d")
	r.Shadow = time.Hour
	var refused *RefusedError
	if n, err = h.Deploy(t.Context(), r); !errors.As(err, &refused) || n.State != Refused || n.Number != 4 || h.runner.running != "three" {
		t.Errorf("%+v, %v", n, err)
	}
}

// TestShadowOutlives: a shadow that lasts longer than what ran when it began is kept is
// recorded all the same.
func TestShadowOutlives(t *testing.T) {
	h := newHost(t)
	h.deploy("first", "0")
	h.deploy("one", "a")
	r := h.request("two", "b")
	r.Shadow = time.Hour
	r.Report = func(k Check) {
		if k.Name != "vet" {
			return
		}
		h.deploy("three", "c")
		h.deploy("four", "d")
		if n, err := h.Retain(t.Context(), shop, Retention{Last: 1}); err != nil || n != (Forgotten{1, 1}) {
			t.Errorf("%+v, %v", n, err)
		}
	}
	if n, err := h.Deploy(t.Context(), r); err != nil || n.State != Ready || n.Actors["price"].Revision != 5 {
		t.Errorf("%+v, %v", n, err)
	}
}
