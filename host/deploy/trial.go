package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/host/store"
	"github.com/grow-platform/grow/runtime/canary"
)

// Trial is a deployment that is tried on a share of the keys before it goes live. There
// is at most one of a service, and no other deployment of it meanwhile. It outlives the
// host: see Start.
type Trial struct {
	Number int         `json:"number"` // of the deployment
	Plan   canary.Plan `json:"plan"`
	Step   int         `json:"step"` // index in the plan
	Began  time.Time   `json:"began"`
	By     string      `json:"by"`
}

// TrialError is returned to who would deploy while another deployment is tried.
type TrialError struct {
	Service documents.Service
	Trial   Trial
}

// Error implements error.
func (e *TrialError) Error() string {
	return fmt.Sprintf("deployment %d of %s by %s is being tried on a share of the keys", e.Trial.Number, e.Service, e.Trial.By)
}

// Unwrap returns store.ErrConflict.
func (e *TrialError) Unwrap() error { return store.ErrConflict }

// ErrNoTrial is returned for a deployment that is not tried, or not any more.
var ErrNoTrial = errors.New("it is not being tried")

func trialRef(s documents.Service) string { return "trials/" + s.Namespace + "/" + s.Name }

// Trial returns the trial of a service; store.ErrNotFound when there is none.
func (d *Deployer) Trial(ctx context.Context, s documents.Service) (Trial, error) {
	t, _, err := d.trial(ctx, s)
	return t, err
}

func (d *Deployer) trial(ctx context.Context, s documents.Service) (t Trial, seen uint64, err error) {
	r, err := d.o.Store.Ref(ctx, trialRef(s))
	if err != nil {
		return t, 0, fmt.Errorf("trial of %s: %w", s, err)
	}
	if err := json.Unmarshal(r.Value, &t); err != nil {
		return t, 0, fmt.Errorf("read %s: %w: %w", r.Name, store.ErrDamaged, err)
	}
	return t, r.Revision, nil
}

// Settled waits while the trial of a service begins or ends. Once it has returned, what came of one that
// the service does not run any more is recorded.
func (d *Deployer) Settled(ctx context.Context, s documents.Service) error {
	_, err := d.Trial(ctx, s)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	end, err := d.turn(ctx, s)
	if err == nil {
		end()
	}
	return err
}

// free reports whether no deployment of a service is being tried.
func (d *Deployer) free(ctx context.Context, s documents.Service) error {
	t, err := d.Trial(ctx, s)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	if n, err := d.Deployment(ctx, s, t.Number); err == nil && n.State != Tried {
		return d.leftOver(ctx, s) // a host could not remove it
	}
	return &TrialError{s, t}
}

func (d *Deployer) setTrial(ctx context.Context, s documents.Service, t Trial, seen uint64) error {
	b, err := json.Marshal(t)
	if err == nil {
		_, err = d.o.Store.SetRef(ctx, trialRef(s), b, seen)
	}
	if err != nil {
		return fmt.Errorf("record the trial of deployment %d of %s: %w", t.Number, s, err)
	}
	return nil
}

// try has what was checked handle the first share of the keys.
func (a *attempt) try(ctx context.Context) error {
	n := &a.deployment
	t := Trial{Number: n.Number, Plan: *a.request.Canary, Began: a.o.Clock.Now().UTC(), By: n.By}
	a.o.Step("record trial")
	if err := a.setTrial(ctx, n.Service, t, 0); err != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoMax)
		defer cancel()
		return errors.Join(err, a.endTrial(ctx, n.Service)) // it may be there all the same
	}
	a.o.Step("try")
	if err := a.o.Runner.Try(ctx, a.candidate, t); err != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoMax)
		defer cancel()
		return errors.Join(a.broken(ctx, err), a.endTrial(ctx, n.Service))
	}
	n.State, n.Took = Tried, a.o.Clock.Now().Sub(a.began)
	return nil
}

func (d *Deployer) endTrial(ctx context.Context, s documents.Service) error {
	_, seen, err := d.trial(ctx, s)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err == nil {
		d.o.Step("remove trial")
		err = d.o.Store.RemoveRef(ctx, trialRef(s), seen)
	}
	if err != nil {
		return fmt.Errorf("end the trial of %s: %w", s, err)
	}
	return nil
}

// Reached records that a trial is about to take its next step, so that after a restart
// the keys that were tried are tried again.
func (d *Deployer) Reached(ctx context.Context, s documents.Service, number, step int) error {
	end, err := d.turn(ctx, s)
	if err != nil {
		return err
	}
	defer end()
	t, seen, err := d.trial(ctx, s)
	if err != nil || t.Number != number {
		return errors.Join(ErrNoTrial, err)
	}
	t.Step = step
	d.o.Step("record share")
	return d.setTrial(ctx, s, t, seen)
}

// Settle ends the trial of a deployment: it goes live, or is withdrawn, and what was
// found is kept with it. ErrNoTrial when there is no such trial any more.
func (d *Deployer) Settle(ctx context.Context, s documents.Service, number int, keep bool, found Check) (Deployment, error) {
	end, err := d.turn(ctx, s)
	if err != nil {
		return Deployment{}, err
	}
	defer end()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), runMax)
	defer cancel()
	t, _, err := d.trial(ctx, s)
	if errors.Is(err, store.ErrNotFound) || err == nil && t.Number != number {
		return Deployment{}, fmt.Errorf("deployment %d of %s: %w", number, s, ErrNoTrial)
	}
	if err != nil {
		return Deployment{}, err
	}
	n, err := d.Deployment(ctx, s, number)
	if err != nil {
		return n, err
	}
	if n.State == Withdrawn || n.State == Broken { // which was recorded, and no more came of it
		return n, d.leave(ctx, s)
	}
	found.Text = cut(found.Text)
	n.Checks = append(slices.DeleteFunc(n.Checks, func(c Check) bool { return c.Name == found.Name }), found) // of a try that was cut off
	if !keep {
		return n, d.withdraw(ctx, &n, found.Text)
	}
	err = d.goLive(ctx, &n)
	if !errors.Is(err, ErrStart) {
		return n, err
	}
	ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), undoMax)
	defer cancel()
	if undoErr := d.withdraw(ctx, &n, err.Error()); undoErr != nil {
		return n, fmt.Errorf("withdraw deployment %d of %s: %w", n.Number, s, undoErr) // it is tried still
	}
	return n, err
}

// withdraw ends the trial of a deployment that does not go live.
func (d *Deployer) withdraw(ctx context.Context, n *Deployment, why string) error {
	n.State, n.Fault = Withdrawn, cut(why)
	d.o.Step("record that it is withdrawn")
	if err := d.keep(ctx, n); err != nil {
		return err
	}
	return d.leave(ctx, n.Service)
}

// leave ends the trial of a deployment of which is recorded that it does not go live.
func (d *Deployer) leave(ctx context.Context, s documents.Service) error {
	d.o.Step("untry")
	return errors.Join(d.o.Runner.Untry(ctx, s), d.leftOver(ctx, s))
}

// leftOver removes what there is of a trial whose end is recorded.
func (d *Deployer) leftOver(ctx context.Context, s documents.Service) error {
	return errors.Join(d.takeBack(ctx, s), d.endTrial(ctx, s))
}

// overtaken withdraws what is tried, if something is, since something else runs.
func (d *Deployer) overtaken(ctx context.Context, s documents.Service, by string) error {
	t, err := d.Trial(ctx, s)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	n, err := d.Deployment(ctx, s, t.Number)
	if err != nil {
		return err
	}
	return d.withdraw(ctx, &n, "something else was made live meanwhile: "+by)
}

// goLive has what was tried take over all keys.
func (d *Deployer) goLive(ctx context.Context, n *Deployment) error {
	live, seen, err := d.liveNumber(ctx, n.Service)
	if err != nil {
		return err
	}
	if live != n.Before && live != n.Number { // or an earlier try has moved it
		return fmt.Errorf("deployment %d of %s follows %d, and %d is live: %w", n.Number, n.Service, n.Before, live, ErrStart)
	}
	c, err := d.LayOut(ctx, *n)
	if err != nil {
		return err
	}
	if live != n.Number {
		d.o.Step("move live ref")
		seen, err = d.o.Store.SetRef(ctx, liveRef(n.Service), []byte(strconv.Itoa(n.Number)), seen)
		if err != nil {
			return fmt.Errorf("make deployment %d of %s live: %w", n.Number, n.Service, err)
		}
	}
	d.o.Step("switch")
	if err := d.o.Runner.Switch(ctx, c); err != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoMax)
		defer cancel()
		return errors.Join(fmt.Errorf("%w: %w", ErrStart, err), d.moveBack(ctx, *n, seen))
	}
	n.State, n.Live = Ready, d.o.Clock.Now().UTC()
	d.o.Step("record that it is live")
	err = d.keep(ctx, n)
	n.State = Live
	return errors.Join(err, d.endTrial(ctx, n.Service))
}

// Retry goes on with the trial of a service that runs what is live, when a host starts
// that without Start.
func (d *Deployer) Retry(ctx context.Context, s documents.Service) error {
	end, err := d.turn(ctx, s)
	if err != nil {
		return err
	}
	defer end()
	live, err := d.Live(ctx, s)
	if err != nil {
		return err
	}
	return d.retry(ctx, live)
}

// retry goes on with a trial after a restart, or ends what is left of one.
func (d *Deployer) retry(ctx context.Context, live Deployment) error {
	t, err := d.Trial(ctx, live.Service)
	if errors.Is(err, store.ErrNotFound) {
		return d.takeBack(ctx, live.Service)
	}
	if err != nil {
		return err
	}
	n, err := d.Deployment(ctx, live.Service, t.Number)
	if err != nil {
		return err
	}
	if n.Number == live.Number || n.State != Tried {
		return d.leftOver(ctx, live.Service)
	}
	c, err := d.LayOut(ctx, n)
	if err == nil {
		c.Live = &live
		err = d.o.Runner.Prepare(ctx, c)
	}
	if err == nil {
		err = d.o.Runner.Try(ctx, c, t)
	}
	if err != nil && ctx.Err() == nil {
		return d.withdraw(ctx, &n, "it could not be started again: "+err.Error())
	}
	return err
}
