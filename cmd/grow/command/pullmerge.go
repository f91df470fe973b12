package command

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/host/store"
)

// steps works out what a pull does to the folder, in the order of the paths, and which
// files both sides have changed so that a person has to decide.
func (m *mirror) steps(ctx context.Context, base snapshot, mine documents.Tree, theirs snapshot) ([]step, []conflict, error) {
	merged, both := documents.Merge(base.tree, mine, theirs.tree)
	apart := map[string]documents.Conflict{}
	for _, c := range both {
		apart[c.Path] = c
	}
	var steps []step
	conflicts := []conflict{}
	for _, d := range documents.Diff(mine, theirs.tree) {
		if c, ok := apart[d.Path]; ok {
			st, left, err := m.join(ctx, base, c, theirs)
			if err != nil {
				return nil, nil, err
			}
			if left != nil {
				conflicts = append(conflicts, *left)
			}
			steps = append(steps, st)
			continue
		}
		now, ok := merged.Find(d.Path)
		switch {
		case !ok && d.Old != nil:
			steps = append(steps, step{path: d.Path, remove: true, action: "remove"})
		case ok && (d.Old == nil || now != *d.Old):
			b, err := m.remote.File(ctx, theirs.ID, d.Path)
			if err != nil {
				return nil, nil, err
			}
			steps = append(steps, step{path: d.Path, data: b, exec: now.Exec, action: changesOf([]documents.Difference{d})[0].Action})
		}
	}
	return steps, conflicts, nil
}

// join makes one file of what both sides have made of it, line by line. What is left to
// a person is returned beside it.
func (m *mirror) join(ctx context.Context, base snapshot, c documents.Conflict, theirs snapshot) (step, *conflict, error) {
	st := step{path: c.Path, action: "conflict", stays: true}
	var err error
	var was, ours, other []byte
	if c.Base != nil {
		if was, err = m.remote.File(ctx, base.ID, c.Path); err != nil {
			return st, nil, err
		}
	}
	if c.Ours != nil {
		if ours, err = os.ReadFile(filepath.Join(m.dir, filepath.FromSlash(c.Path))); err != nil {
			return st, nil, fmt.Errorf("read documents: %w", err)
		}
	}
	if c.Theirs != nil {
		if other, err = m.remote.File(ctx, theirs.ID, c.Path); err != nil {
			return st, nil, err
		}
	}
	left := &conflict{Path: c.Path}
	switch {
	case c.Ours == nil:
		left.Kind, left.Left = conflictRemoved, c.Theirs.Digest
		st.stays, st.data, st.exec = false, other, c.Theirs.Exec
		return st, left, nil
	case c.Theirs == nil:
		left.Kind, left.Left = conflictGone, c.Ours.Digest
		return st, left, nil
	case !documents.IsText(was) || !documents.IsText(ours) || !documents.IsText(other):
		left.Kind, left.Left, st.beside = conflictBinary, c.Ours.Digest, other
		return st, left, nil
	}
	names := documents.Names{Ours: "this folder", Theirs: fmt.Sprintf("change %d by %s", theirs.Number, theirs.By)}
	data, clean := documents.MergeLines(was, ours, other, names)
	st.stays, st.data, st.exec = false, data, c.Ours.Exec || c.Theirs.Exec
	if clean {
		st.action = "change"
		return st, nil, nil
	}
	left.Kind, left.Left = conflictText, store.DigestOf(data)
	return st, left, nil
}
