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
	held   time.Time     // since when the clock stands; zero: it does not
	slices int
	asked  bool      // granted capabilities: the longer limit holds
	since  time.Time // when the last slice began, once the clock is read
	slice  uint64    // units of the next; 0: engine.SliceFuel
}

// A slice takes about sliceTime, whatever its instructions cost.
const (
	sliceTime = 100 * time.Microsecond
	sliceMin  = 5_000 // units
)

// What ends a handling.
var (
	errFuel = errors.New("the message used all the fuel it may")
	errTime = errors.New("the message took longer than it may")

	errStartFuel = errors.New("starting an instance used all the fuel it may")
	errStartTime = errors.New("starting an instance took longer than it may")
)

// Slice implements engine.Host: it bounds fuel and time, and lets others have
// the processor.
func (i *Instance) Slice(used uint64) (uint64, error) {
	limit := i.actor.fuel
	if i.starts {
		limit = i.actor.StartFuel
	}
	if used == 0 {
		return min(engine.SliceFuel, limit), nil
	}
	if used >= limit && i.starts {
		return 0, fmt.Errorf("%w: %d units; does a loop never end?", errStartFuel, limit)
	}
	if used >= limit {
		return 0, fmt.Errorf("%w: %d units (limits.fuel); does a loop never end?", errFuel, limit)
	}
	if err := i.yield(); err != nil {
		return 0, err
	}
	return min(i.spell.slice, limit-used), nil
}

// yield is called between two slices.
func (i *Instance) yield() error {
	s := &i.spell
	if err := i.late(); err != nil {
		return err
	}
	s.slices++
	now := time.Now()
	s.fit(now)
	s.since = now
	if s.slices < laneSlices && !i.turn.Taken() {
		return nil
	}
	if i.turn.Taken() {
		s.apart += i.turn.Next()
	} else {
		if i.ledger.Wait != nil {
			i.ledger.Wait()
		}
		i.turn.Begin(i.actor.Pacer, &i.actor.share)
		s.apart += time.Since(now)
	}
	s.since = time.Now()
	return nil
}

// fit sets the next slice by how long the last one took.
func (s *spell) fit(now time.Time) {
	if s.slice == 0 {
		s.slice = engine.SliceFuel
		return
	}
	took := max(1, now.Sub(s.since))
	s.slice = max(sliceMin, min(engine.SliceFuel, uint64(float64(s.slice)*float64(sliceTime)/float64(took))))
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
func (i *Instance) left() time.Duration { return i.leftAt(time.Now()) }

func (i *Instance) leftAt(now time.Time) time.Duration {
	s := &i.spell
	if s.began.IsZero() {
		s.began = now
		return i.timeLimit()
	}
	return i.timeLimit() - (now.Sub(s.began) - s.apart - s.standing(now))
}

// standing is for how long the clock stands now, of the time since it was first read.
func (s *spell) standing(now time.Time) time.Duration {
	if s.held.IsZero() || s.began.IsZero() {
		return 0
	}
	if s.began.After(s.held) {
		return now.Sub(s.began)
	}
	return now.Sub(s.held)
}

func (i *Instance) timeLimit() time.Duration {
	switch limit := i.actor.Def.Limits.Time; {
	case i.starts:
		return i.actor.StartTime
	case limit > 0:
		return limit
	case i.spell.asked:
		return abi.TimeCallsDefault
	}
	return abi.TimeDefault
}

func (i *Instance) overtime() error {
	if i.starts {
		return fmt.Errorf("%w: %v", errStartTime, i.timeLimit())
	}
	return fmt.Errorf("%w: %v (limits.time)", errTime, i.timeLimit())
}

// allow is how long a request to a granted capability may take that is made now.
func (i *Instance) allow(now time.Time) time.Duration {
	i.spell.asked = true
	return i.leftAt(now)
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
	if i.sleep != nil {
		defer i.aside(i.sleep())
	}
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

// aside calls f, whose time is not the message's.
func (i *Instance) aside(f func()) {
	before := time.Now()
	f()
	i.spell.apart += time.Since(before)
}
