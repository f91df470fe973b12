package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/host/store"
	"github.com/grow-platform/grow/runtime/shard"
)

func modesRef(s documents.Service) string { return "modes/" + s.Namespace + "/" + s.Name }

// Modes returns in which modes a service and its actors were put last; those of a host
// that was started again, too.
func (d *Deployer) Modes(ctx context.Context, s documents.Service) (shard.Modes, error) {
	m, _, err := d.modes(ctx, s)
	return m, err
}

func (d *Deployer) modes(ctx context.Context, s documents.Service) (m shard.Modes, seen uint64, err error) {
	r, err := d.o.Store.Ref(ctx, modesRef(s))
	if errors.Is(err, store.ErrNotFound) {
		return m, 0, nil
	}
	if err == nil {
		if err := json.Unmarshal(r.Value, &m); err != nil {
			return m, 0, fmt.Errorf("read %s: %w: %w", r.Name, store.ErrDamaged, err)
		}
	}
	return m, r.Revision, err
}

// SetModes records modes, and calls govern, which puts them in force. It waits for a
// deployment of the service that is under way. change is given those there are; when
// govern fails they are recorded again.
func (d *Deployer) SetModes(ctx context.Context, s documents.Service, change func(*shard.Modes), govern func(shard.Modes) error) error {
	end, err := d.turn(ctx, s)
	if err != nil {
		return err
	}
	defer end()
	before, seen, err := d.modes(ctx, s)
	if err != nil {
		return err
	}
	after, err := d.keepModes(ctx, s, before, seen, change)
	if err != nil {
		return err
	}
	err = govern(after.modes)
	if err == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoMax)
	defer cancel()
	_, undoErr := d.keepModes(ctx, s, before, after.seen, func(*shard.Modes) {})
	return errors.Join(err, undoErr)
}

// Hold waits for a deployment of a service that is under way, and keeps others, and who starts,
// stops or removes the service, waiting until release is called.
func (d *Deployer) Hold(ctx context.Context, s documents.Service) (release func(), err error) {
	return d.turn(ctx, s)
}

type keptModes struct {
	modes shard.Modes
	seen  uint64
}

func (d *Deployer) keepModes(ctx context.Context, s documents.Service, m shard.Modes, seen uint64, change func(*shard.Modes)) (keptModes, error) {
	actors := map[string]shard.Mode{}
	for name, mode := range m.Actors {
		actors[name] = mode
	}
	m.Actors = actors
	change(&m)
	for name, mode := range m.Actors {
		if mode == shard.Running {
			delete(m.Actors, name)
		}
	}
	b, err := json.Marshal(m)
	if err != nil {
		return keptModes{}, err
	}
	d.o.Step("record modes")
	seen, err = d.o.Store.SetRef(ctx, modesRef(s), b, seen)
	if err != nil {
		return keptModes{}, fmt.Errorf("record the modes of %s: %w", s, err)
	}
	return keptModes{m, seen}, nil
}

// Removed counts what Remove has removed, or would remove.
type Removed struct {
	Changes     int `json:"changes"` // of the documents
	Deployments int `json:"deployments"`
	Revisions   int `json:"revisions"` // of all actors
	// Away is the folder below that of the host to which the service's databases are moved, with TIME in its name
	// in a plan; "": it has none.
	Away string `json:"away,omitempty"`
}

// Remove forgets a service: its documents with their history, deployments and
// revisions. stop is called first, and ends what runs of it; forget when the live
// deployment is gone, and removes what the service has kept itself. The documents, by
// which a service is known, go last: after a crash in between nothing of it runs, and
// Remove can be called again. With plan nothing is done. Objects that nobody names any
// more are for a sweep to remove.
func (d *Deployer) Remove(ctx context.Context, s documents.Service, plan bool, stop, forget func() error) (Removed, error) {
	end, err := d.turn(ctx, s)
	if err != nil {
		return Removed{}, err
	}
	defer end()
	refs, n, err := d.refsOf(ctx, s)
	if err != nil || plan {
		return n, err
	}
	if err := stop(); err != nil {
		return n, err
	}
	forgotten := false
	for _, r := range refs {
		if r.Name != liveRef(s) && r.Name != trialRef(s) && !forgotten {
			d.o.Step("forget what it has kept")
			if err := forget(); err != nil {
				return n, err
			}
			forgotten = true
		}
		d.o.Step("remove " + r.Name)
		if err := d.o.Store.RemoveRef(ctx, r.Name, r.Revision); err != nil {
			return n, fmt.Errorf("remove %s: %w", s, err)
		}
	}
	return n, nil
}

// refsOf are all refs of a service, in the order in which they are removed: the
// documents, which make it known, are the last.
func (d *Deployer) refsOf(ctx context.Context, s documents.Service) (refs []store.Ref, n Removed, err error) {
	add := func(name string) error {
		r, err := d.o.Store.Ref(ctx, name)
		if err == nil {
			refs = append(refs, r)
		}
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	}
	for _, name := range []string{liveRef(s), trialRef(s)} {
		if err := add(name); err != nil {
			return nil, n, err
		}
	}
	for _, prefix := range []string{deploymentsRef(s), "revisions/" + s.Namespace + "/" + s.Name} {
		list, err := d.o.Store.Refs(ctx, prefix)
		if err != nil {
			return nil, n, err
		}
		refs = append(refs, list...)
		if strings.HasPrefix(prefix, "revisions") {
			n.Revisions = len(list)
		} else {
			n.Deployments = len(list)
		}
	}
	if err := add(modesRef(s)); err != nil {
		return nil, n, err
	}
	last, err := d.o.Documents.Last(ctx, s)
	if err != nil {
		return nil, n, fmt.Errorf("documents of %s: %w", s, err)
	}
	n.Changes = last.Number
	return refs, n, add("documents/" + s.Namespace + "/" + s.Name)
}
