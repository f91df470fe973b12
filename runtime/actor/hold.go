package actor

import "time"

// Hold has the handling wait for a person who looks at it: the lane and other long
// handlings go on without it, and the time until release is called does not count as the
// message's. Both are called on the goroutine that handles, while the instance does.
func (i *Instance) Hold() (release func()) {
	if i.ledger.Wait != nil {
		i.ledger.Wait()
	}
	i.rest()
	before := time.Now()
	return func() {
		if !i.spell.began.IsZero() { // else the clock begins later anyway
			i.spell.apart += time.Since(before)
		}
	}
}
