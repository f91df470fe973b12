package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/grow-platform/grow/host/deploy"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/replay"
	"github.com/grow-platform/grow/runtime/router"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/runtime/supervisor"
	"github.com/grow-platform/grow/specs"
)

// Limits of a rehearsal.
const (
	rehearsalReport = 64 << 10         // bytes of a report that is kept for programs
	rehearsalState  = 30 * time.Second // that a state is waited for whose key is busy
	rehearsalForks  = 4                // messages at a time: each has an instance of its own
)

// rehearsalWorkers is how many messages are handled again at a time on so many processors:
// one of those, where there are others, is left to what runs.
func rehearsalWorkers(processors int) int { return max(1, min(rehearsalForks, processors-1)) }

// rehearse has each actor that becomes another handle again what it has handled, as its
// definition or the request says, a check for each.
func (g *gate) rehearse(ctx context.Context) error {
	asked := g.candidate.Rehearse > 0
	h := g.running(g.candidate.Service)
	if h == nil {
		return g.unrehearsed(ctx, asked, g.candidate.Service.String()+" does not run")
	}
	next, err := g.changing(h)
	if err != nil {
		return err
	}
	if len(next) == 0 {
		return g.unrehearsed(ctx, asked, "no actor that runs becomes another one")
	}
	for _, name := range sorted(next) {
		last := g.service.Actors[name].Rehearse.Last
		if asked {
			last = g.candidate.Rehearse
		}
		if last == 0 {
			continue
		}
		if _, err := g.timed(ctx, "rehearsal of "+name, func(ctx context.Context, k *deploy.Check) error {
			return g.rehearseActor(ctx, h, g.service.Actors[name], next[name], last, k)
		}); err != nil {
			return err
		}
	}
	return nil
}

// unrehearsed says why there is no rehearsal, to who has asked for one.
func (g *gate) unrehearsed(ctx context.Context, asked bool, why string) error {
	if !asked {
		return nil
	}
	_, err := g.timed(ctx, "rehearsal", func(_ context.Context, k *deploy.Check) error {
		k.Outcome, k.Text = deploy.Skipped, why
		return nil
	})
	return err
}

// changing are the nodes that run now and get another revision, by actor.
func (g *gate) changing(h *placed) (map[string][]string, error) {
	w, err := h.wanted(g.service, g.candidate.Modules)
	if err != nil {
		return nil, err
	}
	next, err := supervisor.Revisions(w)
	if err != nil {
		return nil, err
	}
	nodes := map[string][]string{}
	for _, n := range h.shard.Status() {
		if next[n.Node] != "" && next[n.Node] != n.Revision && g.service.Actors[n.Actor] != nil {
			nodes[n.Actor] = append(nodes[n.Actor], n.Node)
		}
	}
	return nodes, nil
}

// rehearseActor rehearses an actor at each of its nodes.
func (g *gate) rehearseActor(ctx context.Context, h *placed, a *specs.Actor, nodes []string, last int, k *deploy.Check) error {
	now, err := h.wanted(g.service, g.candidate.Modules)
	if err != nil {
		return err
	}
	old, err := h.wanted(h.service.Load(), h.modules())
	if err != nil {
		return err
	}
	var reports []*replay.Report
	for _, node := range nodes {
		r, err := h.replayed(ctx, &again{node: node, now: now, old: &old, of: replay.Select{Last: last}, mask: maskOf(a), dead: true, progress: g.progress(k.Name, node, len(nodes) > 1)})
		switch {
		case errors.Is(err, replay.ErrNone):
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			k.Add(deploy.Detail{Subject: node, Text: string(h.mask(g.service).hide([]byte(err.Error())))})
			k.Outcome, k.Text = deploy.Failed, "the rehearsal has not come to its end"
			return nil
		default:
			reports = append(reports, r)
		}
	}
	if len(reports) == 0 {
		k.Outcome, k.Text = deploy.Skipped, "no message that it has handled is in the journal any more"
		return nil
	}
	verdict(a, reports, g.candidate.Accept, k)
	return nil
}

// progressEvery is how often it is told how far a rehearsal has come.
const progressEvery = 200 * time.Millisecond

// progress tells how far the rehearsal of a node has come; nil: nobody wants to know.
func (g *gate) progress(check, node string, named bool) func(done, all int) {
	if g.candidate.Underway == nil {
		return nil
	}
	var told time.Time
	return func(done, all int) {
		now := time.Now()
		if done < all && now.Sub(told) < progressEvery {
			return
		}
		told = now
		text := fmt.Sprintf("%d of %s", done, several(all, "message"))
		if named {
			text = node + ": " + text
		}
		g.candidate.Underway(deploy.Check{Name: check, Outcome: deploy.Passed, Text: text})
	}
}

// maskOf is what may differ in an actor's rehearsal.
func maskOf(a *specs.Actor) replay.Mask {
	return replay.Mask{Ignore: a.Rehearse.Ignore, Near: a.Rehearse.Near, Unordered: a.Rehearse.Unordered}
}

// again is what is to be handled again, and on what.
type again struct {
	node string
	now  supervisor.Wanted
	old  *supervisor.Wanted // to compare with; nil: none
	of   replay.Select
	mask replay.Mask
	with []replay.Override
	each func(*replay.Comparison)
	// listen has the requests of grants be told with each.
	listen bool
	dead   bool // dead letters, too
	words  int  // globals of the blocks that old runs; 0: it does not count them
	// progress is told now and then how many messages of all were handled.
	progress func(done, all int)
}

// replayed handles messages again, beside what runs and after it: a few at a time, each
// once nothing else waits for a processor.
func (h *Host) replayed(ctx context.Context, r *again) (_ *replay.Report, err error) {
	defer h.shard.Hold()() // what is read twice must be there twice
	o, end, err := h.forks(ctx, r, rehearsalWorkers(processors()))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, end()) }()
	return replay.Run(ctx, o)
}

// forks are what messages are handled again by, so many at a time, and what ends them.
func (h *Host) forks(ctx context.Context, r *again, workers int) (o replay.Options, end func() error, err error) {
	o = replay.Options{
		Journal: h.journal, Node: r.node, Select: r.of, Mask: r.mask, With: r.with, Listen: r.listen, Dead: r.dead, Record: &replay.Record{Live: h.supervisor.Seed}, Aside: aside(), Each: r.each,
		Workers: workers, Progress: r.progress, Hide: func(data []byte) []byte { return h.mask(h.service.Load()).hide(data) },
		State: func(ctx context.Context, key string) (map[string]capability.Value, error) {
			return h.stateOf(ctx, r.node, key)
		},
	}
	h.learn(r.now.Service)
	table, err := router.Compile(h.service.Load()) // which has handled them
	if err != nil {
		return o, nil, err
	}
	if n, ok := table.Node(r.node); ok {
		o.Keyless = !n.Keyed()
	}
	fork, err := h.supervisor.Fork(ctx, r.now, r.node, workers, o.Record)
	if err != nil {
		return o, nil, err
	}
	o.New = fork.Actor
	if r.old == nil {
		return o, fork.Close, nil
	}
	o.OldRecord = &replay.Record{Live: h.supervisor.Seed}
	old, err := h.supervisor.Fork(ctx, *r.old, r.node, workers, o.OldRecord)
	if err != nil {
		return o, nil, errors.Join(err, fork.Close())
	}
	o.Old, o.Words = old.Actor, r.words
	return o, func() error { return errors.Join(fork.Close(), old.Close()) }, nil
}

// stateOf is what a key keeps now at a node that runs.
func (h *Host) stateOf(ctx context.Context, node, key string) (map[string]capability.Value, error) {
	ctx, cancel := context.WithTimeout(ctx, rehearsalState)
	defer cancel()
	values, err := h.shard.CommittedState(ctx, node, key)
	if errors.Is(err, shard.ErrState) {
		return nil, nil // it keeps none
	}
	if err != nil {
		return nil, fmt.Errorf("what %s keeps of the key %q: %w", node, key, err)
	}
	return values, nil
}

// verdict says what rehearsals of an actor have found, and fails the check when that is
// not accepted.
func verdict(a *specs.Actor, reports []*replay.Report, accept []string, k *deploy.Check) {
	if b, err := json.Marshal(reports); err == nil && len(b) <= rehearsalReport {
		k.Report = b
	}
	var sum rehearsed
	var refused, accepted []string
	for _, r := range reports {
		sum.add(r)
		no := r.Refused(accept)
		refused = append(refused, no...)
		for i := range r.Groups {
			d := counterexample(r, &r.Groups[i], len(reports) > 1)
			if name := r.Groups[i].Name; slices.Contains(no, name) {
				d.Text += "; to let it pass: --accept " + name
			} else {
				accepted = append(accepted, name)
				d.Text = "accepted: " + d.Text
			}
			k.Add(d)
		}
	}
	k.Text = sum.text()
	if len(accepted) > 0 {
		slices.Sort(accepted)
		k.Text += "; accepted: " + strings.Join(slices.Compact(accepted), ", ")
	}
	if sum.ran == 0 {
		k.Outcome = deploy.Skipped
		return
	}
	if len(refused) > 0 {
		k.Outcome = deploy.Failed
	}
	sum.targets(a, k)
}

// counterexample is one way in which messages came out otherwise, with the first that did.
func counterexample(r *replay.Report, g *replay.Group, named bool) deploy.Detail {
	e := &g.Example
	var b strings.Builder
	fmt.Fprintf(&b, "  %s %s\n", e.Type, e.Data)
	for _, d := range e.Differences {
		fmt.Fprintf(&b, "@@ %s @@\n", d.Path)
		for _, side := range []struct{ sign, text string }{{"-", d.Was}, {"+", d.Is}} {
			if side.text != "" {
				fmt.Fprintf(&b, "%s%s\n", side.sign, side.text)
			}
		}
	}
	text := fmt.Sprintf("%s differs in %s; the first is %s", g.Name, several(g.Messages, "message"), e.ID)
	if e.Key != "" {
		text += fmt.Sprintf(" of the key %q", e.Key)
	}
	d := deploy.Detail{Text: text + ", handled " + e.Time.Format(time.RFC3339), Diff: b.String()}
	if named {
		d.Subject = r.Node
	}
	return d
}

// rehearsed adds reports up.
type rehearsed struct {
	ran, equal, dead, mended, skipped, unsteady int
	now, old                                    replay.Speed
}

func (s *rehearsed) add(r *replay.Report) {
	s.ran, s.equal, s.skipped, s.unsteady = s.ran+r.Ran, s.equal+r.Equal, s.skipped+r.Skipped, s.unsteady+r.Unsteady
	s.dead, s.mended = s.dead+r.Dead, s.mended+r.Mended
	for _, side := range []struct {
		sum *replay.Speed
		of  *replay.Speed
	}{{&s.now, &r.New}, {&s.old, r.Old}} {
		side.sum.P50, side.sum.P99 = max(side.sum.P50, side.of.P50), max(side.sum.P99, side.of.P99)
		side.sum.Total, side.sum.Fuel = side.sum.Total+side.of.Total, side.sum.Fuel+side.of.Fuel
	}
}

// text is a line about all.
func (s *rehearsed) text() string {
	if s.ran == 0 {
		return fmt.Sprintf("none of %s could be handled again: what their keys kept then, or what they were answered, is not known any more", several(s.skipped, "message"))
	}
	text := fmt.Sprintf("%d of %s came out the same", s.equal, several(s.ran, "message"))
	if s.equal == s.ran {
		text = fmt.Sprintf("%s came out the same", several(s.ran, "message"))
	}
	if s.mended > 0 {
		text += fmt.Sprintf(", %d that had failed for good are handled", s.mended)
	}
	if s.skipped > 0 {
		text += fmt.Sprintf(", %d were left out, since what their keys kept then, or what they were answered, is not known any more", s.skipped)
	}
	if s.unsteady > 0 {
		text += fmt.Sprintf(", %d do not even repeat on what runs", s.unsteady)
	}
	n := uint64(s.measured())
	if n == 0 {
		return text
	}
	return text + fmt.Sprintf("; p50 %v (was %v), p99 %v (%v), fuel %d (%d)",
		s.now.P50.Round(time.Microsecond), s.old.P50.Round(time.Microsecond), s.now.P99.Round(time.Microsecond), s.old.P99.Round(time.Microsecond), s.now.Fuel/n, s.old.Fuel/n)
}

// measured is how many messages tell how fast an actor is: dead letters do not.
func (s *rehearsed) measured() int { return s.ran - s.dead }

// targets holds how fast an actor was against what its definition says.
func (s *rehearsed) targets(a *specs.Actor, k *deploy.Check) {
	if want := a.Targets.P99; want > 0 && s.now.P99 > want {
		k.Outcome = deploy.Failed
		k.Add(deploy.Detail{Subject: a.Name, At: place(a.At), Text: fmt.Sprintf("targets.p99: %v is wanted, and of %s the slowest in a hundred took %v", want, several(s.measured(), "message"), s.now.P99)})
	}
	if rate := float64(s.measured()) / s.now.Total.Seconds(); a.Targets.Rate > 0 && s.measured() > 0 && rate < a.Targets.Rate {
		k.Outcome = deploy.Failed
		k.Add(deploy.Detail{Subject: a.Name, At: place(a.At), Text: fmt.Sprintf("targets.rate: %.6g/s is wanted, and one instance handled %.0f/s", a.Targets.Rate, rate)})
	}
}
