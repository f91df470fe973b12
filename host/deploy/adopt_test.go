package deploy

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/grow-platform/grow/host/documents"
)

// adopt records that a folder runs whose grow.yaml says text, with a module.
func (h *host) adopt(text, module string, amends int) Deployment {
	h.t.Helper()
	n, err := h.Adopt(h.t.Context(), shop, func() (Adoption, error) {
		f, err := h.documents.Put(h.t.Context(), "grow.yaml", []byte(text), false)
		if err != nil {
			return Adoption{}, err
		}
		o, err := h.store.Put(h.t.Context(), strings.NewReader(module), 1000)
		return Adoption{
			Documents: documents.Tree{f}, Artifacts: map[string]Artifact{"price": {Digest: o.Digest, Size: o.Size}}, By: "ann", Text: "edit", Amends: amends,
		}, err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return n
}

// TestAdopt: a thousand edits are one deployment, one change of documents and one
// revision of the actor; what nobody needs any more is swept away, and what others have
// deployed is never amended.
func TestAdopt(t *testing.T) {
	h := newHost(t)
	first := h.adopt("folder", "m0", 0)
	if first.Number != 1 || first.State != Live || first.Actors["price"].Revision != 1 {
		t.Errorf("first: %+v", first)
	}
	edits := 0
	for i := 1; i <= 5; i++ {
		n := h.adopt(fmt.Sprint("edit ", i), fmt.Sprint("m", i), edits)
		edits = n.Number
		if n.Number != 2 || n.Before != 1 || n.Actors["price"].Revision != 2 {
			t.Fatalf("edit %d: %+v", i, n)
		}
	}
	last, err := h.documents.Last(t.Context(), shop)
	if err != nil || last.Number != 2 || last.Parent != first.Change {
		t.Errorf("documents: %+v, %v", last, err)
	}
	for n := 1; n <= 2; n++ {
		d, err := h.Deployment(t.Context(), shop, n)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.LayOut(t.Context(), d); err != nil {
			t.Errorf("deployment %d : %v", n, err)
		}
	}
	if other := h.deploy("other", "m9"); other.Number != 3 {
		t.Errorf("%+v", other)
	}
	if n := h.adopt("edit 6", "m6", edits); n.Number != 4 || n.Before != 3 {
		t.Errorf("an edit after another's deployment: %+v", n)
	}
	broken := errors.New("it does not start")
	if _, err := h.Adopt(t.Context(), shop, func() (Adoption, error) { return Adoption{}, broken }); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	if live, err := h.Live(t.Context(), shop); err != nil || live.Number != 4 {
		t.Errorf("after one that did not run: %+v, %v", live, err)
	}
}
