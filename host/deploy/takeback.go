package deploy

import (
	"context"
	"errors"
	"fmt"

	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/host/store"
)

// takeBack has the documents of a service be again what they were before they were changed for
// a deployment that has never been live and is not about to be: else its routes and definitions
// would go live with the next deployment of anything else. What others have changed since stays,
// with what it is made on. It is called by who has the service's turn.
func (d *Deployer) takeBack(ctx context.Context, s documents.Service) error {
	last, err := d.o.Documents.Last(ctx, s)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil || last.For == 0 || last.Parent == "" {
		return err
	}
	why := "did not come so far"
	n, err := d.Deployment(ctx, s, last.For)
	switch {
	case errors.Is(err, ErrForgotten):
		return nil
	case errors.Is(err, store.ErrNotFound): // the host died before it was recorded
	case err != nil:
		return err
	case n.State == Live, n.State == Tried, !n.Live.IsZero():
		return nil
	case n.State == Withdrawn:
		why = "is withdrawn"
	case n.State == Broken:
		why = "could not be started"
	}
	before, err := d.o.Documents.Change(ctx, last.Parent)
	if err != nil {
		return err
	}
	t, err := d.o.Documents.Tree(ctx, before.Tree)
	if err != nil {
		return err
	}
	d.o.Step("take documents back")
	_, err = d.o.Documents.Revise(ctx, s, t, documents.Change{Parent: last.ID, By: "the host", Text: fmt.Sprintf("deployment %d %s", last.For, why), Undoes: last.ID})
	var stale *documents.StaleError
	if errors.As(err, &stale) {
		return nil
	}
	return err
}
