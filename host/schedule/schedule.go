// Package schedule sends the messages of a service's schedules when they are due. When each
// was last sent is kept in a bucket, so that what was missed is known after a restart.
package schedule

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/grow-platform/grow/host/source"
	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/cron"
)

// Limits.
const (
	LateMax   = time.Minute // a time that is over for longer was missed
	MissedMax = 1000        // times that are made up for at once; of more, the last ones
	lookEvery = time.Minute // how long a clock is trusted that may be set, or stand still
	walkMax   = 1_000_000   // times that are looked through at once
	pageMax   = bucket.PageMax
)

// At is the attribute with the time that a message was due, as in RFC 3339.
const At = "x.due"

// Bucket is the name of a service's bucket of schedules. Grants cannot name it.
const Bucket = "grow_schedules"

// Options of a runner.
type Options struct {
	Shard source.Shard
	// Bucket knows when each schedule was last sent, by its name.
	Bucket bucket.Bucket
	Log    *slog.Logger
	Clock  shard.Clock // nil: shard.RealClock
}

// Runner runs the schedules of a service. Its methods are called by one goroutine at a time.
type Runner struct {
	opts    Options
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// New makes a runner of no schedules.
func New(o Options) *Runner {
	if o.Clock == nil {
		o.Clock = shard.RealClock{}
	}
	return &Runner{opts: o, cancel: func() {}}
}

// Run runs the schedules among sources in place of those that ran.
func (r *Runner) Run(sources []*specs.Source) error {
	r.Close()
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	var list []*entry
	for _, s := range sources {
		if s.Schedule == nil {
			continue
		}
		times, err := cron.Parse(s.Schedule.Cron, s.Schedule.Zone)
		if err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
		list = append(list, &entry{Source: s, opts: &r.opts, times: times})
	}
	r.running.Go(func() { r.forget(ctx, list) })
	for _, e := range list {
		r.running.Go(func() { e.run(ctx) }) // ends with Close
	}
	return nil
}

// Close ends all schedules. A message that is being sent is sent, or due at the next start.
func (r *Runner) Close() {
	r.cancel()
	r.running.Wait()
}

// forget removes what is known of schedules that are no more: one that comes back has
// missed nothing.
func (r *Runner) forget(ctx context.Context, list []*entry) {
	keys, err := r.opts.Bucket.List(ctx, "", "", pageMax)
	for _, key := range keys {
		if !slices.ContainsFunc(list, func(e *entry) bool { return e.Name == key }) && err == nil {
			_, err = r.opts.Bucket.Write(ctx, &bucket.Write{Key: key, Delete: true})
		}
	}
	if err != nil && ctx.Err() == nil {
		r.opts.Log.Warn("what is known of former schedules cannot be removed", "error", err)
	}
}

// entry is one schedule. It belongs to the goroutine of run.
type entry struct {
	*specs.Source
	opts  *Options
	times *cron.Times
	last  time.Time // that it was sent for, or began
}

func (e *entry) run(ctx context.Context) {
	if !e.insist(ctx, "when it was last sent cannot be read", e.load) {
		return
	}
	for {
		e.setBack(e.opts.Clock.Now())
		next := e.times.Next(e.last)
		if next.IsZero() {
			return
		}
		if wait := next.Sub(e.opts.Clock.Now()); wait > 0 {
			if !e.wait(ctx, min(wait, lookEvery)) {
				return
			}
			continue
		}
		due, last := e.due(e.opts.Clock.Now())
		for _, at := range due {
			if !e.send(ctx, at) {
				return
			}
		}
		if e.last = last; len(due) == 0 || !due[len(due)-1].Equal(last) {
			if !e.insist(ctx, "when it was last sent cannot be kept", e.save) {
				return
			}
		}
	}
}

// wait waits by the clock; false: ctx ended.
func (e *entry) wait(ctx context.Context, d time.Duration) bool {
	over := make(chan struct{})
	defer e.opts.Clock.AfterFunc(d, func() { close(over) })()
	select {
	case <-over:
		return true
	case <-ctx.Done():
		return false
	}
}

// setBack has a schedule go on from now when the clock, which was ahead when it was last
// sent, has been set right.
func (e *entry) setBack(now time.Time) {
	if e.last.After(now.Add(LateMax)) {
		e.opts.Log.Warn("the clock was set back: a schedule goes on from now", "source", e.Name, "last", e.last.UTC())
		e.last = now
	}
}

// due are the times up to now that a message is sent for, and the last of all.
func (e *entry) due(now time.Time) (list []time.Time, last time.Time) {
	last = e.last
	missed := 0
	for n := 0; ; n++ {
		if n == walkMax {
			last = now.Add(-time.Hour)
		}
		next := e.times.Next(last)
		if next.IsZero() || next.After(now) {
			break
		}
		last = next
		late := now.Sub(next) > LateMax
		if late && e.Schedule.Missed == specs.MissedSkip {
			missed++
			continue
		}
		if late && e.Schedule.Missed == specs.MissedOnce {
			missed += len(list)
			list = list[:0]
		}
		if list = append(list, next); len(list) > MissedMax {
			list = list[1:]
			missed++
		}
	}
	if missed > 0 {
		e.opts.Log.Info("times of a schedule were missed", "source", e.Name, "times", missed, "since", e.last.UTC())
	}
	return list, last
}

// send sends the message of a time, once; false: ctx ended.
func (e *entry) send(ctx context.Context, at time.Time) bool {
	text := at.UTC().Format(time.RFC3339)
	err := source.Keep(ctx, e.opts.Shard, &shard.Request{
		To: e.To, Source: e.Name, Type: e.Send, Attrs: []string{At, text}, Data: e.Schedule.Data,
	}, text, e.opts.Log, func() {})
	if errors.Is(err, source.ErrAstray) {
		e.opts.Log.Error("the message of a schedule cannot be sent", "source", e.Name, "due", text, "error", err)
	} else if err != nil {
		return false
	}
	e.last = at
	return e.insist(ctx, "when it was last sent cannot be kept", e.save)
}

// insist tries until it is done; false: ctx ended.
func (e *entry) insist(ctx context.Context, what string, do func(context.Context) error) bool {
	for wait := source.WaitMin; ; wait = min(2*wait, source.WaitMax) {
		err := do(ctx)
		if err == nil || ctx.Err() != nil {
			return ctx.Err() == nil
		}
		e.opts.Log.Warn(what, "source", e.Name, "error", err)
		if !source.Wait(ctx, wait) {
			return false
		}
	}
}

// rule is by what it is due.
func (e *entry) rule() string { return e.Schedule.Zone + " " + e.Schedule.Cron }

// load finds out when it was last sent; a new schedule begins now, and so does one that is
// due by another rule than it was.
func (e *entry) load(ctx context.Context) error {
	v, err := e.opts.Bucket.Get(ctx, e.Name)
	if err == nil {
		last, of, _ := strings.Cut(string(v.Data), " ")
		if e.last, err = time.Parse(time.RFC3339, last); err == nil && of == e.rule() {
			return nil
		}
		if err != nil {
			e.opts.Log.Error("when it was last sent is not a time", "source", e.Name, "error", err)
		}
	} else if !errors.Is(err, bucket.ErrNotFound) {
		return err
	}
	e.last = e.opts.Clock.Now()
	return e.save(ctx)
}

func (e *entry) save(ctx context.Context) error {
	_, err := e.opts.Bucket.Write(ctx, &bucket.Write{Key: e.Name, Data: []byte(e.last.UTC().Format(time.RFC3339) + " " + e.rule())})
	return err
}
