package documents

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/grow-platform/grow/host/store"
)

// Step is a change of the files in a folder, and which they were.
type Step struct {
	Change      Change
	Differences []Difference
}

// HistoryBelow is the changes of the files in a folder, the last one first, at most
// limit; store.ErrNotFound when no change has touched it.
func (d *Documents) HistoryBelow(ctx context.Context, s Service, dir string, limit int) ([]Step, error) {
	var list []Step
	var newer *Change // the change after the one that is looked at
	var has Tree      // what it has in the folder
	var fault error
	note := func(older Tree) {
		if !slices.Equal(older, has) {
			list = append(list, Step{*newer, Diff(older, has)})
		}
	}
	err := d.History(ctx, s, func(c Change) bool {
		t, err := d.Tree(ctx, c.Tree)
		if err != nil {
			fault = err
			return false
		}
		t = t.Below(dir)
		if newer != nil {
			note(t)
		}
		newer, has = &c, t
		return len(list) < limit
	})
	if err = errors.Join(err, fault); err != nil {
		return nil, err
	}
	if len(list) < limit {
		note(nil) // which made it
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s of %s: %w", dir, s, store.ErrNotFound)
	}
	return list, nil
}
