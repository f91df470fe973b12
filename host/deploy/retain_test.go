package deploy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grow-platform/grow/host/store"
	"github.com/grow-platform/grow/runtime/canary"
)

// kept are the numbers of the deployments and of the revisions of price that are there.
func (h *host) kept() (deployments, revisions []int) {
	h.t.Helper()
	all, err := h.Deployments(h.t.Context(), shop, 0, 1000)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, n := range all {
		deployments = append(deployments, n.Number)
	}
	list, err := h.Revisions(h.t.Context(), shop, "price", 0, 1000)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, v := range list {
		revisions = append(revisions, v.Number)
	}
	return deployments, revisions
}

// refused makes a deployment that does not go live.
func (h *host) refused() {
	h.t.Helper()
	var refused *RefusedError
	if _, err := h.Deploy(h.t.Context(), h.request("it fails its tests", "z")); !errors.As(err, &refused) {
		h.t.Fatal(err)
	}
}

func TestRetain(t *testing.T) {
	for name, c := range map[string]struct {
		deploy      func(h *host)
		keep        Retention
		deployments string
		revisions   string
	}{
		"few":           {func(*host) {}, Retention{Last: 10}, "[6 5 4 3 2 1]", "[6 5 4 3 2 1]"},
		"by default":    {func(*host) {}, Retention{}, "[6 5 4 3 2 1]", "[6 5 4 3 2 1]"},
		"the last":      {func(*host) {}, Retention{Last: 3}, "[6 5 4 1]", "[6 5 4 1]"},
		"all are young": {func(*host) {}, Retention{Last: 1, For: time.Hour}, "[6 5 4 3 2 1]", "[6 5 4 3 2 1]"},
		"all are old":   {func(*host) {}, Retention{Last: 2, For: time.Nanosecond}, "[6 5 1]", "[6 5 1]"},
		"one":           {func(*host) {}, Retention{Last: 1}, "[6 5 1]", "[6 5 1]"}, // 5 is what a rollback goes to
		"what runs is older": {func(h *host) {
			for range 4 {
				h.refused()
			}
		}, Retention{Last: 2}, "[10 9 6 5 1]", "[6 5 1]"},
		"an old revision runs": {func(h *host) {
			for i := range 4 {
				h.deploy(fmt.Sprint("more ", i), "m6") // the module stays as it is
			}
		}, Retention{Last: 2}, "[10 9 1]", "[6 1]"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			for i := 1; i <= 6; i++ {
				h.deploy(fmt.Sprint("text ", i), fmt.Sprint("m", i))
			}
			c.deploy(h)
			running := h.runner.running
			n, err := h.Retain(t.Context(), shop, c.keep)
			if err != nil {
				t.Fatal(err)
			}
			deployments, revisions := h.kept()
			if fmt.Sprint(deployments) != c.deployments || fmt.Sprint(revisions) != c.revisions {
				t.Errorf("%v and %v, want %s and %s; removed %+v", deployments, revisions, c.deployments, c.revisions, n)
			}
			if again, err := h.Retain(t.Context(), shop, c.keep); err != nil || again != (Forgotten{}) {
				t.Errorf("again: %+v, %v", again, err)
			}
			h.start()
			if h.runner.running != running {
				t.Errorf("after a restart %q runs, not %q", h.runner.running, running)
			}
			last := deployments[0]
			if next := h.deploy("next", "next"); next.Number != last+1 || next.Actors["price"].Revision != revisions[0]+1 {
				t.Errorf("the next one is %+v", next)
			}
		})
	}
}

// TestForgotten: what was removed is told apart from what there never was.
func TestForgotten(t *testing.T) {
	h := newHost(t)
	for i := range 5 {
		h.deploy(fmt.Sprint(i), fmt.Sprint(i))
	}
	if n, err := h.Retain(t.Context(), shop, Retention{Last: 1}); err != nil || n != (Forgotten{2, 2}) {
		t.Fatalf("%+v, %v", n, err)
	}
	for number, want := range map[int]bool{0: false, 2: true, 3: true, 6: false} {
		_, err := h.Deployment(t.Context(), shop, number)
		_, revision := h.Revision(t.Context(), shop, "price", number)
		for _, err := range []error{err, revision} {
			if !errors.Is(err, store.ErrNotFound) || errors.Is(err, ErrForgotten) != want {
				t.Errorf("%d: %v", number, err)
			}
		}
	}
}

// TestDeploymentWith: of a revision whose deployment was removed the last one that runs it
// is found.
func TestDeploymentWith(t *testing.T) {
	h := newHost(t)
	for i, module := range []string{"a", "b", "b", "b", "c", "d"} {
		h.deploy(fmt.Sprint(i), module)
	}
	found := func(revision int) (int, error) {
		v, err := h.Revision(t.Context(), shop, "price", revision)
		if err != nil {
			t.Fatal(err)
		}
		n, err := h.DeploymentWith(t.Context(), v)
		return n.Number, err
	}
	for revision, made := range map[int]int{1: 1, 2: 2, 4: 6} {
		if n, err := found(revision); n != made || err != nil {
			t.Errorf("revision %d: deployment %d, %v", revision, n, err)
		}
	}
	if _, err := h.Retain(t.Context(), shop, Retention{Last: 3}); err != nil {
		t.Fatal(err)
	}
	if n, err := found(2); n != 4 || err != nil {
		t.Errorf("deployment %d, %v", n, err)
	}
	lost := Revision{Service: shop, Actor: "price", Number: 9, Deployment: 3}
	if _, err := h.DeploymentWith(t.Context(), lost); !errors.Is(err, ErrForgotten) {
		t.Error(err)
	}
}

// TestRetainTried: what is tried, and what it would go back to, stay.
func TestRetainTried(t *testing.T) {
	h := newHost(t)
	for i := range 5 {
		h.deploy(fmt.Sprint(i), fmt.Sprint(i))
	}
	r := h.request("tried", "tried")
	r.Canary = &canary.Plan{Steps: canary.Grow(0.1, time.Minute), Slower: 2}
	if n, err := h.Deploy(t.Context(), r); err != nil || n.State != Tried {
		t.Fatalf("%+v, %v", n, err)
	}
	if n, err := h.Retain(t.Context(), shop, Retention{Last: 1}); err != nil || n.Deployments != 2 {
		t.Errorf("%+v, %v", n, err)
	}
	if deployments, _ := h.kept(); !slices.Equal(deployments, []int{6, 5, 4, 1}) {
		t.Errorf("%v", deployments)
	}
}

// TestRetainCrash: after a crash at any step the rest is removed the next time, and what
// runs goes on.
func TestRetainCrash(t *testing.T) {
	steps := 0
	for at := 0; at <= steps; at++ {
		h := newHost(t)
		for i := range 5 {
			h.deploy(fmt.Sprint(i), fmt.Sprint(i))
		}
		n := 0
		h.step = func(step string) {
			if !strings.HasPrefix(step, "forget ") {
				t.Errorf("step %s", step)
			}
			if n++; n == at {
				panic("crash")
			}
		}
		func() {
			defer func() { _ = recover() }() // the host has crashed
			if _, err := h.Retain(t.Context(), shop, Retention{Last: 1}); err != nil {
				t.Error(err)
			}
		}()
		steps = max(steps, n)
		h.step = func(string) {}
		h.start()
		if _, err := h.Retain(t.Context(), shop, Retention{Last: 1}); err != nil {
			t.Errorf("crash at step %d: %v", at, err)
		}
		deployments, revisions := h.kept()
		if fmt.Sprint(deployments, revisions) != "[5 4 1] [5 4 1]" || h.runner.running != "4" {
			t.Errorf("crash at step %d: %v and %v; %q runs", at, deployments, revisions, h.runner.running)
		}
	}
	if steps < 4 {
		t.Errorf("%d steps", steps)
	}
}
