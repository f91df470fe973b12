package shard

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// DropAll is DropDeadLetter for each dead letter that keep selects (nil: all),
// the oldest first. It tells progress after each, and ends early with ctx's
// error; what was dropped until then stays so.
func (s *Shard) DropAll(ctx context.Context, keep func(*DeadLetter) bool, by Act, progress func(Progress)) (Progress, error) {
	list := s.DeadLetters(keep, 0)
	slices.Reverse(list)
	p := Progress{All: len(list)}
	for _, d := range list {
		if ctx.Err() != nil {
			return p, fmt.Errorf("drop: %w", ctx.Err())
		}
		err := s.DropDeadLetter(ctx, d.ID, by)
		switch {
		case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, ErrStopping), errors.Is(err, ErrJournal):
			return p, fmt.Errorf("drop: %w", err)
		case err != nil:
			p.Failed++
		default:
			p.Done++
		}
		if p.ID, p.Err = d.ID, err; progress != nil {
			progress(p)
		}
	}
	return p, nil
}

// RedriveTarget is the path of the node that Redrive would send a dead letter to,
// or ErrNowhere.
func (s *Shard) RedriveTarget(d *DeadLetter, to string) (string, error) {
	spec, err := s.plan.Load().address(d, to)
	if err != nil {
		return "", err
	}
	return spec.Path, nil
}
