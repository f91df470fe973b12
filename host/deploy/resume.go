package deploy

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/grow-platform/grow/host/documents"
)

// Start has the runner run what of a service is live, when a host starts;
// store.ErrNotFound when nothing is. A deployment that the last host did not live to see
// run, and that cannot be started, is given up for the one before.
func (d *Deployer) Start(ctx context.Context, s documents.Service) (Deployment, error) {
	end, err := d.turn(ctx, s)
	if err != nil {
		return Deployment{}, err
	}
	defer end()
	return d.Resume(ctx, s)
}

// Resume does what Start does, for who has called SetModes and is called back.
func (d *Deployer) Resume(ctx context.Context, s documents.Service) (Deployment, error) {
	for {
		live, err := d.Live(ctx, s)
		if err != nil {
			return live, err
		}
		startErr := d.startOne(ctx, live)
		if startErr == nil && live.Live.IsZero() {
			live.State, live.Live = Ready, d.o.Clock.Now().UTC()
			err = d.keep(ctx, &live)
			live.State = Live
		}
		if startErr == nil && err == nil {
			err = d.retry(ctx, live)
		}
		if startErr == nil || !live.Live.IsZero() || ctx.Err() != nil {
			return live, errors.Join(startErr, err)
		}
		if err := d.giveUp(ctx, live, startErr); err != nil {
			return live, errors.Join(startErr, err)
		}
	}
}

// LayOut makes files of a deployment's documents and modules, as those of what is to run
// are.
func (d *Deployer) LayOut(ctx context.Context, n Deployment) (Candidate, error) {
	tree, err := d.o.Documents.Tree(ctx, n.Tree)
	if err != nil {
		return Candidate{}, err
	}
	return d.layOut(ctx, n, tree)
}

func (d *Deployer) startOne(ctx context.Context, live Deployment) error {
	c, err := d.LayOut(ctx, live)
	if err != nil {
		return err
	}
	if err := d.o.Runner.Prepare(ctx, c); err != nil {
		return fmt.Errorf("deployment %d of %s: %w: %w", live.Number, live.Service, ErrStart, err)
	}
	if err := d.o.Runner.Switch(ctx, c); err != nil {
		return fmt.Errorf("deployment %d of %s: %w: %w", live.Number, live.Service, ErrStart, err)
	}
	return nil
}

// giveUp goes back to the deployment before, if there is one.
func (d *Deployer) giveUp(ctx context.Context, live Deployment, cause error) error {
	_, seen, err := d.liveNumber(ctx, live.Service)
	if err != nil {
		return err
	}
	live.State, live.Fault = Broken, cut(cause.Error())
	if err := d.keep(ctx, &live); err != nil {
		return err
	}
	if err := d.moveBack(ctx, live, seen); err != nil {
		return err
	}
	return d.takeBack(ctx, live.Service)
}

// moveBack makes the deployment before n the live one.
func (d *Deployer) moveBack(ctx context.Context, n Deployment, seen uint64) (err error) {
	d.o.Step("move live ref back")
	if n.Before == 0 {
		err = d.o.Store.RemoveRef(ctx, liveRef(n.Service), seen)
	} else {
		_, err = d.o.Store.SetRef(ctx, liveRef(n.Service), []byte(strconv.Itoa(n.Before)), seen)
	}
	if err != nil {
		return fmt.Errorf("go back to deployment %d of %s: %w", n.Before, n.Service, err)
	}
	return nil
}
