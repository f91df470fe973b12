package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/grow-platform/grow/host/deploy"
	"github.com/grow-platform/grow/runtime/actortest"
	"github.com/grow-platform/grow/specs"
)

// How targets are measured.
const (
	targetSamples = 200             // tests that are run at least
	targetTime    = 3 * time.Second // after which no more are
)

// targets holds how fast changed actors are in their tests against what their definitions
// say, a check for each.
func (g *gate) targets(ctx context.Context, changed []string) error {
	for _, name := range changed {
		a := g.service.Actors[name]
		if a == nil || a.Targets == (specs.Targets{}) {
			continue
		}
		if _, err := g.timed(ctx, "targets of "+name, func(ctx context.Context, k *deploy.Check) error { return g.target(ctx, a, k) }); err != nil {
			return err
		}
	}
	return nil
}

// target measures one actor.
func (g *gate) target(ctx context.Context, a *specs.Actor, k *deploy.Check) error {
	if len(a.Tests) == 0 {
		k.Outcome, k.Text = deploy.Failed, "there are no tests to measure it with"
		return nil
	}
	samples, busy, attempts, err := g.measure(ctx, a)
	if err != nil || len(samples) == 0 {
		k.Outcome, k.Text = deploy.Failed, "no message of its tests was handled"
		return err
	}
	slices.Sort(samples)
	p99 := samples[(len(samples)*99+99)/100-1]
	rate := float64(attempts) / busy.Seconds()
	k.Text = fmt.Sprintf("p99 %v, %.0f/s", p99.Round(time.Microsecond), rate)
	if want := a.Targets.P99; want > 0 && p99 > want {
		k.Outcome = deploy.Failed
		k.Add(deploy.Detail{Subject: a.Name, At: place(a.At), Text: fmt.Sprintf("targets.p99: %v is wanted, and of %d messages of its tests the slowest in a hundred took %v", want, attempts, p99)})
	}
	if want := a.Targets.Rate; want > 0 && rate < want {
		k.Outcome = deploy.Failed
		k.Add(deploy.Detail{Subject: a.Name, At: place(a.At), Text: fmt.Sprintf("targets.rate: %.6g/s is wanted, and one instance handled %.0f/s of its tests' messages", want, rate)})
	}
	return nil
}

// measure runs the tests of an actor again and again, one at a time, and returns the time
// that a message took in each. The first round is not counted: it warms up.
func (g *gate) measure(ctx context.Context, a *specs.Actor) (samples []time.Duration, busy time.Duration, attempts uint64, err error) {
	runner := newTests(g.shared.engine, g.service, g.candidate.Modules, 1)
	defer func() { err = errors.Join(err, runner.Close(context.WithoutCancel(ctx))) }()
	began := time.Now()
	for round := 0; len(samples) < targetSamples && (round < 2 || time.Since(began) < targetTime); round++ {
		err := runner.Run(ctx, a.Tests, func(r *actortest.Result) {
			if round == 0 || r.Attempts == 0 {
				return
			}
			samples = append(samples, r.Busy/time.Duration(r.Attempts))
			busy += r.Busy
			attempts += r.Attempts
		})
		if err != nil {
			return nil, 0, 0, fmt.Errorf("run tests: %w", err)
		}
	}
	return samples, busy, attempts, nil
}
