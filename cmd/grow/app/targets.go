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

// measured is an actor or a workflow with targets.
type measured struct {
	name    string
	at      specs.Position
	targets specs.Targets
	tests   []*specs.Test
	// messages is how many a test has put through it.
	messages func(*actortest.Result) uint64
	alone    string // that its rate is of
}

// targets holds how fast changed actors and workflows are in their tests against what
// their definitions say, a check for each.
func (g *gate) targets(ctx context.Context, changed []string) error {
	for _, name := range changed {
		var m measured
		if a := g.service.Actors[name]; a != nil {
			m = measured{name, a.At, a.Targets, a.Tests, func(r *actortest.Result) uint64 { return r.Attempts }, "one instance handled %.0f/s of its tests' messages"}
		} else if w := g.service.Workflows[name]; w != nil {
			m = measured{name, w.At, w.Targets, w.Tests, sent, "of its tests' messages, one after the other, it took %.0f/s"}
		}
		if m.targets == (specs.Targets{}) {
			continue
		}
		if _, err := g.timed(ctx, "targets of "+name, func(ctx context.Context, k *deploy.Check) error { return g.target(ctx, &m, k) }); err != nil {
			return err
		}
	}
	return nil
}

// sent is how many messages a test sends, unless it failed before it sent them all.
func sent(r *actortest.Result) uint64 {
	if !r.Passed() {
		return 0
	}
	n := uint64(0)
	for _, s := range r.Test.Steps {
		if s.Type != "" {
			n++
		}
	}
	return n
}

// target measures an actor or a workflow.
func (g *gate) target(ctx context.Context, m *measured, k *deploy.Check) error {
	if len(m.tests) == 0 {
		k.Outcome, k.Text = deploy.Failed, "there are no tests to measure it with"
		return nil
	}
	samples, busy, messages, err := g.measure(ctx, m)
	if err != nil || len(samples) == 0 {
		k.Outcome, k.Text = deploy.Failed, "no message of its tests was handled"
		return err
	}
	slices.Sort(samples)
	p99 := samples[(len(samples)*99+99)/100-1]
	rate := float64(messages) / busy.Seconds()
	k.Text = fmt.Sprintf("p99 %v, %.0f/s", p99.Round(time.Microsecond), rate)
	if want := m.targets.P99; want > 0 && p99 > want {
		k.Outcome = deploy.Failed
		k.Add(deploy.Detail{Subject: m.name, At: place(m.at), Text: fmt.Sprintf("targets.p99: %v is wanted, and of %d messages of its tests the slowest in a hundred took %v", want, messages, p99)})
	}
	if want := m.targets.Rate; want > 0 && rate < want {
		k.Outcome = deploy.Failed
		k.Add(deploy.Detail{Subject: m.name, At: place(m.at), Text: fmt.Sprintf("targets.rate: %.6g/s is wanted, and "+m.alone, want, rate)})
	}
	return nil
}

// measure runs tests again and again, one at a time, and returns the time
// that a message took in each. The first round is not counted: it warms up.
func (g *gate) measure(ctx context.Context, m *measured) (samples []time.Duration, busy time.Duration, messages uint64, err error) {
	runner := newTests(g.shared.engine, g.service, g.candidate.Modules, 1)
	defer func() { err = errors.Join(err, runner.Close(context.WithoutCancel(ctx))) }()
	began := time.Now()
	for round := 0; len(samples) < targetSamples && (round < 2 || time.Since(began) < targetTime); round++ {
		err := runner.Run(ctx, m.tests, func(r *actortest.Result) {
			n := m.messages(r)
			if round == 0 || n == 0 {
				return
			}
			samples = append(samples, r.Busy/time.Duration(n))
			busy += r.Busy
			messages += n
		})
		if err != nil {
			return nil, 0, 0, fmt.Errorf("run tests: %w", err)
		}
	}
	return samples, busy, messages, nil
}
