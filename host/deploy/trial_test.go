package deploy

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/host/store"
	"github.com/grow-platform/grow/runtime/canary"
)

// try asks for a deployment that is tried first.
func (h *host) try(text, module string) (Deployment, error) {
	h.t.Helper()
	r := h.request(text, module)
	r.Canary = &canary.Plan{Steps: canary.Grow(0.1, time.Minute), Slower: 2}
	return h.Deploy(h.t.Context(), r)
}

var good = Check{Name: "canary", Outcome: Passed, Text: "as good as the old one"}

func TestTrialKept(t *testing.T) {
	h := newHost(t)
	h.deploy("one", "a")
	n, err := h.try("two", "b")
	if err != nil || n.State != Tried || h.runner.running != "one" || h.runner.tried != "two" || h.runner.share != 0.1 {
		t.Fatalf("%v, %+v, %+v", err, n.State, h.runner)
	}
	if live, err := h.Live(t.Context(), shop); err != nil || live.Number != 1 {
		t.Errorf("live is %d, %v", live.Number, err)
	}
	var busy *TrialError
	if _, err := h.Deploy(t.Context(), h.request("three", "c")); !errors.As(err, &busy) || !errors.Is(err, store.ErrConflict) {
		t.Errorf("a deployment meanwhile: %v", err)
	}
	if err := h.Reached(t.Context(), shop, n.Number, 1); err != nil {
		t.Fatal(err)
	}
	h.start()
	if h.runner.running != "one" || h.runner.tried != "two" || h.runner.share < 0.29 {
		t.Errorf("after a restart: %+v", h.runner)
	}
	kept, err := h.Settle(t.Context(), shop, n.Number, true, good)
	if err != nil || kept.State != Live || h.runner.running != "two" || h.runner.tried != "" {
		t.Errorf("kept: %v, %s, %+v", err, kept.State, h.runner)
	}
	if got, err := h.Deployment(t.Context(), shop, n.Number); err != nil || got.State != Live || got.Checks[len(got.Checks)-1].Text != good.Text {
		t.Errorf("%v, %+v", err, got)
	}
	if _, err := h.Settle(t.Context(), shop, n.Number, false, good); !errors.Is(err, ErrNoTrial) {
		t.Errorf("settled twice: %v", err)
	}
	if err := h.Reached(t.Context(), shop, n.Number, 2); !errors.Is(err, ErrNoTrial) {
		t.Errorf("a step after the end: %v", err)
	}
	h.deploy("three", "c")
}

// TestTrialSettled: who looks at what came of a trial while that ends sees it once it is recorded.
func TestTrialSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t)
		if err := h.Settled(t.Context(), shop); err != nil {
			t.Error(err)
		}
		h.deploy("one", "a")
		n, err := h.try("two", "b")
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Settled(t.Context(), shop); err != nil { // nobody waits for it while it goes on
			t.Error(err)
		}
		seen := make(chan Deployment, 1)
		h.step = func(step string) {
			if step != "record that it is live" { // and runs already
				return
			}
			go func() { // ends with the trial
				if err := h.Settled(t.Context(), shop); err != nil {
					t.Error(err)
				}
				got, err := h.Deployment(t.Context(), shop, n.Number)
				if err != nil {
					t.Error(err)
				}
				seen <- got
			}()
			synctest.Wait() // until it waits, or has looked
		}
		if _, err := h.Settle(t.Context(), shop, n.Number, true, good); err != nil {
			t.Fatal(err)
		}
		if got := <-seen; got.State != Live || len(got.Checks) == 0 || got.Checks[len(got.Checks)-1].Text != good.Text {
			t.Errorf("what is seen is %s, with the checks %+v", got.State, got.Checks)
		}
	})
}

func TestTrialWithdrawn(t *testing.T) {
	h := newHost(t)
	h.deploy("one", "a")
	n, err := h.try("two", "b")
	if err != nil {
		t.Fatal(err)
	}
	bad := Check{Name: "canary", Outcome: Failed, Text: "it traps"}
	if _, err := h.Settle(t.Context(), shop, n.Number, false, bad); err != nil {
		t.Fatal(err)
	}
	got, err := h.Deployment(t.Context(), shop, n.Number)
	if err != nil || got.State != Withdrawn || got.Fault != "it traps" || h.runner.running != "one" || h.runner.tried != "" {
		t.Errorf("%v, %+v, %+v", err, got, h.runner)
	}
	h.start()
	if h.runner.running != "one" || h.runner.tried != "" {
		t.Errorf("after a restart: %+v", h.runner)
	}
	h.deploy("three", "c")
}

// TestTrialFirst: where nothing is live there is nothing to compare with.
func TestTrialFirst(t *testing.T) {
	h := newHost(t)
	if n, err := h.try("one", "a"); err != nil || n.State != Live {
		t.Errorf("%v, %s", err, n.State)
	}
}

func TestTrialCannot(t *testing.T) {
	h := newHost(t)
	h.deploy("one", "a")
	n, err := h.try("cannot be tried", "b")
	if !errors.Is(err, ErrStart) || n.State != Broken || h.runner.running != "one" {
		t.Errorf("%v, %s", err, n.State)
	}
	if _, err := h.Trial(t.Context(), shop); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a trial is left: %v", err)
	}
	h.deploy("two", "b")
}

// TestTrialStartFails: what was tried cannot be started again by the next host; the
// old one serves.
func TestTrialStartFails(t *testing.T) {
	h := newHost(t)
	h.deploy("one", "a")
	n, err := h.try("two", "b")
	if err != nil {
		t.Fatal(err)
	}
	// Its documents are lost on the way to the next host.
	d, err := h.Deployment(t.Context(), shop, n.Number)
	if err != nil {
		t.Fatal(err)
	}
	d.Tree = store.DigestOf([]byte("gone"))
	d.State = Ready
	if err := h.keep(t.Context(), &d); err != nil {
		t.Fatal(err)
	}
	h.start()
	if h.runner.running != "one" || h.runner.tried != "" {
		t.Errorf("after a restart: %+v", h.runner)
	}
	if got, err := h.Deployment(t.Context(), shop, n.Number); err != nil || got.State != Withdrawn {
		t.Errorf("%v, %s", err, got.State)
	}
	h.deploy("three", "c")
}

// TestTrialSettledAgain: the live ref was moved by an earlier try that was not told so.
func TestTrialSettledAgain(t *testing.T) {
	h := newHost(t)
	h.deploy("one", "a")
	n, err := h.try("two", "b")
	if err != nil {
		t.Fatal(err)
	}
	r, err := h.store.Ref(t.Context(), liveRef(shop))
	if err == nil {
		_, err = h.store.SetRef(t.Context(), r.Name, []byte("2"), r.Revision)
	}
	if err != nil {
		t.Fatal(err)
	}
	kept, err := h.Settle(t.Context(), shop, n.Number, true, good)
	if err != nil || kept.State != Live || h.runner.running != "two" || h.runner.tried != "" {
		t.Errorf("%v, %s, %+v", err, kept.State, h.runner)
	}
}

// TestTrialCutOff: withdrawing is cut off; the next try says once what was found, and a
// deployment in between is not kept from going live.
func TestTrialCutOff(t *testing.T) {
	for _, again := range []bool{true, false} {
		h := newHost(t)
		h.deploy("one", "a")
		n, err := h.try("two", "b")
		if err != nil {
			t.Fatal(err)
		}
		bad := Check{Name: "canary", Outcome: Failed, Text: "it traps"}
		h.step = func(step string) {
			if step == "remove trial" {
				panic(errKilled)
			}
		}
		h.dies(func() {
			_, _ = h.Settle(t.Context(), shop, n.Number, false, Check{Name: "canary", Outcome: Failed, Text: "it traps"})
		})
		h.step = func(string) {}
		if !again {
			h.deploy("three", "c")
			continue
		}
		got, err := h.Settle(t.Context(), shop, n.Number, false, bad)
		found := 0
		for _, k := range got.Checks {
			if k.Name == bad.Name {
				found++
			}
		}
		if err != nil || found != 1 || got.State != Withdrawn || h.runner.tried != "" {
			t.Errorf("%v, found %d times, %s, %+v", err, found, got.State, h.runner)
		}
	}
}

// TestTrialKilled: a host dies before each step of a trial's beginning, of its next
// step and of both its ends; the next one runs the old revision, tried or not, or the
// new one, and can deploy again.
func TestTrialKilled(t *testing.T) {
	for name, act := range map[string]func(h *host){
		"begin": func(h *host) { _, _ = h.try("two", "b") },
		"keep":  func(h *host) { _, _ = h.Settle(h.t.Context(), shop, 2, true, good) },
		"withdraw": func(h *host) {
			_, _ = h.Settle(h.t.Context(), shop, 2, false, Check{Name: "canary", Outcome: Failed, Text: "it traps"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			for k := 1; ; k++ {
				h := newHost(t)
				h.deploy("one", "a")
				if name != "begin" {
					if _, err := h.try("two", "b"); err != nil {
						t.Fatal(err)
					}
				}
				at := h.killedAt(k, func() { act(h) })
				if at == "" {
					if k < 4 {
						t.Errorf("%d steps", k-1)
					}
					return
				}
				h.start()
				live, err := h.Live(t.Context(), shop)
				if err != nil {
					t.Fatal(err)
				}
				want := map[int]string{1: "one", 2: "two"}[live.Number]
				if h.runner.running != want || live.Number == 2 && h.runner.tried != "" {
					t.Errorf("killed before %q: deployment %d is live, %+v", at, live.Number, h.runner)
				}
				switch trial, err := h.Trial(t.Context(), shop); {
				case errors.Is(err, store.ErrNotFound):
					h.deploy("three", "c")
				case err != nil || trial.Number != 2 || h.runner.tried != "two":
					t.Errorf("killed before %q: %+v, %v, %+v", at, trial, err, h.runner)
				default:
					if _, err := h.Settle(t.Context(), shop, 2, true, good); err != nil || h.runner.running != "two" {
						t.Errorf("killed before %q, settled: %v, %+v", at, err, h.runner)
					}
				}
			}
		})
	}
}

// TestTrialDocuments: what a deployment has changed of the documents is taken back with it, unless
// that was there before, or somebody has changed something since.
func TestTrialDocuments(t *testing.T) {
	for _, c := range []struct {
		name          string
		pushed, since bool
		text          string // that is tried
		keep          bool
		want          string // of the documents in the end
		cut           string // the step that the host dies at
	}{
		{name: "withdrawn", text: "two", want: "one"},
		{name: "withdrawn by a host that dies", text: "two", want: "one", cut: "take documents back"},
		{name: "withdrawn by a host that dies after that", text: "two", want: "one", cut: "remove trial"},
		{name: "kept", text: "two", keep: true, want: "two"},
		{name: "pushed before", pushed: true, text: "two", want: "two"},
		{name: "changed since", since: true, text: "two", want: "three"},
		{name: "not tried", text: "cannot be tried", want: "one"},
		{name: "not started", text: "traps at start", want: "one"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHost(t)
			h.deploy("one", "a")
			first, err := h.documents.Last(t.Context(), shop)
			if err != nil {
				t.Fatal(err)
			}
			r := h.request(c.text, "b")
			if !c.pushed {
				h.unrequest(first)
				r.Change, r.Parent = "", first.ID
			}
			r.Canary = &canary.Plan{Steps: canary.Grow(0.1, time.Minute), Slower: 2}
			n, err := h.Deploy(t.Context(), r)
			if started := n.State == Tried; started != (err == nil) {
				t.Fatalf("%v, %s", err, n.State)
			}
			if c.since {
				h.request("three", "c")
			}
			if err == nil {
				h.settle(n.Number, c.keep, c.cut)
			}
			last, err := h.documents.Last(t.Context(), shop)
			if err != nil {
				t.Fatal(err)
			}
			if got := h.says(last); got != c.want || (last.Undoes != "") != (c.want == "one") {
				t.Errorf("the documents say %q, and that they undo %q; want %q", got, last.Undoes, c.want)
			}
		})
	}
}

// TestWithdrawnStays: what is recorded to be withdrawn has no keys and never goes live, however
// much of its end could not be done.
func TestWithdrawnStays(t *testing.T) {
	for _, cut := range []string{"untry", "take documents back", "remove trial"} {
		h := newHost(t)
		h.deploy("one", "a")
		r := h.along("two", "b")
		r.Canary = &canary.Plan{Steps: canary.Grow(0.1, time.Minute), Slower: 2}
		n, err := h.Deploy(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		h.step = func(step string) {
			if step == cut {
				panic(errKilled)
			}
		}
		h.dies(func() {
			_, _ = h.Settle(t.Context(), shop, n.Number, false, Check{Name: "canary", Outcome: Failed, Text: "it traps"})
		})
		h.step = func(string) {}
		n, err = h.Settle(t.Context(), shop, n.Number, true, good)
		if err != nil || n.State != Withdrawn || h.runner.running != "one" || h.runner.tried != "" || h.says(h.last()) != "one" {
			t.Errorf("cut at %q: %v, %s, %+v, the documents say %q", cut, err, n.State, h.runner, h.says(h.last()))
		}
		if _, err := h.Trial(t.Context(), shop); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("cut at %q: it is tried: %v", cut, err)
		}
	}
}

// settle ends a trial, on a host that dies before the step cut, if that is named, and is started again.
func (h *host) settle(number int, keep bool, cut string) {
	h.t.Helper()
	died := errors.New("dead")
	h.step = func(s string) {
		if s == cut {
			panic(died)
		}
	}
	func() {
		defer func() {
			if r := recover(); r != nil && r != any(died) {
				panic(r)
			}
		}()
		if _, err := h.Settle(h.t.Context(), shop, number, keep, good); err != nil {
			h.t.Fatal(err)
		}
	}()
	h.step = func(string) {}
	h.start()
}

// unrequest makes a change the last one again, as if there had been none since.
func (h *host) unrequest(c documents.Change) {
	h.t.Helper()
	name := "documents/" + shop.String()
	r, err := h.store.Ref(h.t.Context(), name)
	if err == nil {
		_, err = h.store.SetRef(h.t.Context(), name, []byte(c.ID), r.Revision)
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

// says is what grow.yaml says after a change.
func (h *host) says(c documents.Change) string {
	h.t.Helper()
	tree, err := h.documents.Tree(h.t.Context(), c.Tree)
	if err != nil {
		h.t.Fatal(err)
	}
	f, _ := tree.Find("grow.yaml")
	b, err := h.documents.Read(h.t.Context(), f)
	if err != nil {
		h.t.Fatal(err)
	}
	return string(b)
}
