package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/grow-platform/grow/host/api"
	"github.com/grow-platform/grow/host/deploy"
	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/runtime/canary"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/specs"
)

// Try has another revision of the service handle a share of the keys, from 0 to 1,
// beside the one that runs: see supervisor.Try.
func (h *Host) Try(ctx context.Context, service *specs.Service, modules map[string]string, salt string, share float64) error {
	h.applying.Lock()
	defer h.applying.Unlock()
	wanted, err := h.wanted(service, modules)
	if err != nil {
		return err
	}
	return secretError(h.supervisor.Try(ctx, wanted, salt, share))
}

// Untry has what runs handle all keys again.
func (h *Host) Untry() {
	h.applying.Lock()
	defer h.applying.Unlock()
	h.supervisor.Untry()
}

// watched is a trial that is watched.
type watched struct {
	deploy.Trial
	watch *canary.Watch
	end   context.CancelFunc
}

// Try implements deploy.Runner.
func (p *Platform) Try(ctx context.Context, c deploy.Candidate, t deploy.Trial) error {
	service, err := loadDeployed(c.Dir)
	if err != nil {
		return err
	}
	h := p.running(c.Service)
	if h == nil {
		return fmt.Errorf("%s does not run: start it first, or deploy without a canary", c.Service)
	}
	h.switching.Lock()
	defer h.switching.Unlock()
	if err := h.Try(ctx, service, c.Modules, strconv.Itoa(t.Number), t.Plan.Steps[t.Step].Share); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(p.shared.ending)
	w := canary.New(canary.Options{
		Plan: t.Plan, From: t.Step, Clock: shard.RealClock{}, Subject: h.shard,
		Reached: func(step int) error { return p.Deployer.Reached(ctx, c.Service, t.Number, step) },
	})
	h.mu.Lock()
	h.trial = &watched{t, w, cancel}
	h.mu.Unlock()
	p.trials.Go(func() { // ends with unwatch, or the host
		defer cancel()
		if v, err := w.Run(ctx); err == nil {
			if !v.Keep { // whatever becomes of the record
				_ = h.shard.Share(0) // fails when the trial has ended, which is as well
			}
			p.settle(ctx, c.Service, t, v)
		}
	})
	return nil
}

// settleEvery is how long a verdict waits that could not be recorded.
const settleEvery = time.Second

// settle does what a canary's verdict says, until it is done or the trial ends otherwise.
func (p *Platform) settle(ctx context.Context, s documents.Service, t deploy.Trial, v canary.Verdict) {
	k := deploy.Check{Name: "canary", Outcome: deploy.Passed, Text: v.Text, Took: time.Since(t.Began)}
	for _, f := range v.Findings {
		k.Add(deploy.Detail{Subject: f.Node, Text: fmt.Sprintf("%s: %s (p = %.2g)", f.What, f.Text, f.P)})
	}
	if !v.Keep {
		k.Outcome = deploy.Failed
	}
	for {
		_, err := p.Deployer.Settle(ctx, s, t.Number, v.Keep, k)
		switch {
		case err == nil && v.Keep:
			p.log.Info("a canary has taken over", "service", s.String(), "deployment", t.Number)
			return
		case err == nil:
			p.log.Warn("a canary was withdrawn", "service", s.String(), "deployment", t.Number, "reason", v.Text)
			return
		case errors.Is(err, deploy.ErrNoTrial), errors.Is(err, deploy.ErrStart):
			return
		}
		p.log.Error("the end of a canary cannot be recorded; it is tried again", "service", s.String(), "deployment", t.Number, "error", err)
		select {
		case <-time.After(settleEvery):
		case <-ctx.Done():
			return
		}
	}
}

// Untry implements deploy.Runner.
func (p *Platform) Untry(_ context.Context, s documents.Service) error {
	if h := p.running(s); h != nil {
		h.unwatch()
		h.Untry()
	}
	return nil
}

// unwatch ends the watch over a trial, if there is one. It does not wait for it.
func (p *placed) unwatch() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.trial != nil {
		p.trial.end()
		p.trial = nil
	}
}

// Trial implements api.Lifecycle: how far the trial of a service has come; nil: there is
// none.
func (p *Platform) Trial(s documents.Service) *api.Trial {
	h := p.running(s)
	if h == nil {
		return nil
	}
	h.mu.Lock()
	w := h.trial
	h.mu.Unlock()
	if w == nil {
		return nil
	}
	g := w.watch.Progress()
	t := &api.Trial{
		Deployment: w.Number, By: w.By, Began: w.Began, Plan: g.Plan, Step: g.Step, Share: g.Plan.Steps[g.Step].Share,
		Left: g.Left, Looks: g.Looks, Fault: g.Fault, Nodes: []api.TrialNode{},
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		t.Nodes = append(t.Nodes, api.TrialNode{Node: n.Node, Actor: n.Actor, Old: armOf(&n.Old), New: armOf(&n.New)})
	}
	return t
}

// armOf says what a revision took for its messages.
func armOf(a *shard.Arm) api.Arm {
	r := api.Arm{Revision: a.Revision, Handled: a.Handled, Refused: a.Refused, Failed: a.Failed}
	if len(a.Samples) == 0 {
		return r
	}
	slices.SortFunc(a.Samples, func(a, b shard.Sample) int { return cmp.Compare(a.Time, b.Time) })
	r.Median, r.Slow = a.Samples[len(a.Samples)/2].Time, a.Samples[len(a.Samples)*99/100].Time
	slices.SortFunc(a.Samples, func(a, b shard.Sample) int { return cmp.Compare(a.Fuel, b.Fuel) })
	r.Fuel = a.Samples[len(a.Samples)/2].Fuel
	return r
}
