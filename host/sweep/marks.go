package sweep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/grow-platform/grow/host/deploy"
	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/host/store"
)

// marks is what refs lead to.
type marks struct {
	o     Options
	named map[store.Digest]bool
	// trees are those whose files are named: a tree may be a file, too.
	trees, changes map[store.Digest]bool
}

// all follows all refs. One of a kind that is not known here keeps the object that its
// value names, if it names one.
func (m *marks) all(ctx context.Context) error {
	m.trees, m.changes = map[store.Digest]bool{}, map[store.Digest]bool{}
	refs, err := m.o.Store.Refs(ctx, "")
	if err != nil {
		return err
	}
	for _, r := range refs {
		d := store.Digest(r.Value)
		if d.Check() != nil {
			continue
		}
		m.named[d] = true
		kind, _, _ := strings.Cut(r.Name, "/")
		switch kind {
		case "documents":
			err = m.history(ctx, d)
		case "deployments":
			err = m.deployment(ctx, d)
		case "revisions":
			err = m.revision(ctx, d)
		}
		if err != nil {
			return fmt.Errorf("ref %s: %w", r.Name, err)
		}
	}
	return nil
}

// history marks a change and all before it.
func (m *marks) history(ctx context.Context, change store.Digest) error {
	for change != "" && !m.changes[change] {
		c, err := m.o.Documents.Change(ctx, change)
		if err == nil {
			err = m.tree(ctx, c.Tree)
		}
		if err != nil {
			return err
		}
		m.named[change], m.changes[change] = true, true
		change = c.Parent
	}
	return nil
}

// tree marks a tree and its files.
func (m *marks) tree(ctx context.Context, d store.Digest) error {
	if m.trees[d] {
		return nil
	}
	t, err := m.o.Documents.Tree(ctx, d)
	if err != nil {
		return err
	}
	m.named[d], m.trees[d] = true, true
	m.files(t)
	return nil
}

func (m *marks) files(t documents.Tree) {
	for _, f := range t {
		m.named[f.Digest] = true
	}
}

// deployment marks what the record of a deployment names.
func (m *marks) deployment(ctx context.Context, record store.Digest) error {
	var n deploy.Deployment
	if err := m.read(ctx, record, &n); err != nil {
		return err
	}
	for _, actor := range n.Actors {
		m.named[actor.Digest] = true
	}
	if err := m.tree(ctx, n.Tree); err != nil {
		return err
	}
	return m.history(ctx, n.Change)
}

// revision marks what the record of a revision names.
func (m *marks) revision(ctx context.Context, record store.Digest) error {
	var v deploy.Revision
	if err := m.read(ctx, record, &v); err != nil {
		return err
	}
	m.named[v.Artifact.Digest] = true
	m.files(v.Documents)
	return nil
}

// read reads a record.
func (m *marks) read(ctx context.Context, d store.Digest, into any) (err error) {
	r, o, err := m.o.Store.Get(ctx, d)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if o.Size > deploy.RecordMax {
		return fmt.Errorf("record %s: %w: %d bytes; at most %d are read", d, store.ErrTooLarge, o.Size, deploy.RecordMax)
	}
	b, err := io.ReadAll(r)
	if err == nil {
		if fault := json.Unmarshal(b, into); fault != nil {
			err = fmt.Errorf("record %s: %w: %w", d, store.ErrDamaged, fault)
		}
	}
	return err
}
