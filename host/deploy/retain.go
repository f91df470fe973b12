package deploy

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"time"

	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/host/store"
)

// KeepLast is how many deployments of a service stay when nothing else is said.
const KeepLast = 100

// Retention says which deployments of a service stay: the last ones, and all that are
// younger than For. What is live or tried, what either would go back to, and the first
// one, by which a service is known to be the older, stay in any case; so do the revisions
// that those name, and the last one of each actor.
type Retention struct {
	Last int           // 0: KeepLast
	For  time.Duration // 0: none for its age
}

// ErrForgotten is returned for a deployment or revision that was removed since it was
// old. It is a store.ErrNotFound.
var ErrForgotten = fmt.Errorf("it was old, and the host has removed it: %w", store.ErrNotFound)

// Forgotten counts what Retain has removed.
type Forgotten struct{ Deployments, Revisions int }

// Retain removes deployments and revisions of a service that are not to stay. It waits
// for a deployment that is under way, as long as ctx allows. What they named is for a
// sweep of the store to remove. After an error, or a crash, it can be called again.
func (d *Deployer) Retain(ctx context.Context, s documents.Service, keep Retention) (n Forgotten, err error) {
	if keep.Last <= 0 {
		keep.Last = KeepLast
	}
	end, err := d.turn(ctx, s)
	if err != nil {
		return n, err
	}
	defer end()
	refs, err := d.o.Store.Refs(ctx, deploymentsRef(s))
	if err != nil || len(refs) <= keep.Last { // more than that stay once any are removed: the first does
		return n, err
	}
	r := &retained{Deployer: d, service: s, deployments: map[int]bool{1: true}, revisions: map[string]bool{}}
	if err := r.inUse(ctx); err != nil {
		return n, fmt.Errorf("retain deployments of %s: %w", s, err)
	}
	old, err := r.old(ctx, refs, keep)
	if err == nil {
		n.Deployments, err = r.forget(ctx, old)
	}
	if err == nil { // also those that an earlier one was cut off at
		n.Revisions, err = r.oldRevisions(ctx)
	}
	if err != nil {
		err = fmt.Errorf("retain deployments of %s: %w", s, err)
	}
	return n, err
}

// retained is what of a service stays.
type retained struct {
	*Deployer
	service     documents.Service
	deployments map[int]bool
	revisions   map[string]bool // names of refs
}

// inUse has stay what is live or tried, and what comes back when that is given up.
func (r *retained) inUse(ctx context.Context) error {
	now, err := r.now(ctx, r.service)
	if err != nil {
		return err
	}
	for _, number := range []int{now.live, now.tried} {
		for n := number; n > 0; {
			r.deployments[n] = true
			one, err := r.Deployment(ctx, r.service, n)
			if errors.Is(err, ErrForgotten) && n != number {
				break
			}
			if err != nil {
				return err
			}
			if n != number && !one.Live.IsZero() {
				break // nobody goes back further than to what has run
			}
			n = one.Before
		}
	}
	return nil
}

// old are those of all deployments that do not stay. The revisions that the others name
// do.
func (r *retained) old(ctx context.Context, refs []store.Ref, keep Retention) (old []store.Ref, err error) {
	since := r.o.Clock.Now().Add(-keep.For)
	for i, ref := range refs {
		var n Deployment
		if err := r.load(ctx, store.Digest(ref.Value), &n); err != nil {
			return nil, fmt.Errorf("read %s: %w", ref.Name, err)
		}
		young := keep.For > 0 && n.Time.After(since)
		if i < len(refs)-keep.Last && !young && !r.deployments[n.Number] {
			old = append(old, ref)
			continue
		}
		for actor, is := range n.Actors {
			r.revisions[numbered(revisionsRef(r.service, actor), is.Revision)] = true
		}
	}
	return old, nil
}

// oldRevisions removes revisions that do not stay.
func (r *retained) oldRevisions(ctx context.Context) (int, error) {
	refs, err := r.o.Store.Refs(ctx, "revisions/"+r.service.Namespace+"/"+r.service.Name)
	if err != nil {
		return 0, err
	}
	var old []store.Ref
	for i, ref := range refs {
		last := i == len(refs)-1 || path.Dir(refs[i+1].Name) != path.Dir(ref.Name)
		if !last && !r.revisions[ref.Name] { // the last says which number is the next
			old = append(old, ref)
		}
	}
	return r.forget(ctx, old)
}

// forget removes refs, and returns how many it has.
func (r *retained) forget(ctx context.Context, refs []store.Ref) (n int, err error) {
	for _, ref := range refs {
		r.o.Step("forget " + ref.Name)
		err := r.o.Store.RemoveRef(ctx, ref.Name, ref.Revision)
		if errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound) {
			continue // another host of the store was quicker
		}
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// forgotten makes of an error of a number that is not there one that says whether it was.
func (d *Deployer) forgotten(ctx context.Context, err error, ref string, n int) error {
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	refs, failed := d.o.Store.Refs(ctx, ref)
	if failed != nil {
		return errors.Join(err, failed)
	}
	later := slices.ContainsFunc(refs, func(r store.Ref) bool {
		is, err := number(r)
		return err == nil && is > n
	})
	if n > 0 && later {
		return ErrForgotten
	}
	return err
}
