package crash

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// loadMin and loadMax bound the time that a service is loaded for in a round.
const (
	loadMin = 100 * time.Millisecond
	loadMax = 1500 * time.Millisecond
)

// between draws a time.
func (r *Run) between(least, most time.Duration) time.Duration {
	return least + time.Duration(r.Random.Int64N(int64(most-least)))
}

// Kill is a round that ends with kill -9 at a random moment under load; in
// every fourth the next life is killed too, while it recovers.
func (r *Run) Kill(ctx context.Context) error {
	return r.Round(ctx, r.between(loadMin, loadMax), func(h *Host) error {
		h.Kill()
		if r.Random.IntN(4) > 0 {
			return nil
		}
		next, _, err := r.Service.Launch()
		if err != nil {
			return err
		}
		time.Sleep(r.between(10*time.Millisecond, 400*time.Millisecond))
		next.Kill()
		return nil
	})
}

// Poison is a round of Kill in which a fifth of the entries crash their actor.
func (r *Run) Poison(ctx context.Context) error {
	r.work.spoil(0.2, 0)
	return r.Kill(ctx)
}

// ErrSkipped: this machine or this user cannot do a fault.
var ErrSkipped = errors.New("this fault cannot be done here")

// Fault is one kind of harm; prepare returns a round of it.
type Fault struct {
	Name, About string
	prepare     func(ctx context.Context, r *Run) (round func(context.Context) error, err error)
}

// always is a fault that needs no preparation.
func always(round func(*Run, context.Context) error) func(context.Context, *Run) (func(context.Context) error, error) {
	return func(_ context.Context, r *Run) (func(context.Context) error, error) {
		return func(ctx context.Context) error { return round(r, ctx) }, nil
	}
}

// Faults are all of them.
var Faults = []Fault{
	{"kill", "kill -9 at a random moment under load", always((*Run).Kill)},
	{"poison", "the same, with entries that crash their actor", always((*Run).Poison)},
	{"torn", "the journal's end cut off at a random byte", always((*Run).Torn)},
	{"bytes", "the journal's last record cut off at each of its bytes", always(func(r *Run, ctx context.Context) error { return r.Bytes(ctx, 1) })},
	{"flip", "one bit turned anywhere in the journal's files", func(ctx context.Context, r *Run) (func(context.Context) error, error) { return r.Flips(ctx) }},
	{"full", "the disk is full under load, then has room again; then kill -9", always((*Run).Full)},
	{"power", "the disk is shut down with what it has not yet written, then kill -9", always((*Run).Power)},
	{"failpoint", "the host dies before, between and after the writes of append, snapshot, trim and blob: at each such moment in each round", func(ctx context.Context, r *Run) (func(context.Context) error, error) { return r.FailpointRounds(ctx) }},
	{"write", "the host dies as it begins a system call that writes, at any of them", always((*Run).Write)},
	{"eio", "every fsync fails for a time, then none; then kill -9", always((*Run).Eio)},
	{"slow", "every fsync takes five seconds more for a time; then kill -9", always((*Run).Slow)},
	{"clock", "the clock of the whole process jumps forth and back by hours; then kill -9, and a start with a clock far behind", func(ctx context.Context, r *Run) (func(context.Context) error, error) { return r.Clocks(ctx) }},
	{"backlog", "many messages that wait for their time, all due when the service starts again", always((*Run).Backlog)},
}

// Rounds does a fault to a service round after round and returns how many
// rounds were done and held. It ends at the first that does not: what that has left
// is there to be looked at.
func (r *Run) Rounds(ctx context.Context, fault string, rounds int) (held, ran int, err error) {
	n := slices.IndexFunc(Faults, func(f Fault) bool { return f.Name == fault })
	if n < 0 {
		return 0, 0, fmt.Errorf("there is no fault %q", fault)
	}
	if _, ok := r.work.(*effects); ok && slices.Contains([]string{"torn", "bytes", "flip", "backlog"}, fault) {
		return 0, 0, errEffects
	}
	round, err := Faults[n].prepare(ctx, r)
	if err != nil {
		return 0, 0, fmt.Errorf("prepare %s: %w", fault, err)
	}
	for range rounds {
		if err := ctx.Err(); err != nil {
			return held, ran, err
		}
		began := time.Now()
		ran++
		if err := round(ctx); errors.Is(err, ErrSkipped) {
			r.Say("skipped: %v", err)
			return 0, 0, nil
		} else if err != nil {
			return held, ran, fmt.Errorf("round %d does not hold:\n%w", ran, err)
		}
		held++
		r.Say("round %d holds, %v: %s", ran, time.Since(began).Round(10*time.Millisecond), r.Summary())
	}
	return held, ran, nil
}

// Planted are the build tags of package shard that plant an error each, and the service on
// which it is found.
var Planted = map[string]string{
	"acknowledge_soon": ServiceBooks, "forget_keys": ServiceBooks, "skip_pending": ServiceBooks, "repeat_pending": ServiceBooks, "forget_dead": ServiceBooks,
	"forget_begun": ServiceEffects,
}
