package actor

import (
	"errors"
	"fmt"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
)

// laneSlices is how many slices of fuel a handling may use on the lane it came
// from. One that uses more leaves it, and takes turns with others of its kind.
const laneSlices = 2

// spell is how long a handling has been at it. The clock is read once it has
// to be: most messages are handled within a slice.
type spell struct {
	began  time.Time     // zero: the clock has not been read
	apart  time.Duration // that others had the processor, which does not count
	slices int
	asked  bool // granted capabilities: the longer limit holds
}

// What ends a handling.
var (
	errFuel = errors.New("the message used all the fuel it may")
	errTime = errors.New("the message took longer than it may")
)

// Slice implements engine.Host: it bounds fuel and time, and lets others have
// the processor.
func (i *Instance) Slice(used uint64) (uint64, error) {
	limit := i.actor.fuel
	if used == 0 {
		return min(engine.SliceFuel, limit), nil
	}
	if used >= limit {
		return 0, fmt.Errorf("%w: %d units (limits.fuel); does a loop never end?", errFuel, limit)
	}
	if err := i.yield(); err != nil {
		return 0, err
	}
	return min(engine.SliceFuel, limit-used), nil
}

// yield is called between two slices.
func (i *Instance) yield() error {
	s := &i.spell
	if err := i.late(); err != nil {
		return err
	}
	s.slices++
	if s.slices < laneSlices {
		return nil
	}
	if i.turn.Taken() {
		before := time.Now()
		i.turn.Next()
		s.apart += time.Since(before)
		return nil
	}
	if i.ledger.Wait != nil {
		i.ledger.Wait()
	}
	before := time.Now()
	i.turn.Begin(i.actor.Pacer, &i.actor.share)
	s.apart += time.Since(before)
	return nil
}

// late reports that the handling has to end: its time is over, or the host
// stops.
func (i *Instance) late() error {
	if err := i.ledger.Context.Err(); err != nil {
		return err
	}
	if i.left() <= 0 {
		return i.overtime()
	}
	return nil
}

// left is the time that the handling has left.
func (i *Instance) left() time.Duration {
	s := &i.spell
	if s.began.IsZero() {
		s.began = time.Now()
		return i.timeLimit()
	}
	return i.timeLimit() - (time.Since(s.began) - s.apart)
}

func (i *Instance) timeLimit() time.Duration {
	switch limit := i.actor.Def.Limits.Time; {
	case limit > 0:
		return limit
	case i.spell.asked:
		return abi.TimeCallsDefault
	}
	return abi.TimeDefault
}

func (i *Instance) overtime() error {
	return fmt.Errorf("%w: %v (limits.time)", errTime, i.timeLimit())
}

// allow is how long a request to a granted capability may take.
func (i *Instance) allow() time.Duration {
	i.spell.asked = true
	return i.left()
}

// rest ends the turn, if there is one: the handling is about to wait for the
// outside, or has ended.
func (i *Instance) rest() {
	if i.turn.Taken() {
		i.turn.End()
	}
}

// Sleep implements engine.Host. It ends at the latest with the message's time.
func (i *Instance) Sleep(d int64) error {
	pause := time.Duration(d)
	if i.ledger.Wait != nil {
		i.ledger.Wait()
	}
	i.rest()
	if pause <= 0 {
		return i.late()
	}
	left := i.left()
	timer := time.NewTimer(min(pause, left))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-i.ledger.Context.Done():
		return i.ledger.Context.Err()
	}
	if pause > left {
		return i.overtime()
	}
	i.slept += pause
	return nil
}
