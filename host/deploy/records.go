package deploy

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/host/store"
)

// Names of refs. Numbers have eight digits, so that names are in their order.
func deploymentsRef(s documents.Service) string { return "deployments/" + s.Namespace + "/" + s.Name }
func liveRef(s documents.Service) string        { return "live/" + s.Namespace + "/" + s.Name }
func revisionsRef(s documents.Service, actor string) string {
	return "revisions/" + s.Namespace + "/" + s.Name + "/" + actor
}
func numbered(ref string, n int) string { return fmt.Sprintf("%s/%08d", ref, n) }

func number(r store.Ref) (int, error) {
	n, err := strconv.Atoi(r.Name[strings.LastIndexByte(r.Name, '/')+1:])
	if err != nil || n < 1 {
		return 0, fmt.Errorf("ref %s: %w", r.Name, store.ErrDamaged)
	}
	return n, nil
}

// object keeps v as JSON.
func (d *Deployer) object(ctx context.Context, v any) (store.Digest, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	o, err := d.o.Store.Put(ctx, bytes.NewReader(b), RecordMax)
	return o.Digest, err
}

// renewEvery is how often what a deployment is going to name is renewed while its checks
// last: several times within what a sweep of the store leaves (sweep.Grace).
const renewEvery = 10 * time.Minute

// keepRenewed touches objects now and then until what it returns is called. What cannot be
// touched is tried again the next time, and at last by who goes on with the deployment, who
// is told.
func (d *Deployer) keepRenewed(ctx context.Context, list []store.Digest) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { // until cancel
		defer close(done)
		for {
			again := make(chan struct{})
			stop := d.o.Clock.AfterFunc(renewEvery, func() { close(again) })
			select {
			case <-again:
				_ = d.touch(ctx, list)
			case <-ctx.Done():
				stop()
				return
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// renew touches all that the deployment is going to name, so that none of it is taken
// for what nobody wants: before its checks, while they last, and after them.
func (a *attempt) renew(ctx context.Context) error {
	if err := a.touch(ctx, a.names()); err != nil {
		return fmt.Errorf("deploy %s: %w; deploy again, which brings what is missing", a.request.Service, err)
	}
	return nil
}

func (d *Deployer) touch(ctx context.Context, list []store.Digest) error {
	for _, object := range list {
		if _, err := d.o.Store.Touch(ctx, object); err != nil {
			return err
		}
	}
	return nil
}

// names are the objects that the deployment is going to name, as far as they are known.
func (a *attempt) names() (list []store.Digest) {
	for _, d := range []store.Digest{a.deployment.Tree, a.request.Change} {
		if d != "" {
			list = append(list, d)
		}
	}
	for _, f := range a.request.Documents {
		list = append(list, f.Digest)
	}
	for _, artifact := range a.request.Artifacts {
		list = append(list, artifact.Digest)
	}
	return list
}

// load reads what object has kept.
func (d *Deployer) load(ctx context.Context, digest store.Digest, into any) (err error) {
	r, o, err := d.o.Store.Get(ctx, digest)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if o.Size > RecordMax {
		return fmt.Errorf("%w: %d bytes", store.ErrTooLarge, o.Size)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("%w: %w", store.ErrDamaged, err)
	}
	return nil
}

// keep records a deployment under its number; again when it has one that is kept.
func (d *Deployer) keep(ctx context.Context, n *Deployment) error {
	digest, err := d.object(ctx, n)
	if err == nil {
		n.kept, err = d.o.Store.SetRef(ctx, numbered(deploymentsRef(n.Service), n.Number), []byte(digest), n.kept)
	}
	if err != nil {
		return fmt.Errorf("record deployment %d of %s: %w", n.Number, n.Service, err)
	}
	return nil
}

// Deployment returns a deployment by its number; store.ErrNotFound when there is none,
// ErrForgotten when there was one.
func (d *Deployer) Deployment(ctx context.Context, s documents.Service, n int) (Deployment, error) {
	r, err := d.o.Store.Ref(ctx, numbered(deploymentsRef(s), n))
	if err != nil {
		err = d.forgotten(ctx, err, deploymentsRef(s), n)
		return Deployment{}, fmt.Errorf("deployment %d of %s: %w", n, s, err)
	}
	now, err := d.now(ctx, s)
	if err != nil {
		return Deployment{}, err
	}
	return d.deployment(ctx, r, now)
}

// now is which deployments of a service run, by number; 0: none.
type now struct{ live, tried int }

func (d *Deployer) now(ctx context.Context, s documents.Service) (n now, err error) {
	if n.live, _, err = d.liveNumber(ctx, s); err != nil {
		return n, err
	}
	t, err := d.Trial(ctx, s)
	if errors.Is(err, store.ErrNotFound) {
		return n, nil
	}
	n.tried = t.Number
	return n, err
}

// deployment reads one, and says whether it runs.
func (d *Deployer) deployment(ctx context.Context, r store.Ref, runs now) (Deployment, error) {
	var n Deployment
	if err := d.load(ctx, store.Digest(r.Value), &n); err != nil {
		return n, fmt.Errorf("read %s: %w", r.Name, err)
	}
	n.kept = r.Revision
	switch {
	case n.Number == runs.live:
		n.State = Live
	case n.Number == runs.tried && n.State == Ready:
		n.State = Tried
	case n.State == Ready && !n.Live.IsZero():
		n.State = Past
	}
	return n, nil
}

// Deployments returns those of a service, the last one first: at most limit, from
// number before on downwards; 0 for the last one.
func (d *Deployer) Deployments(ctx context.Context, s documents.Service, before, limit int) ([]Deployment, error) {
	refs, err := d.o.Store.Refs(ctx, deploymentsRef(s))
	if err != nil {
		return nil, err
	}
	now, err := d.now(ctx, s)
	if err != nil {
		return nil, err
	}
	list := []Deployment{}
	for i := len(refs) - 1; i >= 0 && len(list) < limit; i-- {
		n, err := number(refs[i])
		if err != nil {
			return nil, err
		}
		if before > 0 && n >= before {
			continue
		}
		one, err := d.deployment(ctx, refs[i], now)
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, nil
}

// last is the highest number below a ref, 0 for none.
func (d *Deployer) last(ctx context.Context, ref string) (int, error) {
	refs, err := d.o.Store.Refs(ctx, ref)
	if err != nil || len(refs) == 0 {
		return 0, err
	}
	return number(refs[len(refs)-1])
}

// Live returns the deployment that a service runs; store.ErrNotFound when it runs none.
func (d *Deployer) Live(ctx context.Context, s documents.Service) (Deployment, error) {
	n, _, err := d.liveNumber(ctx, s)
	if err != nil {
		return Deployment{}, err
	}
	if n == 0 {
		return Deployment{}, fmt.Errorf("live deployment of %s: %w", s, store.ErrNotFound)
	}
	return d.Deployment(ctx, s, n)
}

// liveNumber returns the number of the live deployment, 0 for none, and the revision of
// the ref that says so.
// HasLive reports whether something of a service is live, whether or not it runs.
func (d *Deployer) HasLive(ctx context.Context, s documents.Service) (bool, error) {
	n, _, err := d.liveNumber(ctx, s)
	return n > 0, err
}

func (d *Deployer) liveNumber(ctx context.Context, s documents.Service) (int, uint64, error) {
	r, err := d.o.Store.Ref(ctx, liveRef(s))
	if errors.Is(err, store.ErrNotFound) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, err
	}
	n, err := strconv.Atoi(string(r.Value))
	if err != nil {
		return 0, 0, fmt.Errorf("ref %s: %w", r.Name, store.ErrDamaged)
	}
	return n, r.Revision, nil
}

// Revision returns a revision of an actor; store.ErrNotFound when there is none,
// ErrForgotten when there was one.
func (d *Deployer) Revision(ctx context.Context, s documents.Service, actor string, n int) (Revision, error) {
	r, err := d.o.Store.Ref(ctx, numbered(revisionsRef(s, actor), n))
	if err != nil {
		err = d.forgotten(ctx, err, revisionsRef(s, actor), n)
		return Revision{}, fmt.Errorf("revision %d of %s: %w", n, actor, err)
	}
	var v Revision
	if err := d.load(ctx, store.Digest(r.Value), &v); err != nil {
		return Revision{}, fmt.Errorf("read %s: %w", r.Name, err)
	}
	return v, nil
}

// Module opens the module of a revision; store.ErrNotFound when there is none. The
// caller closes it. Its last Read fails when the bytes are not those of the digest.
func (d *Deployer) Module(ctx context.Context, v Revision) (io.ReadCloser, store.Object, error) {
	r, o, err := d.o.Store.Get(ctx, v.Artifact.Digest)
	if err != nil {
		return nil, o, fmt.Errorf("module of revision %d of %s: %w", v.Number, v.Actor, err)
	}
	return r, o, nil
}

// DeploymentWith returns a deployment that has a revision: the one that made it, or, where
// that was removed since it was old, the last of those that run the same. ErrForgotten when
// all were.
func (d *Deployer) DeploymentWith(ctx context.Context, v Revision) (Deployment, error) {
	n, err := d.Deployment(ctx, v.Service, v.Deployment)
	if err == nil || !errors.Is(err, ErrForgotten) {
		return n, err
	}
	refs, failed := d.o.Store.Refs(ctx, deploymentsRef(v.Service))
	if failed != nil {
		return n, failed
	}
	runs, failed := d.now(ctx, v.Service)
	for i := len(refs) - 1; i >= 0 && failed == nil; i-- {
		var one Deployment
		if one, failed = d.deployment(ctx, refs[i], runs); failed == nil && one.Actors[v.Actor].Revision == v.Number {
			return one, nil
		}
	}
	return n, cmp.Or(failed, err)
}

// Revisions returns those of an actor, the last one first: at most limit, from number
// before on downwards; 0 for the last one. Numbers that are missing were removed.
func (d *Deployer) Revisions(ctx context.Context, s documents.Service, actor string, before, limit int) ([]Revision, error) {
	refs, err := d.o.Store.Refs(ctx, revisionsRef(s, actor))
	if err != nil {
		return nil, err
	}
	list := []Revision{}
	for i := len(refs) - 1; i >= 0 && len(list) < limit; i-- {
		n, err := number(refs[i])
		if err != nil {
			return nil, err
		}
		if before > 0 && n >= before {
			continue
		}
		var v Revision
		if err := d.load(ctx, store.Digest(refs[i].Value), &v); err != nil {
			return nil, fmt.Errorf("read %s: %w", refs[i].Name, err)
		}
		list = append(list, v)
	}
	return list, nil
}
