package replay

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/pace"
)

// worker runs messages one after the other. It belongs to one goroutine.
type worker struct {
	options  *Options
	tally    *tally
	stint    pace.Stint
	now, old *actor.Instance
	state    capability.State
	sleep    func() (goOn func()) // for their tasks: somebody else has the turn
}

// worker makes one that works until ctx ends.
func (o *Options) worker(ctx context.Context, t *tally) *worker {
	w := &worker{options: o, tally: t, stint: o.Aside.Stint(o.share, o.rest)}
	goOn := func() { _ = w.stint.Begin(ctx) } // when ctx ends, so does the work, after the message
	w.sleep = func() func() {
		w.stint.End()
		return goOn
	}
	return w
}

func (w *worker) work(ctx context.Context, cases <-chan []*Case) error {
	defer func() {
		for _, i := range []*actor.Instance{w.now, w.old} {
			if i != nil {
				i.Actor().Put(i)
			}
		}
	}()
	for some := range cases {
		if err := w.many(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

// many runs messages in a turn of their own, or in several where they take long.
func (w *worker) many(ctx context.Context, some []*Case) error {
	defer w.stint.End()
	for _, c := range some {
		if ctx.Err() != nil || w.stint.Begin(ctx) != nil {
			return nil // somebody else knows why
		}
		began := time.Now()
		if err := w.one(ctx, c); err != nil {
			return err
		}
		if time.Since(began) > handTime {
			w.stint.End()
		}
	}
	return nil
}

// one runs a message when it is its turn, and adds it up.
func (w *worker) one(ctx context.Context, c *Case) error {
	if len(c.Unknown) > 0 && len(w.options.New.Def.State) > 0 {
		w.tally.skip()
		return nil
	}
	w.stint.Next() // who waits goes first; a handling that is long takes its own turns
	k, err := w.compare(ctx, c)
	if err != nil {
		return err
	}
	if c.Dead && len(k.Now.Unknown) > 0 { // what it was answered then is not known
		w.tally.skip()
		return nil
	}
	w.tally.add(k)
	return nil
}

// compare runs a message on the new, and on the old if there is one.
func (w *worker) compare(ctx context.Context, c *Case) (*Comparison, error) {
	o := w.options
	k := &Comparison{Case: c}
	var err error
	if k.Now, err = w.run(ctx, o.New, &sheet{of: c, with: o.With, listen: o.Listen, hide: o.Hide}, o.Record, &w.now); err != nil {
		return nil, err
	}
	if o.Old != nil {
		if k.Old, err = w.run(ctx, o.Old, &sheet{of: c, hide: o.Hide}, o.OldRecord, &w.old); err != nil {
			return nil, err
		}
		k.Blocks = blocks(w.old, o.Words)
		k.Unsteady = len(o.Mask.differences(&c.Then, k.Old, o.Hide)) > 0
	}
	if c.Dead {
		k.Unsteady, k.Mended = false, c.Then.What == "failed" && k.Now.What == "handled"
		k.Differences = buried(&c.Then, k.Now, o.Hide)
		return k, nil
	}
	then := &c.Then
	if len(o.New.Migrations) > 0 {
		if then, err = c.migrated(o.New); err != nil {
			then = &c.Then // and what differs tells of it
		}
	}
	k.Differences = o.Mask.differences(then, k.Now, o.Hide)
	return k, nil
}

// run has an instance handle a message as it was handled then.
func (w *worker) run(ctx context.Context, a *actor.Actor, s *sheet, r *Record, at **actor.Instance) (*Outcome, error) {
	if err := equip(ctx, a, at); err != nil {
		return nil, err
	}
	c := s.of
	again, times := s.again()
	t := actor.Task{Message: c.Message, ID: r.begin(s), Now: c.Clock, Again: again, Sleep: w.sleep}
	defer r.end(t.ID)
	t.RealTime = func() int64 {
		if len(times) == 0 {
			return c.Clock
		}
		at := times[0]
		if len(times) > 1 {
			times = times[1:]
		}
		return at
	}
	if decl := a.Def.State; len(decl) > 0 {
		w.state.Reset(decl, c.State, capability.Size(c.State))
		t.State = &w.state
	}
	if a == w.options.Old {
		blocks(*at, w.options.Words) // those of its start are not the message's
	}
	before := time.Now()
	result := (*at).Handle(&t)
	took := time.Since(before)
	out := ran(a, result, t.State, c.State)
	out.Took, out.Memory, out.Unknown, out.Heard, out.Ungiven = took, a.Memory(), s.unknown, s.heard, s.ungiven()
	slices.SortFunc(out.Heard, func(a, b Heard) int { return a.Call - b.Call }) // those of a frame are asked at the same time
	if result.Broken {
		a.Discard(*at)
		*at = nil
	}
	return out, nil
}

// equip sees to it that there is an instance.
func equip(ctx context.Context, a *actor.Actor, at **actor.Instance) (err error) {
	if *at != nil {
		return nil
	}
	i, more, err := a.Take()
	if errors.Is(err, actor.ErrBusy) && more {
		i, err = a.Start(ctx)
	}
	*at = i
	return err
}

// toldTime is what an answer to time.now says; otherwise if it is none.
func toldTime(frame []byte, otherwise int64) int64 {
	m, err := abi.ParseMessage(frame)
	if err != nil {
		return otherwise
	}
	text, _ := m.Attr("unix_ns")
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n
	}
	return otherwise
}
