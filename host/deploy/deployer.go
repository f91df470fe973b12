package deploy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/host/store"
	"github.com/grow-platform/grow/runtime/canary"
	"github.com/grow-platform/grow/runtime/shard"
)

// Candidate is something that may go live.
type Candidate struct {
	Service documents.Service
	Dir     string            // the documents, as a folder
	Modules map[string]string // path of each actor's module by the actor's name
	Actors  map[string]Artifact
	Live    *Deployment // what runs now; nil: nothing
	Canary  bool        // it is to be tried on a share of the keys first
	Rehearsal
	// Underway is told now and then how a check stands that takes long; nil: nobody.
	Underway func(Check)
}

// Rehearsal says how a candidate is rehearsed.
type Rehearsal struct {
	Rehearse int      // on how many messages of each changed actor; 0: as its definition says
	Accept   []string // names of differences that it may find
	// Shadow is how long it handles messages beside what runs, after it, in place of a
	// rehearsal; 0: it does not. At most ShadowMax. Who has it check a candidate may
	// end that by its context: what was found by then is the check.
	Shadow time.Duration
}

// ShadowMax is how long a shadow may take.
const ShadowMax = 24 * time.Hour

// Runner checks and runs services. Its methods may be called concurrently for different
// services.
type Runner interface {
	// Check looks at a candidate, and reports each check when it has ended. An error is
	// one of checking itself, not of the candidate.
	Check(ctx context.Context, c Candidate, report func(Check)) error
	// Prepare compiles and starts what is new in a candidate. What runs is not touched.
	Prepare(ctx context.Context, c Candidate) error
	// Switch lets a prepared candidate take over, in one step. It ends a trial.
	Switch(ctx context.Context, c Candidate) error
	// Try has a prepared candidate handle the share of the keys that a trial has come
	// to, and follows its plan from there: when that is over, Deployer.Settle is called.
	Try(ctx context.Context, c Candidate, t Trial) error
	// Untry ends a trial, whoever wants it: what runs handles all keys again.
	Untry(ctx context.Context, s documents.Service) error
}

// Options say what a Deployer works with.
type Options struct {
	Store     store.Store
	Documents *documents.Documents
	Runner    Runner
	// Dir is where documents and modules are laid out as files, out of the store. What an
	// earlier host has left there is removed: nobody has held it against its digests.
	Dir   string
	Clock shard.Clock // nil: the system's
	// Step is called before each step that changes something, with its name: for
	// tests, which end the host there.
	Step func(name string)
}

// Deployer deploys to a host. Its methods may be called concurrently; deployments of one
// service wait for each other.
type Deployer struct {
	o Options

	mu    sync.Mutex // guards turns
	turns map[documents.Service]chan struct{}
}

// New returns a deployer.
func New(o Options) (*Deployer, error) {
	for _, name := range []string{treesDir, artifactsDir} { // the folder itself may be a disk of its own
		if err := os.RemoveAll(filepath.Join(o.Dir, name)); err != nil {
			return nil, fmt.Errorf("clear the folder of deployments: %w", err)
		}
	}
	if o.Clock == nil {
		o.Clock = shard.RealClock{}
	}
	if o.Step == nil {
		o.Step = func(string) {}
	}
	return &Deployer{o: o, turns: map[documents.Service]chan struct{}{}}, nil
}

// Request says what to deploy.
type Request struct {
	Service   documents.Service
	Documents documents.Tree      // all of the service
	Change    store.Digest        // of the documents, that has this tree; "": one is made on top of Parent when it goes live
	Parent    store.Digest        // the last change that the caller has seen; counts without Change
	Artifacts map[string]Artifact // by actor; those in the store already
	Seen      int                 // the live deployment that the caller knows of; AnySeen for whichever
	By        string
	Text      string
	Commit    string
	// Force makes it live against its checks, and says why. Whether the caller may is
	// for others to see to.
	Force string
	// Plan ends after the checks, and records nothing.
	Plan bool
	// Hold records revisions and deployment, and makes nothing live.
	Hold bool
	// Canary tries it on a share of the keys first. Where nothing is live yet it counts
	// for nothing.
	Canary *canary.Plan
	Rehearsal
	// Report is told of every check when it has ended; nil: nobody.
	Report func(Check)
	// Underway is told now and then how a check stands that takes long; nil: nobody.
	Underway func(Check)
}

// AnySeen is for who does not care what was live before.
const AnySeen = -1

// turn waits until no other deployment of a service is under way, and returns what ends
// the own one.
func (d *Deployer) turn(ctx context.Context, s documents.Service) (func(), error) {
	d.mu.Lock()
	c := d.turns[s]
	if c == nil {
		c = make(chan struct{}, 1)
		d.turns[s] = c
	}
	d.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case c <- struct{}{}:
		return func() { <-c }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for another deployment of %s: %w", s, ctx.Err())
	}
}

// Deploy checks what is asked for and makes it live. It returns the deployment also with
// an error: a *RefusedError when checks failed, a *StaleError when another deployment
// was quicker, ErrStart when it could not be started.
//
// A shadow makes nothing live: as with Hold, what was found is recorded, also when ctx
// ends before its time is over. Others may deploy meanwhile.
func (d *Deployer) Deploy(ctx context.Context, r Request) (Deployment, error) {
	if len(r.Artifacts) > ActorsMax {
		return Deployment{}, fmt.Errorf("%d actors: a service has at most %d", len(r.Artifacts), ActorsMax)
	}
	if r.Shadow > 0 {
		r.Hold, r.Canary = true, nil
	}
	a := &attempt{Deployer: d, request: r}
	waited := d.keepRenewed(ctx, a.names())
	end, err := d.turn(ctx, r.Service)
	waited()
	if err != nil {
		return Deployment{}, err
	}
	defer func() { end() }()
	a.began = d.o.Clock.Now()
	if err := a.begin(ctx); err != nil {
		return a.deployment, err
	}
	if r.Shadow > 0 {
		end()
	}
	err = a.look(ctx)
	if r.Shadow > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), runMax)
		defer cancel()
		again, busy := d.turn(ctx, r.Service)
		if busy != nil {
			end = func() {}
			return a.deployment, errors.Join(err, busy)
		}
		end = again
	}
	if err == nil {
		err = a.judge(ctx)
	}
	if err != nil || r.Plan {
		return a.deployment, err
	}
	return a.deployment, a.run(ctx)
}

// attempt is one deployment under way.
type attempt struct {
	*Deployer
	request    Request
	began      time.Time
	deployment Deployment
	candidate  Candidate
	live       *Deployment
	liveSeen   uint64 // revision of the live ref
}

// begin holds what the caller has seen against what is live, and lays the files out.
func (a *attempt) begin(ctx context.Context) error {
	s := a.request.Service
	n, seen, err := a.liveNumber(ctx, s)
	if err == nil && !a.request.Plan {
		err = a.free(ctx, s)
	}
	if err != nil {
		return err
	}
	a.liveSeen = seen
	if n > 0 {
		live, err := a.Deployment(ctx, s, n)
		if err != nil {
			return err
		}
		a.live = &live
	}
	if a.request.Seen != AnySeen && a.request.Seen != n {
		return a.stale(ctx, n)
	}
	tree, err := a.tree(ctx)
	if err != nil {
		return err
	}
	a.deployment = Deployment{
		Service: s, Time: a.began.UTC(), By: a.request.By, Text: cut(a.request.Text), Commit: a.request.Commit, Change: a.request.Change, Tree: tree,
		Actors: map[string]Deployed{}, Checks: []Check{}, Before: n, State: Ready,
	}
	for name, artifact := range a.request.Artifacts {
		a.deployment.Actors[name] = Deployed{Artifact: artifact}
	}
	if err := a.renew(ctx); err != nil {
		return err
	}
	a.candidate, err = a.layOut(ctx, a.deployment, a.request.Documents)
	a.candidate.Live, a.candidate.Rehearsal, a.candidate.Underway = a.live, a.request.Rehearsal, a.request.Underway
	a.candidate.Canary = a.request.Canary != nil && a.live != nil
	return err
}

// tree returns the digest of the request's documents: those of its change, or new ones
// by who has seen the last change.
func (a *attempt) tree(ctx context.Context) (store.Digest, error) {
	if a.request.Change == "" {
		last, err := a.o.Documents.Last(ctx, a.request.Service)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return "", err
		}
		if last.ID != a.request.Parent {
			return "", &documents.StaleError{Service: a.request.Service, Last: last}
		}
		return a.o.Documents.Keep(ctx, a.request.Documents)
	}
	c, err := a.o.Documents.Change(ctx, a.request.Change)
	if err != nil {
		return "", err
	}
	t, err := a.o.Documents.Tree(ctx, c.Tree)
	if err != nil {
		return "", err
	}
	if !slices.Equal(t, a.request.Documents) {
		return "", fmt.Errorf("the documents of %s are not those of change %d", a.request.Service, c.Number)
	}
	return c.Tree, nil
}

func (a *attempt) stale(ctx context.Context, live int) error {
	e := &StaleError{Seen: a.request.Seen, Live: Deployment{Service: a.request.Service}}
	if live == 0 {
		return fmt.Errorf("nothing of %s is live, and deployment %d is said to be: %w", a.request.Service, a.request.Seen, store.ErrConflict)
	}
	e.Live = *a.live
	now, err := a.o.Documents.Tree(ctx, a.live.Tree)
	if err != nil {
		return errors.Join(e, err)
	}
	var old documents.Tree
	if seen, err := a.Deployment(ctx, a.request.Service, a.request.Seen); err == nil {
		if old, err = a.o.Documents.Tree(ctx, seen.Tree); err != nil {
			return errors.Join(e, err)
		}
	}
	e.Since = documents.Diff(old, now)
	return e
}

// look has the runner check the candidate.
func (a *attempt) look(ctx context.Context) error {
	defer a.keepRenewed(ctx, a.names())()
	n := &a.deployment
	err := a.o.Runner.Check(ctx, a.candidate, func(c Check) {
		c.Text = cut(c.Text)
		if len(n.Checks) < ChecksMax || c.Outcome == Failed {
			n.Checks = append(n.Checks, c)
		}
		if a.request.Report != nil {
			a.request.Report(c)
		}
	})
	n.Took = a.o.Clock.Now().Sub(a.began)
	if err != nil {
		return fmt.Errorf("check %s: %w", n.Service, err)
	}
	return nil
}

// judge refuses a candidate that checks have found fault with, unless it is forced.
func (a *attempt) judge(ctx context.Context) error {
	n := &a.deployment
	if len(n.Failed()) == 0 {
		return nil
	}
	if a.request.Force != "" {
		n.Forced = cut(a.request.Force)
		return nil
	}
	n.State = Refused
	if !a.request.Plan {
		if err := a.renew(ctx); err != nil {
			return err
		}
		if err := a.record(ctx); err != nil {
			return err
		}
	}
	return &RefusedError{Deployment: *n, Shadow: a.request.Shadow > 0}
}

// record gives the deployment the next number and keeps it.
func (a *attempt) record(ctx context.Context) error {
	number, err := a.number(ctx)
	if err != nil {
		return err
	}
	a.deployment.Number = number
	a.o.Step("record deployment")
	return a.keep(ctx, &a.deployment)
}

// number is that of the deployment: the next, or that of the one whose place it takes.
func (a *attempt) number(ctx context.Context) (int, error) {
	if a.deployment.Number > 0 {
		return a.deployment.Number, nil
	}
	last, err := a.last(ctx, deploymentsRef(a.deployment.Service))
	return last + 1, err
}

// runMax is how long it may take to make live what was checked.
const runMax = 5 * time.Minute

// run makes live what was checked, to its end, also when nobody waits for it any more.
func (a *attempt) run(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err // who asked for it has gone while it was checked
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), runMax)
	defer cancel()
	n := &a.deployment
	if err := a.renew(ctx); err != nil {
		return err
	}
	err := a.change(ctx)
	if err == nil {
		err = a.launch(ctx)
	}
	if err != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoMax)
		defer cancel()
		err = errors.Join(err, a.takeBack(ctx, n.Service))
	}
	return err
}

// launch records the deployment, whose documents are the service's, and has it run.
func (a *attempt) launch(ctx context.Context) error {
	n := &a.deployment
	if err := a.revise(ctx); err != nil {
		return err
	}
	if err := a.record(ctx); err != nil || a.request.Hold {
		return err
	}
	a.o.Step("prepare")
	if err := a.o.Runner.Prepare(ctx, a.candidate); err != nil {
		return a.broken(ctx, err)
	}
	if a.request.Canary != nil && a.live != nil {
		return a.try(ctx)
	}
	a.o.Step("move live ref")
	seen, err := a.o.Store.SetRef(ctx, liveRef(n.Service), []byte(strconv.Itoa(n.Number)), a.liveSeen)
	if err != nil {
		return fmt.Errorf("make deployment %d of %s live: %w", n.Number, n.Service, err)
	}
	a.o.Step("switch")
	if err := a.o.Runner.Switch(ctx, a.candidate); err != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoMax)
		defer cancel()
		err = errors.Join(err, a.moveBack(ctx, *n, seen))
		return a.broken(ctx, err)
	}
	n.Live, n.Took = a.o.Clock.Now().UTC(), a.o.Clock.Now().Sub(a.began)
	a.o.Step("record that it is live")
	err = a.keep(ctx, n)
	n.State = Live
	return err
}

// change makes new documents the service's.
func (a *attempt) change(ctx context.Context) error {
	n := &a.deployment
	if n.Change != "" || a.request.Hold {
		return nil
	}
	number, err := a.number(ctx)
	if err != nil {
		return err
	}
	a.o.Step("change documents")
	c, err := a.o.Documents.Revise(ctx, n.Service, a.request.Documents, documents.Change{Parent: a.request.Parent, By: a.request.By, Text: a.request.Text, Commit: a.request.Commit, For: number})
	n.Change = c.ID
	return err
}

// undoMax is how long moving back may take, whatever the caller waits for.
const undoMax = 10 * time.Second

// broken records why a deployment could not be started.
func (a *attempt) broken(ctx context.Context, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoMax)
	defer cancel()
	a.deployment.State, a.deployment.Fault = Broken, cut(cause.Error())
	return errors.Join(fmt.Errorf("deployment %d of %s: %w: %w", a.deployment.Number, a.deployment.Service, ErrStart, cause), a.keep(ctx, &a.deployment))
}

// revise records a revision of each actor that differs from its last one.
func (a *attempt) revise(ctx context.Context) error {
	number, err := a.number(ctx)
	if err != nil {
		return err
	}
	types := a.request.Documents.Below("types")
	for _, name := range slices.Sorted(maps.Keys(a.deployment.Actors)) {
		now := a.deployment.Actors[name]
		v := Revision{
			Service: a.deployment.Service, Actor: name, Documents: slices.Concat(a.request.Documents.Below("actors/"+name), types), Artifact: now.Artifact,
			Proof: about(a.deployment.Checks, name), Time: a.deployment.Time, By: a.request.By, Commit: a.request.Commit, Deployment: number,
		}
		if now.Revision, err = a.reviseActor(ctx, v); err != nil {
			return err
		}
		a.deployment.Actors[name] = now
	}
	return nil
}

// about are the checks whose names end with an actor's.
func about(checks []Check, actor string) []Check {
	list := []Check{}
	for _, c := range checks {
		if strings.HasSuffix(c.Name, " of "+actor) {
			list = append(list, c)
		}
	}
	return list
}

// reviseActor returns the number of a revision: that of the last one, or of the one that
// runs, when nothing has changed, else a new one.
func (a *attempt) reviseActor(ctx context.Context, v Revision) (int, error) {
	last, err := a.last(ctx, revisionsRef(v.Service, v.Actor))
	if err != nil {
		return 0, err
	}
	if a.live != nil {
		v.Parent = a.live.Actors[v.Actor].Revision
	}
	for _, n := range []int{v.Parent, last} {
		if n == 0 {
			continue
		}
		old, err := a.Revision(ctx, v.Service, v.Actor, n)
		if errors.Is(err, ErrForgotten) {
			continue // while it was checked
		}
		if err != nil {
			return 0, err
		}
		if old.Artifact.Digest == v.Artifact.Digest && slices.Equal(old.Documents, v.Documents) {
			return n, nil
		}
	}
	v.Number, v.Parent = last+1, cmp.Or(v.Parent, last)
	digest, err := a.object(ctx, v)
	if err == nil {
		a.o.Step("record revision")
		_, err = a.o.Store.SetRef(ctx, numbered(revisionsRef(v.Service, v.Actor), v.Number), []byte(digest), 0)
	}
	if err != nil {
		return 0, fmt.Errorf("record revision %d of %s: %w", v.Number, v.Actor, err)
	}
	return v.Number, nil
}
