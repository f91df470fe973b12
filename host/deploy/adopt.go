package deploy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/host/store"
)

// Adoption is something that runs by other means than Deploy, and is to be remembered as
// a deployment: a folder that a host serves, and the edits of it.
type Adoption struct {
	Documents documents.Tree // all of the service; the store has its files
	Artifacts map[string]Artifact
	Checks    []Check
	By        string
	Text      string
	Commit    string
	// Amends is an earlier Adoption whose place this one takes when it is live still: of a
	// thousand edits the last one is kept. 0: none.
	Amends int
}

// Adopt has run make something of a service live, with no deployment of it under way,
// and records that as the live deployment, over whatever was live before. Nothing is
// recorded when run fails.
func (d *Deployer) Adopt(ctx context.Context, s documents.Service, run func() (Adoption, error)) (Deployment, error) {
	end, err := d.turn(ctx, s)
	if err != nil {
		return Deployment{}, err
	}
	defer end()
	a := &attempt{Deployer: d, began: d.o.Clock.Now()}
	n, err := run()
	if err != nil {
		return Deployment{}, err
	}
	err = d.overtaken(ctx, s, n.Text)
	if err == nil {
		err = a.adopt(ctx, s, n)
	}
	if err != nil {
		return Deployment{}, fmt.Errorf("record what %s runs: %w", s, err)
	}
	return a.deployment, nil
}

func (a *attempt) adopt(ctx context.Context, s documents.Service, n Adoption) error {
	live, seen, err := a.liveNumber(ctx, s)
	if err != nil {
		return err
	}
	a.deployment = Deployment{
		Service: s, Time: a.began.UTC(), By: n.By, Text: cut(n.Text), Commit: n.Commit, Actors: map[string]Deployed{}, Checks: append([]Check{}, n.Checks...), Before: live, State: Ready,
	}
	for name, artifact := range n.Artifacts {
		a.deployment.Actors[name] = Deployed{Artifact: artifact}
	}
	a.request = Request{Service: s, Documents: n.Documents, By: n.By, Commit: n.Commit}
	amended, err := a.amended(ctx, s, n.Amends, live)
	if err != nil {
		return err
	}
	if a.deployment.Before > 0 {
		before, err := a.Deployment(ctx, s, a.deployment.Before)
		if err != nil {
			return err
		}
		a.live = &before
	}
	if err := a.adoptDocuments(ctx, n, amended); err != nil {
		return err
	}
	if err := a.revise(ctx); err != nil {
		return err
	}
	a.deployment.Live, a.deployment.Took = a.o.Clock.Now().UTC(), a.o.Clock.Now().Sub(a.began)
	if err := a.record(ctx); err != nil {
		return err
	}
	a.deployment.State = Live
	if a.deployment.Number == live {
		return nil
	}
	a.o.Step("move live ref")
	_, err = a.o.Store.SetRef(ctx, liveRef(s), []byte(strconv.Itoa(a.deployment.Number)), seen)
	return err
}

// amended is the deployment whose place this one takes, nil for none. The revisions
// which that has made are forgotten.
func (a *attempt) amended(ctx context.Context, s documents.Service, number, live int) (*Deployment, error) {
	if number == 0 || number != live {
		return nil, nil
	}
	old, err := a.Deployment(ctx, s, number)
	if err != nil {
		return nil, err
	}
	a.deployment.Number, a.deployment.Before, a.deployment.kept = old.Number, old.Before, old.kept
	for _, name := range slices.Sorted(maps.Keys(old.Actors)) {
		at := old.Actors[name].Revision
		v, err := a.Revision(ctx, s, name, at)
		if err != nil {
			return nil, err
		}
		last, err := a.last(ctx, revisionsRef(s, name))
		if err != nil {
			return nil, err
		}
		if v.Deployment != number || at != last {
			continue
		}
		r, err := a.o.Store.Ref(ctx, numbered(revisionsRef(s, name), at))
		if err == nil {
			a.o.Step("forget revision")
			err = a.o.Store.RemoveRef(ctx, r.Name, r.Revision)
		}
		if err != nil {
			return nil, err
		}
	}
	return &old, nil
}

// adoptDocuments makes the documents the service's, over whatever they were.
func (a *attempt) adoptDocuments(ctx context.Context, n Adoption, amended *Deployment) error {
	last, err := a.o.Documents.Last(ctx, a.deployment.Service)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	c := documents.Change{Parent: last.ID, By: n.By, Text: n.Text, Commit: n.Commit}
	c.Amends = amended != nil && amended.Change == last.ID && last.Text == n.Text && (a.live == nil || a.live.Change != last.ID)
	a.o.Step("change documents")
	if c, err = a.o.Documents.Revise(ctx, a.deployment.Service, n.Documents, c); err != nil {
		return err
	}
	a.deployment.Change, a.deployment.Tree = c.ID, c.Tree
	return nil
}
