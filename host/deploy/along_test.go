package deploy

import (
	"errors"
	"strings"
	"testing"

	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/host/store"
)

// along is a request that brings new documents along, by who has seen the last ones.
func (h *host) along(text, module string) Request {
	h.t.Helper()
	r := Request{Service: shop, Artifacts: map[string]Artifact{}, Seen: AnySeen, By: "ann", Text: "because"}
	for path, body := range map[string]string{"grow.yaml": text, "actors/price/actor.yaml": "actor: price # " + module} {
		f, err := h.documents.Put(h.t.Context(), path, []byte(body), false)
		if err != nil {
			h.t.Fatal(err)
		}
		r.Documents = r.Documents.With(f)
	}
	o, err := h.store.Put(h.t.Context(), strings.NewReader(module), 1000)
	if err != nil {
		h.t.Fatal(err)
	}
	r.Artifacts["price"] = Artifact{Digest: o.Digest, Size: o.Size}
	r.Parent = h.last().ID
	return r
}

// last is the last change of the documents; zero when there is none.
func (h *host) last() documents.Change {
	h.t.Helper()
	c, err := h.documents.Last(h.t.Context(), shop)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		h.t.Fatal(err)
	}
	return c
}

// TestAlong: documents that come with a deployment become the service's when it goes
// live, and only then.
func TestAlong(t *testing.T) {
	h := newHost(t)
	first, err := h.Deploy(t.Context(), h.along("one", "a"))
	if err != nil || first.Change == "" || first.Change != h.last().ID || h.last().Number != 1 || h.last().Text != "because" {
		t.Fatalf("%+v, %v; the documents are %+v", first, err, h.last())
	}
	var refused *RefusedError
	if n, err := h.Deploy(t.Context(), h.along("fails its tests", "b")); !errors.As(err, &refused) || n.Change != "" || n.Tree == first.Tree || h.last().Number != 1 {
		t.Errorf("refused: %+v, %v; the documents are %+v", n, err, h.last())
	}
	plan := h.along("two", "b")
	plan.Plan = true
	if _, err := h.Deploy(t.Context(), plan); err != nil || h.last().Number != 1 {
		t.Errorf("a plan: %v; the documents are %+v", err, h.last())
	}
	late := h.along("three", "c")
	if _, err := h.Deploy(t.Context(), h.along("two", "b")); err != nil || h.last().Number != 2 {
		t.Fatalf("%v; the documents are %+v", err, h.last())
	}
	var stale *documents.StaleError
	if _, err := h.Deploy(t.Context(), late); !errors.As(err, &stale) || stale.Last.Number != 2 || h.runner.running != "two" {
		t.Errorf("who has not seen the last change: %v, running %q", err, h.runner.running)
	}
	late.Parent = h.last().ID
	late.Documents[0].Digest = store.DigestOf([]byte("not there"))
	if _, err := h.Deploy(t.Context(), late); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a document that was not sent: %v", err)
	}
}

// TestHold: what is held has revisions, and nothing of it is live.
func TestHold(t *testing.T) {
	h := newHost(t)
	h.deploy("one", "a")
	r := h.along("two", "b")
	r.Hold = true
	n, err := h.Deploy(t.Context(), r)
	if err != nil || n.State != Ready || n.Number != 2 || n.Actors["price"].Revision != 2 || h.runner.running != "one" || h.last().Number != 1 {
		t.Errorf("%+v, %v, running %q; the documents are %+v", n, err, h.runner.running, h.last())
	}
	h.start()
	if live, err := h.Live(t.Context(), shop); err != nil || live.Number != 1 || h.runner.running != "one" {
		t.Errorf("after a restart: %+v, %v", live, err)
	}
	r.Hold = false
	if n, err := h.Deploy(t.Context(), r); err != nil || n.State != Live || n.Actors["price"].Revision != 2 || h.last().Number != 2 {
		t.Errorf("made live: %+v, %v", n, err)
	}
}

// TestKilledAlong is TestKilled for deployments that bring their documents.
func TestKilledAlong(t *testing.T) {
	for _, text := range []string{"two", "cannot switch"} {
		for k, at := 1, "-"; at != ""; k++ {
			h := newHost(t)
			h.deploy("one", "a")
			r := h.along(text, "b")
			at = h.killedAt(k, func() { _, _ = h.Deploy(t.Context(), r) })
			h.start()
			live, err := h.Live(t.Context(), shop)
			if err != nil {
				t.Fatalf("%s, killed at %q: %v", text, at, err)
			}
			if want := map[int]string{1: "one", 2: text}[live.Number]; h.runner.running != want || live.State != Live {
				t.Errorf("%s, killed at %q: %q runs, and %+v is live", text, at, h.runner.running, live)
			}
			if says := h.says(h.last()); says != h.runner.running {
				t.Errorf("%s, killed at %q: %q runs, and the documents say %q", text, at, h.runner.running, says)
			}
			if n, err := h.Deploy(t.Context(), h.along("three", "c")); err != nil || n.State != Live || h.runner.running != "three" || n.Change != h.last().ID {
				t.Errorf("%s, killed at %q: afterwards %+v, %v", text, at, n, err)
			}
			if at == "" && k < 7 {
				t.Errorf("only %d steps were seen", k-1)
			}
		}
	}
}
