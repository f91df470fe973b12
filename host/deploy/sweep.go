package deploy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/host/store"
)

// sweepAge is how old an object is that Sweep removes: younger ones may be of something
// that is about to be recorded.
const sweepAge = time.Hour

// Sweep removes the objects that no deployment, revision or change of documents names,
// and says how many. What cannot be read keeps it from removing anything. Nothing else
// may change the store meanwhile.
func (d *Deployer) Sweep(ctx context.Context) (removed int, err error) {
	m := &marks{Deployer: d, seen: map[store.Digest]bool{}}
	refs, err := d.o.Store.Refs(ctx, "")
	if err != nil {
		return 0, err
	}
	for _, r := range refs {
		if err := m.ref(ctx, r); err != nil {
			return 0, fmt.Errorf("look what %s needs: %w", r.Name, err)
		}
	}
	for o, err := range d.o.Store.Objects(ctx) {
		if err != nil {
			return removed, err
		}
		if m.seen[o.Digest] || d.o.Now().Sub(o.Time) < sweepAge {
			continue
		}
		if err := d.o.Store.Remove(ctx, o.Digest); err != nil {
			return removed, err
		}
		removed++
	}
	return removed, nil
}

// marks are the objects that something needs.
type marks struct {
	*Deployer
	seen map[store.Digest]bool
}

// ref marks what a ref names, and all that needs.
func (m *marks) ref(ctx context.Context, r store.Ref) error {
	digest := store.Digest(r.Value)
	if digest.Check() != nil {
		return nil // its value is all there is to it
	}
	m.seen[digest] = true
	switch kind, _, _ := strings.Cut(r.Name, "/"); kind {
	case "deployments":
		var n Deployment
		if err := m.load(ctx, digest, &n); err != nil {
			return err
		}
		for _, a := range n.Actors {
			m.seen[a.Digest] = true
		}
		return errors.Join(m.tree(ctx, n.Tree), m.changes(ctx, n.Change))
	case "revisions":
		var v Revision
		if err := m.load(ctx, digest, &v); err != nil {
			return err
		}
		m.seen[v.Artifact.Digest] = true
		m.files(v.Documents)
	case "documents":
		delete(m.seen, digest) // which changes takes for having been there
		return m.changes(ctx, digest)
	}
	return nil
}

// changes marks a change of documents, and those before it.
func (m *marks) changes(ctx context.Context, id store.Digest) error {
	for id != "" && !m.seen[id] {
		m.seen[id] = true
		c, err := m.o.Documents.Change(ctx, id)
		if err == nil {
			err = m.tree(ctx, c.Tree)
		}
		if err != nil {
			return err
		}
		id = c.Parent
	}
	return nil
}

func (m *marks) tree(ctx context.Context, digest store.Digest) error {
	if m.seen[digest] {
		return nil
	}
	m.seen[digest] = true
	t, err := m.o.Documents.Tree(ctx, digest)
	m.files(t)
	return err
}

func (m *marks) files(t documents.Tree) {
	for _, f := range t {
		m.seen[f.Digest] = true
	}
}
