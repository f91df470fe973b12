package actor

import (
	"time"

	"github.com/grow-platform/grow/runtime/engine"
)

// Hold has the handling wait for a person who looks at it: the lane and other long
// handlings go on without it, and the time until release is called does not count as the
// message's; who waits for what comes of it waits on, see [Task.Stand]. Both are called on the goroutine that handles, while the instance does.
func (i *Instance) Hold() (release func()) {
	if i.ledger.Wait != nil {
		i.ledger.Wait()
	}
	i.rest()
	goOn := func() {}
	if i.stand != nil {
		goOn = i.stand()
	}
	i.spell.held = time.Now()
	return func() {
		goOn()
		i.spell.apart += i.spell.standing()
		i.spell.held = time.Time{}
	}
}

var _ engine.Paced = (*Instance)(nil)

// Pace implements engine.Paced: it takes a turn, or lets others have theirs. What is done
// in it counts as fuel of nobody, and as the message's time unless that is held.
func (i *Instance) Pace() error {
	if err := i.ledger.Context.Err(); err != nil {
		return err
	}
	if i.turn.Taken() {
		i.turn.Next()
		return nil
	}
	if i.ledger.Wait != nil {
		i.ledger.Wait()
	}
	i.turn.Begin(i.actor.Pacer, &i.actor.share)
	return nil
}

// Rest implements engine.Paced.
func (i *Instance) Rest() { i.rest() }
