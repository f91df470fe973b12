package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/grow-platform/grow/host/deploy"
	"github.com/grow-platform/grow/runtime/replay"
	"github.com/grow-platform/grow/specs"
)

// shadowEvery is how long there is between two rounds of a shadow at least. What was handled
// since the last round is handled again; the states of its keys are found by reading the
// journal, which takes time, so that there is as long between them as the last one took. While
// messages come in a round rests for most of the time itself.
const shadowEvery = time.Second

// shadowed is an actor that handles messages of a node after what runs.
type shadowed struct {
	actor *specs.Actor
	tail  *replay.Tail
	close func() error
}

// shadow has each actor that becomes another one handle what it is sent while it lasts, a
// check for each. Nobody sees what it sends or keeps, and nothing outside is asked.
func (g *gate) shadow(ctx context.Context) (err error) {
	h := g.running(g.candidate.Service)
	switch {
	case g.failed:
		return g.unshadowed(ctx, "another check has failed")
	case h == nil:
		return g.unshadowed(ctx, g.candidate.Service.String()+" does not run")
	}
	next, err := g.changing(h)
	if err != nil {
		return err
	}
	if len(next) == 0 {
		return g.unshadowed(ctx, "no actor that runs becomes another one")
	}
	var all []*shadowed
	defer func() {
		for _, s := range all {
			err = errors.Join(err, s.close())
		}
	}()
	for _, name := range sorted(next) {
		for _, node := range next[name] {
			s, err := g.shadowNode(ctx, h, g.service.Actors[name], node)
			if err != nil {
				return fmt.Errorf("shadow of %s: %w", name, err)
			}
			all = append(all, s)
		}
	}
	began := time.Now()
	fault := g.follow(ctx, h, all, began)
	for _, name := range sorted(next) {
		k := g.shadowCheck(h, name, all)
		if k.Took = time.Since(began); k.Took < g.candidate.Shadow {
			k.Text += fmt.Sprintf("; it was ended after %v of %v", k.Took.Round(time.Second), g.candidate.Shadow)
		}
		if fault != nil {
			k.Outcome = deploy.Failed
			k.Add(deploy.Detail{Text: "the shadow has not come to its end: " + string(h.mask(g.service).hide([]byte(fault.Error())))})
		}
		g.report(k)
	}
	return nil
}

// unshadowed says why there is no shadow.
func (g *gate) unshadowed(ctx context.Context, why string) error {
	_, err := g.timed(ctx, "shadow", func(_ context.Context, k *deploy.Check) error {
		k.Outcome, k.Text = deploy.Skipped, why
		return nil
	})
	return err
}

// shadowNode begins to follow a node.
func (g *gate) shadowNode(ctx context.Context, h *placed, a *specs.Actor, node string) (*shadowed, error) {
	now, err := h.wanted(g.service, g.candidate.Modules)
	if err != nil {
		return nil, err
	}
	old, err := h.wanted(h.service.Load(), h.modules())
	if err != nil {
		return nil, err
	}
	o, end, err := h.forks(ctx, &again{node: node, now: now, old: &old, mask: maskOf(a), dead: true}, 1) // live messages are no more than what runs handles
	if err != nil {
		return nil, err
	}
	tail, err := replay.NewTail(ctx, o)
	if err != nil {
		return nil, errors.Join(err, end())
	}
	return &shadowed{actor: a, tail: tail, close: end}, nil
}

// follow has messages be handled until the time is over or ctx ends, and tells how it stands.
func (g *gate) follow(ctx context.Context, h *placed, all []*shadowed, began time.Time) error {
	over := time.NewTimer(g.candidate.Shadow)
	defer over.Stop()
	for last := false; ; {
		round := time.Now()
		if err := shadowRound(ctx, h, all); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		if last {
			return nil
		}
		g.shadowStands(h, all, began)
		pause := time.NewTimer(max(shadowEvery, time.Since(round)))
		select {
		case <-pause.C:
		case <-over.C:
			last = true
		case <-ctx.Done():
			pause.Stop()
			return nil
		}
		pause.Stop()
	}
}

// shadowRound has what was handled since the last round be handled again.
func shadowRound(ctx context.Context, h *placed, all []*shadowed) error {
	defer h.shard.Hold()() // what is read twice must be there twice
	for _, s := range all {
		if err := s.tail.Next(ctx); err != nil {
			return err
		}
	}
	return nil
}

// shadowStands tells how the shadow of each actor stands.
func (g *gate) shadowStands(h *placed, all []*shadowed, began time.Time) {
	if g.candidate.Underway == nil {
		return
	}
	told := ""
	for _, s := range all {
		if s.actor.Name == told { // of another of its nodes
			continue
		}
		told = s.actor.Name
		k := g.shadowCheck(h, told, all)
		k.Took = time.Since(began)
		k.Text += fmt.Sprintf("; %v left", max(0, g.candidate.Shadow-k.Took).Round(time.Second))
		g.candidate.Underway(k)
	}
}

// shadowCheck is what the shadow of an actor has found at all of its nodes.
func (g *gate) shadowCheck(h *placed, name string, all []*shadowed) deploy.Check {
	k := deploy.Check{Name: "shadow of " + name, Outcome: deploy.Passed}
	var reports []*replay.Report
	for _, s := range all {
		if s.actor.Name != name {
			continue
		}
		if r := s.tail.Report(); r.Selected > 0 {
			reports = append(reports, r)
		}
	}
	if len(reports) == 0 {
		k.Outcome, k.Text = deploy.Skipped, "no message has come"
		return k
	}
	verdict(g.service.Actors[name], reports, g.candidate.Accept, &k)
	return k
}
