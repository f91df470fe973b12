package replay

import (
	"context"
	"errors"

	"github.com/grow-platform/grow/runtime/pace"
)

// Tail runs messages again soon after they were handled, round by round, and adds up what
// is found in all of them. Next belongs to one goroutine at a time; Report may be called
// concurrently with it.
type Tail struct {
	options Options
	tally   *tally
}

// NewTail returns one that begins where the journal ends now. What Options.Select says
// holds for each round.
func NewTail(ctx context.Context, o Options) (*Tail, error) {
	_, last, err := o.Journal.Bounds(ctx)
	if err != nil {
		return nil, err
	}
	o.bound(pace.RestShort)
	o.Select.After = last
	t := &Tail{options: o}
	t.tally = &tally{options: &t.options, report: Report{Node: o.Node}}
	return t, nil
}

// Next runs the messages that were handled since it was called last. It fails as Run does,
// but not with ErrNone; what it had run by then is in the report.
func (t *Tail) Next(ctx context.Context) error {
	_, last, err := t.options.Journal.Bounds(ctx)
	if err != nil || last <= t.options.Select.After {
		return err
	}
	chosen, err := t.options.prepare(ctx)
	if err == nil {
		t.options.Select.After = max(last, chosen.last())
		err = t.options.play(ctx, chosen, t.tally)
	}
	if errors.Is(err, ErrNone) {
		t.options.Select.After = last
		return nil
	}
	return err
}

// last is the record of the last message.
func (c *chosen) last() uint64 { return c.places[len(c.places)-1].sequence }

// Report tells what was found so far.
func (t *Tail) Report() *Report { return t.tally.told() }
