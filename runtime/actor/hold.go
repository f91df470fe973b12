package actor

import "time"

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
	before := time.Now()
	return func() {
		goOn()
		if !i.spell.began.IsZero() { // else the clock begins later anyway
			i.spell.apart += time.Since(before)
		}
	}
}
